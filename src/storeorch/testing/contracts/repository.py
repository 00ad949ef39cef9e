"""What every repository has to hold: declarations, reading, events, wake-ups."""

# ruff: noqa: S101, PLR2004 - a test suite asserts, on small figures

from __future__ import annotations

import asyncio
from datetime import UTC

import pytest

from storeorch.errors import (
    HostTaken,
    InvalidDeclaration,
    InvalidTransition,
    NameTaken,
    StoreIsDeleting,
    StoreNotFound,
)
from storeorch.lifecycle import Declaration
from storeorch.models import EventKind, Status, StoreFilter
from storeorch.ports import Repository
from storeorch.testing.contracts.samples import (
    DELETED_EVENT,
    FAULT,
    LONG,
    STEP_EVENT,
    bring_to,
    due,
    new_store,
    observation,
    take,
)


class RepositoryContract:
    """``ports.Repository``, but for leases; see ``LeaseContract``.

    Give two fixtures: ``repository``, an empty one for the cluster ``default``, and
    ``second``, another connection to the same database.
    """

    # -- create ---------------------------------------------------------------

    async def test_new_store_is_provisioning_and_due(self, repository: Repository) -> None:
        """It is provisioning, of generation 1, observed by no one and due at once."""
        new = new_store(parameters={"title": "Ätsch", "nested": {"a": [1, None, 2.5, True]}})
        store = await repository.create(new, actor="tester")
        assert (store.status, store.generation, store.observed_generation) == (
            Status.PROVISIONING,
            1,
            0,
        )
        for name, value in new.model_dump().items():
            assert getattr(store, name) == value
        assert store.created_at == store.declared_at == store.updated_at
        assert store.created_at.tzinfo is UTC
        assert (store.url, store.fault, store.ready_at, store.conditions) == (None, None, None, ())
        assert (store.attempts, store.established) == (0, False)
        assert await repository.get(store.id) == store
        assert await repository.find(store.name) == store
        assert await due(repository) == [store.id]

    async def test_creation_is_the_first_event(self, repository: Repository) -> None:
        """It names who declared the store."""
        store = await repository.create(new_store(), actor="tester")
        (event,) = await repository.events(store_id=store.id)
        assert (event.kind, event.actor) == (EventKind.DECLARED, "tester")
        assert (event.store_id, event.store_name) == (store.id, store.name)
        assert (event.generation, event.epoch) == (1, 0)
        assert event.at >= store.created_at

    async def test_name_can_be_taken_once(self, repository: Repository) -> None:
        """A second store of the name is refused and leaves no trace."""
        first = await repository.create(new_store(), actor="tester")
        second = new_store()
        with pytest.raises(NameTaken):
            await repository.create(second, actor="tester")
        assert await repository.get(second.id) is None
        assert await repository.find(first.name) == first
        assert len(await repository.events(name=first.name)) == 1

    async def test_name_is_taken_once_by_many_at_once(self, repository: Repository) -> None:
        """Of many who ask for one name together one gets it."""
        results = await asyncio.gather(
            *(repository.create(new_store(), actor="tester") for _ in range(5)),
            return_exceptions=True,
        )
        assert sum(isinstance(result, NameTaken) for result in results) == 4

    async def test_name_of_a_store_that_is_being_deleted(self, repository: Repository) -> None:
        """It is free again only when the store is gone."""
        store = await repository.create(new_store(), actor="tester")
        await repository.declare(store.id, Declaration.DELETE, actor="tester")
        with pytest.raises(StoreIsDeleting):
            await repository.create(new_store(), actor="tester")
        await repository.remove(await take(repository, store.id), [])
        again = await repository.create(new_store(), actor="tester")
        assert again.id != store.id

    async def test_a_host_belongs_to_one_store(self, repository: Repository) -> None:
        """Neither a new store nor an update takes the host of another."""
        first = await repository.create(new_store("first"), actor="tester")
        taken = new_store("second").model_copy(update={"host": first.host})
        with pytest.raises(HostTaken):
            await repository.create(taken, actor="tester")
        second = await repository.create(new_store("second"), actor="tester")
        with pytest.raises(HostTaken):
            await repository.declare(second.id, Declaration.UPDATE, actor="tester", host=first.host)
        assert await repository.get(second.id) == second
        await repository.declare(first.id, Declaration.UPDATE, actor="tester", host=first.host)
        await repository.declare(first.id, Declaration.UPDATE, actor="tester", host="new.test")
        await repository.declare(second.id, Declaration.UPDATE, actor="tester", host=first.host)

    # -- reading --------------------------------------------------------------

    async def test_what_is_not_there(self, repository: Repository) -> None:
        """Nothing is found, and that is no error."""
        assert await repository.get("nothing") is None
        assert await repository.find("nothing") is None
        assert await repository.events(name="nothing") == []
        page = await repository.list(StoreFilter())
        assert (list(page.items), page.next_cursor) == ([], None)

    async def test_list_is_newest_first(self, repository: Repository) -> None:
        """Stores are listed by the time of their creation."""
        made = [await repository.create(new_store(f"s{n}"), actor="tester") for n in range(5)]
        page = await repository.list(StoreFilter())
        times = [store.created_at for store in page.items]
        assert times == sorted(times, reverse=True)
        assert {store.id for store in page.items} == {store.id for store in made}
        assert page.next_cursor is None

    async def test_pages_hold_while_stores_come(self, repository: Repository) -> None:
        """Whoever pages through sees every store that was there, and each once."""
        made = {(await repository.create(new_store(f"s{n}"), actor="t")).id for n in range(7)}
        seen: list[str] = []
        cursor: str | None = None
        for number in range(20):
            page = await repository.list(StoreFilter(), limit=2, cursor=cursor)
            assert len(page.items) <= 2
            seen += [store.id for store in page.items if store.id in made]
            cursor = page.next_cursor
            if cursor is None:
                break
            await repository.create(new_store(f"later-{number}"), actor="t")
        assert cursor is None
        assert len(seen) == len(made)
        assert set(seen) == made

    async def test_last_full_page_has_no_cursor(self, repository: Repository) -> None:
        """A cursor promises that there is more."""
        for n in range(2):
            await repository.create(new_store(f"s{n}"), actor="tester")
        page = await repository.list(StoreFilter(), limit=2)
        assert (len(page.items), page.next_cursor) == (2, None)

    @pytest.mark.parametrize("cursor", ["nonsense", "", "bnVsbA==", "W10=", "ü"])
    async def test_cursor_of_someone_else(self, repository: Repository, cursor: str) -> None:
        """It is refused in words of ours."""
        with pytest.raises(InvalidDeclaration):
            await repository.list(StoreFilter(), cursor=cursor)

    async def test_filters(self, repository: Repository) -> None:
        """Statuses, type and a part of the name narrow the list down."""
        ready = await bring_to(repository, Status.READY, "abc-1")
        other = await repository.create(new_store("abc-2", type="other"), actor="tester")
        third = await repository.create(new_store("xyz"), actor="tester")

        async def found(**where: object) -> set[str]:
            page = await repository.list(StoreFilter.model_validate(where))
            return {store.id for store in page.items}

        assert await found(statuses={Status.READY}) == {ready.id}
        assert await found(statuses={Status.READY, Status.PROVISIONING}) == {
            ready.id,
            other.id,
            third.id,
        }
        assert await found(type="other") == {other.id}
        assert await found(search="bc-") == {ready.id, other.id}
        assert await found(search="bc-", type="sample") == {ready.id}
        assert await found(search="%") == set()
        assert await found(search="_") == set()

    async def test_stores_of_another_cluster(self, repository: Repository) -> None:
        """They are neither listed, nor found by name, nor claimed, nor in the way."""
        foreign = await repository.create(new_store(cluster="elsewhere"), actor="tester")
        assert await repository.find(foreign.name) is None
        assert list((await repository.list(StoreFilter())).items) == []
        assert await due(repository) == []
        own = await repository.create(new_store(), actor="tester")
        assert await repository.find(own.name) == own

    # -- declare --------------------------------------------------------------

    async def test_declaring_on_nothing(self, repository: Repository) -> None:
        """There is no such store."""
        with pytest.raises(StoreNotFound):
            await repository.declare("nothing", Declaration.RETRY, actor="tester")

    async def test_update(self, repository: Repository) -> None:
        """New parameters are a new generation, due at once."""
        before = await bring_to(repository, Status.READY)
        assert await due(repository) == []
        after = await repository.declare(
            before.id, Declaration.UPDATE, actor="editor", parameters={"a": 1}, host="shop.test"
        )
        assert after.host == "shop.test" != before.host
        assert (after.status, after.generation) == (Status.UPDATING, before.generation + 1)
        assert (after.parameters, after.established) == ({"a": 1}, True)
        assert after.observed_generation == before.observed_generation
        assert after.declared_at == after.updated_at >= before.declared_at
        assert after.created_at == before.created_at
        assert await repository.get(after.id) == after
        assert await due(repository) == [after.id]
        event = (await repository.events(store_id=after.id))[-1]
        assert (event.kind, event.actor, event.generation) == (EventKind.DECLARED, "editor", 2)

    async def test_declaration_starts_attempts_anew(self, repository: Repository) -> None:
        """What went wrong before is forgotten."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        seen = observation(Status.FAILED, fault=FAULT, attempts=7)
        failed = await repository.finish(claim, seen, [], due_in=None)
        assert (failed.fault, failed.attempts) == (FAULT, 7)
        assert failed.error_message == FAULT.message
        again = await repository.declare(store.id, Declaration.RETRY, actor="tester")
        assert (again.status, again.fault, again.attempts) == (Status.PROVISIONING, None, 0)
        assert await due(repository) == [store.id]

    async def test_retry_keeps_parameters(self, repository: Repository) -> None:
        """Only an update changes them."""
        store = await repository.create(new_store(parameters={"a": 1}), actor="tester")
        again = await repository.declare(store.id, Declaration.RETRY, actor="tester")
        assert (again.parameters, again.generation) == ({"a": 1}, 2)

    async def test_retry_accepts_an_empty_store(self, repository: Repository) -> None:
        """Who retries allows what is missing to be made anew: it holds no data then."""
        store = await bring_to(repository, Status.DEGRADED)
        assert store.established
        again = await repository.declare(store.id, Declaration.RETRY, actor="tester")
        assert not again.established

    async def test_nothing_to_retry(self, repository: Repository) -> None:
        """Retrying a ready store is refused and writes nothing."""
        store = await bring_to(repository, Status.READY)
        events = await repository.events(store_id=store.id)
        with pytest.raises(InvalidTransition):
            await repository.declare(store.id, Declaration.RETRY, actor="tester")
        assert await repository.get(store.id) == store
        assert await repository.events(store_id=store.id) == events
        assert await due(repository) == []

    async def test_deletion_is_declared_once(self, repository: Repository) -> None:
        """Repeating it changes nothing."""
        store = await repository.create(new_store(), actor="tester")
        first = await repository.declare(store.id, Declaration.DELETE, actor="tester")
        assert (first.status, first.generation) == (Status.DELETING, 2)
        events = await repository.events(store_id=store.id)
        assert await repository.declare(store.id, Declaration.DELETE, actor="tester") == first
        assert await repository.events(store_id=store.id) == events

    @pytest.mark.parametrize("declaration", [Declaration.UPDATE, Declaration.RETRY])
    async def test_nothing_after_deletion(
        self, repository: Repository, declaration: Declaration
    ) -> None:
        """A deletion is not taken back."""
        store = await repository.create(new_store(), actor="tester")
        deleting = await repository.declare(store.id, Declaration.DELETE, actor="tester")
        with pytest.raises(StoreIsDeleting):
            await repository.declare(store.id, declaration, actor="tester", parameters={})
        assert await repository.get(store.id) == deleting

    # -- events ---------------------------------------------------------------

    async def test_events_survive_removal(self, repository: Repository) -> None:
        """The history of a name tells of all stores that had it."""
        first = await repository.create(new_store(), actor="tester")
        await repository.declare(first.id, Declaration.DELETE, actor="tester")
        claim = await take(repository, first.id)
        await repository.remove(claim, [DELETED_EVENT])
        second = await repository.create(new_store(), actor="tester")
        history = await repository.events(name="my-store")
        assert [event.store_id for event in history] == [first.id] * 3 + [second.id]
        assert [event.kind for event in history] == [
            EventKind.DECLARED,
            EventKind.DECLARED,
            EventKind.DELETED,
            EventKind.DECLARED,
        ]
        assert history[2].epoch == claim.epoch
        assert await repository.events(store_id=first.id) == list(history[:3])

    async def test_events_are_read_on_from_where_one_was(self, repository: Repository) -> None:
        """Ids grow, and ``after`` and ``limit`` walk along them."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        for _ in range(2):
            await repository.record(claim, observation(), [STEP_EVENT, STEP_EVENT])
        everything = list(await repository.events())
        ids = [event.id for event in everything]
        assert ids == sorted(set(ids))
        assert await repository.events(after=ids[1]) == everything[2:]
        assert await repository.events(limit=2) == everything[:2]
        assert await repository.events(after=ids[-1]) == []

    async def test_events_keep_what_they_were_given(self, repository: Repository) -> None:
        """Nothing is lost on the way into the database."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        await repository.record(claim, observation(), [STEP_EVENT])
        event = (await repository.events(store_id=store.id))[-1]
        for name, value in STEP_EVENT.model_dump().items():
            assert getattr(event, name) == value
        assert (event.generation, event.epoch) == (1, claim.epoch)

    async def test_old_events_are_dropped(self, repository: Repository) -> None:
        """But for the newest of each store that exists; ids are not given out again."""
        gone = await repository.create(new_store("gone"), actor="tester")
        await repository.remove(await take(repository, gone.id), [DELETED_EVENT])
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        await repository.record(claim, observation(), [STEP_EVENT] * 4)
        before = list(await repository.events())
        assert await repository.prune_events(older_than=LONG, keep=2) == 0
        assert await repository.events() == before
        assert await repository.prune_events(older_than=-LONG, keep=2) == 5
        assert await repository.events() == before[-2:]
        assert await repository.prune_events(older_than=-LONG, keep=0) == 2
        await repository.record(claim, observation(), [STEP_EVENT])
        (event,) = await repository.events()
        assert event.id > before[-1].id

    async def test_many_events_are_dropped(self, repository: Repository) -> None:
        """More than one statement should have to take."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        await repository.record(claim, observation(), [STEP_EVENT] * 2500)
        assert await repository.prune_events(older_than=-LONG) == 2401
        assert len(await repository.events()) == 100

    # -- engines --------------------------------------------------------------

    async def test_signs_of_life(self, repository: Repository, second: Repository) -> None:
        """An engine is known to others until it stops or falls silent."""
        assert await repository.workers(seen_within=LONG) == []
        await repository.beat("worker-1")
        await repository.beat("worker-1")
        await repository.beat("worker-2")
        seen = await second.workers(seen_within=LONG)
        assert sorted(worker.name for worker in seen) == ["worker-1", "worker-2"]
        assert await second.workers(seen_within=0) == []
        await repository.beat("worker-1", alive=False)
        assert [w.name for w in await second.workers(seen_within=LONG)] == ["worker-2"]
        await repository.beat("never-seen", alive=False)

    async def test_changes(self, repository: Repository) -> None:
        """The flag is raised by a commit and lowered by a look."""
        async with repository.changes() as changes:
            assert not await changes.wait(timeout=0)
            store = await repository.create(new_store(), actor="tester")
            assert await changes.wait(timeout=LONG)
            while await changes.wait(timeout=0):
                pass  # one commit may be told of more than once
            await repository.declare(store.id, Declaration.DELETE, actor="tester")
            assert await changes.wait(timeout=LONG)

    async def test_changes_by_another_connection(
        self, repository: Repository, second: Repository
    ) -> None:
        """Whoever commits raises everyone's flag."""
        async with repository.changes() as changes, repository.changes() as others:
            await second.create(new_store(), actor="tester")
            assert await changes.wait(timeout=LONG)
            assert await others.wait(timeout=LONG)

    async def test_changes_of_one_store(self, repository: Repository) -> None:
        """Whoever waits for one store is not woken by others."""
        mine = await repository.create(new_store("mine"), actor="tester")
        other = await repository.create(new_store("other"), actor="tester")
        async with repository.changes(mine.id) as changes, repository.changes() as all_changes:
            await repository.declare(other.id, Declaration.DELETE, actor="tester")
            assert await all_changes.wait(timeout=LONG)
            assert not await changes.wait(timeout=0)
            await repository.declare(mine.id, Declaration.DELETE, actor="tester")
            assert await changes.wait(timeout=LONG)

    async def test_removal_is_told(self, repository: Repository, second: Repository) -> None:
        """Whoever waits for a store to be gone hears of it, through any connection."""
        store = await repository.create(new_store(), actor="tester")
        await repository.declare(store.id, Declaration.DELETE, actor="tester")
        claim = await take(repository, store.id)
        async with repository.changes(store.id) as here, second.changes(store.id) as there:
            await repository.remove(claim, [DELETED_EVENT])
            assert await here.wait(timeout=LONG)
            assert await there.wait(timeout=LONG)
            while await second.get(store.id) is not None:
                assert await there.wait(timeout=LONG)

    async def test_declarations_are_work(self, repository: Repository, second: Repository) -> None:
        """By whomever they are said."""
        async with repository.work() as work:
            store = await repository.create(new_store(), actor="tester")
            assert await work.wait(timeout=LONG)
            while await work.wait(timeout=0):
                pass
            await second.declare(store.id, Declaration.DELETE, actor="tester")
            assert await work.wait(timeout=LONG)
