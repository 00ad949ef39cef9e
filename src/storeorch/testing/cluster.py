"""The cluster in memory, with the lags and the lies of a real one.

This module must know no Kubernetes client.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from typing_extensions import override

from storeorch.errors import (
    ClusterRefused,
    ClusterUnavailable,
    NamespaceNotOurs,
    PermissionMissing,
)
from storeorch.names import LABEL_MANAGED_BY, LABEL_STORE_ID, MANAGED_BY, ownership_labels
from storeorch.ports import (
    Clock,
    Deviation,
    Fingerprint,
    LogLine,
    Manifest,
    NamespaceState,
    ObjectRef,
    Owner,
    Problem,
    WorkloadRef,
    WorkloadState,
)
from storeorch.testing.checkpoint import Checkpoint, Interruptible, pass_by
from storeorch.testing.namespace import RELEASE_NAME, Namespace, fingerprint
from storeorch.testing.world import World

_STATES: Final = {None: "It is not there.", False: "It is starting.", True: "It runs."}


class RefusedForNow(ClusterRefused):
    """The cluster refused for now; the same request may succeed later."""

    retryable = True


class MemoryCluster(World, Interruptible):
    """A Kubernetes cluster in memory.

    Satisfies ``ports.Cluster``; the methods are documented there.

    Args:
        clock: Time; on a ``VirtualClock`` the lags pass at once.
        ready_lag: Seconds from a workload's start until it is ready.
        terminating_lag: Seconds from a namespace's deletion until it is gone.
        watch_lag: Seconds until a watch sees what happened; ``live`` looks see it at once.
        checkpoint: Awaited before each method's work and between its effects.

    Attributes:
        missing_rights: Rights that ``check_access`` shall find missing.
        agent: What enforces network policies, or None.
        containers: Whether pods run for real, so that their pages can be visited.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ready_lag: float = 1.0,
        terminating_lag: float = 1.0,
        watch_lag: float = 0.0,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        World.__init__(
            self,
            clock,
            ready_lag=ready_lag,
            terminating_lag=terminating_lag,
            watch_lag=watch_lag,
        )
        Interruptible.__init__(self, "cluster", checkpoint)
        self.missing_rights: Sequence[str] = ()
        self.containers = True
        self.agent: str | None = "memory"

    async def check_access(self) -> None:
        """See ``ports.Cluster.check_access``."""
        await self._enter("check_access")
        if self.missing_rights:
            raise PermissionMissing(
                f"The cluster does not permit: {', '.join(self.missing_rights)}."
            )

    async def runs_containers(self) -> bool:
        """See ``ports.Cluster.runs_containers``."""
        await self._enter("runs_containers")
        return self.containers

    async def policy_agent(self) -> str | None:
        """See ``ports.Cluster.policy_agent``."""
        await self._enter("policy_agent")
        return self.agent

    async def namespace(self, name: str, *, live: bool = False) -> NamespaceState:
        """See ``ports.Cluster.namespace``."""
        await self._enter("namespace")
        return self.view(name, live=live).state

    async def create_namespace(
        self, name: str, owner: Owner, *, labels: Mapping[str, str] | None = None
    ) -> bool:
        """See ``ports.Cluster.create_namespace``."""
        await self._enter("create_namespace")
        held = self.namespaces.get(name)
        if held is not None:
            if held.owner_id != owner.store_id:
                raise NamespaceNotOurs(f"The namespace {name} belongs to something else.")
            if held.terminating:
                raise RefusedForNow(f"The namespace {name} is still being deleted.")
            return False
        self.namespaces[name] = Namespace(
            {**(labels or {}), **ownership_labels(owner.store_name, owner.store_id)}
        )
        self.note("create", name, f"Namespace/{name}")
        self.changed(name)
        await self._point("create_namespace", "end")
        return True

    async def delete_namespace(self, name: str, owner: Owner) -> None:
        """See ``ports.Cluster.delete_namespace``."""
        await self._enter("delete_namespace")
        held = self.namespaces.get(name)
        if held is None or held.owner_id != owner.store_id or held.terminating:
            return
        self.note("delete", name, f"Namespace/{name}")
        self.terminate(name)
        await self._point("delete_namespace", "end")

    async def adopt_namespace(self, name: str, owner: Owner) -> None:
        """See ``ports.Cluster.adopt_namespace``."""
        await self._enter("adopt_namespace")
        held = self.namespaces.get(name)
        if held is None:
            raise RefusedForNow(f"The namespace {name} is not there.")
        named = held.labels.get(LABEL_STORE_ID)
        if owner.store_id not in {named, held.kept_owner} or named not in {None, owner.store_id}:
            raise NamespaceNotOurs(f"The namespace {name} belongs to something else.")
        held.labels |= ownership_labels(owner.store_name, owner.store_id)
        self.note("adopt", name, f"Namespace/{name}")
        self.changed(name)
        await self._point("adopt_namespace", "end")

    async def memory(self, namespace: str, *, live: bool = False) -> str:
        """See ``ports.Cluster.memory``."""
        await self._enter("memory")
        return self.view(namespace, live=live).memory

    async def remember(self, namespace: str, owner: Owner, text: str) -> None:
        """See ``ports.Cluster.remember``."""
        await self._enter("remember")
        held = self.namespaces.get(namespace)
        if held is None or held.owner_id != owner.store_id:
            return
        held.memory, held.kept_owner = text, owner.store_id
        self.note("remember", namespace, f"Namespace/{namespace}")
        self.changed(namespace)
        await self._point("remember", "end")

    async def apply(
        self,
        namespace: str,
        manifests: Sequence[Manifest],
        owner: Owner,
        *,
        only_look: bool = False,
    ) -> int:
        """See ``ports.Cluster.apply``."""
        await self._enter("apply")
        changed = 0
        for manifest in manifests:
            held = self._active(namespace)
            key = (str(manifest["kind"]), str(manifest["metadata"]["name"]))
            wanted = _with_labels(manifest, owner)
            present = held.objects.get(key)
            if present is not None and _owner_of(present) != owner.store_id:
                raise ClusterRefused(f"{key[0]} {key[1]} does not belong to the store.")
            if present == wanted:
                continue
            changed += 1
            if only_look:
                continue
            held.objects[key] = wanted
            self.note("apply", namespace, "/".join(key))
            self.changed(namespace, always=True)
            await self._point("apply", "between")
        return changed

    async def fingerprints(
        self, namespace: str, refs: Sequence[ObjectRef], *, live: bool = False
    ) -> Mapping[ObjectRef, Fingerprint | None]:
        """See ``ports.Cluster.fingerprints``; every kind is watched."""
        await self._enter("fingerprints")
        seen = self.view(namespace, live=live).fingerprints
        return {ref: seen.get(ref) for ref in refs}

    async def differing(
        self, namespace: str, release: str, manifests: Sequence[Manifest]
    ) -> Sequence[Deviation]:
        """See ``ports.Cluster.differing``."""
        await self._enter("differing")
        found: list[Deviation] = []
        for manifest in manifests:
            present = self._released(namespace, release, manifest)
            if present != manifest:
                found.append(Deviation(_ref(manifest), present is None, manifest))
        return found

    async def restore(self, namespace: str, release: str, manifest: Manifest) -> str:
        """See ``ports.Cluster.restore``; a workload starts anew."""
        await self._enter("restore")
        held = self._active(namespace)
        ref = _ref(manifest)
        if self._released(namespace, release, manifest) != manifest:
            held.released[ref] = manifest
            held.touched.discard(ref)
            self.note("restore", namespace, f"{ref.kind}/{ref.name}")
            if ref.kind in {"Deployment", "StatefulSet", "Job"}:
                self.start(namespace, WorkloadRef(ref.kind, ref.name))
            self.changed(namespace)
            await self._point("restore", "end")
        return fingerprint(manifest)

    async def claims(
        self, namespace: str, names: Sequence[str], *, live: bool = False
    ) -> Mapping[str, str]:
        """See ``ports.Cluster.claims``."""
        await self._enter("claims")
        there = self.view(namespace, live=live).claims
        return {name: there[name] for name in names if name in there}

    async def secret_exists(self, namespace: str, name: str) -> bool:
        """See ``ports.Cluster.secret_exists``."""
        await self._enter("secret_exists")
        held = self.namespaces.get(namespace)
        return held is not None and name in held.secrets

    async def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """See ``ports.Cluster.read_secret``."""
        await self._enter("read_secret")
        held = self.namespaces.get(namespace)
        if held is None or name not in held.secrets:
            return None
        return {key: value.encode() for key, value in held.secrets[name].items()}

    async def create_secret(
        self, namespace: str, name: str, data: Callable[[], Mapping[str, str]], owner: Owner
    ) -> bool:
        """See ``ports.Cluster.create_secret``."""
        await self._enter("create_secret")
        held = self._active(namespace)
        if name in held.secrets:
            return False
        held.secrets[name] = dict(data())
        held.objects["Secret", name] = _with_labels(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}, owner
        )
        self.note("create", namespace, f"Secret/{name}")
        self.changed(namespace, always=True)
        await self._point("create_secret", "end")
        return True

    async def workloads(
        self, namespace: str, refs: Sequence[WorkloadRef], *, live: bool = False
    ) -> Sequence[WorkloadState]:
        """See ``ports.Cluster.workloads``."""
        await self._enter("workloads")
        ready = self.view(namespace, live=live).ready
        return [WorkloadState(ref, ready.get(ref, False), _STATES[ready.get(ref)]) for ref in refs]

    async def problems(self, namespace: str, *, since: datetime) -> Sequence[Problem]:
        """See ``ports.Cluster.problems``."""
        await self._enter("problems")
        found = dict.fromkeys(self.troubles(namespace, since=since))
        return sorted(found, key=lambda problem: (not problem.fatal, -problem.weight))

    async def logs(
        self, namespace: str, *, follow: bool = False, tail: int = 100
    ) -> AsyncIterator[LogLine]:
        """See ``ports.Cluster.logs``; each workload has written whether it runs, and ends."""
        await self._enter("follow_logs" if follow else "logs")
        for ref, ready in sorted(self.view(namespace, live=True).ready.items()):
            lines = [f"{ref.kind} {ref.name}", _STATES[ready]]
            for text in lines[-tail:] if tail else ():
                yield LogLine(f"{ref.name}-0", ref.name, text)

    async def nudge(
        self,
        namespace: str,
        refs: Sequence[WorkloadRef],
        *,
        token: str,
        since: datetime | None = None,  # noqa: ARG002 - Jobs do not fail for good here
    ) -> None:
        """See ``ports.Cluster.nudge``."""
        await self._enter("nudge")
        held = self.namespaces.get(namespace)
        for ref in refs:
            workload = held.workloads.get(ref) if held is not None else None
            if workload is None or workload.ready or token in workload.tokens:
                continue
            workload.tokens.add(token)
            self.note("nudge", namespace, f"{ref.kind}/{ref.name}")
            if workload.put_off:
                self.start(namespace, ref)
            self.speak_of(namespace, ref)
            await self._point("nudge", "between")

    async def remove_completed(
        self, namespace: str, refs: Sequence[WorkloadRef], *, before: datetime
    ) -> None:
        """See ``ports.Cluster.remove_completed``."""
        await self._enter("remove_completed")
        held = self.namespaces.get(namespace)
        for ref in refs:
            workload = held.workloads.get(ref) if held is not None else None
            if held is None or workload is None or ref.kind != "Job":
                continue
            if workload.ready_at is not None and workload.ready_at < before:
                del held.workloads[ref]
                held.released.pop(ObjectRef(ref.kind, ref.name), None)
                self.note("delete", namespace, f"{ref.kind}/{ref.name}")
                self.changed(namespace)
                await self._point("remove_completed", "between")

    async def orphans(self, known: Callable[[str], bool]) -> Sequence[str]:
        """See ``ports.Cluster.orphans``."""
        await self._enter("orphans")
        return sorted(
            name
            for name, held in self.namespaces.items()
            if held.owner_id is not None and not known(held.owner_id)
        )

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[str]]:
        """See ``ports.Cluster.watch``."""
        await self._enter("watch")
        watcher = self.add_watcher()
        try:
            yield watcher
        finally:
            self.drop_watcher(watcher)

    @override
    async def _enter(self, method: str) -> None:
        await super()._enter(method)
        self.settle()
        if self.unavailable:
            raise ClusterUnavailable

    def _released(self, namespace: str, release: str, manifest: Manifest) -> Manifest | None:
        held = self.namespaces.get(namespace)
        present = held.released.get(_ref(manifest)) if held is not None else None
        annotations = (present or manifest)["metadata"].get("annotations") or {}
        if annotations.get(RELEASE_NAME) != release:
            raise ClusterRefused(f"{_ref(manifest)} does not belong to the release.")
        return present

    def _active(self, namespace: str) -> Namespace:
        held = self.namespaces.get(namespace)
        if held is None or held.terminating:
            raise RefusedForNow(f"The namespace {namespace} is not there, or about to go.")
        return held


def _ref(manifest: Manifest) -> ObjectRef:
    return ObjectRef(str(manifest["kind"]), str(manifest["metadata"]["name"]))


def _with_labels(manifest: Manifest, owner: Owner) -> Manifest:
    labelled = copy.deepcopy(dict(manifest))
    metadata = dict(labelled.get("metadata") or {})
    labels = dict(metadata.get("labels") or {})
    metadata["labels"] = {**labels, **ownership_labels(owner.store_name, owner.store_id)}
    return {**labelled, "metadata": metadata}


def _owner_of(manifest: Manifest) -> str | None:
    labels = (manifest.get("metadata") or {}).get("labels") or {}
    return labels.get(LABEL_STORE_ID) if labels.get(LABEL_MANAGED_BY) == MANAGED_BY else None
