"""What the contract cannot ask of every repository: many processes, lost connections, order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.postgresql import PostgresServer

from storeorch.db import SqlRepository, announce, migrate, pgconnection, upgrade_database
from storeorch.db.changes import ChangeHub, Kind, Notice
from storeorch.db.connection import open_engine, parse_url
from storeorch.db.listen import Listener
from storeorch.errors import DatabaseOutdated, DatabaseUnavailable
from storeorch.lifecycle import Declaration
from storeorch.models import Claim, Status, StoreFilter
from storeorch.testing.contracts.samples import (
    LONG,
    STEP_EVENT,
    bring_to,
    new_store,
    observation,
    take,
)

SAFETY = 30.0
"""Far longer than what is waited for can take, in seconds."""


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_url(postgres_url))
    yield engine
    await engine.dispose()


@pytest.fixture
async def repository(postgres_url: str) -> AsyncIterator[SqlRepository]:
    async with SqlRepository.open(postgres_url) as repository:
        yield repository


@pytest.fixture
async def second(postgres_url: str) -> AsyncIterator[SqlRepository]:
    async with SqlRepository.open(postgres_url) as repository:
        yield repository


async def disconnect_all(server: PostgresServer) -> None:
    assert await asyncio.to_thread(server.disconnect_all, "storeorch") > 0


async def insist(call: object) -> object:
    """Repeat a call that may be refused once for each connection that was lost."""
    for _ in range(20):
        with suppress(DatabaseUnavailable):
            return await call()  # type: ignore[operator]
    return await call()  # type: ignore[operator]


# -- claims -------------------------------------------------------------------


async def test_stores_are_claimed_once_by_many(
    repository: SqlRepository, second: SqlRepository
) -> None:
    for n in range(60):
        await repository.create(new_store(f"s{n}"), actor="t")
    taken: list[Claim] = []

    async def work(repository: SqlRepository, worker: str) -> None:
        while len(taken) < 60:
            batch = await repository.claim(worker, limit=3, lease=LONG)
            assert len(batch.claims) <= 3
            taken.extend(batch.claims)

    workers = [work((repository, second)[n % 2], f"worker-{n}") for n in range(8)]
    await asyncio.wait_for(asyncio.gather(*workers), SAFETY)
    assert len({claim.store.id for claim in taken}) == len(taken) == 60
    assert {claim.epoch for claim in taken} == {1}


async def test_store_that_another_transaction_holds(
    repository: SqlRepository, engine: AsyncEngine
) -> None:
    """It is not waited for, not taken, and not forgotten: it is due now."""
    held = await repository.create(new_store("held"), actor="t")
    free = await repository.create(new_store("free"), actor="t")
    async with engine.begin() as connection:
        lock = text("SELECT 1 FROM stores WHERE id = :id FOR UPDATE")
        await connection.execute(lock, {"id": held.id})
        batch = await asyncio.wait_for(repository.claim("w", limit=10, lease=LONG), SAFETY)
        assert [claim.store.id for claim in batch.claims] == [free.id]
        assert batch.next_due == 0
    batch = await repository.claim("w", limit=10, lease=LONG)
    assert [claim.store.id for claim in batch.claims] == [held.id]


# -- order of events ----------------------------------------------------------


async def late_commit(connection: object, store_id: str) -> None:
    """Write an event as a repository does, and leave the transaction open."""
    notice = Notice("another", Kind.OBSERVATION, store_id, 1)
    await announce.announce(connection, notice)  # type: ignore[arg-type]
    insert = text(
        "INSERT INTO events (store_id, store_name, at, generation, epoch, kind, reason, message,"
        " actor) VALUES (:id, 'late', 1, 1, 1, 'step', 'Done', 'Late.', 'tester')"
    )
    await connection.execute(insert, {"id": store_id})  # type: ignore[attr-defined]


async def test_follower_skips_no_event_that_is_committed_late(
    repository: SqlRepository, engine: AsyncEngine
) -> None:
    first = await repository.create(new_store("first"), actor="t")
    async with engine.begin() as connection:
        await late_commit(connection, "late-store")
        second = await repository.create(new_store("second"), actor="t")
        seen = list(await repository.events())
        assert [event.store_id for event in seen] == [first.id]
        own = await repository.events(store_id=second.id)
        assert len(own) == 1, "events of one store are in order by themselves"
    rest = await repository.events(after=seen[-1].id)
    assert [event.store_id for event in rest] == ["late-store", second.id]


async def test_look_sees_what_is_committed_late(
    repository: SqlRepository, engine: AsyncEngine
) -> None:
    """A later write is committed and looked at before; with an event and without one."""
    quiet = await repository.create(new_store("quiet"), actor="t")
    async with engine.begin() as connection:
        await late_commit(connection, quiet.id)
        touch = text("UPDATE stores SET updated_at = updated_at + 1 WHERE id = :id")
        await connection.execute(touch, {"id": quiet.id})
        await repository.create(new_store("loud"), actor="t")
        look = await repository._look(None)
        assert look.updated[quiet.id] != look.mark.updated_at
    again = await repository._look(look.mark)
    assert again.updated[quiet.id] == look.updated[quiet.id] + 1


# -- wake-ups -----------------------------------------------------------------


async def test_announcements_are_of_the_transaction(engine: AsyncEngine) -> None:
    """What is rolled back is told to nobody; what is no announcement makes one look."""
    hub = ChangeHub(Listener(engine))
    heard: asyncio.Queue[object] = asyncio.Queue()

    class Ear:
        async def look(self) -> None:
            heard.put_nowait("look")

        def hear(self, notice: Notice) -> None:
            heard.put_nowait(notice)

    listening = asyncio.create_task(Listener(engine).run(Ear()))
    assert await asyncio.wait_for(heard.get(), SAFETY) == "look"
    async with engine.connect() as connection:
        await announce.announce(connection, Notice(hub.name, Kind.WORK, "undone", 1))
        await connection.rollback()
    notice = Notice(hub.name, Kind.GONE, "done", 2)
    async with engine.begin() as connection:
        await announce.announce(connection, notice)
        await announce.announce(connection, notice)
    async with engine.begin() as connection:
        channel = await connection.scalar(announce.CHANNEL)
        await connection.execute(text("SELECT pg_notify(:channel, 'hello')"), {"channel": channel})
    assert await asyncio.wait_for(heard.get(), SAFETY) == notice
    assert await asyncio.wait_for(heard.get(), SAFETY) == "look"
    listening.cancel()
    await asyncio.wait([listening])


async def test_slow_look_is_the_net_below(engine: AsyncEngine) -> None:
    looks: asyncio.Queue[None] = asyncio.Queue()

    class Ear:
        async def look(self) -> None:
            looks.put_nowait(None)

        def hear(self, notice: Notice) -> None:
            raise AssertionError(notice)

    listening = asyncio.create_task(Listener(engine, net=0.01).run(Ear()))
    for _ in range(3):
        await asyncio.wait_for(looks.get(), SAFETY)
    listening.cancel()
    await asyncio.wait([listening])


async def test_what_leaves_nothing_to_claim_wakes_no_other_worker(
    repository: SqlRepository, second: SqlRepository
) -> None:
    """So queries do not grow with the number of workers."""
    store = await repository.create(new_store(), actor="tester")
    claim = await take(repository, store.id)
    async with second.work() as work, second.changes(store.id) as changes:
        while True:  # the listener's first look takes whatever it sees for work
            await repository.record(claim, observation(), [STEP_EVENT])
            assert await changes.wait(SAFETY)
            if not await work.wait(timeout=0):
                break
        await repository.finish(claim, observation(), [STEP_EVENT], due_in=None)
        assert await changes.wait(SAFETY)
        assert not await work.wait(timeout=0)


async def test_wake_up_after_all_connections_were_ended(
    postgres: PostgresServer, repository: SqlRepository, second: SqlRepository
) -> None:
    store = await repository.create(new_store(), actor="tester")
    async with repository.changes(store.id) as changes:
        for _ in range(3):
            await disconnect_all(postgres)
            await insist(
                lambda: second.declare(store.id, Declaration.UPDATE, actor="tester", parameters={})
            )
            assert await changes.wait(SAFETY)


@pytest.mark.parametrize("how", ["restart", "crash"])
async def test_server_that_is_started_again(
    postgres: PostgresServer, repository: SqlRepository, second: SqlRepository, how: str
) -> None:
    """What was acknowledged is there, who waits is woken, and refusals are ours."""
    store = await repository.create(new_store(), actor="tester")
    await asyncio.to_thread(postgres.run, "CHECKPOINT")
    async with repository.changes(store.id) as changes, repository.work() as work:
        await asyncio.to_thread(getattr(postgres, "stop" if how == "restart" else "crash"))
        with pytest.raises(DatabaseUnavailable):
            await repository.claim("w", limit=1, lease=LONG)
        with pytest.raises(DatabaseUnavailable) as refused:
            await repository.get(store.id)
        assert refused.value.message == "The database server cannot be reached."
        await asyncio.to_thread(postgres.start)
        await insist(
            lambda: second.declare(store.id, Declaration.UPDATE, actor="tester", parameters={})
        )
        assert await changes.wait(SAFETY)
        assert await work.wait(SAFETY)
        batch = await repository.claim("w", limit=1, lease=LONG)
        assert batch.claims[0].store.generation == 2


async def test_commit_of_unknown_outcome(
    postgres: PostgresServer, repository: SqlRepository, engine: AsyncEngine
) -> None:
    """The answer to a commit is lost: the caller is refused, the waiting are woken all the same."""
    store = await bring_to(repository, Status.READY)
    async with engine.begin() as connection:  # the commit waits for this one, as for a slow disk
        await connection.execute(
            text(
                "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
            )
        )
        await connection.execute(
            text(
                "CREATE CONSTRAINT TRIGGER lose AFTER UPDATE ON stores"
                " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()"
            )
        )
    with pytest.raises(DatabaseUnavailable) as refused:
        await repository.declare(store.id, Declaration.UPDATE, actor="t", parameters={})
    assert refused.value.message == "The connection to the database was lost."
    async with engine.begin() as connection:
        await connection.execute(text("DROP TRIGGER lose ON stores"))
    seen = await repository.get(store.id)
    assert seen is not None
    again = await repository.declare(store.id, Declaration.UPDATE, actor="t", parameters={})
    assert again.generation == seen.generation + 1


# -- silence ------------------------------------------------------------------


async def test_server_that_falls_silent(
    postgres: PostgresServer,
    repository: SqlRepository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No caller waits for ever, and all goes on when it answers again."""
    monkeypatch.setattr(pgconnection.Connection, "silence", 0.2)
    store = await repository.create(new_store(), actor="tester")
    with postgres.silent(), pytest.raises(DatabaseUnavailable):
        await asyncio.wait_for(repository.get(store.id), SAFETY)
    assert await insist(lambda: repository.get(store.id)) == store


# -- schema -------------------------------------------------------------------


async def test_schema_is_not_brought_up_to_date_by_itself(postgres: PostgresServer) -> None:
    """Two who do so at once do it once."""
    url = await asyncio.to_thread(postgres.create, "fresh")
    try:
        with pytest.raises(DatabaseOutdated) as refused:
            async with SqlRepository.open(url):
                pass
        assert "storeorch db upgrade" in (refused.value.hint or "")
        await asyncio.gather(*(upgrade_database(url) for _ in range(3)))
        assert not await upgrade_database(url)
        async with SqlRepository.open(url) as repository:
            assert (await repository.list(StoreFilter())).items == ()
    finally:
        await asyncio.to_thread(postgres.drop, "fresh")


async def test_two_in_one_database_know_nothing_of_each_other(
    repository: SqlRepository, engine: AsyncEngine, postgres_url: str
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE SCHEMA other"))
    url = f"{postgres_url}&options=-csearch_path%3Dother"
    await upgrade_database(url)
    await repository.create(new_store(), actor="tester")
    async with SqlRepository.open(url) as other:
        assert await other.find("my-store") is None
        await other.create(new_store(), actor="tester")
        assert [event.id for event in await other.events()] == [1]
    channels = set()
    for each in (engine, open_engine(parse_url(url))):
        async with each.connect() as connection:
            channels.add(await connection.scalar(announce.CHANNEL))
        await each.dispose()
    assert len(channels) == 2


async def test_schema_is_that_of_the_tables(engine: AsyncEngine) -> None:
    """Also its names, which errors and later migrations go by."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from storeorch.db.tables import metadata

    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
        names = await connection.scalars(
            text("SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u') ORDER BY 1")
        )
        assert {"pk_stores", "pk_events", "pk_workers", "uq_stores_cluster_name"} <= set(names)
    assert differences == []
    assert await migrate.current_revision(engine) == migrate.HEAD
