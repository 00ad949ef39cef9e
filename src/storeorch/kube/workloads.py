"""Deployments, StatefulSets and Jobs: how far they are, and what has them try again.

It must not know why somebody wants them to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from storeorch.kube import summaries
from storeorch.kube.connection import Connection, together
from storeorch.kube.errors import Conflict, Invalid, NotFound, refused
from storeorch.kube.fingerprints import NUDGED
from storeorch.kube.informer import Informer
from storeorch.kube.resources import (
    FIELD_MANAGER,
    JOBS,
    MERGE_PATCH,
    WORKLOADS,
    Call,
    Verb,
)
from storeorch.kube.summaries import Workload
from storeorch.ports import WorkloadRef, WorkloadState

_MISSING: Final = "It does not exist yet."


class Workloads:
    """The workloads of a cluster.

    Args:
        connection: To the cluster.
        informers: Returns what watches them, by kind.
    """

    def __init__(
        self, connection: Connection, informers: Callable[[], Mapping[str, Informer[Workload]]]
    ) -> None:
        self._connection = connection
        self._informers = informers

    async def states(
        self, namespace: str, refs: Sequence[WorkloadRef], *, live: bool
    ) -> Sequence[WorkloadState]:
        """Return the state of each; see ``ports.Cluster.workloads``."""
        seen = await together(self._seen(namespace, ref, live=live) for ref in refs)
        return [
            WorkloadState(ref, state.ready, state.message)
            if state
            else WorkloadState(ref, ready=False, message=_MISSING)
            for ref, state in zip(refs, seen, strict=True)
        ]

    async def nudge(
        self, namespace: str, refs: Sequence[WorkloadRef], token: str, since: datetime | None
    ) -> None:
        """Have controllers try again what they had put off; see ``ports.Cluster.nudge``.

        An annotation of the workload itself changes, not of its pods: the
        controllers look again, and nothing is rolled out.
        """
        await together(self._nudge(namespace, ref, token, since) for ref in refs)

    async def remove_completed(
        self, namespace: str, refs: Sequence[WorkloadRef], before: datetime
    ) -> None:
        """Remove Jobs that had completed by then; see ``ports.Cluster``."""
        jobs = [ref for ref in refs if ref.kind == JOBS.kind]
        seen = await together(self._seen(namespace, ref, live=True) for ref in jobs)
        await together(
            self._remove_job(namespace, ref.name)
            for ref, job in zip(jobs, seen, strict=True)
            if job and job.completed is not None and job.completed < before
        )

    async def _seen(self, namespace: str, ref: WorkloadRef, *, live: bool) -> Workload | None:
        informer = self._informers()[ref.kind]
        if not live and informer.usable:
            return informer.index.get(namespace, ref.name)
        call = Call(Verb.GET, WORKLOADS[ref.kind], name=ref.name, namespace=namespace)
        try:
            return summaries.workload(await self._connection.request(call), ref.kind)
        except NotFound:
            return None

    async def _nudge(
        self, namespace: str, ref: WorkloadRef, token: str, since: datetime | None
    ) -> None:
        informer = self._informers()[ref.kind]
        seen = informer.index.get(namespace, ref.name) if informer.usable else None
        # A Deployment counts a change of its annotations as a generation, so one that is
        # ready would stop being so for a moment, and has put nothing off anyway.
        if seen and (seen.ready or seen.nudged == token):
            return
        if seen and ref.kind == JOBS.kind and since is not None and seen.failed_before(since):
            await self._remove_job(namespace, ref.name)
            return
        await self._change(
            Call(
                Verb.PATCH,
                WORKLOADS[ref.kind],
                name=ref.name,
                namespace=namespace,
                params={"fieldManager": FIELD_MANAGER},
                body={"metadata": {"annotations": {NUDGED: token}}},
                content_type=MERGE_PATCH,
            )
        )

    async def _remove_job(self, namespace: str, name: str) -> None:
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        await self._change(Call(Verb.DELETE, JOBS, name=name, namespace=namespace, body=body))

    async def _change(self, call: Call) -> None:
        """Send a change; what does not exist has put nothing off, and needs no removal."""
        try:
            await self._connection.request(call)
        except NotFound:
            return
        except (Conflict, Invalid) as error:
            raise refused(call) from error
