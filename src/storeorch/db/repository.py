"""``ports.Repository`` in a SQL database, the same code for every dialect.

Each method is one transaction. This module must not know who calls it, nor any
step, cluster or Helm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from storeorch import lifecycle
from storeorch.db import statements
from storeorch.db.changes import Kind
from storeorch.db.connection import uninterrupted
from storeorch.db.reading import SqlReader
from storeorch.db.tables import events, now_ms, stores, to_datetime, to_store
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
    EventKind,
    NewEvent,
    NewStore,
    Observation,
    OwnerLimits,
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
    async def create(
        self,
        new: NewStore,
        *,
        actor: str,
        limits: OwnerLimits | None = None,
        once: bool = False,
    ) -> Store:
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
                if once and (made := await self._made_before(connection, new)) is not None:
                    return made
                if limits is not None:
                    await self._hold(connection, new, limits)
                result = await connection.execute(
                    insert(stores).values(**values, **times).returning(stores)
                )
                store = to_store(result.mappings().one())
                declared = NewEvent(
                    kind=EventKind.DECLARED,
                    reason=CREATED,
                    message=f"The store {store.name} of the type {store.type} was declared.",
                    actor=actor,
                    status=store.status,
                )
                await self._announce(connection, Kind.WORK, store.id, _updated(store))
                await self._append(connection, store, 0, [declared])
            self._hub.changed(store.id, _updated(store), work=True)
        except IntegrityError as error:
            if once and (present := await self.get(new.id)) is not None:
                return lifecycle.same_declaration(present, new)
            existing = await self.find(new.name)
            if existing is None and await self.get(new.id) is None:
                raise _host_taken(new.host) from error
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
        try:
            return await self._declare(store_id, declaration, actor, parameters, host)
        except IntegrityError as error:
            # Only the host is unique of what a declaration changes.
            raise _host_taken(host) from error

    async def _declare(
        self,
        store_id: str,
        declaration: Declaration,
        actor: str,
        parameters: Mapping[str, Any] | None,
        host: str | None,
    ) -> Store:
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

    @uninterrupted
    async def note(self, store_id: str, event: NewEvent) -> None:
        """See ``ports.Repository.note``."""
        async with self._write() as connection:
            # The row's lock orders the event among those of passes.
            touched = update(stores).where(stores.c.id == store_id).values(updated_at=now_ms())
            result = await connection.execute(touched.returning(stores))
            row = result.mappings().one_or_none()
            if row is None:
                raise StoreNotFound
            store = to_store(row)
            await self._announce(connection, Kind.OBSERVATION, store.id, _updated(store))
            await self._append(connection, store, 0, [event])
        self._hub.changed(store.id, _updated(store), work=False)

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

    async def _made_before(self, connection: AsyncConnection, new: NewStore) -> Store | None:
        """Return the store that this declaration made already."""
        query = select(stores).where(stores.c.id == new.id)
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is not None:
            return lifecycle.same_declaration(to_store(row), new)
        history = select(events.c.id).where(events.c.store_id == new.id).limit(1)
        if await connection.scalar(history) is not None:
            raise KeyReused("The store that was declared with this key is gone.")
        return None

    async def _hold(self, connection: AsyncConnection, new: NewStore, limits: OwnerLimits) -> None:
        """Refuse what would exceed the owner's limits; declarations of one owner queue here."""
        if self._postgresql:
            await connection.execute(_OWNER_LOCK, {"owner": new.owner or ""})
        if limits.stores is not None:
            query = select(func.count()).where(
                stores.c.owner == new.owner, stores.c.cluster == self._cluster
            )
            if (await connection.execute(query)).scalar_one() >= limits.stores:
                raise TooManyStores(f"{limits.stores} stores at once are allowed.")
        if limits.creations_per_hour is not None:
            query = select(func.count()).where(
                events.c.owner == new.owner,
                events.c.at > now_ms() - _HOUR_MS,
                events.c.kind == EventKind.DECLARED.value,
                events.c.reason == CREATED,
            )
            if (await connection.execute(query)).scalar_one() >= limits.creations_per_hour:
                raise TooManyCreations(
                    f"{limits.creations_per_hour} new stores within an hour are allowed."
                )

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
            "owner": store.owner,
            "generation": store.generation,
            "epoch": epoch,
        }
        rows = [{**new.model_dump(mode="json"), **common} for new in news]
        await connection.execute(statements.APPEND, rows)


CREATED: Final = "Create"
"""Reason of the event of a new store."""

_HOUR_MS: Final = 3_600_000

_OWNER_LOCK: Final = text(
    "SELECT pg_advisory_xact_lock("
    "hashtext('storeorch owner ' || current_schema()), hashtext(:owner))"
)
"""Held until the transaction's end. A key of two numbers is of another kind than that of
``announce``."""

_SENTENCES: Final = {
    Declaration.UPDATE: "New parameters of the store {name} were declared.",
    Declaration.RETRY: "Another attempt at the store {name} was declared.",
    Declaration.DELETE: "The deletion of the store {name} was declared.",
}


def _host_taken(host: str | None) -> HostTaken:
    return HostTaken(f"Another store has the host {host}.")


def _updated(store: Store) -> int:
    return round(store.updated_at.timestamp() * 1000)
