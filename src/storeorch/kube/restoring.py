"""Compare objects of a release with their manifests, and bring them back.

The cluster itself compares: it is asked what it would make of an object if what the
manifest states were put over it. So defaults, canonical forms, and what others have
added beside it are no difference. Lists are taken as a whole: that is the only way that
needs no keys, which repeat in many a chart, and leaves no port beside a changed one.

Only what carries the mark of the store's own Helm release is changed. It must not
know Helm, nor when any of this is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from typing_extensions import override

from storeorch.errors import ClusterRefused
from storeorch.kube.connection import Connection, together
from storeorch.kube.errors import Conflict, Invalid, NotFound, RetryLater
from storeorch.kube.fingerprints import RELEASE_NAME, content, fingerprint
from storeorch.kube.resources import (
    FIELD_MANAGER,
    KNOWN,
    MERGE_PATCH,
    METADATA_ONLY,
    SECRETS,
    Call,
    Json,
    Resource,
    Verb,
)
from storeorch.names import LABEL_STORE_ID
from storeorch.ports import RELEASED_KINDS, Deviation, Fingerprint, Manifest, ObjectRef

_RESOURCES: Final = {each.kind: each for each in KNOWN.values() if each.kind in RELEASED_KINDS}

_ATTEMPTS: Final = 5
"""How often a change is tried anew at once; controllers write the status meanwhile."""


@dataclass(frozen=True, slots=True)
class _Target:
    """One object of a release, and what it should be."""

    resource: Resource
    namespace: str
    release: str
    manifest: Manifest

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.resource.kind, self.name)

    @override
    def __str__(self) -> str:
        return f"{self.resource.kind} {self.name} of {self.namespace}"

    def call(self, verb: Verb, **parts: Any) -> Call:
        name = None if verb is Verb.CREATE else self.name
        return Call(verb, self.resource, name=name, namespace=self.namespace, **parts)


class Restorer:
    """Compares and restores objects that Helm has installed.

    Args:
        connection: To the cluster.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fingerprint(self, namespace: str, ref: ObjectRef) -> Fingerprint | None:
        """Return the fingerprint of an object as it is now, or None if it is not there."""
        resource = _RESOURCES[ref.kind]
        accept = METADATA_ONLY if resource is SECRETS else "application/json"
        call = Call(Verb.GET, resource, name=ref.name, namespace=namespace, accept=accept)
        try:
            return fingerprint(await self._connection.request(call), ref.kind)
        except NotFound:
            return None

    async def deviation(self, namespace: str, release: str, manifest: Manifest) -> Deviation | None:
        """Say how an object differs from its manifest; see ``ports.Cluster.differing``."""
        target = _target(namespace, release, manifest)
        live = await self._get(target)
        if live is None:
            return Deviation(target.ref, missing=True, manifest=manifest)
        try:
            wanted = await self._connection.request(_overlay(target, {"dryRun": "All"}))
        except NotFound:
            return Deviation(target.ref, missing=True, manifest=manifest)
        except Invalid:
            # What somebody has added clashes with what the manifest states.
            return Deviation(target.ref, missing=False, manifest=manifest)
        except Conflict as error:
            raise _changing(target) from error
        kind = target.resource.kind
        if content(wanted, kind) == content(live, kind):
            return None
        return Deviation(target.ref, missing=False, manifest=manifest)

    async def differing(
        self, namespace: str, release: str, manifests: Sequence[Manifest]
    ) -> list[Deviation]:
        """Compare objects with their manifests; see ``ports.Cluster.differing``."""
        found = await together(self.deviation(namespace, release, each) for each in manifests)
        return [deviation for deviation in found if deviation]

    async def restore(self, namespace: str, release: str, manifest: Manifest) -> str:
        """Bring one object into the form of its manifest; see ``ports.Cluster.restore``."""
        target = _target(namespace, release, manifest)
        conflict: Conflict | None = None
        for _ in range(_ATTEMPTS):
            try:
                there = await self._get(target) is not None
                call = _overlay(target) if there else _creation(target)
                made = await self._connection.request(call)
            except Conflict as error:
                conflict = error
            except NotFound as error:
                raise RetryLater(f"{target} cannot be restored at the moment.") from error
            except Invalid as error:
                raise ClusterRefused(
                    f"The cluster does not let {target} be restored.",
                    hint=f"Delete that {target.resource.kind}; it is made anew then.",
                ) from error
            else:
                return fingerprint(made, target.resource.kind).text
        raise _changing(target) from conflict

    async def _get(self, target: _Target) -> Json | None:
        try:
            live = await self._connection.request(target.call(Verb.GET))
        except NotFound:
            return None
        if not _is_ours(target, live):
            raise ClusterRefused(
                f"{target} does not belong to the store's Helm release.",
                hint=f"Remove or rename that {target.resource.kind}, then retry the store.",
            )
        return live


def _target(namespace: str, release: str, manifest: Manifest) -> _Target:
    known = _RESOURCES[str(manifest["kind"])]
    group, _, version = str(manifest["apiVersion"]).rpartition("/")
    return _Target(replace(known, group=group, version=version), namespace, release, manifest)


def _is_ours(target: _Target, live: Json) -> bool:
    """Look for the mark of the release, or for the store's label where that was taken away."""
    metadata, stated = live["metadata"], target.manifest["metadata"]
    if (mark := (metadata.get("annotations") or {}).get(RELEASE_NAME)) is not None:
        return bool(mark == target.release)
    label = (stated.get("labels") or {}).get(LABEL_STORE_ID)
    return label is not None and (metadata.get("labels") or {}).get(LABEL_STORE_ID) == label


def _creation(target: _Target) -> Call:
    params = {"fieldManager": FIELD_MANAGER}
    return target.call(Verb.CREATE, params=params, body=target.manifest)


def _overlay(target: _Target, params: Mapping[str, str] = MappingProxyType({})) -> Call:
    """Return the call that puts what a manifest states over an object."""
    return target.call(
        Verb.PATCH,
        params={"fieldManager": FIELD_MANAGER, **params},
        body=target.manifest,
        content_type=MERGE_PATCH,
    )


def _changing(target: _Target) -> RetryLater:
    return RetryLater(f"{target} is being changed by another.")
