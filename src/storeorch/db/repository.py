"""``ports.Repository`` in a SQL database, the same code for every dialect.

Each method is one transaction. This module must not know who calls it, nor any
step, cluster or Helm.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Self

from sqlalchemy import delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import StaticPool

from storeorch import lifecycle
from storeorch.db import migrate, statements
from storeorch.db.changes import ChangeHub, Look, Mark
from storeorch.db.connection import (
    READ_ONLY,
    open_engine,
    parse_url,
    sqlite_path,
    translated,
    uninterrupted,
)
from storeorch.db.tables import events, now_ms, stores, to_datetime, to_event, to_store, workers
from storeorch.errors import (
    DatabaseOutdated,
    InvalidDeclaration,
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
from storeorch.ports import Changes

_WORKER_TTL_MS = 86_400_000


class SqlRepository:
    """The stores, their events and the engines' signs of life.

    Args:
        engine: The SQLAlchemy engine.
        hub: Tells of commits.
        cluster: Name of the cluster whose stores this repository holds.

    Satisfies ``ports.Repository``; the methods are documented there.
    """

    def __init__(self, engine: AsyncEngine, hub: ChangeHub, *, cluster: str) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**{READ_ONLY: True})
        self._hub = hub
        self._cluster = cluster
        # SQLite has one writer; queueing here is fair and cheaper than its busy handler.
        self._writer = asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        # A database in memory is one connection: a read that ends would undo the write under way.
        shared = isinstance(engine.sync_engine.pool, StaticPool)
        self._readers = self._writer if shared else nullcontext()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, cluster: str = "default", upgrade: bool | None = None
    ) -> AsyncIterator[Self]:
        """Open the database at a SQLAlchemy URL, and close it at the end.

        Args:
            url: For example ``sqlite:///storeorch.db``.
            cluster: Name of the cluster whose stores are meant.
            upgrade: Whether to bring the schema up to date; None does so for SQLite only.

        Raises:
            DatabaseUnavailable: It cannot be opened.
            DatabaseOutdated: Its schema is not that of this version.
        """
        parsed = parse_url(url)
        engine = open_engine(parsed)
        hub = ChangeHub(sqlite_path(parsed))
        try:
            if upgrade or (upgrade is None and engine.dialect.name == "sqlite"):
                await migrate.upgrade(engine)
            else:
                revision = await migrate.current_revision(engine)
                migrate.check_known(revision)
                if revision != migrate.HEAD:
                    raise DatabaseOutdated
            yield cls(engine, hub, cluster=cluster)
        finally:
            await hub.close()
            await engine.dispose()

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
            await self._append(connection, store, 0, [declared])
        self._hub.changed(store.id, _updated(store), work=True)
        return store

    # -- reading --------------------------------------------------------------

    @uninterrupted
    async def get(self, store_id: str) -> Store | None:
        """See ``ports.Repository.get``."""
        return await self._one(stores.c.id == store_id)

    @uninterrupted
    async def find(self, name: str) -> Store | None:
        """See ``ports.Repository.find``."""
        return await self._one((stores.c.cluster == self._cluster) & (stores.c.name == name))

    @uninterrupted
    async def list(
        self, where: StoreFilter, *, limit: int = 100, cursor: str | None = None
    ) -> Page[Store]:
        """See ``ports.Repository.list``."""
        query = select(stores).where(stores.c.cluster == self._cluster)
        if where.statuses:
            query = query.where(stores.c.status.in_(sorted(s.value for s in where.statuses)))
        if where.type is not None:
            query = query.where(stores.c.type == where.type)
        if where.search:
            query = query.where(stores.c.name.contains(where.search, autoescape=True))
        if cursor is not None:
            query = query.where(tuple_(stores.c.created_at, stores.c.id) < _read_cursor(cursor))
        query = query.order_by(stores.c.created_at.desc(), stores.c.id.desc()).limit(limit + 1)
        async with self._read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        more = len(rows) > limit
        rows = rows[:limit]
        return Page[Store](
            items=tuple(to_store(row) for row in rows),
            next_cursor=_cursor(rows[-1]["created_at"], rows[-1]["id"]) if more else None,
        )

    @uninterrupted
    async def events(
        self,
        *,
        store_id: str | None = None,
        name: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[Event]:
        """See ``ports.Repository.events``."""
        query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
        if store_id is not None:
            query = query.where(events.c.store_id == store_id)
        if name is not None:
            query = query.where(events.c.store_name == name)
        async with self._read() as connection:
            return [to_event(row) for row in (await connection.execute(query)).mappings()]

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
            Claim(store=to_store(row), worker=worker, epoch=row["lease_epoch"]) for row in rows
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
            store = await self._observe(connection, claim, observation, writing, events)
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
            store = await self._observe(connection, claim, observation, writing, events)
        self._hub.changed(store.id, _updated(store), work=False)
        return store

    @uninterrupted
    async def remove(self, claim: Claim, events: Sequence[NewEvent]) -> None:
        """See ``ports.Repository.remove``."""
        async with self._write() as connection:
            gone = await connection.execute(*statements.remove(claim))
            if gone.first() is None:
                raise LeaseLost
            await self._append(connection, claim.store, claim.epoch, events)
        self._hub.changed(claim.store.id, None, work=False)

    @uninterrupted
    async def give_back(self, claim: Claim, *, due_in: float | None) -> None:
        """See ``ports.Repository.give_back``."""
        async with self._write() as connection:
            await connection.execute(*statements.release(claim, due_in))

    # -- engines --------------------------------------------------------------

    @uninterrupted
    async def beat(self, worker: str, *, alive: bool = True) -> None:
        """See ``ports.Repository.beat``."""
        async with self._write() as connection:
            stale = workers.c.seen_at < now_ms() - _WORKER_TTL_MS
            await connection.execute(delete(workers).where((workers.c.name == worker) | stale))
            if alive:
                await connection.execute(
                    insert(workers).values(name=worker, cluster=self._cluster, seen_at=now_ms())
                )

    @uninterrupted
    async def workers(self, *, seen_within: float) -> Sequence[Worker]:
        """See ``ports.Repository.workers``."""
        query = select(workers).where(
            workers.c.cluster == self._cluster,
            workers.c.seen_at > now_ms() - round(seen_within * 1000),
        )
        async with self._read() as connection:
            rows = (await connection.execute(query)).mappings()
            return [Worker(name=row["name"], seen_at=to_datetime(row["seen_at"])) for row in rows]

    def changes(self, store_id: str | None = None) -> AbstractAsyncContextManager[Changes]:
        """See ``ports.Repository.changes``."""
        return self._hub.subscribe(self._look, store_id=store_id)

    def work(self) -> AbstractAsyncContextManager[Changes]:
        """See ``ports.Repository.work``."""
        return self._hub.subscribe(self._look, work=True)

    # -- inside ---------------------------------------------------------------

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        """Run one writing transaction."""
        async with self._writer:
            with translated():
                async with self._engine.begin() as connection:
                    yield connection

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        async with self._readers:
            with translated():
                async with self._reader.connect() as connection:
                    yield connection

    @uninterrupted
    async def _look(self, since: Mark | None) -> Look:
        """Find out which stores changed since a mark, whoever changed them."""
        newest = select(
            func.coalesce(select(func.max(stores.c.updated_at)).scalar_subquery(), 0),
            func.coalesce(select(func.max(events.c.id)).scalar_subquery(), 0),
        )
        async with self._read() as connection:
            updated_at, event_id = (await connection.execute(newest)).one()
            mark = Mark(updated_at, event_id)
            since = since or mark
            # Ids of events grow also where the database's clock was set back.
            told = select(events.c.store_id).where(events.c.id > since.event_id)
            changed = select(stores.c.id, stores.c.updated_at).where(
                or_(stores.c.updated_at >= since.updated_at, stores.c.id.in_(told))
            )
            gone = told.where(events.c.kind == EventKind.DELETED.value)
            return Look(
                mark,
                {row.id: row.updated_at for row in await connection.execute(changed)},
                frozenset(await connection.scalars(gone)),
            )

    async def _one(self, where: Any) -> Store | None:
        async with self._read() as connection:
            row = (await connection.execute(select(stores).where(where))).mappings().one_or_none()
        return to_store(row) if row is not None else None

    async def _observe(
        self,
        connection: AsyncConnection,
        claim: Claim,
        observation: Observation,
        writing: statements.Bound,
        news: Sequence[NewEvent],
    ) -> Store:
        lifecycle.check_transition(claim.store.status, observation.status)
        result = await connection.execute(*writing)
        row = result.mappings().one_or_none()
        if row is None:
            raise LeaseLost
        store = to_store(row)
        if store.generation != claim.store.generation:
            news = [new for new in news if new.kind is not EventKind.TRANSITION]
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


_SENTENCES = {
    Declaration.UPDATE: "New parameters of the store {name} were declared.",
    Declaration.RETRY: "Another attempt at the store {name} was declared.",
    Declaration.DELETE: "The deletion of the store {name} was declared.",
}


def _updated(store: Store) -> int:
    return round(store.updated_at.timestamp() * 1000)


def _cursor(created_at: int, store_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([created_at, store_id]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[int, str]:
    try:
        created_at, store_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        moment = int(created_at)
        moment.to_bytes(8, signed=True)  # the database's integers have no more
        return moment, str(store_id)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidDeclaration(
            "The cursor of the page is not valid.", hint="Start again without a cursor."
        ) from error
