"""The repository in memory: rows, leases, epochs and events by the letter of the port.

One ``MemoryRepository`` is one connection; ``connect`` gives another to the same database.
Every method lets others run before and after its commit, so that a cancellation
can come when the effect is done already: its outcome is then unknown to the
caller, as with a real database.

This module must know no SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from storeorch import lifecycle
from storeorch.errors import (
    HostTaken,
    KeyReused,
    LeaseLost,
    NameTaken,
    StoreIsDeleting,
    StoreNotFound,
    TooManyCreations,
    TooManyStores,
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
    OwnerLimits,
    Status,
    Store,
)
from storeorch.testing.connection import MemoryConnection
from storeorch.testing.rows import (
    SENTENCES,
    Row,
    declared,
)


class MemoryRepository(MemoryConnection):
    """The stores, their events and the engines' signs of life, in memory.

    Satisfies ``ports.Repository``; the methods are documented there.

    Args:
        clock: The database's clock; leases and due times run on it.
        cluster: Name of the cluster whose stores are meant.
        checkpoint: Awaited before and after every commit.
        database: The database to connect to; a new one unless given.

    Attributes:
        database: What all connections share.
    """

    # -- declarations ---------------------------------------------------------

    async def create(
        self,
        new: NewStore,
        *,
        actor: str,
        limits: OwnerLimits | None = None,
        once: bool = False,
    ) -> Store:
        """See ``ports.Repository.create``."""

        def commit(now: datetime) -> Store:
            if once and new.id in self.rows:
                return lifecycle.same_declaration(self.rows[new.id].store, new)
            if once and any(event.store_id == new.id for event in self.history):
                raise KeyReused("The store that was declared with this key is gone.")
            if limits is not None:
                self._hold(new, limits, now)
            for row in self.rows.values():
                if (row.store.cluster, row.store.name) == (new.cluster, new.name):
                    if row.store.status is Status.DELETING:
                        raise StoreIsDeleting(f"The store {new.name} is still being deleted.")
                    raise NameTaken(f"A store named {new.name} exists already.")
            self._reserve(new.host, new.cluster, new.id)
            store = Store(
                **new.model_dump(),
                status=Status.PROVISIONING,
                created_at=now,
                declared_at=now,
                updated_at=now,
            )
            self.rows[store.id] = Row(store, due_at=now)
            self.database.arrivals[store.id] = len(self.database.arrivals)
            message = f"The store {store.name} of the type {store.type} was declared."
            self._append(store, 0, [declared("Create", message, actor, store.status)], now)
            self._tell(store.id, work=True)
            return store

        return await self._transact("create", commit)

    async def declare(
        self,
        store_id: str,
        declaration: Declaration,
        *,
        actor: str,
        parameters: Mapping[str, Any] | None = None,
        host: str | None = None,
    ) -> Store:
        """See ``ports.Repository.declare``."""

        def commit(now: datetime) -> Store:
            row = self.rows.get(store_id)
            if row is None:
                raise StoreNotFound
            before = row.store
            status = lifecycle.declare(before.status, declaration)
            if host is not None:
                self._reserve(host, before.cluster, store_id)
            if declaration is Declaration.DELETE and before.status is status:
                return before
            row.store = before.model_copy(
                update={
                    "status": status,
                    "parameters": before.parameters if parameters is None else dict(parameters),
                    "host": before.host if host is None else host,
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
            self._tell(store_id, work=True)
            return row.store

        return await self._transact("declare", commit)

    def _reserve(self, host: str, cluster: str, store_id: str) -> None:
        """Refuse a host that another store has."""
        for other in (row.store for row in self.rows.values() if row.store.id != store_id):
            if (other.cluster, other.host) == (cluster, host):
                raise HostTaken(f"Another store has the host {host}.")

    async def note(self, store_id: str, event: NewEvent) -> None:
        """See ``ports.Repository.note``."""

        def commit(now: datetime) -> None:
            row = self.rows.get(store_id)
            if row is None:
                raise StoreNotFound
            row.store = row.store.model_copy(update={"updated_at": now})
            self._append(row.store, 0, [event], now)
            self._tell(store_id, work=False)

        await self._transact("note", commit)

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
            takeable.sort(key=lambda row: (row.due_at or now, self.database.arrivals[row.store.id]))
            for row in takeable[:limit]:
                row.lease_owner = worker
                row.lease_epoch += 1
                row.lease_until = now + timedelta(seconds=lease)
                row.due_at = now
            claims = tuple(
                Claim(store=row.store, worker=worker, epoch=row.lease_epoch, at=now)
                for row in takeable[:limit]
            )
            due = [max(row.due_at, row.lease_until or now) for row in mine if row.due_at]
            left = (min(due) - now).total_seconds() if due else None
            return ClaimBatch(claims=claims, next_due=None if left is None else max(left, 0.0))

        return await self._transact("claim", commit)

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

        return await self._transact("renew", commit)

    async def record(
        self, claim: Claim, observation: Observation, events: Sequence[NewEvent]
    ) -> Store:
        """See ``ports.Repository.record``."""

        def commit(now: datetime) -> Store:
            row = self._observe(claim, observation, events, now)
            self._tell(row.store.id, work=False)
            return row.store

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
            self._tell(row.store.id, work=False)
            return row.store

        return await self._transact("finish", commit)

    async def remove(self, claim: Claim, events: Sequence[NewEvent]) -> None:
        """See ``ports.Repository.remove``."""

        def commit(now: datetime) -> None:
            self._held(claim)
            del self.rows[claim.store.id]
            self._append(claim.store, claim.epoch, events, now)
            self._tell(claim.store.id, work=False)

        await self._transact("remove", commit)

    async def give_back(self, claim: Claim, *, due_in: float | None) -> None:
        """See ``ports.Repository.give_back``."""

        def commit(now: datetime) -> None:
            row = self.rows.get(claim.store.id)
            if row is not None and row.is_held_by(claim):
                row.release(claim, due_in, now)
                row.store = row.store.model_copy(update={"updated_at": now})
                self._tell(claim.store.id, work=False)

        await self._transact("give_back", commit)

    # -- inside ---------------------------------------------------------------

    def _hold(self, new: NewStore, limits: OwnerLimits, now: datetime) -> None:
        has = sum(store.owner == new.owner for store in self._stores())
        if limits.stores is not None and has >= limits.stores:
            raise TooManyStores(f"{limits.stores} stores at once are allowed.")
        created = sum(
            (event.owner, event.kind, event.reason) == (new.owner, EventKind.DECLARED, "Create")
            and event.at > now - timedelta(hours=1)
            for event in self.history
        )
        if limits.creations_per_hour is not None and created >= limits.creations_per_hour:
            raise TooManyCreations(
                f"{limits.creations_per_hour} new stores within an hour are allowed."
            )

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
                    id=self.database.next_event_id(),
                    store_id=store.id,
                    store_name=store.name,
                    owner=store.owner,
                    at=now,
                    generation=store.generation,
                    epoch=epoch,
                )
            )
