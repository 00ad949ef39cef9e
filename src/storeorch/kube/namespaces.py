"""Namespaces: whose they are, and making and removing those of ours.

It must not know what lives in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from storeorch.errors import ClusterRefused, NamespaceNotOurs, PermissionMissing
from storeorch.kube.blocking import blocked_by, remaining
from storeorch.kube.connection import Connection
from storeorch.kube.errors import ApiStatus, Conflict, Invalid, NotFound, RetryLater, refused
from storeorch.kube.informer import Informer
from storeorch.kube.resources import (
    FIELD_MANAGER,
    KNOWN,
    MERGE_PATCH,
    NAMESPACES,
    OURS,
    Call,
    Json,
    Verb,
)
from storeorch.kube.summaries import MEMORY, Namespace, namespace, owner_id
from storeorch.names import LABEL_STORE_ID, ownership_labels
from storeorch.ports import NamespacePhase, NamespaceState, Owner

OWNER: Final = "storeorch.io/owner"
"""Annotation of a namespace that says whose it is even if its labels were taken away."""

_WAIT: Final = "Wait until it is gone; the work goes on by itself then."


_ATTEMPTS: Final = 3
"""How often a deletion is tried anew at once where somebody changes the namespace."""


class Namespaces:
    """Reads, creates and deletes namespaces.

    Args:
        connection: To the cluster.
        watched: The informer of namespaces with our label.
    """

    def __init__(self, connection: Connection, watched: Callable[[], Informer[Namespace]]) -> None:
        self._connection = connection
        self._watched = watched

    async def state(self, name: str, *, live: bool) -> NamespaceState:
        """Return the state of a namespace; see ``ports.Cluster.namespace``."""
        informer = self._watched()
        if not live and informer.usable:
            seen = informer.index.get(name, name)
        else:
            found = await self._get(name)
            seen = namespace(found) if found else None
            if found and seen and seen.terminating and seen.blocked_by:
                held = await self._held(name, found)
                seen = replace(seen, blocked_by=blocked_by(found, held))
        if seen is None:
            return NamespaceState(NamespacePhase.ABSENT)
        phase = NamespacePhase.TERMINATING if seen.terminating else NamespacePhase.ACTIVE
        return NamespaceState(phase, seen.owner_id, seen.blocked_by, seen.owner_name)

    async def create(self, name: str, owner: Owner, labels: Mapping[str, str]) -> bool:
        """Create a namespace; see ``ports.Cluster.create_namespace``.

        Raises:
            NamespaceNotOurs: It exists and belongs to something else.
            RetryLater: It is ours and still being deleted.
            ClusterRefused: The cluster does not accept it.
        """
        labels = {**labels, **ownership_labels(owner.store_name, owner.store_id)}
        body = {
            "apiVersion": NAMESPACES.api_version,
            "kind": NAMESPACES.kind,
            "metadata": {"name": name, "labels": labels},
        }
        call = Call(Verb.CREATE, NAMESPACES, body=body)
        try:
            await self._connection.request(call)
        except Conflict as error:
            found = await self._get(name)
            if found is None:
                raise RetryLater(f"The namespace {name} has just been deleted.") from error
            seen = namespace(found)
            if seen.owner_id != owner.store_id:
                raise NamespaceNotOurs(
                    f"The namespace {name} exists and does not belong to this store."
                ) from error
            if seen.terminating:
                raise RetryLater(
                    f"The namespace {name} is still being deleted.", hint=_WAIT
                ) from error
            return False
        except Invalid as error:
            raise refused(call) from error
        return True

    async def adopt(self, name: str, owner: Owner) -> None:
        """Give a namespace its ownership labels back; see ``ports.Cluster.adopt_namespace``.

        Raises:
            NamespaceNotOurs: It names another owner, or nothing shows that it was ours.
            RetryLater: It is gone, or somebody changes it.
        """
        found = await self._get(name)
        if found is None:
            raise RetryLater(f"The namespace {name} has just been deleted.")
        metadata = found["metadata"]
        named = (metadata.get("labels") or {}).get(LABEL_STORE_ID)
        kept = (metadata.get("annotations") or {}).get(OWNER)
        if owner.store_id not in {named, kept} or named not in {None, owner.store_id}:
            raise NamespaceNotOurs(
                f"The namespace {name} exists and does not belong to this store."
            )
        labels = ownership_labels(owner.store_name, owner.store_id)
        await self._patch(name, metadata["resourceVersion"], {"labels": labels})

    async def memory(self, name: str, *, live: bool) -> str:
        """Return what is kept with a namespace; see ``ports.Cluster.memory``."""
        informer = self._watched()
        if not live and informer.usable:
            seen = informer.index.get(name, name)
        else:
            found = await self._get(name)
            seen = namespace(found) if found else None
        return seen.memory if seen else ""

    async def remember(self, name: str, owner: Owner, text: str) -> None:
        """Keep a text with a namespace of ours; see ``ports.Cluster.remember``.

        Raises:
            RetryLater: Somebody changes the namespace.
        """
        found = await self._get(name)
        if found is None or owner_id(found) != owner.store_id:
            return
        kept = {MEMORY: text, OWNER: owner.store_id}
        await self._patch(name, found["metadata"]["resourceVersion"], {"annotations": kept})

    async def _patch(self, name: str, version: str, metadata: Json) -> None:
        call = Call(
            Verb.PATCH,
            NAMESPACES,
            name=name,
            params={"fieldManager": FIELD_MANAGER},
            body={"metadata": {**metadata, "resourceVersion": version}},
            content_type=MERGE_PATCH,
        )
        try:
            await self._connection.request(call)
        except (Conflict, NotFound) as error:
            raise RetryLater(f"The namespace {name} is being changed by another.") from error
        except Invalid as error:
            raise refused(call) from error

    async def delete(self, name: str, owner: Owner) -> None:
        """Ask for the deletion of a namespace of ours; see ``ports.Cluster``."""
        conflict: Conflict | None = None
        for _ in range(_ATTEMPTS):
            found = await self._get(name)
            seen = namespace(found) if found else None
            if not (found and seen) or seen.owner_id != owner.store_id or seen.terminating:
                return
            # Its labels were judged at this version of this very namespace: no other may go.
            version = found["metadata"]["resourceVersion"]
            body = {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": {"uid": seen.uid, "resourceVersion": version},
            }
            try:
                await self._connection.request(Call(Verb.DELETE, NAMESPACES, name=name, body=body))
            except NotFound:
                return
            except Conflict as error:
                conflict = error
            else:
                return
        raise RetryLater(f"The namespace {name} is being changed by another.") from conflict

    async def orphans(self, known: Callable[[str], bool]) -> Sequence[str]:
        """Return namespaces with our label whose store is not known, sorted."""
        informer = self._watched()
        owners: dict[str, str | None] = {}
        if informer.usable:
            owners = {name: seen.owner_id for name, _, seen in informer.index}
        else:
            async for page in self._connection.pages(NAMESPACES, params=OURS):
                for found in page.get("items") or ():
                    owners[found["metadata"]["name"]] = owner_id(found)
        return sorted(name for name, owner in owners.items() if owner is None or not known(owner))

    async def _held(self, name: str, found: Json) -> Mapping[str, Sequence[str]]:
        """Return kind and name of the objects that a terminating namespace waits for.

        Returns:
            Them by the finalizer that they carry, of the kinds that storeorch knows.
        """
        held: dict[str, list[str]] = {}
        known = {(each.group, each.plural): each for each in KNOWN.values()}
        for resource in filter(None, map(known.get, remaining(found))):
            try:
                async for page in self._connection.pages(
                    resource, namespace=name, metadata_only=True
                ):
                    for metadata in (each["metadata"] for each in page.get("items") or ()):
                        for finalizer in metadata.get("finalizers") or ():
                            held.setdefault(finalizer, []).append(
                                f"{resource.kind} {metadata['name']}"
                            )
            except (ApiStatus, ClusterRefused, PermissionMissing):
                # Whoever may not look is told how many there are: the namespace says it.
                continue
        return held

    async def _get(self, name: str) -> Json | None:
        try:
            return await self._connection.request(Call(Verb.GET, NAMESPACES, name=name))
        except NotFound:
            return None
