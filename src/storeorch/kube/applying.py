"""Bring objects into the form of manifests, and only where that is needed.

What the server makes of a manifest is learnt from its answers: once a pair of
manifest and live object was seen to belong together, an object that is watched
and looks like that needs no call, whichever store it belongs to. An object that
somebody changed looks different, so it is applied again.

What is missing is created, so that the cluster itself sees to it that nothing
of anyone else is overwritten; what is ours is changed by server-side apply.

It must not know why a manifest is as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from typing_extensions import override

from storeorch.errors import ClusterRefused
from storeorch.kube.connection import Connection
from storeorch.kube.errors import Conflict, Invalid, NotFound, RetryLater
from storeorch.kube.resources import (
    APPLY_PATCH,
    FIELD_MANAGER,
    KNOWN,
    MERGE_PATCH,
    Call,
    Json,
    Resource,
    Verb,
)
from storeorch.kube.summaries import Applied, applied, digest
from storeorch.names import ownership_labels
from storeorch.ports import Manifest, Owner

_REMEMBERED: Final = 65_536
"""Pairs that are remembered; a pair is 200 bytes, and most stores share theirs."""

_ATTEMPTS: Final = 5
"""How often a change is tried anew at once; controllers write the status meanwhile."""

Watched = Callable[[str, str, str], tuple[bool, Applied | None]]
"""Says for kind, namespace and name whether the kind is watched, and what was seen."""


@dataclass(frozen=True, slots=True)
class _Target:
    """One object, and what it should look like."""

    resource: Resource
    namespace: str
    name: str
    body: Json

    @override
    def __str__(self) -> str:
        return f"{self.resource.kind} {self.name} of {self.namespace}"


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

    async def apply(
        self, namespace: str, manifest: Manifest, owner: Owner, *, only_look: bool = False
    ) -> bool:
        """Bring one object into the form of a manifest, with ownership labels.

        Returns:
            Whether it was created or changed, or would have been.

        Raises:
            ClusterRefused: The object is not ours, or the cluster does not take
                the manifest; retryable where the namespace is on its way.
        """
        resource = await self._resource(manifest)
        name = str(manifest["metadata"]["name"])
        target = _Target(resource, namespace, name, _labelled(manifest, namespace, owner))
        wanted = digest(target.body)
        before = await self._find(target, owner)
        if only_look and (before is None or (wanted, before.digest) not in self._learnt):
            # Somebody is told of it, so what is watched had better not lag behind.
            before = await self._live(target, owner)
            if before is None:
                return True
        if before is None:
            made = await self._create(target)
            if made is not None:
                self._learn(wanted, applied(made).digest)
                return True
            # What is watched lags behind what is, so look again, at the cluster itself.
            before = await self._live(target, owner)
        if before is None:
            raise RetryLater(f"{target} comes and goes.")
        if (wanted, before.digest) in self._learnt:
            return False
        if only_look:
            after = applied(await self._dry_run(target))
        else:
            before, after = await self._patch(target)
        # Nothing is like what a dry run answers, unless it would change nothing.
        if not only_look or after.digest == before.digest:
            self._learn(wanted, after.digest)
        return after.digest != before.digest

    async def _find(self, target: _Target, owner: Owner) -> Applied | None:
        """Return what there is, if it is ours, and None if there is nothing."""
        known, seen = self._watched(target.resource.kind, target.namespace, target.name)
        if known and (seen is None or seen.owner_id == owner.store_id):
            return seen
        return await self._live(target, owner)

    async def _live(self, target: _Target, owner: Owner) -> Applied | None:
        call = Call(Verb.GET, target.resource, name=target.name, namespace=target.namespace)
        try:
            found = applied(await self._connection.request(call))
        except NotFound:
            return None
        if found.owner_id != owner.store_id:
            raise ClusterRefused(
                f"{target} does not belong to the store.",
                hint="Remove or rename that object, then retry the store.",
            )
        return found

    async def _create(self, target: _Target) -> Json | None:
        """Create an object; None if there is one of that name already."""
        call = Call(
            Verb.CREATE,
            target.resource,
            namespace=target.namespace,
            params={"fieldManager": FIELD_MANAGER},
            body=target.body,
        )
        try:
            return await self._send(target, call)
        except Conflict:
            return None

    async def _dry_run(self, target: _Target) -> Json:
        call = _application(target)
        try:
            return await self._send(target, replace(call, params={**call.params, "dryRun": "All"}))
        except Conflict as error:
            raise RetryLater(f"{target} is being changed by another.") from error

    async def _patch(self, target: _Target) -> tuple[Applied, Applied]:
        """Apply it, and return what there was just before, and what there is now."""
        call = _application(target)
        conflict: Conflict | None = None
        for _ in range(_ATTEMPTS):
            try:
                before = await self._hand_over(target)
                return applied(before), applied(await self._send(target, call))
            except Conflict as error:
                conflict = error
        raise RetryLater(f"{target} is being changed by another.") from conflict

    async def _hand_over(self, target: _Target) -> Json:
        """Make the fields that we created an object with those that we have applied.

        To the server, who creates and who applies are two managers, and only what
        was applied goes when a manifest leaves it out.
        Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/

        Returns:
            The object as it was before.
        """
        one = Call(Verb.GET, target.resource, name=target.name, namespace=target.namespace)
        found = await self._send(target, one)
        metadata = found["metadata"]
        managers: list[Json] = metadata.get("managedFields") or []
        if any(map(_is_creation, managers)):
            handed = [
                {**each, "operation": "Apply"} if _is_creation(each) else each for each in managers
            ]
            version = metadata["resourceVersion"]
            body = {"metadata": {"managedFields": handed, "resourceVersion": version}}
            await self._send(
                target, replace(one, verb=Verb.PATCH, body=body, content_type=MERGE_PATCH)
            )
        return found

    async def _send(self, target: _Target, call: Call) -> Json:
        try:
            return await self._connection.request(call)
        except NotFound as error:
            raise RetryLater(f"The namespace {target.namespace} does not exist.") from error
        except Invalid as error:
            raise ClusterRefused(
                f"The cluster does not accept {target}.",
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
                return Resource(
                    group, version, entry["name"], kind, namespaced=bool(entry.get("namespaced"))
                )
        raise ClusterRefused(
            f"The cluster has no objects of kind {kind!a}.",
            hint="Install what the store type needs into the cluster first.",
        )


def _application(target: _Target) -> Call:
    return Call(
        Verb.PATCH,
        target.resource,
        name=target.name,
        namespace=target.namespace,
        params={"fieldManager": FIELD_MANAGER, "force": "true"},
        body=target.body,
        content_type=APPLY_PATCH,
    )


def _labelled(manifest: Manifest, namespace: str, owner: Owner) -> Json:
    metadata: Mapping[str, Any] = manifest["metadata"]
    labels = {
        **(metadata.get("labels") or {}),
        **ownership_labels(owner.store_name, owner.store_id),
    }
    return {**manifest, "metadata": {**metadata, "namespace": namespace, "labels": labels}}


def _is_creation(manager: Json) -> bool:
    ours = manager.get("manager") == FIELD_MANAGER and manager.get("operation") == "Update"
    return ours and not manager.get("subresource")
