"""Helm as the simulator needs it: a process beside its worker, which signals end.

It goes on while its worker stands still. SIGTERM leaves a revision ``failed``, SIGKILL
leaves it ``pending``, and now and then one does not listen to SIGTERM. A watchdog ends
it after L/8 of its worker's silence, and L/16 later for good, for leases of L seconds.

This module must know no promise.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from typing_extensions import override

from storeorch import fencing
from storeorch.errors import ReleaseInterrupted
from storeorch.ports import Release, ReleaseRequest, WorkloadRef
from storeorch.testing.checkpoint import Checkpoint, pass_by
from storeorch.testing.faults import current_process
from storeorch.testing.releases import MemoryReleases
from storeorch.testing.simulation.doubles import LOOKS, SimulatedCluster
from storeorch.testing.simulation.process import SimulatedProcess, outside

T = TypeVar("T")

HELM_GRACE: Final = 5.0
"""Seconds that a Helm which is told to end has at most, as in the adapter."""


class _Killed(Exception):
    """Helm was ended by SIGKILL, and could note nothing."""


class Helm:
    """One Helm process.

    Args:
        rng: Chooses how long it takes, and how it takes a signal.
        slowest: Longest time between two of its effects, in seconds.
    """

    def __init__(self, rng: random.Random, slowest: float) -> None:
        self._rng = rng
        self._slowest = slowest
        self._stubborn = rng.random() < 0.2  # noqa: PLR2004 - a share
        self._term = False
        self._kill = False
        self._signal = asyncio.Event()

    def term(self) -> None:
        """Send SIGTERM."""
        self._term = True
        self._signal.set()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._kill = True
        self._signal.set()

    async def work(self) -> None:
        """Take some time before the next effect.

        Raises:
            ReleaseInterrupted: It was told to end and notes that it failed.
            _Killed: It was killed.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._rng.random() * self._slowest
        while not self._kill and (self._stubborn or not self._term):
            left = until - loop.time()
            if left <= 0:
                return
            self._signal.clear()
            try:
                async with asyncio.timeout(left):
                    await self._signal.wait()
            except TimeoutError:
                return
        if self._kill:
            raise _Killed
        raise ReleaseInterrupted("Helm was ended before it had finished.")


_helm: ContextVar[Helm | None] = ContextVar("helm", default=None)


class SimulatedReleases(MemoryReleases):
    """Helm as one worker has it; the records live in the cluster, which all share.

    Args:
        cluster: Where it installs.
        lease: Seconds that leases last.
        rng: Of the Helm processes.
        slowest: Longest time between two effects of a Helm process, in seconds.
        **more: As for ``MemoryReleases``.
    """

    def __init__(
        self,
        cluster: SimulatedCluster,
        *,
        lease: float,
        rng: random.Random,
        slowest: float,
        checkpoint: Checkpoint = pass_by,
        **more: Any,
    ) -> None:
        super().__init__(cluster, checkpoint=checkpoint, **more)
        self._lease = lease
        self._rng = rng
        self._slowest = slowest
        self._home = cluster

    def learn(self, chart: Path, workloads: Sequence[WorkloadRef]) -> None:
        """Note what a chart consists of."""
        self.charts[_name_of(chart)] = tuple(workloads)

    @override
    async def get(self, namespace: str, name: str, *, live: bool = False) -> Release | None:
        """See ``ports.Releases.get``."""
        release = await super().get(namespace, name, live=live)
        if live and self._home.witness is not None:
            self._home.witness.saw_release(release)
        return release

    @override
    async def install(self, request: ReleaseRequest) -> Release:
        """See ``ports.Releases.install``."""
        install = super().install
        # Charts of several types may have folders of the same name.
        request = replace(request, chart=Path(_name_of(request.chart)))
        await self._enter("install")
        async with self._process():
            fencing.check_lease()
            release = await self._in_process(request.namespace, lambda: install(request))
        await self._point("install", "return")
        return release

    @override
    async def uninstall(self, namespace: str, name: str) -> None:
        """See ``ports.Releases.uninstall``."""
        uninstall = super().uninstall
        await self._enter("uninstall")
        async with self._process():
            fencing.check_lease()
            await self._in_process(namespace, lambda: uninstall(namespace, name))
        await self._point("uninstall", "return")

    @override
    def chart_digest(self, chart: Path) -> str:
        """See ``ports.Releases.chart_digest``; read once, as charts do not change here."""
        if chart not in _DIGESTS:
            _DIGESTS[chart] = super().chart_digest(chart)
        return _DIGESTS[chart]

    @override
    async def _enter(self, method: str) -> None:
        if _helm.get() is None:
            await super()._enter(method)
            if method not in LOOKS:
                fencing.check_lease()

    @override
    async def _point(self, method: str, moment: str) -> None:
        helm = _helm.get()
        if helm is None:
            await super()._point(method, moment)
            return
        try:
            await helm.work()
        except _Killed:
            raise
        except ReleaseInterrupted:
            self._tell(method, moment)
            raise
        self._tell(method, moment)

    @override
    @asynccontextmanager
    async def _process(self) -> AsyncIterator[None]:
        if _helm.get() is None:
            async with super()._process():
                yield
        else:
            yield

    def _tell(self, method: str, moment: str) -> None:
        if self._home.witness is not None:
            self._home.witness.effect(f"helm {method}", _where.get(), moment)

    async def _in_process(self, namespace: str, body: Callable[[], Awaitable[T]]) -> T:
        """Run the body as a Helm process, which ends as the real adapter has it end."""
        helm = Helm(self._rng, self._slowest)
        context = outside()
        context.run(_helm.set, helm)
        context.run(_where.set, namespace)
        task = asyncio.get_running_loop().create_task(_call(body), name="helm", context=context)
        with self._watched(helm):
            try:
                return await asyncio.shield(task)
            except _Killed:
                raise ReleaseInterrupted("Helm was ended before it had finished.") from None
            except asyncio.CancelledError:
                helm.term()
                await _wait_out(task, min(HELM_GRACE, self._lease / 6))
                helm.kill()
                await _wait_out(task, None)
                if not task.cancelled():
                    task.exception()
                raise

    @contextmanager
    def _watched(self, helm: Helm) -> Iterator[None]:
        """Have Helm end with its worker, or while that stands still."""
        process = current_process()
        if not isinstance(process, SimulatedProcess):
            yield
            return

        def stopped() -> None:
            loop = asyncio.get_running_loop()
            loop.call_later(self._lease / 8, silent, context=outside())

        def silent() -> None:
            if process.stopped:
                helm.term()
                loop = asyncio.get_running_loop()
                loop.call_later(self._lease / 16, helm.kill, context=outside())

        process.ends.append(helm.kill)
        process.stops.append(stopped)
        if process.stopped:
            stopped()
        try:
            yield
        finally:
            process.ends.remove(helm.kill)
            process.stops.remove(stopped)


_DIGESTS: Final[dict[Path, str]] = {}

_where: ContextVar[str] = ContextVar("where", default="")


def _name_of(chart: Path) -> str:
    return chart.as_posix().replace("/", ":")


async def _call(body: Callable[[], Awaitable[T]]) -> T:
    return await body()


async def _wait_out(task: asyncio.Task[Any], timeout: float | None) -> None:
    """Wait for a task, also while this one is cancelled again."""
    loop = asyncio.get_running_loop()
    until = None if timeout is None else loop.time() + timeout
    while not task.done():
        left = None if until is None else until - loop.time()
        if left is not None and left <= 0:
            return
        try:
            await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError:
            continue
