"""The repository in memory: rows, leases, epochs and events by the letter of the port.

One ``MemoryRepository`` is the database; the workers of a simulation share it.
Every method lets others run before and after its commit, so that a cancellation
can come when the effect is done already: its outcome is then unknown to the
caller, as with a real database.

This module must know no SQL.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from storeorch import lifecycle
from storeorch.errors import (
    DatabaseUnavailable,
    LeaseLost,
    NameTaken,
    StoreIsDeleting,
    StoreNotFound,
)
from storeorch.lifecycle import Declaration
from storeorch.models import (
    Claim,
    ClaimBatch,
    Event,
    EventKind,
    NewEvent,
    NewStore,
    Observation,
    Page,
    Status,
    Store,
    StoreFilter,
    Worker,
)
from storeorch.ports import Changes, Clock
from storeorch.testing.checkpoint import Checkpoint, pass_by
from storeorch.testing.rows import (
    SENTENCES,
    MemoryChanges,
    Row,
    declared,
    matches,
    read_cursor,
)

T = TypeVar("T")


class MemoryRepository:
    """The stores, their events and the engines' signs of life, in memory.

    Satisfies ``ports.Repository``; the methods are documented there.

    Args:
        clock: The database's clock; leases and due times run on it.
        cluster: Name of the cluster whose stores are meant.
        checkpoint: Awaited before and after every commit.

    Attributes:
        rows: The rows by store id, for tests to look at.
        history: All events, oldest first.
        unavailable: While True, every method raises ``DatabaseUnavailable``.
        queries: How many methods were called, for tests of idleness.
    """

    def __init__(
        self, clock: Clock, *, cluster: str = "default", checkpoint: Checkpoint = pass_by
    ) -> None:
        self.rows: dict[str, Row] = {}
        self.history: builtins.list[Event] = []
        self.unavailable = False
        self.queries = 0
        self._clock = clock
        self._cluster = cluster
        self._checkpoint = checkpoint
        self._workers: dict[str, datetime] = {}
        self._flags: set[MemoryChanges] = set()
        self._arrivals: dict[str, int] = {}

    # -- declarations ---------------------------------------------------------

    async def create(self, new: NewStore, *, actor: str) -> Store:
        """See ``ports.Repository.create``."""

        def commit(now: datetime) -> Store:
            for row in self.rows.values():
                if (row.store.cluster, row.store.name) == (new.cluster, new.name):
                    if row.store.status is Status.DELETING:
                        raise StoreIsDeleting(f"The store {new.name} is still being deleted.")
                    raise NameTaken(f"A store named {new.name} exists already.")
            store = Store(
                **new.model_dump(),
                status=Status.PROVISIONING,
                created_at=now,
                declared_at=now,
                updated_at=now,
            )
            self.rows[store.id] = Row(store, due_at=now)
            self._arrivals[store.id] = len(self._arrivals)
            message = f"The store {store.name} of the type {store.type} was declared."
            self._append(store, 0, [declared("Create", message, actor, store.status)], now)
            return store

        return await self._transact("create", commit)

    async def declare(
        self,
        store_id: str,
        declaration: Declaration,
        *,
        actor: str,
        parameters: Mapping[str, Any] | None = None,
    ) -> Store:
        """See ``ports.Repository.declare``."""

        def commit(now: datetime) -> Store:
            row = self.rows.get(store_id)
            if row is None:
                raise StoreNotFound
            before = row.store
            status = lifecycle.declare(before.status, declaration)
            if declaration is Declaration.DELETE and before.status is status:
                return before
            row.store = before.model_copy(
                update={
                    "status": status,
                    "parameters": before.parameters if parameters is None else dict(parameters),
                    "generation": before.generation + 1,
                    "established": before.established and declaration is not Declaration.RETRY,
                    "attempts": 0,
                    "fault": None,
                    "declared_at": now,
                    "updated_at": now,
                }
            )
            row.due_at = now
            message = SENTENCES[declaration].format(name=before.name)
            event = declared(declaration.value.capitalize(), message, actor, status)
            self._append(row.store, 0, [event], now)
            return row.store

        return await self._transact("declare", commit)

    # -- reading --------------------------------------------------------------

    async def get(self, store_id: str) -> Store | None:
        """See ``ports.Repository.get``."""

        def read(now: datetime) -> Store | None:  # noqa: ARG001
            row = self.rows.get(store_id)
            return row.store if row else None

        return await self._transact("get", read, silent=True)

    async def find(self, name: str) -> Store | None:
        """See ``ports.Repository.find``."""

        def read(now: datetime) -> Store | None:  # noqa: ARG001
            return next((s for s in self._stores() if s.name == name), None)

        return await self._transact("find", read, silent=True)

    async def list(
        self, where: StoreFilter, *, limit: int = 100, cursor: str | None = None
    ) -> Page[Store]:
        """See ``ports.Repository.list``."""

        def read(now: datetime) -> Page[Store]:  # noqa: ARG001
            older_than = read_cursor(cursor)
            found = sorted(
                (s for s in self._stores() if matches(s, where)),
                key=lambda store: self._arrivals[store.id],
                reverse=True,
            )
            rest = [s for s in found if older_than is None or self._arrivals[s.id] < older_than]
            items = rest[:limit]
            more = len(rest) > limit
            return Page[Store](
                items=tuple(items), next_cursor=str(self._arrivals[items[-1].id]) if more else None
            )

        return await self._transact("list", read, silent=True)

    async def events(
        self,
        *,
        store_id: str | None = None,
        name: str | None = None,
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
            ][:limit]

        return await self._transact("events", read, silent=True)

    # -- leases ---------------------------------------------------------------

    async def claim(
        self,
        worker: str,
        *,
        limit: int,
        lease: float,
        wanted: Sequence[str] = (),
        only: Sequence[str] | None = None,
    ) -> ClaimBatch:
        """See ``ports.Repository.claim``."""

        def commit(now: datetime) -> ClaimBatch:
            mine = [row for row in self._rows() if only is None or row.store.id in only]
            takeable = [
                row
                for row in mine
                if row.is_free(now)
                and (row.is_due(now) or (row.store.id in wanted and not row.has_failed))
            ]
            takeable.sort(key=lambda row: (row.due_at or now, self._arrivals[row.store.id]))
            for row in takeable[:limit]:
                row.lease_owner = worker
                row.lease_epoch += 1
                row.lease_until = now + timedelta(seconds=lease)
                row.due_at = now
            claims = tuple(
                Claim(store=row.store, worker=worker, epoch=row.lease_epoch)
                for row in takeable[:limit]
            )
            due = [max(row.due_at, row.lease_until or now) for row in mine if row.due_at]
            left = (min(due) - now).total_seconds() if due else None
            return ClaimBatch(claims=claims, next_due=None if left is None else max(left, 0.0))

        return await self._transact("claim", commit, silent=True)

    async def renew(
        self, worker: str, leases: Mapping[str, int], *, lease: float
    ) -> Mapping[str, int]:
        """See ``ports.Repository.renew``."""

        def commit(now: datetime) -> Mapping[str, int]:
            held = {}
            for store_id, epoch in leases.items():
                row = self.rows.get(store_id)
                if row is None or (row.lease_owner, row.lease_epoch) != (worker, epoch):
                    continue
                if not row.is_free(now):
                    row.lease_until = now + timedelta(seconds=lease)
                    held[store_id] = row.store.generation
            return held

        return await self._transact("renew", commit, silent=True)

    async def record(
        self, claim: Claim, observation: Observation, events: Sequence[NewEvent]
    ) -> Store:
        """See ``ports.Repository.record``."""

        def commit(now: datetime) -> Store:
            return self._observe(claim, observation, events, now).store

        return await self._transact("record", commit)

    async def finish(
        self,
        claim: Claim,
        observation: Observation,
        events: Sequence[NewEvent],
        *,
        due_in: float | None,
    ) -> Store:
        """See ``ports.Repository.finish``."""

        def commit(now: datetime) -> Store:
            row = self._observe(claim, observation, events, now)
            row.release(claim, due_in, now)
            return row.store

        return await self._transact("finish", commit)

    async def remove(self, claim: Claim, events: Sequence[NewEvent]) -> None:
        """See ``ports.Repository.remove``."""

        def commit(now: datetime) -> None:
            self._held(claim)
            del self.rows[claim.store.id]
            self._append(claim.store, claim.epoch, events, now)

        await self._transact("remove", commit)

    async def give_back(self, claim: Claim, *, due_in: float | None) -> None:
        """See ``ports.Repository.give_back``."""

        def commit(now: datetime) -> None:
            row = self.rows.get(claim.store.id)
            if row is not None and row.is_held_by(claim):
                row.release(claim, due_in, now)

        await self._transact("give_back", commit)

    # -- engines --------------------------------------------------------------

    async def beat(self, worker: str, *, alive: bool = True) -> None:
        """See ``ports.Repository.beat``."""

        def commit(now: datetime) -> None:
            if alive:
                self._workers[worker] = now
            else:
                self._workers.pop(worker, None)

        await self._transact("beat", commit, silent=True)

    async def workers(self, *, seen_within: float) -> Sequence[Worker]:
        """See ``ports.Repository.workers``."""

        def read(now: datetime) -> Sequence[Worker]:
            oldest = now - timedelta(seconds=seen_within)
            return [Worker(name=n, seen_at=at) for n, at in self._workers.items() if at > oldest]

        return await self._transact("workers", read, silent=True)

    @asynccontextmanager
    async def changes(self, store_id: str | None = None) -> AsyncIterator[Changes]:  # noqa: ARG002
        """See ``ports.Repository.changes``; tells of every store, which is never too little."""
        flag = MemoryChanges()
        self._flags.add(flag)
        try:
            yield flag
        finally:
            self._flags.discard(flag)

    def work(self) -> AbstractAsyncContextManager[Changes]:
        """See ``ports.Repository.work``; tells of every commit, which is never too little."""
        return self.changes()

    # -- inside ---------------------------------------------------------------

    async def _transact(
        self, name: str, body: Callable[[datetime], T], *, silent: bool = False
    ) -> T:
        """Run one transaction: nothing of it is seen before, all of it after."""
        self.queries += 1
        await self._checkpoint(f"repository.{name}:before-commit")
        if self.unavailable:
            raise DatabaseUnavailable
        result = body(self._now())
        if not silent:
            for flag in self._flags:
                flag.raise_flag()
        await self._checkpoint(f"repository.{name}:after-commit")
        return result

    def _now(self) -> datetime:
        now = self._clock.now()
        return now.replace(microsecond=0) + timedelta(milliseconds=round(now.microsecond / 1000))

    def _rows(self) -> Iterable[Row]:
        return (row for row in self.rows.values() if row.store.cluster == self._cluster)

    def _stores(self) -> Iterable[Store]:
        return (row.store for row in self._rows())

    def _held(self, claim: Claim) -> Row:
        row = self.rows.get(claim.store.id)
        if row is None or not row.is_held_by(claim):
            raise LeaseLost
        return row

    def _observe(
        self, claim: Claim, observation: Observation, news: Sequence[NewEvent], now: datetime
    ) -> Row:
        lifecycle.check_transition(claim.store.status, observation.status)
        row = self._held(claim)
        seen: dict[str, Any] = {
            "conditions": observation.conditions,
            "url": observation.url,
            "updated_at": now,
        }
        if row.store.generation == claim.store.generation:
            seen |= {
                "status": observation.status,
                "observed_generation": observation.observed_generation,
                "fault": observation.fault,
                "attempts": observation.attempts,
                "established": observation.established,
            }
            if observation.status is Status.READY and claim.store.status is not Status.READY:
                seen["ready_at"] = now
        else:
            news = [new for new in news if new.kind is not EventKind.TRANSITION]
        row.store = row.store.model_copy(update=seen)
        self._append(claim.store, claim.epoch, news, now)
        return row

    def _append(self, store: Store, epoch: int, news: Sequence[NewEvent], now: datetime) -> None:
        for new in news:
            self.history.append(
                Event(
                    **new.model_dump(),
                    id=len(self.history) + 1,
                    store_id=store.id,
                    store_name=store.name,
                    at=now,
                    generation=store.generation,
                    epoch=epoch,
                )
            )
