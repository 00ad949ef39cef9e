"""The in-memory ports as the simulator needs them: judged, fenced, with a Helm that outlives.

- Every effect is told to a ``Witness`` at the moment at which it happens.
- What changes something asks after the lease behind every await, as the adapters do.
- Helm is a process of its own: it goes on while its worker stands still, SIGTERM
  leaves a revision ``failed``, SIGKILL leaves it ``pending``. A watchdog ends it
  after L/8 of its worker's silence, and L/16 later for good, for leases of L seconds.

This module must know no promise.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from typing_extensions import override

from storeorch.errors import ReleaseInterrupted
from storeorch.fencing import check_lease
from storeorch.models import Claim, NewEvent, Observation, Store
from storeorch.ports import Owner, Release, ReleaseRequest
from storeorch.testing.checkpoint import Checkpoint, pass_by
from storeorch.testing.cluster import MemoryCluster
from storeorch.testing.faults import current_process
from storeorch.testing.hosts import MemoryHosts
from storeorch.testing.releases import MemoryReleases
from storeorch.testing.repository import MemoryRepository
from storeorch.testing.rows import MemoryDatabase, Row
from storeorch.testing.simulation.process import SimulatedProcess, outside

T = TypeVar("T")

LOOKS: Final = frozenset(
    {"check_access", "namespace", "secret_exists", "workloads", "problems", "orphans", "watch"}
    | {"get", "check"}
)
"""Methods that change nothing, and so need no lease."""

HELM_GRACE: Final = 5.0
"""Seconds that a Helm which is told to end has at most, as in the adapter."""


class Witness(Protocol):
    """Learns of each effect while it happens."""

    def effect(self, verb: str, namespace: str, what: str) -> None:
        """Something was done to the objects of a namespace."""

    def host_changed(self, host: str, owner: Owner) -> None:
        """A host was made known or forgotten."""

    def looked(self, namespace: str) -> None:
        """The cluster itself was asked whether workloads are ready."""

    def committed(
        self, method: str, before: Mapping[str, Held], now: datetime, claim: Claim | None
    ) -> None:
        """A transaction has changed rows, in the instant before anyone else can see it."""


class Held:
    """A row as it was.

    Args:
        row: The row.
    """

    __slots__ = ("epoch", "store", "until", "worker")

    def __init__(self, row: Row) -> None:
        self.store = row.store
        self.worker = row.lease_owner
        self.epoch = row.lease_epoch
        self.until = row.lease_until


class SimulatedCluster(MemoryCluster):
    """The cluster; ``witness`` is told of effects once it is set."""

    witness: Witness | None = None

    @override
    def note(self, verb: str, namespace: str, what: str) -> None:
        """Write an effect into the journal, and have it judged."""
        super().note(verb, namespace, what)
        if self.witness is not None:
            self.witness.effect(verb, namespace, what)

    @override
    async def workloads(self, namespace: str, refs: Any, *, live: bool = False) -> Any:
        """See ``ports.Cluster.workloads``."""
        states = await super().workloads(namespace, refs, live=live)
        if live and self.witness is not None:
            self.witness.looked(namespace)
        return states

    @override
    async def _enter(self, method: str) -> None:
        await super()._enter(method)
        if method not in LOOKS:
            check_lease()

    @override
    async def _point(self, method: str, moment: str) -> None:
        await super()._point(method, moment)
        if method not in LOOKS and moment != "end":
            check_lease()


class SimulatedHosts(MemoryHosts):
    """The hosts; ``witness`` is told of changes once it is set."""

    witness: Witness | None = None

    @override
    async def _enter(self, method: str) -> None:
        await super()._enter(method)
        check_lease()

    @override
    def _changed(self, host: str, owner: Owner) -> None:
        if self.witness is not None:
            self.witness.host_changed(host, owner)


class SimulatedDatabase(MemoryDatabase):
    """The database; ``witness`` is told of commits once it is set."""

    witness: Witness | None = None


class SimulatedRepository(MemoryRepository):
    """A connection to a ``SimulatedDatabase``."""

    @override
    async def record(
        self, claim: Claim, observation: Observation, events: Sequence[NewEvent]
    ) -> Store:
        """See ``ports.Repository.record``."""
        with _writing_under(claim):
            return await super().record(claim, observation, events)

    @override
    async def finish(
        self,
        claim: Claim,
        observation: Observation,
        events: Sequence[NewEvent],
        *,
        due_in: float | None,
    ) -> Store:
        """See ``ports.Repository.finish``."""
        with _writing_under(claim):
            return await super().finish(claim, observation, events, due_in=due_in)

    @override
    async def remove(self, claim: Claim, events: Sequence[NewEvent]) -> None:
        """See ``ports.Repository.remove``."""
        with _writing_under(claim):
            await super().remove(claim, events)

    @override
    async def give_back(self, claim: Claim, *, due_in: float | None) -> None:
        """See ``ports.Repository.give_back``."""
        with _writing_under(claim):
            await super().give_back(claim, due_in=due_in)

    @override
    async def _transact(self, name: str, body: Callable[[datetime], T]) -> T:
        witness = getattr(self.database, "witness", None)
        if witness is None:
            return await super()._transact(name, body)

        def judged(now: datetime) -> T:
            before = {store_id: Held(row) for store_id, row in self.rows.items()}
            result = body(now)
            witness.committed(name, before, now, _claim.get())
            return result

        return await super()._transact(name, judged)


_claim: ContextVar[Claim | None] = ContextVar("claim", default=None)


@contextmanager
def _writing_under(claim: Claim) -> Iterator[None]:
    token = _claim.set(claim)
    try:
        yield
    finally:
        _claim.reset(token)


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

    @override
    async def install(self, request: ReleaseRequest) -> Release:
        """See ``ports.Releases.install``."""
        install = super().install
        await self._enter("install")
        async with self._process():
            check_lease()
            release = await self._in_process(request.namespace, lambda: install(request))
        await self._point("install", "return")
        return release

    @override
    async def uninstall(self, namespace: str, name: str) -> None:
        """See ``ports.Releases.uninstall``."""
        uninstall = super().uninstall
        await self._enter("uninstall")
        async with self._process():
            check_lease()
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
                check_lease()

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
