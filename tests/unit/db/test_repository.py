"""What the contract cannot ask of every repository: rows, order and damage in SQL."""

from __future__ import annotations

import base64
import json

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from storeorch.db import SqlRepository
from storeorch.db.tables import stores, workers
from storeorch.errors import (
    DatabaseUnavailable,
    InvalidDeclaration,
    KeyReused,
    LeaseLost,
    NameTaken,
)
from storeorch.models import Store, StoreFilter
from storeorch.ports import Repository
from storeorch.testing.contracts.samples import (
    DELETED_EVENT,
    LONG,
    STEP_EVENT,
    new_store,
    observation,
    take,
)

DAY_MS = 86_400_000


def satisfies_the_port(repository: SqlRepository) -> Repository:
    """Checked by the type checker."""
    return repository


async def set_due(engine: AsyncEngine, store: Store, milliseconds: int | None) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            update(stores).where(stores.c.id == store.id).values(due_at=milliseconds)
        )


async def lease_of(engine: AsyncEngine, store_id: str) -> tuple[str | None, int, int | None]:
    columns = stores.c.lease_owner, stores.c.lease_epoch, stores.c.lease_until
    async with engine.connect() as connection:
        query = select(*columns).where(stores.c.id == store_id)
        owner, epoch, until = (await connection.execute(query)).one()
    return owner, epoch, until


# -- claiming -----------------------------------------------------------------


async def test_what_fell_due_first_is_claimed_first(
    repository: SqlRepository, engine: AsyncEngine
) -> None:
    made = [await repository.create(new_store(f"s{n}"), actor="t") for n in range(4)]
    order = [made[2], made[0], made[3], made[1]]
    for moment, store in enumerate(order, start=1):
        await set_due(engine, store, moment)
    claimed = []
    for _ in order:
        batch = await repository.claim("worker-1", limit=1, lease=LONG)
        claimed += [claim.store.id for claim in batch.claims]
    assert claimed == [store.id for store in order]


async def test_due_stores_come_before_those_that_are_only_wanted(
    repository: SqlRepository, engine: AsyncEngine
) -> None:
    """Or a busy cluster would keep those from their turn that nothing else wakes."""
    wanted = await repository.create(new_store("wanted"), actor="tester")
    due = await repository.create(new_store("due"), actor="tester")
    await set_due(engine, wanted, None)
    batch = await repository.claim("worker-1", limit=1, lease=LONG, wanted=[wanted.id])
    assert [claim.store.id for claim in batch.claims] == [due.id]
    batch = await repository.claim("worker-1", limit=1, lease=LONG, wanted=[wanted.id])
    assert [claim.store.id for claim in batch.claims] == [wanted.id]


async def test_lease_in_the_row(repository: SqlRepository, engine: AsyncEngine) -> None:
    store = await repository.create(new_store(), actor="tester")
    assert await lease_of(engine, store.id) == (None, 0, None)
    claim = await take(repository, store.id)
    owner, epoch, until = await lease_of(engine, store.id)
    assert (owner, epoch) == ("worker-1", 1)
    assert until is not None
    await repository.finish(claim, observation(), [], due_in=None)
    assert await lease_of(engine, store.id) == (None, 1, None)


async def test_given_back_lease_leaves_no_trace_but_the_epoch(
    repository: SqlRepository, engine: AsyncEngine
) -> None:
    store = await repository.create(new_store(), actor="tester")
    await repository.give_back(await take(repository, store.id), due_in=0)
    assert await lease_of(engine, store.id) == (None, 1, None)
    assert len(await repository.events(store_id=store.id)) == 1


async def test_renewal_does_not_touch_other_stores(
    repository: SqlRepository, engine: AsyncEngine
) -> None:
    stores_ = [await repository.create(new_store(name), actor="t") for name in ("a", "b")]
    first, second = [await take(repository, store.id, lease=LONG) for store in stores_]
    before = await lease_of(engine, second.store.id)
    assert await repository.renew("worker-1", {first.store.id: 1}, lease=2 * LONG)
    assert await lease_of(engine, second.store.id) == before


# -- writing under a lease ----------------------------------------------------


async def test_nothing_of_a_transaction_stays_if_a_part_fails(
    repository: SqlRepository, engine: AsyncEngine
) -> None:
    """Row and events are one."""
    store = await repository.create(new_store(), actor="tester")
    claim = await take(repository, store.id)
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE events"))
    seen = observation(url="http://x")
    for write in (
        lambda: repository.finish(claim, seen, [STEP_EVENT], due_in=None),
        lambda: repository.record(claim, seen, [STEP_EVENT]),
        lambda: repository.remove(claim, [DELETED_EVENT]),
    ):
        with pytest.raises(DatabaseUnavailable):
            await write()
    assert await repository.get(store.id) == store
    assert (await lease_of(engine, store.id))[0] == "worker-1"


async def test_removal_under_a_lost_lease_keeps_the_row(repository: SqlRepository) -> None:
    store = await repository.create(new_store(), actor="tester")
    stale = await take(repository, store.id, lease=0)
    await take(repository, store.id, worker="worker-2")
    with pytest.raises(LeaseLost):
        await repository.remove(stale, [DELETED_EVENT])
    assert await repository.get(store.id) is not None


# -- names and pages ----------------------------------------------------------


async def test_id_can_be_taken_once(repository: SqlRepository) -> None:
    """An id that is there under another name is refused as well, in words of ours."""
    first = await repository.create(new_store("first"), actor="tester")
    with pytest.raises(NameTaken):
        await repository.create(new_store("second", id=first.id), actor="tester")
    assert await repository.find("second") is None


def cursor_of(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "garbage",
        "a",
        "\ud800",
        cursor_of([]),
        cursor_of([1]),
        cursor_of([1, 2, 3]),
        cursor_of(7),
        cursor_of(None),
        cursor_of({"a": 1}),
        cursor_of(["x", "y"]),
        cursor_of([None, "y"]),
        base64.urlsafe_b64encode(b"\xff\xff\xff").decode(),
        base64.urlsafe_b64encode(b"[1e999, 2]").decode(),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        base64.urlsafe_b64encode(b"[99999999999999999999, 2]").decode(),
    ],
)
async def test_cursor_that_is_no_cursor(repository: SqlRepository, cursor: str) -> None:
    with pytest.raises(InvalidDeclaration) as refused:
        await repository.list(StoreFilter(), cursor=cursor)
    assert refused.value.hint == "Start again without a cursor."


async def test_pages_over_stores_of_one_moment(
    repository: SqlRepository, engine: AsyncEngine
) -> None:
    """The id decides where the time does not."""
    made = [await repository.create(new_store(f"s{n}"), actor="t") for n in range(5)]
    async with engine.begin() as connection:
        await connection.execute(update(stores).values(created_at=1))
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = await repository.list(StoreFilter(), limit=2, cursor=cursor)
        seen += [store.id for store in page.items]
        cursor = page.next_cursor
    assert cursor is None
    assert seen == sorted((store.id for store in made), reverse=True)


# -- engines ------------------------------------------------------------------


async def test_engines_that_are_long_gone_are_forgotten(
    repository: SqlRepository, engine: AsyncEngine
) -> None:
    for name in ("gone", "asleep"):
        await repository.beat(name)
    async with engine.begin() as connection:
        past = workers.c.seen_at - DAY_MS
        for name, moment in (("gone", past - 1000), ("asleep", past + 60_000)):
            await connection.execute(
                update(workers).where(workers.c.name == name).values(seen_at=moment)
            )
    await repository.beat("alive")
    async with engine.connect() as connection:
        names = set(await connection.scalars(select(workers.c.name)))
    assert names == {"asleep", "alive"}
    assert [worker.name for worker in await repository.workers(seen_within=LONG)] == ["alive"]


async def test_engines_of_another_cluster(repository: SqlRepository, url: str) -> None:
    async with SqlRepository.open(url, cluster="elsewhere") as elsewhere:
        await elsewhere.beat("far-away")
        assert len(await elsewhere.workers(seen_within=LONG)) == 1
    assert await repository.workers(seen_within=LONG) == []


# -- keys ---------------------------------------------------------------------


async def test_declaration_that_another_made_at_the_same_moment(
    repository: SqlRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What both see before is nothing; the second one to write gets the first one's store."""

    async def nothing(*_: object) -> None:
        return None

    new = new_store()
    store = await repository.create(new, actor="tester")
    monkeypatch.setattr(repository, "_made_before", nothing)
    assert await repository.create(new, actor="tester", once=True) == store
    with pytest.raises(KeyReused):
        await repository.create(new.model_copy(update={"type": "other"}), actor="tester", once=True)


async def test_declaration_with_a_key_of_a_taken_name(repository: SqlRepository) -> None:
    await repository.create(new_store(), actor="tester")
    with pytest.raises(NameTaken):
        await repository.create(new_store(), actor="tester", once=True)


# -- damage -------------------------------------------------------------------


async def test_table_that_was_dropped(repository: SqlRepository, engine: AsyncEngine) -> None:
    """Every method says in words of ours that the database cannot be used."""
    store = await repository.create(new_store(), actor="tester")
    claim = await take(repository, store.id)
    async with engine.begin() as connection:
        for table in ("stores", "events", "workers"):
            await connection.execute(text(f"DROP TABLE {table}"))
    for call in (
        lambda: repository.create(new_store(), actor="tester"),
        lambda: repository.get(store.id),
        lambda: repository.list(StoreFilter()),
        lambda: repository.count(StoreFilter()),
        repository.events,
        repository.last_event,
        lambda: repository.note(store.id, STEP_EVENT),
        lambda: repository.claim("worker-1", limit=1, lease=LONG),
        lambda: repository.renew("worker-1", {store.id: 1}, lease=LONG),
        lambda: repository.record(claim, observation(), []),
        lambda: repository.give_back(claim, due_in=None),
        lambda: repository.beat("worker-1"),
        lambda: repository.workers(seen_within=LONG),
    ):
        with pytest.raises(DatabaseUnavailable) as said:
            await call()
        assert said.value.message == "The database cannot be used."
    with pytest.raises(DatabaseUnavailable):
        async with repository.changes():
            pass
