"""Helm in memory: revisions that are pending until the very end.

This module must know no Helm.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from typing_extensions import override

from storeorch.errors import ClusterUnavailable, ReleaseFailed, ReleaseInterrupted
from storeorch.ports import (
    Manifest,
    ObjectRef,
    Release,
    ReleaseRequest,
    ReleaseStatus,
    WorkloadRef,
)
from storeorch.testing.checkpoint import Checkpoint, Interruptible, pass_by
from storeorch.testing.cluster import MemoryCluster
from storeorch.testing.namespace import RELEASE_NAME, Namespace, ReleaseRecord, claim_of

DEFAULT_WORKLOADS: Final = (WorkloadRef("StatefulSet", "db"), WorkloadRef("Deployment", "web"))
"""What a chart consists of, unless said otherwise."""


class MemoryReleases(Interruptible):
    """Helm on a ``MemoryCluster``; its records live in the namespace and go with it.

    A call that is cut short, by cancellation or a crash, leaves what it had done:
    a revision that is ``pending``, or half of a release uninstalled.

    Satisfies ``ports.Releases``; the methods are documented there.

    Args:
        cluster: Where it installs.
        max_processes: How many calls may run at once; more wait their turn.
        charts: Workloads by the chart's folder name; others have ``DEFAULT_WORKLOADS``.
        install_lag: Seconds that one installation takes.
        checkpoint: Awaited between any two effects.

    Attributes:
        started: How many Helm processes were started so far.
        running: How many run now.
        most_at_once: The highest value that ``running`` ever had.
        version: What ``check`` answers.
        charts: As given; may be changed.
    """

    def __init__(
        self,
        cluster: MemoryCluster,
        *,
        max_processes: int = 4,
        charts: Mapping[str, Sequence[WorkloadRef]] | None = None,
        install_lag: float = 0.0,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        super().__init__("releases", checkpoint)
        self.started = 0
        self.running = 0
        self.most_at_once = 0
        self.version = "4.0.0"
        self.install_lag = install_lag
        self._cluster = cluster
        self.charts = dict(charts or {})
        self._slots = asyncio.Semaphore(max_processes)

    async def check(self) -> str:
        """See ``ports.Releases.check``."""
        await self._enter("check")
        return self.version

    async def get(self, namespace: str, name: str, *, live: bool = False) -> Release | None:
        """See ``ports.Releases.get``."""
        await self._enter("get")
        return self._cluster.view(namespace, live=live).releases.get(name)

    async def manifests(
        self, namespace: str, name: str, revision: int
    ) -> Sequence[Manifest] | None:
        """See ``ports.Releases.manifests``."""
        await self._enter("manifests")
        held = self._cluster.namespaces.get(namespace)
        record = held.releases.get(name) if held is not None else None
        if record is None or record.revision != revision:
            return None
        return [_manifest(ref, record, name) for ref in record.objects]

    async def install(self, request: ReleaseRequest) -> Release:
        """See ``ports.Releases.install``."""
        await self._enter("install")
        async with self._process():
            held = self._active(request.namespace)
            before = held.releases.get(request.name)
            workloads = tuple(self.charts.get(request.chart.name, DEFAULT_WORKLOADS))
            record = ReleaseRecord(
                ReleaseStatus.PENDING,
                before.revision + 1 if before else 1,
                request.digest or None,
                workloads,
                request.values,
                _objects(workloads),
                tuple(claim_of(ref) for ref in workloads if ref.kind == "StatefulSet"),
            )
            self._write(request.namespace, held, request.name, record, "install")
            try:
                await self._point("install", "pending")
                await asyncio.sleep(self.install_lag)
                await self._replace_objects(request.namespace, request.name, before, record)
                await self._point("install", "created")
                if error := self.errors.get("install:created"):
                    raise error()
            except ReleaseFailed:
                record.status = ReleaseStatus.FAILED
                self._cluster.changed(request.namespace)
                raise
            record.status = ReleaseStatus.DEPLOYED
            self._cluster.changed(request.namespace)
            await self._point("install", "end")
            return record.seen()

    async def uninstall(self, namespace: str, name: str) -> None:
        """See ``ports.Releases.uninstall``."""
        await self._enter("uninstall")
        held = self._cluster.namespaces.get(namespace)
        if held is None or name not in held.releases:
            return
        async with self._process():
            await self._uninstall(namespace, name)

    async def _uninstall(self, namespace: str, name: str) -> None:
        held = self._cluster.namespaces.get(namespace)
        record = held.releases.get(name) if held is not None else None
        if held is not None and record is not None:
            record.status = ReleaseStatus.UNINSTALLING
            self._cluster.note("uninstall", namespace, f"Release/{name}")
            self._cluster.changed(namespace)
            await self._point("uninstall", "uninstalling")
            for ref in record.workloads:
                held.workloads.pop(ref, None)
            for each in record.objects:
                held.released.pop(each, None)
            self._cluster.changed(namespace)
            await self._point("uninstall", "deleted")
            held.releases.pop(name, None)
            self._cluster.changed(namespace)
            await self._point("uninstall", "end")

    def chart_digest(self, chart: Path) -> str:
        """See ``ports.Releases.chart_digest``; of a chart that is not there, of its name."""
        digest = hashlib.sha256(b"" if chart.exists() else chart.name.encode())
        files = sorted(p for p in chart.rglob("*") if p.is_file()) if chart.is_dir() else [chart]
        for file in files:
            if file.is_file():
                name = file.relative_to(chart).as_posix().encode()
                content = file.read_bytes()
                digest.update(b"%d:%s%d:%s" % (len(name), name, len(content), content))
        return digest.hexdigest()

    def set_status(self, namespace: str, name: str, status: ReleaseStatus) -> None:
        """Give a release a status, as a Helm that was killed, or a person, would."""
        self._cluster.namespaces[namespace].releases[name].status = status
        self._cluster.changed(namespace)

    def values(self, namespace: str, name: str) -> Mapping[str, object]:
        """Return what the newest revision of a release was given."""
        return self._cluster.namespaces[namespace].releases[name].values

    @override
    async def _enter(self, method: str) -> None:
        await super()._enter(method)
        if self._cluster.unavailable and method != "check":
            raise ClusterUnavailable

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[None]:
        async with self._slots:
            self.started += 1
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            try:
                yield
            finally:
                self.running -= 1

    def _active(self, namespace: str) -> Namespace:
        held = self._cluster.namespaces.get(namespace)
        if held is None or held.terminating:
            raise ReleaseInterrupted("The store's namespace is being removed or is gone.")
        return held

    def _write(
        self, namespace: str, held: Namespace, name: str, record: ReleaseRecord, verb: str
    ) -> None:
        held.releases[name] = record
        self._cluster.note(verb, namespace, f"Release/{name}")
        self._cluster.changed(namespace)

    async def _replace_objects(
        self, namespace: str, name: str, before: ReleaseRecord | None, record: ReleaseRecord
    ) -> None:
        held = self._active(namespace)
        for ref in sorted(set(before.workloads if before else ()) - set(record.workloads)):
            held.workloads.pop(ref, None)
        for each in sorted(set(before.objects if before else ()) - set(record.objects)):
            held.released.pop(each, None)
        for each in record.objects:
            held.released[each] = _manifest(each, record, name)
            ref = WorkloadRef(each.kind, each.name)
            if ref not in record.workloads:
                self._cluster.changed(namespace)
            elif before is None or before.digest != record.digest or ref not in held.workloads:
                self._cluster.start(namespace, ref)
                await self._point("install", f"created-{ref.name}")


def _objects(workloads: Sequence[WorkloadRef]) -> tuple[ObjectRef, ...]:
    """Say what a release consists of: its workloads, and a Service for each that serves."""
    served = [ObjectRef("Service", ref.name) for ref in workloads if ref.kind != "Job"]
    return tuple(sorted([*(ObjectRef(ref.kind, ref.name) for ref in workloads), *served]))


def _manifest(ref: ObjectRef, record: ReleaseRecord, release: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": ref.kind,
        "metadata": {"name": ref.name, "annotations": {RELEASE_NAME: release}},
        "spec": {"madeFrom": record.digest},
    }
