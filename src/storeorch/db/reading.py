"""The part of ``ports.Repository`` that takes no lease: opening, reading, history, engines.

Each method is one transaction; ``prune_events`` is a row of short ones. This module
must not know how a store is changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, delete, exists, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import StaticPool

from storeorch.db import announce, migrate
from storeorch.db.changes import ChangeHub, Kind, Look, Mark, Notice, Source
from storeorch.db.connection import (
    READ_ONLY,
    open_engine,
    parse_url,
    sqlite_path,
    translated,
    uninterrupted,
)
from storeorch.db.listen import Listener
from storeorch.db.ordering import ordering
from storeorch.db.postgresql import CONNECTIONS
from storeorch.db.tables import events, now_ms, stores, to_datetime, to_event, to_store, workers
from storeorch.db.watch_file import FileWatch
from storeorch.errors import DatabaseOutdated
from storeorch.models import (
    Event,
    EventKind,
    Page,
    Status,
    Store,
    StoreFilter,
    StoreOrder,
    Worker,
)
from storeorch.ports import Changes

_WORKER_TTL_MS: Final = 86_400_000
_PRUNED_AT_ONCE: Final = 1000
_LATE_MS: Final = 120_000
"""Longer than any transaction of ours on PostgreSQL: an exchange takes 20 s at most, and no
transaction has more than five."""


class SqlReader:
    """What every connection to a SQL database can do.

    Args:
        engine: The SQLAlchemy engine.
        hub: Tells of commits.
        cluster: Name of the cluster whose stores this repository holds.
    """

    def __init__(self, engine: AsyncEngine, hub: ChangeHub, *, cluster: str) -> None:
        self._engine = engine
        self._postgresql = engine.dialect.name == "postgresql"
        # Each statement that only reads is a transaction of its own, on SQLite by READ_ONLY.
        alone = {"isolation_level": "AUTOCOMMIT"} if self._postgresql else {}
        self._reader = engine.execution_options(**{READ_ONLY: True}, **alone)
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
        cls,
        url: str,
        *,
        cluster: str = "default",
        upgrade: bool | None = None,
        connections: int = CONNECTIONS,
    ) -> AsyncIterator[Self]:
        """Open the database at a SQLAlchemy URL, and close it at the end.

        Args:
            url: For example ``sqlite:///storeorch.db``.
            cluster: Name of the cluster whose stores are meant.
            connections: How many are held at most, where the database is a server.
            upgrade: Whether to bring the schema up to date; None does so for SQLite only.

        Raises:
            DatabaseUnavailable: It cannot be opened.
            DatabaseOutdated: Its schema is not that of this version.
        """
        parsed = parse_url(url)
        engine = open_engine(parsed, connections=connections)
        hub = ChangeHub(_source(engine))
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
        self,
        where: StoreFilter,
        *,
        limit: int = 100,
        cursor: str | None = None,
        order: StoreOrder = StoreOrder.NEWEST,
    ) -> Page[Store]:
        """See ``ports.Repository.list``."""
        ordered = ordering(order, postgresql=self._postgresql)
        query = select(stores).where(*self._matching(where))
        query = ordered.apply(query, cursor).limit(limit + 1)
        async with self._read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        more = len(rows) > limit
        rows = rows[:limit]
        return Page[Store](
            items=tuple(to_store(row) for row in rows),
            next_cursor=ordered.cursor(rows[-1]) if more else None,
        )

    @uninterrupted
    async def count(self, where: StoreFilter) -> Mapping[Status, int]:
        """See ``ports.Repository.count``."""
        query = (
            select(stores.c.status, func.count().label("stores"))
            .where(*self._matching(where))
            .group_by(stores.c.status)
        )
        async with self._read() as connection:
            return {Status(row.status): row.stores for row in await connection.execute(query)}

    @uninterrupted
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
        query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
        if store_id is not None:
            query = query.where(events.c.store_id == store_id)
        if name is not None:
            query = query.where(events.c.store_name == name)
        if owner is not None:
            query = query.where(events.c.owner == owner)
        async with self._read() as connection:
            if self._postgresql and store_id is None:
                query = query.where(events.c.id <= await announce.settled(connection))
            return [to_event(row) for row in (await connection.execute(query)).mappings()]

    @uninterrupted
    async def last_event(self) -> int:
        """See ``ports.Repository.last_event``."""
        async with self._read() as connection:
            return await self._last_event(connection)

    @uninterrupted
    async def prune_events(self, *, older_than: float, keep: int = 100) -> int:
        """See ``ports.Repository.prune_events``."""
        async with self._read() as connection:
            query = select(now_ms() - round(older_than * 1000))
            before: int = (await connection.execute(query)).scalar_one()
        pruned, after = 0, 0
        while True:
            async with self._write() as connection:
                old = select(events.c.id).where(events.c.at < before, events.c.id > after)
                page = old.order_by(events.c.id).limit(_PRUNED_AT_ONCE).subquery()
                last: int | None = await connection.scalar(select(func.max(page.c.id)))
                if last is None:
                    return pruned
                doomed = events.c.id.in_(old.where(events.c.id <= last)) & _dispensable(keep)
                pruned += (await connection.execute(delete(events).where(doomed))).rowcount
            after = last

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
                try:
                    async with self._engine.begin() as connection:
                        yield connection
                except BaseException:
                    self._hub.doubt()
                    raise

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        async with self._readers:
            with translated():
                async with self._reader.connect() as connection:
                    yield connection

    @uninterrupted
    async def _look(self, since: Mark | None) -> Look:
        """Find out which stores changed since a mark, whoever changed them."""
        async with self._read() as connection:
            mark = await self._mark(connection)
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

    async def _mark(self, connection: AsyncConnection) -> Mark:
        """Return from where a later look sees whatever this one does not."""
        newest = select(func.coalesce(func.max(stores.c.updated_at), 0))
        updated_at: int = (await connection.execute(newest)).scalar_one()
        late = _LATE_MS if self._postgresql else 0
        return Mark(updated_at - late, await self._last_event(connection))

    async def _last_event(self, connection: AsyncConnection) -> int:
        if self._postgresql:
            return await announce.settled(connection)
        last = select(func.coalesce(func.max(events.c.id), 0))
        found: int = (await connection.execute(last)).scalar_one()
        return found

    def _matching(self, where: StoreFilter) -> Sequence[ColumnElement[bool]]:
        """Return the conditions of a filter, all of which have to hold."""
        found: list[ColumnElement[bool]] = [stores.c.cluster == self._cluster]
        if where.statuses:
            found.append(stores.c.status.in_(sorted(s.value for s in where.statuses)))
        if where.type is not None:
            found.append(stores.c.type == where.type)
        if where.search:
            found.append(stores.c.name.contains(where.search, autoescape=True))
        if where.owner is not None:
            found.append(stores.c.owner == where.owner)
        if where.ids is not None:
            found.append(stores.c.id.in_(sorted(where.ids)))
        return found

    async def _announce(
        self, connection: AsyncConnection, kind: Kind, store_id: str, updated_at: int
    ) -> None:
        """Tell other processes; on SQLite the file tells them. Before events are written."""
        self._hub.announced(store_id, updated_at)
        if self._postgresql:
            notice = Notice(self._hub.name, kind, store_id, updated_at)
            await announce.announce(connection, notice)

    async def _one(self, where: Any) -> Store | None:
        async with self._read() as connection:
            row = (await connection.execute(select(stores).where(where))).mappings().one_or_none()
        return to_store(row) if row is not None else None


def _source(engine: AsyncEngine) -> Source | None:
    if engine.dialect.name == "postgresql":
        return Listener(engine)
    path = sqlite_path(engine.url)
    return None if path is None else FileWatch(path)


def _dispensable(keep: int) -> ColumnElement[bool]:
    """Whether an event may go: its store is gone, or has as many newer ones as are kept."""
    newer = events.alias("newer")
    newest_to_go = (
        select(newer.c.id)
        .where(newer.c.store_id == events.c.store_id)
        .order_by(newer.c.id.desc())
        .offset(keep)
        .limit(1)
        .correlate(events)
        .scalar_subquery()
    )
    there = exists().where(stores.c.id == events.c.store_id).correlate(events)
    return or_(~there, events.c.id <= newest_to_go)
