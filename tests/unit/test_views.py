"""Looking at stores: by name and id, lists, history, watching and waiting."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from typing_extensions import override

from storeorch.errors import (
    DatabaseUnavailable,
    InvalidDeclaration,
    StoreFailed,
    StoreNotFound,
    WaitTimeout,
)
from storeorch.lifecycle import Declaration
from storeorch.models import EventKind, Fault, Status, Store, StoreFilter
from storeorch.ports import Repository
from storeorch.testing import MemoryRepository, virtual_time
from storeorch.testing.clock import VirtualClock
from storeorch.testing.contracts.samples import (
    DELETED_EVENT,
    FAULT,
    STEP_EVENT,
    bring_to,
    new_store,
    observation,
    take,
)
from storeorch.views import StoreViews

pytest_plugins = ["storeorch.testing.plugin"]


class Views(StoreViews):
    def __init__(self, repository: MemoryRepository) -> None:
        self._held = repository

    @property
    @override
    def _repository(self) -> Repository:
        return self._held


@pytest.fixture
def repository(memory_repository: MemoryRepository) -> MemoryRepository:
    return memory_repository


@pytest.fixture
def views(repository: MemoryRepository) -> Views:
    return Views(repository)


async def remove(repository: MemoryRepository, store_id: str) -> None:
    """Delete a store as an engine does."""
    await repository.declare(store_id, Declaration.DELETE, actor="tester")
    await repository.remove(await take(repository, store_id), [DELETED_EVENT])


# -- get and list -------------------------------------------------------------


@virtual_time
async def test_get(views: Views, repository: MemoryRepository, virtual_clock: VirtualClock) -> None:
    store = await repository.create(new_store(), actor="tester")
    assert await views.get("my-store") == await views.get(store.id) == store


@pytest.mark.parametrize(
    "name", ["nothing", "2cde5151-5b90-4618-8e0e-b4816bb1701c", "", "a\x1b[31m", "ü"]
)
@virtual_time
async def test_get_nothing(views: Views, virtual_clock: VirtualClock, name: str) -> None:
    with pytest.raises(StoreNotFound) as missing:
        await views.get(name)
    assert missing.value.message == f"There is no store {name!a}."
    assert missing.value.hint == "See the stores with: storeorch store list"


@virtual_time
async def test_name_that_looks_like_an_id(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """It is a possible name, so it must be possible to find."""
    name = str(uuid.uuid4())
    store = await repository.create(new_store(name), actor="tester")
    assert await views.get(name) == store
    assert len(await views.events(name)) == 1


@virtual_time
async def test_list(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    made = [await repository.create(new_store(f"s{n}"), actor="t") for n in range(3)]
    first = await views.list(limit=2)
    assert list(first.items) == [made[2], made[1]]
    rest = await views.list(limit=2, cursor=first.next_cursor)
    assert (list(rest.items), rest.next_cursor) == ([made[0]], None)
    assert list((await views.list(StoreFilter(search="s1"))).items) == [made[1]]
    with pytest.raises(InvalidDeclaration):
        await views.list(cursor="garbage")


# -- history ------------------------------------------------------------------


@virtual_time
async def test_history_of_stores_that_are_gone(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """By id that of one, by name that of all that had it."""
    first = await repository.create(new_store(), actor="tester")
    await remove(repository, first.id)
    second = await repository.create(new_store(), actor="tester")
    history = await views.events("my-store")
    assert [event.store_id for event in history] == [first.id] * 3 + [second.id]
    assert await views.events(first.id) == history[:3]
    assert await views.events("my-store", after=history[1].id, limit=1) == history[2:3]


@virtual_time
async def test_history_that_has_been_read(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """Nothing new is no error; a store that never was is one."""
    store = await repository.create(new_store(), actor="tester")
    (event,) = await views.events(store.id)
    assert await views.events(store.id, after=event.id) == []
    assert await views.events("my-store", after=event.id) == []
    for name in ("nothing", str(uuid.uuid4())):
        with pytest.raises(StoreNotFound, match="never was"):
            await views.events(name)


# -- watching -----------------------------------------------------------------


@virtual_time
async def test_watch(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """Now, after every change, and until it is gone; what others do is not told."""
    store = await repository.create(new_store(), actor="tester")
    watch = views.watch("my-store")
    assert await anext(watch) == store
    await repository.create(new_store("another"), actor="tester")
    declared = await repository.declare(store.id, Declaration.RETRY, actor="tester")
    assert await anext(watch) == declared
    following = asyncio.create_task(anext(watch, None))
    await remove(repository, store.id)
    seen = await following
    assert seen is None or seen.status is Status.DELETING
    assert await anext(watch, None) is None


@virtual_time
async def test_watch_follows_the_store_and_not_the_name(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    store = await repository.create(new_store(), actor="tester")
    watch = views.watch("my-store")
    await anext(watch)
    await remove(repository, store.id)
    await repository.create(new_store(), actor="tester")
    assert [seen async for seen in watch] == []


@virtual_time
async def test_watch_looks_even_if_it_is_told_nothing(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """A notification that got lost costs seconds, not the store."""
    store = await repository.create(new_store(), actor="tester")
    watch = views.watch(store.id)
    await anext(watch)
    changed = store.model_copy(update={"generation": 7})
    repository.rows[store.id].store = changed
    assert await anext(watch) == changed
    assert 0 < virtual_clock.monotonic() <= 5


@virtual_time
async def test_watching_nothing(views: Views, virtual_clock: VirtualClock) -> None:
    with pytest.raises(StoreNotFound):
        await anext(views.watch("nothing"))
    with pytest.raises(StoreNotFound):
        await anext(views.follow("nothing"))


class VanishingRepository(MemoryRepository):
    """Loses its stores as soon as one was found."""

    @override
    async def find(self, name: str) -> Store | None:
        found = await super().find(name)
        self.rows.clear()
        return found


@virtual_time
async def test_store_that_goes_while_the_watch_begins(virtual_clock: VirtualClock) -> None:
    repository = VanishingRepository(virtual_clock)
    await repository.create(new_store(), actor="tester")
    assert [seen async for seen in Views(repository).watch("my-store")] == []


@virtual_time
async def test_watch_of_a_database_that_goes_away(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    store = await repository.create(new_store(), actor="tester")
    watch = views.watch(store.id)
    await anext(watch)
    repository.unavailable = True
    with pytest.raises(DatabaseUnavailable):
        await anext(watch)


# -- following events ---------------------------------------------------------


@virtual_time
async def test_follow(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """From the beginning or from where one was, until the store is gone."""
    store = await repository.create(new_store(), actor="tester")
    await repository.create(new_store("another"), actor="tester")
    follow = views.follow("my-store")
    first = await anext(follow)
    assert (first.store_id, first.kind) == (store.id, EventKind.DECLARED)
    waiting = asyncio.create_task(anext(follow))
    claim = await take(repository, store.id)
    await repository.record(claim, observation(), [STEP_EVENT])
    assert (await waiting).kind is EventKind.STEP
    await repository.give_back(claim, due_in=None)
    await remove(repository, store.id)
    rest = [event.kind async for event in follow]
    assert rest == [EventKind.DECLARED, EventKind.DELETED]


@virtual_time
async def test_follow_from_an_event_on(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    store = await repository.create(new_store(), actor="tester")
    (first,) = await views.events(store.id)
    await repository.declare(store.id, Declaration.RETRY, actor="tester")
    event = await anext(views.follow(store.id, after=first.id))
    assert event.reason == "Retry"


@virtual_time
async def test_long_history_is_followed_without_a_pause(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """Although it is read in parts."""
    store = await repository.create(new_store(), actor="tester")
    claim = await take(repository, store.id)
    await repository.record(claim, observation(), [STEP_EVENT] * 2500)
    number = 0
    async for _ in views.follow(store.id):
        number += 1
        if number == 2501:
            break
    assert virtual_clock.monotonic() == 0


# -- waiting ------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.READY, Status.DEGRADED])
@virtual_time
async def test_wait_for_a_settled_store(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock, status: Status
) -> None:
    store = await bring_to(repository, status)
    assert await views.wait("my-store") == await views.wait(store.id, timeout=1) == store
    assert virtual_clock.monotonic() == 0


@virtual_time
async def test_wait_is_for_what_was_declared_last(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """A status that speaks of an older declaration does not count."""
    store = await bring_to(repository, Status.READY)
    repository.rows[store.id].store = store.model_copy(update={"generation": 2})
    with pytest.raises(WaitTimeout):
        await views.wait(store.id, timeout=60)
    claim = await take(repository, store.id)
    waiting = asyncio.create_task(views.wait(store.id))
    seen = observation(Status.READY, observed_generation=2)
    ready = await repository.finish(claim, seen, [], due_in=None)
    assert await waiting == ready


@pytest.mark.parametrize(
    ("fault", "message", "hint"),
    [
        (FAULT, "The store my-store has failed. Helm could not.", "Look."),
        (
            Fault(code="x", message="Why."),
            "The store my-store has failed. Why.",
            StoreFailed.default_hint,
        ),
        (None, "The store my-store has failed.", StoreFailed.default_hint),
    ],
)
@virtual_time
async def test_wait_for_a_store_that_fails(
    *,
    views: Views,
    repository: MemoryRepository,
    virtual_clock: VirtualClock,
    fault: Fault | None,
    message: str,
    hint: str,
) -> None:
    store = await repository.create(new_store(), actor="tester")
    claim = await take(repository, store.id)
    waiting = asyncio.create_task(views.wait(store.id))
    seen = observation(Status.FAILED, fault=fault)
    await repository.finish(claim, seen, [], due_in=None)
    with pytest.raises(StoreFailed) as failed:
        await waiting
    assert (failed.value.message, failed.value.hint) == (message, hint)


@virtual_time
async def test_wait_for_a_deletion(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    store = await bring_to(repository, Status.READY)
    await repository.declare(store.id, Declaration.DELETE, actor="tester")
    waiting = asyncio.create_task(views.wait("my-store"))
    await repository.remove(await take(repository, store.id), [DELETED_EVENT])
    assert await waiting is None


@virtual_time
async def test_wait_for_a_deletion_that_is_complete(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """Whoever deletes and then waits must not lose the race with a fast engine."""
    store = await repository.create(new_store(), actor="tester")
    claim = await take(repository, store.id)
    await repository.record(claim, observation(), [STEP_EVENT] * 1500)
    await repository.give_back(claim, due_in=None)
    await remove(repository, store.id)
    assert await views.wait(store.id) is None
    assert await views.wait("my-store", timeout=1) is None


@virtual_time
async def test_wait_that_takes_too_long(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    store = await repository.create(new_store(), actor="tester")
    with pytest.raises(WaitTimeout) as ended:
        await views.wait("my-store", timeout=600)
    assert ended.value.message == (
        "The store my-store was not done within 600 seconds; the work goes on."
    )
    assert virtual_clock.monotonic() == 600
    assert await repository.get(store.id) == store


@virtual_time
async def test_waiting_for_nothing(views: Views, virtual_clock: VirtualClock) -> None:
    for name in ("nothing", str(uuid.uuid4())):
        with pytest.raises(StoreNotFound):
            await views.wait(name, timeout=1)
