"""A connection to the in-memory database: transactions, reading, signs of life, wake-ups.

This module must know no lease.
"""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Self, TypeVar

from storeorch.errors import DatabaseUnavailable
from storeorch.models import Event, Page, Status, Store, StoreFilter, StoreOrder, Worker
from storeorch.ports import Changes, Clock
from storeorch.testing.checkpoint import Checkpoint, pass_by
from storeorch.testing.rows import (
    MemoryDatabase,
    MemoryFlags,
    Row,
    matches,
    place,
    read_cursor,
    write_cursor,
)

T = TypeVar("T")


class MemoryConnection:
    """What a ``MemoryRepository`` does beside declarations and leases.

    Args:
        clock: The database's clock.
        cluster: Name of the cluster whose stores are meant.
        checkpoint: Awaited before and after every commit.
        database: The database to connect to; a new one unless given.

    Attributes:
        database: What all connections share.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        cluster: str = "default",
        checkpoint: Checkpoint = pass_by,
        database: MemoryDatabase | None = None,
    ) -> None:
        self.database = database or MemoryDatabase()
        self._clock = clock
        self._cluster = cluster
        self._checkpoint = checkpoint
        self._flags = MemoryFlags()
        self.database.connections.append(self._flags)

    def connect(self) -> Self:
        """Return another connection to the same database, as another process has one."""
        return type(self)(
            self._clock,
            cluster=self._cluster,
            checkpoint=self._checkpoint,
            database=self.database,
        )

    @property
    def rows(self) -> dict[str, Row]:
        """The rows by store id, for tests to look at."""
        return self.database.rows

    @property
    def history(self) -> builtins.list[Event]:
        """All events, oldest first."""
        return self.database.history

    @property
    def queries(self) -> int:
        """How many methods were called, through any connection; for tests of idleness."""
        return self.database.queries

    @property
    def unavailable(self) -> bool:
        """Whether every method of every connection raises ``DatabaseUnavailable``."""
        return self.database.unavailable

    @unavailable.setter
    def unavailable(self, away: bool) -> None:
        self.database.unavailable = away

    # -- reading --------------------------------------------------------------

    async def get(self, store_id: str) -> Store | None:
        """See ``ports.Repository.get``."""

        def read(now: datetime) -> Store | None:  # noqa: ARG001
            row = self.rows.get(store_id)
            return row.store if row else None

        return await self._transact("get", read)

    async def find(self, name: str) -> Store | None:
        """See ``ports.Repository.find``."""

        def read(now: datetime) -> Store | None:  # noqa: ARG001
            return next((s for s in self._stores() if s.name == name), None)

        return await self._transact("find", read)

    async def list(
        self,
        where: StoreFilter,
        *,
        limit: int = 100,
        cursor: str | None = None,
        order: StoreOrder = StoreOrder.NEWEST,
    ) -> Page[Store]:
        """See ``ports.Repository.list``."""

        def read(now: datetime) -> Page[Store]:  # noqa: ARG001
            arrivals = self.database.arrivals
            after = read_cursor(cursor, order)
            found = sorted(
                ((place(s, order, arrivals[s.id]), s) for s in self._stores() if matches(s, where)),
                key=lambda entry: entry[0],
            )
            rest = [(at, store) for at, store in found if after is None or at > after]
            return Page[Store](
                items=tuple(store for _, store in rest[:limit]),
                next_cursor=write_cursor(rest[limit - 1][0]) if len(rest) > limit else None,
            )

        return await self._transact("list", read)

    async def count(self, where: StoreFilter) -> Mapping[Status, int]:
        """See ``ports.Repository.count``."""

        def read(now: datetime) -> Mapping[Status, int]:  # noqa: ARG001
            return Counter(store.status for store in self._stores() if matches(store, where))

        return await self._transact("count", read)

    async def events(
        self,
        *,
        store_id: str | None = None,
        name: str | None = None,
        owner: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[Event]:
        """See ``ports.Repository.events``."""

        def read(now: datetime) -> Sequence[Event]:  # noqa: ARG001
            return [
                event
                for event in self.history
                if event.id > after
                and store_id in {None, event.store_id}
                and name in {None, event.store_name}
                and owner in {None, event.owner}
            ][:limit]

        return await self._transact("events", read)

    async def last_event(self) -> int:
        """See ``ports.Repository.last_event``."""

        def read(now: datetime) -> int:  # noqa: ARG001
            return self.history[-1].id if self.history else 0

        return await self._transact("last_event", read)

    # -- engines --------------------------------------------------------------

    async def prune_events(self, *, older_than: float, keep: int = 100) -> int:
        """See ``ports.Repository.prune_events``."""

        def commit(now: datetime) -> int:
            newest: Counter[str] = Counter()
            kept = []
            for event in reversed(self.history):
                newest[event.store_id] += 1
                young = event.at >= now - timedelta(seconds=older_than)
                if young or (event.store_id in self.rows and newest[event.store_id] <= keep):
                    kept.append(event)
            dropped = len(self.history) - len(kept)
            self.history[:] = reversed(kept)
            return dropped

        return await self._transact("prune_events", commit)

    async def beat(self, worker: str, *, alive: bool = True) -> None:
        """See ``ports.Repository.beat``."""

        def commit(now: datetime) -> None:
            if alive:
                self.database.workers[worker] = now
            else:
                self.database.workers.pop(worker, None)

        await self._transact("beat", commit)

    async def workers(self, *, seen_within: float) -> Sequence[Worker]:
        """See ``ports.Repository.workers``."""

        def read(now: datetime) -> Sequence[Worker]:
            oldest = now - timedelta(seconds=seen_within)
            return [
                Worker(name=n, seen_at=at) for n, at in self.database.workers.items() if at > oldest
            ]

        return await self._transact("workers", read)

    @asynccontextmanager
    async def changes(self, store_id: str | None = None) -> AsyncIterator[Changes]:
        """See ``ports.Repository.changes``."""
        self._look()
        with self._flags.subscribe(store_id=store_id, work=False) as flag:
            yield flag

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Changes]:
        """See ``ports.Repository.work``."""
        self._look()
        with self._flags.subscribe(work=True) as flag:
            yield flag

    # -- inside ---------------------------------------------------------------

    def _look(self) -> None:
        """Look at what there is, from where changes are told; no point at which to crash."""
        if self.database.unavailable:
            raise DatabaseUnavailable

    async def _transact(self, name: str, body: Callable[[datetime], T]) -> T:
        """Run one transaction: nothing of it is seen before, all of it after."""
        self.database.queries += 1
        await self._checkpoint(f"repository.{name}:before-commit")
        if self.database.unavailable:
            raise DatabaseUnavailable
        result = body(self._now())
        await self._checkpoint(f"repository.{name}:after-commit")
        return result

    def _tell(self, store_id: str, *, work: bool) -> None:
        self.database.tell(self._flags, store_id, work=work)

    def _now(self) -> datetime:
        now = self._clock.now()
        return now.replace(microsecond=0) + timedelta(milliseconds=round(now.microsecond / 1000))

    def _rows(self) -> Iterable[Row]:
        return (row for row in self.rows.values() if row.store.cluster == self._cluster)

    def _stores(self) -> Iterable[Store]:
        return (row.store for row in self._rows())
