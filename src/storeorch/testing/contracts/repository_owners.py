"""What every repository has to hold of owners, limits, keys, orders, counts and all stores."""

# ruff: noqa: S101, PLR2004 - a test suite asserts, on small figures

from __future__ import annotations

import asyncio

import pytest

from storeorch.errors import (
    InvalidDeclaration,
    KeyReused,
    StoreNotFound,
    TooManyCreations,
    TooManyStores,
)
from storeorch.lifecycle import Declaration
from storeorch.models import (
    EventKind,
    NewEvent,
    OwnerLimits,
    Status,
    Store,
    StoreFilter,
    StoreOrder,
)
from storeorch.ports import Repository
from storeorch.testing.contracts.samples import (
    DELETED_EVENT,
    LONG,
    STEP_EVENT,
    bring_to,
    new_store,
    observation,
    take,
)

ACCESS_EVENT = NewEvent(
    kind=EventKind.ACCESS, reason="CredentialsShown", message="They were shown.", actor="alice"
)


async def names(
    repository: Repository, where: StoreFilter | None = None, order: StoreOrder = StoreOrder.NEWEST
) -> list[str]:
    """Return the names of stores, read page by page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await repository.list(where or StoreFilter(), limit=2, cursor=cursor, order=order)
        found += [store.name for store in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


class OwnerContract:
    """``ports.Repository`` for programs with many users; see ``RepositoryContract``.

    Give two fixtures: ``repository``, an empty one for the cluster ``default``, and
    ``second``, another connection to the same database.
    """

    # -- owners ---------------------------------------------------------------

    async def test_owner_of_store_and_history(self, repository: Repository) -> None:
        """Both know it, from every way to write an event, also after the store is gone."""
        store = await repository.create(new_store(owner="alice"), actor="tester")
        assert store.owner == "alice"
        claim = await take(repository, store.id)
        await repository.record(claim, observation(), [STEP_EVENT])
        await repository.note(store.id, ACCESS_EVENT)
        await repository.declare(store.id, Declaration.DELETE, actor="tester")
        await repository.remove(claim, [DELETED_EVENT])
        await repository.create(new_store("other"), actor="tester")
        history = await repository.events(owner="alice")
        assert [event.kind for event in history] == [
            EventKind.DECLARED,
            EventKind.STEP,
            EventKind.ACCESS,
            EventKind.DECLARED,
            EventKind.DELETED,
        ]
        assert {event.owner for event in history} == {"alice"}
        assert await repository.events(owner="bob") == []
        assert [event.owner for event in await repository.events(name="other")] == [None]

    async def test_filters(self, repository: Repository) -> None:
        """By owner and by ids; an empty set of ids is none."""
        for name, owner in (("a", "alice"), ("b", "bob"), ("c", "alice"), ("d", None)):
            await repository.create(new_store(name, owner=owner), actor="tester")
        assert await names(repository, StoreFilter(owner="alice")) == ["c", "a"]
        assert await names(repository, StoreFilter(owner="nobody")) == []
        found = await repository.find("b")
        assert found is not None
        assert await names(repository, StoreFilter(ids=frozenset({found.id, "none"}))) == ["b"]
        assert await names(repository, StoreFilter(ids=frozenset())) == []

    async def test_counts(self, repository: Repository) -> None:
        """By status, of those that fit; what none has is left out."""
        await bring_to(repository, Status.READY, "shirts")
        await bring_to(repository, Status.FAILED, "coffee")
        await repository.create(new_store("more-coffee", owner="alice"), actor="tester")
        assert dict(await repository.count(StoreFilter())) == {
            Status.READY: 1,
            Status.FAILED: 1,
            Status.PROVISIONING: 1,
        }
        where = StoreFilter(search="coffee", statuses=frozenset({Status.FAILED}))
        assert dict(await repository.count(where)) == {Status.FAILED: 1}
        assert dict(await repository.count(StoreFilter(owner="bob"))) == {}

    # -- orders ---------------------------------------------------------------

    async def test_orders(self, repository: Repository) -> None:
        """Each holds everything once, whatever the size of the pages."""
        for name in ("b", "a-b", "c", "ab", "a"):
            await repository.create(new_store(name), actor="tester")
        touched = await repository.find("ab")
        assert touched is not None
        await repository.declare(touched.id, Declaration.RETRY, actor="tester")
        assert await names(repository) == ["a", "ab", "c", "a-b", "b"]
        assert await names(repository, order=StoreOrder.OLDEST) == ["b", "a-b", "c", "ab", "a"]
        assert await names(repository, order=StoreOrder.NAME) == ["a", "a-b", "ab", "b", "c"]
        updated = await names(repository, order=StoreOrder.UPDATED)
        assert sorted(updated) == ["a", "a-b", "ab", "b", "c"]
        rows = {store.name: store for store in (await repository.list(StoreFilter())).items}
        times = [rows[name].updated_at for name in updated]
        assert times == sorted(times, reverse=True)

    @pytest.mark.parametrize("order", StoreOrder)
    @pytest.mark.parametrize("cursor", ["", "x", "bnVsbA==", "WzEsMl0=", "W251bGwsbnVsbF0=", "[]"])
    async def test_cursor_that_was_not_given_out(
        self, repository: Repository, order: StoreOrder, cursor: str
    ) -> None:
        """It is refused, or leads somewhere in the order."""
        try:
            page = await repository.list(StoreFilter(), cursor=cursor, order=order)
        except InvalidDeclaration:
            return
        assert list(page.items) == []

    # -- keys -----------------------------------------------------------------

    async def test_declaration_that_is_said_again(
        self, repository: Repository, second: Repository
    ) -> None:
        """It returns the store as it is now, and writes nothing."""
        new = new_store(owner="alice")
        store = await repository.create(new, actor="tester", once=True)
        assert await second.create(new, actor="tester", once=True) == store
        await repository.declare(
            store.id, Declaration.UPDATE, actor="tester", parameters={"title": "New"}
        )
        limits = OwnerLimits(stores=1, creations_per_hour=1)
        again = await repository.create(new, actor="tester", limits=limits, once=True)
        assert (again.id, again.generation) == (store.id, 2)
        assert [event.reason for event in await repository.events()] == ["Create", "Update"]

    async def test_declaration_that_is_said_by_many_at_once(
        self, repository: Repository, second: Repository
    ) -> None:
        """One store is made, and all get it."""
        new = new_store()
        made: list[Store] = await asyncio.gather(
            *(
                each.create(new, actor="tester", once=True)
                for each in (repository, second, repository, second)
            )
        )
        assert {store.id for store in made} == {new.id}
        assert len(await repository.events(store_id=new.id)) == 1

    async def test_key_of_another_declaration(self, repository: Repository) -> None:
        """It is refused; nothing is written."""
        new = new_store(owner="alice", parameters={"title": "A"})
        await repository.create(new, actor="tester", once=True)
        for change in (
            {"name": "other"},
            {"type": "other"},
            {"owner": "bob"},
            {"parameters": {"title": "B"}},
        ):
            with pytest.raises(KeyReused):
                await repository.create(new.model_copy(update=change), actor="tester", once=True)
        assert len(await repository.events()) == 1

    async def test_key_of_a_store_that_is_gone(self, repository: Repository) -> None:
        """It does not make it anew: whoever repeats a request wants no second store."""
        new = new_store()
        await repository.create(new, actor="tester", once=True)
        await repository.declare(new.id, Declaration.DELETE, actor="tester")
        await repository.remove(await take(repository, new.id), [DELETED_EVENT])
        with pytest.raises(KeyReused):
            await repository.create(new, actor="tester", once=True)
        assert await repository.get(new.id) is None

    # -- limits ---------------------------------------------------------------

    async def test_stores_at_once(self, repository: Repository) -> None:
        """Those being deleted count; those of others do not."""
        limits = OwnerLimits(stores=1)
        store = await repository.create(new_store(owner="alice"), actor="t", limits=limits)
        await repository.create(new_store("bobs", owner="bob"), actor="t", limits=limits)
        await repository.declare(store.id, Declaration.DELETE, actor="t")
        with pytest.raises(TooManyStores):
            await repository.create(new_store("more", owner="alice"), actor="t", limits=limits)
        await repository.remove(await take(repository, store.id), [DELETED_EVENT])
        again = await repository.create(new_store("more", owner="alice"), actor="t", limits=limits)
        assert again.owner == "alice"

    async def test_stores_at_once_of_many_requests(
        self, repository: Repository, second: Repository
    ) -> None:
        """However they come, as many are made as allowed."""
        limits = OwnerLimits(stores=2, creations_per_hour=10)
        results = await asyncio.gather(
            *(
                each.create(new_store(f"s{n}", owner="alice"), actor="t", limits=limits)
                for n, each in enumerate((repository, second) * 3)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(result, Store) for result in results) == 2
        assert sum(isinstance(result, TooManyStores) for result in results) == 4

    async def test_creations_within_an_hour(self, repository: Repository) -> None:
        """Deleting makes no room; declarations of other kinds do not count."""
        limits = OwnerLimits(creations_per_hour=1)
        store = await repository.create(new_store(owner="alice"), actor="t", limits=limits)
        await repository.declare(store.id, Declaration.DELETE, actor="t")
        await repository.remove(await take(repository, store.id), [DELETED_EVENT])
        with pytest.raises(TooManyCreations):
            await repository.create(new_store(owner="alice"), actor="t", limits=limits)
        bobs = await repository.create(new_store(owner="bob"), actor="t", limits=limits)
        await repository.declare(bobs.id, Declaration.RETRY, actor="t")
        free = await repository.create(new_store("free", owner="alice"), actor="t")
        assert free.owner == "alice"

    async def test_no_limit(self, repository: Repository) -> None:
        """Limits that say nothing refuse nothing; one of nothing refuses all."""
        for n in range(3):
            await repository.create(new_store(f"s{n}"), actor="t", limits=OwnerLimits())
        with pytest.raises(TooManyStores):
            await repository.create(new_store("x"), actor="t", limits=OwnerLimits(stores=0))

    # -- all stores -----------------------------------------------------------

    async def test_last_event(self, repository: Repository, second: Repository) -> None:
        """Nothing that is written later has an id up to it."""
        assert await repository.last_event() == 0
        store = await repository.create(new_store(), actor="tester")
        last = await second.last_event()
        assert last == (await repository.events(store_id=store.id))[-1].id
        await repository.note(store.id, ACCESS_EVENT)
        assert await second.last_event() > last
        assert [event.kind for event in await second.events(after=last)] == [EventKind.ACCESS]

    async def test_note(self, repository: Repository) -> None:
        """It belongs to no pass, changes nothing that is declared, and wakes who watches."""
        store = await bring_to(repository, Status.READY)
        async with repository.changes(store.id) as changes:
            await repository.note(store.id, ACCESS_EVENT)
            assert await changes.wait(timeout=LONG)
        noted = await repository.get(store.id)
        assert noted is not None
        assert noted.updated_at >= store.updated_at
        assert noted.model_copy(update={"updated_at": store.updated_at}) == store
        event = (await repository.events(store_id=store.id))[-1]
        assert (event.kind, event.actor, event.epoch) == (EventKind.ACCESS, "alice", 0)

    async def test_note_of_nothing(self, repository: Repository) -> None:
        """Nothing is written."""
        with pytest.raises(StoreNotFound):
            await repository.note("nothing", ACCESS_EVENT)
        assert await repository.events() == []

    async def test_which_stores_changed(self, repository: Repository, second: Repository) -> None:
        """The flag names them, whoever changed them, or says that it may be any."""
        first = await repository.create(new_store("first"), actor="tester")
        async with repository.changes() as changes:
            assert changes.taken() in {frozenset(), None}
            await repository.declare(first.id, Declaration.RETRY, actor="tester")
            assert await changes.wait(timeout=LONG)
            assert changes.taken() in {frozenset({first.id}), None}
            theirs = await second.create(new_store("theirs"), actor="tester")
            seen: frozenset[str] | None = frozenset()
            while seen is not None and theirs.id not in seen:
                assert await changes.wait(timeout=LONG)
                taken = changes.taken()
                seen = None if taken is None else seen | taken
            assert first.id not in (seen or ())
