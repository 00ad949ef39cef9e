"""Looking at all stores at once: counts, history, engines, and what happens as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from typing_extensions import override

from storeorch.errors import DatabaseUnavailable, InvalidDeclaration
from storeorch.lifecycle import Declaration
from storeorch.models import Delta, EventKind, Status, StoreFilter, StoreOrder
from storeorch.ports import Repository
from storeorch.testing import MemoryRepository, virtual_time
from storeorch.testing.clock import VirtualClock
from storeorch.testing.contracts.samples import (
    DELETED_EVENT,
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


@virtual_time
async def test_counts_and_orders(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    await bring_to(repository, Status.READY, "b")
    await repository.create(new_store("a", owner="alice"), actor="tester")
    assert dict(await views.count()) == {Status.READY: 1, Status.PROVISIONING: 1}
    assert dict(await views.count(StoreFilter(owner="alice"))) == {Status.PROVISIONING: 1}
    page = await views.list(order=StoreOrder.NAME)
    assert [store.name for store in page.items] == ["a", "b"]


@virtual_time
async def test_engines(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """One that was silent for three beats counts as gone."""
    await repository.beat("one")
    await virtual_clock.sleep(10)
    await repository.beat("two")
    assert [worker.name for worker in await views.engines()] == ["one", "two"]
    await virtual_clock.sleep(10)
    assert [worker.name for worker in await views.engines()] == ["two"]


@virtual_time
async def test_history(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """Of all stores, or of one owner's; also of those that are gone."""
    first = await repository.create(new_store("first", owner="alice"), actor="tester")
    await repository.create(new_store("second"), actor="tester")
    await repository.declare(first.id, Declaration.DELETE, actor="tester")
    await repository.remove(await take(repository, first.id), [DELETED_EVENT])
    everything = await views.history()
    assert [event.store_name for event in everything] == ["first", "second", "first", "first"]
    assert [event.id for event in await views.history(after=everything[1].id, limit=1)] == [
        everything[2].id
    ]
    assert len(await views.history(owner="alice")) == 3
    assert await views.last_event() == everything[-1].id
    with pytest.raises(InvalidDeclaration):
        await views.history(limit=0)


async def told(deltas: AsyncIterator[Delta]) -> Delta:
    return await anext(deltas)


@virtual_time
async def test_following_from_now_on(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    old = await repository.create(new_store("old"), actor="tester")
    deltas = views.follow_all()
    place = await told(deltas)
    assert place == Delta(cursor=await repository.last_event())
    new = await repository.create(new_store("new"), actor="tester")
    delta = await told(deltas)
    assert [event.store_id for event in delta.events] == [new.id]
    assert delta.stores == (new,)
    assert delta.cursor == delta.events[-1].id
    # A change without an event is told of, too.
    claim = await take(repository, old.id)
    seen = await repository.record(claim, observation(), [])
    delta = await told(deltas)
    assert (delta.events, delta.stores) == ((), (seen,))
    await deltas.aclose()


@virtual_time
async def test_following_until_after_it_is_gone(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """The event of its end comes without a row."""
    store = await repository.create(new_store(), actor="tester")
    deltas = views.follow_all(after=await repository.last_event())
    await repository.declare(store.id, Declaration.DELETE, actor="tester")
    claim = await take(repository, store.id)
    first = await told(deltas)
    assert first.stores == (claim.store,)
    await repository.remove(claim, [DELETED_EVENT])
    last = await told(deltas)
    assert [event.kind for event in last.events] == [EventKind.DELETED]
    assert last.stores == ()
    await deltas.aclose()


@virtual_time
async def test_following_what_was_missed(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    """All of it, in pieces, before anything else."""
    store = await repository.create(new_store(), actor="tester")
    claim = await take(repository, store.id)
    for _ in range(600):
        await repository.record(claim, observation(), [STEP_EVENT])
    deltas = views.follow_all(after=0)
    first, second = await told(deltas), await told(deltas)
    assert len(first.events) == 500
    assert [event.id for event in (*first.events, *second.events)] == list(range(1, 602))
    await deltas.aclose()


@virtual_time
async def test_a_look_that_may_concern_any_store(
    views: Views,
    repository: MemoryRepository,
    virtual_clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where it is not known which stores changed, all are told of."""
    from storeorch.testing.rows import MemoryChanges

    made = {(await repository.create(new_store(f"s{n}"), actor="tester")).id for n in range(501)}
    monkeypatch.setattr(MemoryChanges, "taken", lambda self: None)
    deltas = views.follow_all(after=await repository.last_event())
    delta = await told(deltas)
    assert {store.id for store in delta.stores} == made
    await deltas.aclose()


@virtual_time
async def test_a_database_that_is_away_ends_the_following(
    views: Views, repository: MemoryRepository, virtual_clock: VirtualClock
) -> None:
    repository.unavailable = True
    with pytest.raises(DatabaseUnavailable):
        await told(views.follow_all())
