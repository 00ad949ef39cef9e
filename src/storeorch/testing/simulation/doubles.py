"""The in-memory ports as the simulator needs them: judged and fenced.

- Every effect is told to a ``Witness`` at the moment at which it happens.
- What changes something asks after the lease behind every await, as the adapters do.

This module must know no promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Final, Protocol, TypeVar

from typing_extensions import override

from storeorch import fencing
from storeorch.models import Claim, NewEvent, Observation, Store
from storeorch.ports import Owner, Release, WorkloadRef, WorkloadState
from storeorch.testing.cluster import MemoryCluster
from storeorch.testing.hosts import MemoryHosts
from storeorch.testing.repository import MemoryRepository
from storeorch.testing.rows import MemoryDatabase, Row

T = TypeVar("T")

LOOKS: Final = frozenset(
    {"check_access", "namespace", "secret_exists", "workloads", "problems", "orphans", "watch"}
    | {"get", "check"}
)
"""Methods that change nothing, and so need no lease."""


class Witness(Protocol):
    """Learns of each effect while it happens."""

    def effect(self, verb: str, namespace: str, what: str) -> None:
        """Something was done to the objects of a namespace."""

    def host_changed(self, host: str, owner: Owner) -> None:
        """A host was made known or forgotten."""

    def saw_release(self, release: Release | None) -> None:
        """The cluster itself was asked for the release of a store."""

    def saw_workloads(self, states: Sequence[WorkloadState]) -> None:
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
    async def workloads(
        self, namespace: str, refs: Sequence[WorkloadRef], *, live: bool = False
    ) -> Sequence[WorkloadState]:
        """See ``ports.Cluster.workloads``."""
        states = await super().workloads(namespace, refs, live=live)
        if live and self.witness is not None:
            self.witness.saw_workloads(states)
        return states

    @override
    async def _enter(self, method: str) -> None:
        await super()._enter(method)
        if method not in LOOKS:
            fencing.check_lease()

    @override
    async def _point(self, method: str, moment: str) -> None:
        await super()._point(method, moment)
        if method not in LOOKS and moment != "end":
            fencing.check_lease()


class SimulatedHosts(MemoryHosts):
    """The hosts; ``witness`` is told of changes once it is set."""

    witness: Witness | None = None

    @override
    async def _enter(self, method: str) -> None:
        await super()._enter(method)
        fencing.check_lease()

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
