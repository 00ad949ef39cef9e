"""``ports.Repository`` in a SQL database, the same code for every dialect.

Each method is one transaction. This module must not know who calls it, nor any
step, cluster or Helm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from storeorch import lifecycle
from storeorch.db import statements
from storeorch.db.changes import Kind
from storeorch.db.connection import uninterrupted
from storeorch.db.reading import SqlReader
from storeorch.db.tables import now_ms, stores, to_datetime, to_store
from storeorch.errors import LeaseLost, NameTaken, StoreIsDeleting, StoreNotFound
from storeorch.lifecycle import Declaration
from storeorch.models import (
    Claim,
    ClaimBatch,
    EventKind,
    NewEvent,
    NewStore,
    Observation,
    Status,
    Store,
)


class SqlRepository(SqlReader):
    """The stores, their events and the engines' signs of life.

    Args:
        engine: The SQLAlchemy engine.
        hub: Tells of commits.
        cluster: Name of the cluster whose stores this repository holds.

    Satisfies ``ports.Repository``; the methods are documented there.
    """

    # -- declarations ---------------------------------------------------------

    @uninterrupted
    async def create(self, new: NewStore, *, actor: str) -> Store:
        """See ``ports.Repository.create``."""
        values = {
            **new.model_dump(mode="json"),
            "generation": 1,
            "observed_generation": 0,
            "status": Status.PROVISIONING.value,
            "attempts": 0,
            "established": False,
            "conditions": [],
            "lease_epoch": 0,
        }
        times = dict.fromkeys(("created_at", "declared_at", "updated_at", "due_at"), now_ms())
        try:
            async with self._write() as connection:
                result = await connection.execute(
                    insert(stores).values(**values, **times).returning(stores)
                )
                store = to_store(result.mappings().one())
                declared = NewEvent(
                    kind=EventKind.DECLARED,
                    reason="Create",
                    message=f"The store {store.name} of the type {store.type} was declared.",
                    actor=actor,
                    status=store.status,
                )
                await self._announce(connection, Kind.WORK, store.id, _updated(store))
                await self._append(connection, store, 0, [declared])
            self._hub.changed(store.id, _updated(store), work=True)
        except IntegrityError as error:
            existing = await self.find(new.name)
            if existing is not None and existing.status is Status.DELETING:
                raise StoreIsDeleting(f"The store {new.name} is still being deleted.") from error
            raise NameTaken(f"A store named {new.name} exists already.") from error
        return store

    @uninterrupted
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
        async with self._write() as connection:
            query = select(stores).where(stores.c.id == store_id).with_for_update()
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                raise StoreNotFound
            before = to_store(row)
            after = lifecycle.declare(before.status, declaration)
            if declaration is Declaration.DELETE and before.status is after:
                return before
            values: dict[str, Any] = {"status": after.value}
            if parameters is not None:
                values["parameters"] = dict(parameters)
            if host is not None:
                values["host"] = host
            if declaration is Declaration.RETRY:
                values["established"] = False
            result = await connection.execute(
                update(stores)
                .where(stores.c.id == store_id)
                .values(
                    generation=stores.c.generation + 1,
                    attempts=0,
                    fault=None,
                    declared_at=now_ms(),
                    updated_at=now_ms(),
                    due_at=now_ms(),
                    **values,
                )
                .returning(stores)
            )
            store = to_store(result.mappings().one())
            declared = NewEvent(
                kind=EventKind.DECLARED,
                reason=declaration.value.capitalize(),
                message=_SENTENCES[declaration].format(name=store.name),
                actor=actor,
                status=store.status,
            )
            await self._announce(connection, Kind.WORK, store.id, _updated(store))
            await self._append(connection, store, 0, [declared])
        self._hub.changed(store.id, _updated(store), work=True)
        return store

    # -- leases ---------------------------------------------------------------

    @uninterrupted
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
        claiming = statements.claim_due(
            self._cluster, worker, limit=limit, lease=lease, wanted=wanted, only=only
        )
        async with self._write() as connection:
            rows = (await connection.execute(*claiming)).mappings().all()
            looking = statements.next_due(self._cluster, only)
            left: int | None = await connection.scalar(*looking)
        claims = tuple(
            # A claim sets the time at which the store falls due to its own.
            Claim(
                store=to_store(row),
                worker=worker,
                epoch=row["lease_epoch"],
                at=to_datetime(row["due_at"]),
            )
            for row in rows
        )
        return ClaimBatch(claims=claims, next_due=None if left is None else max(left / 1000, 0))

    @uninterrupted
    async def renew(
        self, worker: str, leases: Mapping[str, int], *, lease: float
    ) -> Mapping[str, int]:
        """See ``ports.Repository.renew``."""
        if not leases:
            return {}
        async with self._write() as connection:
            result = await connection.execute(*statements.renew(worker, leases, lease=lease))
            return {row.id: row.generation for row in result}

    @uninterrupted
    async def record(
        self, claim: Claim, observation: Observation, events: Sequence[NewEvent]
    ) -> Store:
        """See ``ports.Repository.record``."""
        async with self._write() as connection:
            writing = statements.observe(claim, observation)
            store = await self._observe(
                connection, claim, observation, writing, events, kind=Kind.OBSERVATION
            )
        self._hub.changed(store.id, _updated(store), work=False)
        return store

    @uninterrupted
    async def finish(
        self,
        claim: Claim,
        observation: Observation,
        events: Sequence[NewEvent],
        *,
        due_in: float | None,
    ) -> Store:
        """See ``ports.Repository.finish``."""
        async with self._write() as connection:
            writing = statements.finish(claim, observation, due_in)
            # Without a time to come back at, there is nothing for others to claim.
            kind = Kind.OBSERVATION if due_in is None else Kind.WORK
            store = await self._observe(connection, claim, observation, writing, events, kind=kind)
        self._hub.changed(store.id, _updated(store), work=False)
        return store

    @uninterrupted
    async def remove(self, claim: Claim, events: Sequence[NewEvent]) -> None:
        """See ``ports.Repository.remove``."""
        async with self._write() as connection:
            now: int | None = await connection.scalar(*statements.remove(claim))
            if now is None:
                raise LeaseLost
            await self._announce(connection, Kind.GONE, claim.store.id, now)
            await self._append(connection, claim.store, claim.epoch, events)
        self._hub.changed(claim.store.id, None, work=False)

    @uninterrupted
    async def give_back(self, claim: Claim, *, due_in: float | None) -> None:
        """See ``ports.Repository.give_back``."""
        async with self._write() as connection:
            updated_at: int | None = await connection.scalar(*statements.release(claim, due_in))
            if updated_at is not None:
                await self._announce(connection, Kind.WORK, claim.store.id, updated_at)

    # -- inside -----------------------------------------------------------------

    async def _observe(
        self,
        connection: AsyncConnection,
        claim: Claim,
        observation: Observation,
        writing: statements.Bound,
        news: Sequence[NewEvent],
        *,
        kind: Kind,
    ) -> Store:
        lifecycle.check_transition(claim.store.status, observation.status)
        result = await connection.execute(*writing)
        row = result.mappings().one_or_none()
        if row is None:
            raise LeaseLost
        store = to_store(row)
        if store.generation != claim.store.generation:
            news = [new for new in news if new.kind is not EventKind.TRANSITION]
            kind = Kind.WORK
        await self._announce(connection, kind, store.id, _updated(store))
        await self._append(connection, claim.store, claim.epoch, news)
        return store

    async def _append(
        self, connection: AsyncConnection, store: Store, epoch: int, news: Sequence[NewEvent]
    ) -> None:
        if not news:
            return
        common = {
            "store_id": store.id,
            "store_name": store.name,
            "generation": store.generation,
            "epoch": epoch,
        }
        rows = [{**new.model_dump(mode="json"), **common} for new in news]
        await connection.execute(statements.APPEND, rows)


_SENTENCES: Final = {
    Declaration.UPDATE: "New parameters of the store {name} were declared.",
    Declaration.RETRY: "Another attempt at the store {name} was declared.",
    Declaration.DELETE: "The deletion of the store {name} was declared.",
}


def _updated(store: Store) -> int:
    return round(store.updated_at.timestamp() * 1000)
