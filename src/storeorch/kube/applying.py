"""Bring objects into the form of manifests by server-side apply, and only where needed.

What the server makes of a manifest is learnt from its answers: once a pair of
manifest and live object was seen to belong together, an object that is watched
and looks like that needs no call, whichever store it belongs to. An object that
somebody changed looks different, so it is applied again.

It must not know why a manifest is as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from storeorch.errors import ClusterRefused
from storeorch.kube.connection import Connection
from storeorch.kube.errors import Conflict, Invalid, NotFound, RetryLater
from storeorch.kube.resources import APPLY_PATCH, KNOWN, Call, Json, Resource, Verb
from storeorch.kube.summaries import Applied, applied, digest
from storeorch.names import ownership_labels
from storeorch.ports import Manifest, Owner

FIELD_MANAGER: Final = "storeorch"

_REMEMBERED: Final = 65_536
"""Pairs that are remembered; a pair is 200 bytes, and most stores share theirs."""

Watched = Callable[[str, str, str], tuple[bool, Applied | None]]
"""Says for kind, namespace and name whether the kind is watched, and what was seen."""


class Applier:
    """Applies manifests as the field manager ``storeorch``.

    Args:
        connection: To the cluster.
        watched: What is known without asking the cluster.
    """

    def __init__(self, connection: Connection, watched: Watched) -> None:
        self._connection = connection
        self._watched = watched
        self._learnt: dict[tuple[bytes, bytes], None] = {}
        self._discovered: dict[tuple[str, str], Resource] = {}

    async def apply(self, namespace: str, manifest: Manifest, owner: Owner) -> bool:
        """Bring one object into the form of a manifest, with ownership labels.

        Returns:
            Whether it was created or changed.

        Raises:
            ClusterRefused: The object is not ours, or the cluster does not take
                the manifest; retryable where the namespace is on its way.
        """
        resource = await self._resource(manifest)
        name = str(manifest["metadata"]["name"])
        body = _labelled(manifest, namespace, owner)
        wanted = digest(body)
        known, before = self._watched(resource.kind, namespace, name)
        if not (known and before and before.owner_id == owner.store_id):
            before = await self._live(resource, namespace, name)
            if before and before.owner_id != owner.store_id:
                raise ClusterRefused(
                    f"{resource.kind} {name} of {namespace} does not belong to the store.",
                    hint="Remove or rename that object, then retry the store.",
                )
        if before and (wanted, before.digest) in self._learnt:
            return False
        after = applied(await self._patch(resource, namespace, name, body))
        self._learn(wanted, after.digest)
        return before is None or after.digest != before.digest

    async def _live(self, resource: Resource, namespace: str, name: str) -> Applied | None:
        try:
            return applied(
                await self._connection.request(
                    Call(Verb.GET, resource, name=name, namespace=namespace)
                )
            )
        except NotFound:
            return None

    async def _patch(self, resource: Resource, namespace: str, name: str, body: Json) -> Json:
        call = Call(
            Verb.PATCH,
            resource,
            name=name,
            namespace=namespace,
            params={"fieldManager": FIELD_MANAGER, "force": "true"},
            body=body,
            content_type=APPLY_PATCH,
        )
        try:
            return await self._connection.request(call)
        except NotFound as error:
            raise RetryLater(f"The namespace {namespace} does not exist.") from error
        except Conflict as error:
            raise RetryLater(
                f"{resource.kind} {name} of namespace {namespace} was being changed by another."
            ) from error
        except Invalid as error:
            raise ClusterRefused(
                f"The cluster does not accept {resource.kind} {name}.",
                hint="The store type made a manifest that is not valid; "
                "the operator's log has the cluster's answer under the error id.",
            ) from error

    def _learn(self, wanted: bytes, live: bytes) -> None:
        self._learnt[wanted, live] = None
        if len(self._learnt) > _REMEMBERED:
            del self._learnt[next(iter(self._learnt))]

    async def _resource(self, manifest: Manifest) -> Resource:
        key = str(manifest["apiVersion"]), str(manifest["kind"])
        if (found := KNOWN.get(key) or self._discovered.get(key)) is None:
            found = self._discovered[key] = await self._discover(*key)
        if not found.namespaced:
            raise ClusterRefused(f"Objects of kind {found.kind} do not live in a namespace.")
        return found

    async def _discover(self, api_version: str, kind: str) -> Resource:
        group, _, version = api_version.rpartition("/")
        catalogue = Resource(group, version, "", "APIResourceList", namespaced=False)
        try:
            answer = await self._connection.request(Call(Verb.GET, catalogue))
        except NotFound:
            answer = {}
        for entry in answer.get("resources") or ():
            if entry.get("kind") == kind and "/" not in entry.get("name", "/"):
                return Resource(group, version, entry["name"], kind, bool(entry.get("namespaced")))
        raise ClusterRefused(
            f"The cluster has no objects of kind {kind!a}.",
            hint="Install what the store type needs into the cluster first.",
        )


def _labelled(manifest: Manifest, namespace: str, owner: Owner) -> Json:
    metadata: Mapping[str, Any] = manifest["metadata"]
    labels = {
        **(metadata.get("labels") or {}),
        **ownership_labels(owner.store_name, owner.store_id),
    }
    return {**manifest, "metadata": {**metadata, "namespace": namespace, "labels": labels}}
