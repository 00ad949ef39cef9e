"""A worker of a history: an engine in a process of its own, started again whenever it dies.

This module must know neither promises nor why a worker dies.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final, TypeVar

from storeorch.engine import Engine
from storeorch.errors import (
    ClusterUnavailable,
    DatabaseUnavailable,
    EnvironmentNotReady,
    HostsFileUnwritable,
    ReleaseInterrupted,
)
from storeorch.models import Claim
from storeorch.reconciler import Reconciler, World
from storeorch.settings import Settings
from storeorch.storetype import StoreType
from storeorch.testing.clock import VirtualClock
from storeorch.testing.faults import Crash, FaultPlan
from storeorch.testing.simulation.doubles import (
    SimulatedCluster,
    SimulatedHosts,
    SimulatedRepository,
)
from storeorch.testing.simulation.helm import SimulatedReleases
from storeorch.testing.simulation.journal import Journal, working
from storeorch.testing.simulation.process import ProcessClock, SimulatedProcess

T = TypeVar("T")

CANARY: Final = "c4n4ry-s3cr3t"
"""Is in every foreign error, and must reach no user."""

_LONGEST_STALL: Final = 2.5
"""In lease durations: long enough for others to have taken over, and given back."""

_SLOWEST_START: Final = 5.0
"""Longest time between a worker's death and its next life, in seconds."""


def foreign_error() -> Exception:
    """Return an error as libraries raise them, with what users must not see."""
    return RuntimeError(f"Traceback: password={CANARY} in /srv/{CANARY}/adapter.py")


def failing(known: Callable[[], Exception], rng: random.Random) -> Callable[[], Exception]:
    """Return what makes an adapter's error, or now and then one that it has not translated."""

    def make() -> Exception:
        if rng.random() < 0.2:  # noqa: PLR2004 - a share
            return foreign_error()
        error = known()
        error.__cause__ = foreign_error()
        return error

    return make


class Worker:
    """One worker over its lives.

    Args:
        number: Tells it from the others.
        plan: What strikes it.
        clock: The true time.
        settings: Of its engine.
        repository: The database.
        cluster: The cluster.
        hosts: Where hosts are made known.
        type_of: Returns a store type.
        charts: Prepares Helm: tells what charts consist of.
        helm_slowest: Longest time between two effects of Helm, in seconds.
        stalls: Probability of standing still at a point.
        rng: Of everything about it.
        journal: Where its lives are noted.

    Attributes:
        process: Its present process, or the last one.
        clock: Its machine's clock.
        lives: How often it was started.
        failed: What its engine ended with, if that was not its death.
    """

    def __init__(
        self,
        number: int,
        *,
        plan: FaultPlan,
        clock: VirtualClock,
        settings: Settings,
        repository: SimulatedRepository,
        cluster: SimulatedCluster,
        hosts: SimulatedHosts,
        type_of: Callable[[str], StoreType],
        charts: Callable[[SimulatedReleases], None],
        helm_slowest: float,
        stalls: float,
        rng: random.Random,
        journal: Journal,
    ) -> None:
        self.clock = ProcessClock(clock)
        self.lives = 0
        self.failed: BaseException | None = None
        self._number = number
        self._plan = plan
        self._settings = settings
        self._repository = repository
        self._cluster = cluster
        self._hosts = hosts
        self._type_of = type_of
        self._charts = charts
        self._helm_slowest = helm_slowest
        self._stalls = stalls
        self._rng = rng
        self._journal = journal
        self._engine: Engine | None = None
        self._retired = asyncio.Event()
        self._ended = asyncio.Event()
        self.process = self._new_process()

    async def live(self) -> None:
        """Run, and be started again after each death, until told to retire."""
        while not self._retired.is_set():
            if self.lives:
                await asyncio.sleep(0.1 + self._rng.random() * _SLOWEST_START)
                if self._retired.is_set():
                    return
                self.process = self._new_process()
            self.lives += 1
            self._journal.write(self.clock.monotonic(), self.process.name, "starts")
            self._ended.clear()
            await self._run_once()
            self._ended.set()

    async def restart(self) -> bool:
        """Have the engine stop in good order, as at SIGTERM; it is started again.

        Returns:
            Whether it was the order that ended it.
        """
        process, engine = self.process, self._engine
        if engine is None or process.crashed.is_set():
            return False
        engine.stop()
        await self._ended.wait()
        return not process.crashed.is_set()

    async def retire(self) -> None:
        """Stop in good order and for good."""
        self._retired.set()
        if self._engine is not None:
            self._engine.stop()
            await self._ended.wait()

    async def _run_once(self) -> None:
        process = self.process
        self._engine = engine = self._new_engine(process)
        loop = asyncio.get_running_loop()
        with process.inside() as context:
            task = loop.create_task(engine.run(), name=f"engine {process.name}", context=context)
        crash = loop.create_task(process.crashed.wait(), name="crash")
        try:
            await asyncio.wait({task, crash}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self._journal.write(self.clock.monotonic(), process.name, "is dead")
                task.cancel()
                await asyncio.wait({task})
        finally:
            crash.cancel()
            self._engine = None
            if process.stalled:
                self._journal.troubles["stall"] += process.stalled
        error = None if task.cancelled() else task.exception()
        # One that cannot begin for want of a database says so, and is started again.
        if error is not None and not isinstance(error, (Crash, EnvironmentNotReady)):
            self.failed = error

    def _new_process(self) -> SimulatedProcess:
        return SimulatedProcess(
            self._plan,
            f"worker-{self._number}.{self.lives + 1}",
            rng=self._rng,
            stalls=self._stalls,
            longest_stall=_LONGEST_STALL * self._settings.lease_duration,
        )

    def _new_engine(self, process: SimulatedProcess) -> Engine:
        releases = SimulatedReleases(
            self._cluster,
            lease=self._settings.lease_duration,
            rng=self._rng,
            slowest=self._helm_slowest,
            max_processes=self._settings.max_releases,
            checkpoint=self._plan.checkpoint,
        )
        self._charts(releases)

        def wrap(port: T, name: str, error: Callable[[], Exception]) -> T:
            return process.wrap(port, name, failing(error, self._rng))

        cluster = wrap(self._cluster, "cluster", ClusterUnavailable)
        connection = self._repository.connect()
        repository = process.wrap(connection, "repository", DatabaseUnavailable)
        reconciler = Reconciler(
            repository=repository,
            type_of=self._type_of,
            world=World(
                cluster=cluster,
                releases=wrap(releases, "releases", ReleaseInterrupted),
                hosts=wrap(self._hosts, "hosts", HostsFileUnwritable),
                clock=self.clock,
            ),
            settings=self._settings,
            rng=self._rng,
        )

        async def reconcile(claim: Claim) -> None:
            with working(claim):
                await reconciler.reconcile(claim)

        return Engine(
            repository=repository,
            reconcile=reconcile,
            watch=cluster.watch,
            clock=self.clock,
            settings=self._settings,
            worker=process.name,
        )
