"""What every repository has to hold about leases and what is written under them."""

# ruff: noqa: FBT001, S101, PLR2004 - a test suite asserts, on small figures

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from storeorch.errors import InvalidTransition, LeaseLost
from storeorch.lifecycle import Declaration
from storeorch.models import Claim, EventKind, Status
from storeorch.ports import Repository
from storeorch.testing.contracts.samples import (
    CONDITION,
    FAULT,
    LONG,
    STEP_EVENT,
    TRANSITION_EVENT,
    bring_to,
    due,
    new_store,
    observation,
    take,
)

Write = Callable[[Repository, Claim], Awaitable[object]]


async def _record(repository: Repository, claim: Claim) -> object:
    return await repository.record(claim, observation(url="http://x"), [STEP_EVENT])


async def _finish(repository: Repository, claim: Claim) -> object:
    seen = observation(Status.READY, url="http://x")
    return await repository.finish(claim, seen, [STEP_EVENT], due_in=None)


async def _remove(repository: Repository, claim: Claim) -> object:
    await repository.remove(claim, [STEP_EVENT])
    return None


every_write = pytest.mark.parametrize("write", [_record, _finish, _remove])


class LeaseContract:
    """The part of ``ports.Repository`` that promises 1, 2 and 7 of the architecture rest on.

    Give the fixtures of ``RepositoryContract``. A lease of 0 seconds is one that has
    ended, so that no test waits.
    """

    # -- claim ----------------------------------------------------------------

    async def test_only_what_is_due_is_claimed(self, repository: Repository) -> None:
        """And it is claimed once."""
        await bring_to(repository, Status.READY, "resting")
        store = await repository.create(new_store(), actor="tester")
        batch = await repository.claim("worker-1", limit=10, lease=LONG)
        (claim,) = batch.claims
        assert (claim.store, claim.worker, claim.epoch) == (store, "worker-1", 1)
        assert claim.at >= store.declared_at
        for worker in ("worker-1", "worker-2"):
            again = await repository.claim(worker, limit=10, lease=LONG, wanted=[store.id])
            assert again.claims == ()

    async def test_limit(self, repository: Repository) -> None:
        """No more than asked for, and what fell due first comes first."""
        stores = [await bring_to(repository, Status.READY, f"s{n}") for n in range(3)]
        for store in (stores[1], stores[2], stores[0]):
            await repository.declare(store.id, Declaration.UPDATE, actor="t", parameters={})
        first = await repository.claim("worker-1", limit=2, lease=LONG)
        assert len(first.claims) == 2
        rest = await repository.claim("worker-1", limit=2, lease=LONG)
        assert len(rest.claims) == 1
        claimed = [claim.store.declared_at for claim in (*first.claims, *rest.claims)]
        assert max(claimed[:2]) <= claimed[2]

    async def test_nothing_asked_for(self, repository: Repository) -> None:
        """A limit of 0 takes nothing."""
        await repository.create(new_store(), actor="tester")
        assert (await repository.claim("worker-1", limit=0, lease=LONG)).claims == ()

    async def test_wanted_need_not_be_due(self, repository: Repository) -> None:
        """Beside those that are due, those that are wanted are taken."""
        resting = await bring_to(repository, Status.READY, "resting")
        other = await bring_to(repository, Status.READY, "other")
        new = await repository.create(new_store(), actor="tester")
        batch = await repository.claim(
            "worker-1", limit=10, lease=LONG, wanted=[resting.id, "nothing"]
        )
        assert {claim.store.id for claim in batch.claims} == {resting.id, new.id}
        assert other.id not in {claim.store.id for claim in batch.claims}

    async def test_failed_store_is_let_be(self, repository: Repository) -> None:
        """What happens in the cluster does not wake it; only a declaration does."""
        store = await bring_to(repository, Status.FAILED)
        batch = await repository.claim("worker-1", limit=1, lease=LONG, wanted=[store.id])
        assert batch.claims == ()
        await repository.declare(store.id, Declaration.RETRY, actor="tester")
        assert (await take(repository, store.id)).store.status is Status.PROVISIONING

    async def test_store_that_waits_for_the_next_attempt_is_let_be(
        self, repository: Repository
    ) -> None:
        """What happens in the cluster, by its own failing pass too, does not end the wait."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        await repository.finish(claim, observation(attempts=1), [], due_in=LONG)
        batch = await repository.claim("worker-1", limit=1, lease=LONG, wanted=[store.id])
        assert batch.claims == ()
        assert batch.next_due is not None
        assert 0 < batch.next_due <= LONG
        await repository.declare(store.id, Declaration.RETRY, actor="tester")
        assert (await take(repository, store.id)).store.attempts == 0

    async def test_only(self, repository: Repository) -> None:
        """A restricted worker takes nothing else, wanted or due."""
        first = await repository.create(new_store("first"), actor="tester")
        second = await repository.create(new_store("second"), actor="tester")
        batch = await repository.claim(
            "worker-1", limit=10, lease=LONG, wanted=[first.id, second.id], only=[second.id]
        )
        assert [claim.store.id for claim in batch.claims] == [second.id]
        nothing = await repository.claim("worker-1", limit=10, lease=LONG, only=[])
        assert (nothing.claims, nothing.next_due) == ((), None)

    async def test_lease_that_ended_passes_on(self, repository: Repository) -> None:
        """Another worker may take the store, with a higher epoch."""
        store = await repository.create(new_store(), actor="tester")
        first = await take(repository, store.id, lease=0)
        batch = await repository.claim("worker-2", limit=1, lease=LONG)
        (second,) = batch.claims
        assert (second.store.id, second.worker) == (store.id, "worker-2")
        assert second.epoch > first.epoch

    async def test_crash_leaves_a_store_due(self, repository: Repository) -> None:
        """Also one that was claimed because it was wanted."""
        store = await bring_to(repository, Status.READY)
        await take(repository, store.id, lease=0)
        assert await due(repository) == [store.id]

    async def test_epoch_grows_with_every_claim(self, repository: Repository) -> None:
        """Whether the last lease ended, was finished or given back."""
        store = await repository.create(new_store(), actor="tester")
        epochs = []
        for how in ("ended", "finished", "given back", "held"):
            lease = 0 if how == "ended" else LONG
            claim = await take(repository, store.id, lease=lease)
            epochs.append(claim.epoch)
            if how == "finished":
                await repository.finish(claim, observation(), [], due_in=0)
            if how == "given back":
                await repository.give_back(claim, due_in=0)
        assert epochs == [1, 2, 3, 4]

    async def test_no_two_workers_hold_one_store(
        self, repository: Repository, second: Repository
    ) -> None:
        """Many who claim at once share the stores among them."""
        made = [await repository.create(new_store(f"s{n}"), actor="t") for n in range(12)]
        batches = await asyncio.gather(
            *(
                (repository, second)[n % 2].claim(f"worker-{n}", limit=5, lease=LONG)
                for n in range(6)
            )
        )
        held = [claim.store.id for batch in batches for claim in batch.claims]
        assert len(held) == len(set(held))
        assert set(held) == {store.id for store in made}

    async def test_next_due(self, repository: Repository) -> None:
        """It tells how long there is nothing to do, as far as time alone brings work."""
        nothing = await repository.claim("worker-1", limit=1, lease=LONG)
        assert nothing.next_due is None
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        await repository.finish(claim, observation(), [], due_in=LONG)
        batch = await repository.claim("worker-1", limit=1, lease=LONG)
        assert batch.next_due is not None
        assert 0 < batch.next_due <= LONG
        only = await repository.claim("worker-1", limit=1, lease=LONG, only=["another"])
        assert only.next_due is None

    async def test_next_due_of_what_is_left(self, repository: Repository) -> None:
        """What is due and was not taken for the limit's sake is due now."""
        for name in ("first", "second"):
            await repository.create(new_store(name), actor="tester")
        batch = await repository.claim("worker-1", limit=1, lease=LONG)
        assert batch.next_due == 0

    async def test_next_due_of_what_is_held(self, repository: Repository) -> None:
        """A store that someone holds is free, and due, when the lease ends."""
        store = await repository.create(new_store(), actor="tester")
        await take(repository, store.id)
        batch = await repository.claim("worker-2", limit=1, lease=LONG)
        assert batch.next_due is not None
        assert 0 < batch.next_due <= LONG

    # -- renew ----------------------------------------------------------------

    async def test_renewal(self, repository: Repository) -> None:
        """It tells the present generation of each lease still held."""
        first = await repository.create(new_store("first"), actor="tester")
        second = await repository.create(new_store("second"), actor="tester")
        claims = [await take(repository, store.id) for store in (first, second)]
        leases = {claim.store.id: claim.epoch for claim in claims}
        await repository.declare(second.id, Declaration.UPDATE, actor="tester", parameters={})
        kept = await repository.renew("worker-1", leases, lease=LONG)
        assert kept == {first.id: 1, second.id: 2}
        assert await repository.renew("worker-1", {}, lease=LONG) == {}

    async def test_renewal_sets_the_end(self, repository: Repository) -> None:
        """The lease ends that long after the renewal, whatever it was before."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        assert await repository.renew("worker-1", {store.id: claim.epoch}, lease=0)
        assert (await repository.claim("worker-2", limit=1, lease=LONG)).claims

    async def test_what_cannot_be_renewed(self, repository: Repository) -> None:
        """A lease of another worker or epoch, one that ended, one of a store that is gone."""
        held = await repository.create(new_store("held"), actor="tester")
        epoch = (await take(repository, held.id)).epoch
        assert await repository.renew("worker-2", {held.id: epoch}, lease=LONG) == {}
        assert await repository.renew("worker-1", {held.id: epoch + 1}, lease=LONG) == {}
        assert await repository.renew("worker-1", {"nothing": 1}, lease=LONG) == {}
        ended = await repository.create(new_store("ended"), actor="tester")
        claim = await take(repository, ended.id, lease=0)
        assert await repository.renew("worker-1", {ended.id: claim.epoch}, lease=LONG) == {}
        assert await due(repository) == [ended.id]

    # -- writing under a lease ------------------------------------------------

    @every_write
    async def test_stale_lease_writes_nothing(self, repository: Repository, write: Write) -> None:
        """Once another worker has the store, the row and the history stay as they are."""
        store = await repository.create(new_store(), actor="tester")
        stale = await take(repository, store.id, lease=0)
        await take(repository, store.id, worker="worker-2")
        before = await repository.get(store.id), await repository.events()
        with pytest.raises(LeaseLost):
            await write(repository, stale)
        assert (await repository.get(store.id), await repository.events()) == before

    @every_write
    async def test_same_worker_with_an_older_lease(
        self, repository: Repository, write: Write
    ) -> None:
        """The epoch counts, not the worker's name."""
        store = await repository.create(new_store(), actor="tester")
        stale = await take(repository, store.id, lease=0)
        await take(repository, store.id)
        before = await repository.get(store.id), await repository.events()
        with pytest.raises(LeaseLost):
            await write(repository, stale)
        assert (await repository.get(store.id), await repository.events()) == before

    @every_write
    async def test_lease_that_was_given_back(self, repository: Repository, write: Write) -> None:
        """It is no lease any more."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        await repository.give_back(claim, due_in=None)
        before = await repository.get(store.id), await repository.events()
        with pytest.raises(LeaseLost):
            await write(repository, claim)
        assert (await repository.get(store.id), await repository.events()) == before

    @every_write
    async def test_store_that_is_gone(self, repository: Repository, write: Write) -> None:
        """There is nothing to write to."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        await repository.remove(claim, [])
        events = await repository.events()
        with pytest.raises(LeaseLost):
            await write(repository, claim)
        assert await repository.events() == events

    async def test_record_keeps_the_lease(self, repository: Repository) -> None:
        """What was seen is there for all to read, and the work goes on."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        seen = observation(url="http://my-store.local.test", fault=FAULT, attempts=3)
        written = await repository.record(claim, seen, [STEP_EVENT])
        assert written == await repository.get(store.id)
        assert (written.conditions, written.url) == ((CONDITION,), seen.url)
        assert (written.fault, written.attempts) == (FAULT, 3)
        assert written.observed_generation == 1
        assert written.updated_at >= store.updated_at
        assert (await repository.claim("worker-2", limit=1, lease=LONG)).claims == ()
        assert await repository.renew("worker-1", {store.id: claim.epoch}, lease=LONG)

    @pytest.mark.parametrize("last", ["record", "finish"])
    async def test_newer_declaration_keeps_its_word(
        self, repository: Repository, last: str
    ) -> None:
        """Conditions and steps are written; status, fault and generations stay as declared."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        declared = await repository.declare(store.id, Declaration.DELETE, actor="tester")
        seen = observation(Status.READY, fault=FAULT, attempts=5)
        news = [STEP_EVENT, TRANSITION_EVENT]
        if last == "record":
            written = await repository.record(claim, seen, news)
        else:
            written = await repository.finish(claim, seen, news, due_in=None)
        assert written == await repository.get(store.id)
        assert written.conditions == (CONDITION,)
        for name in ("status", "generation", "observed_generation", "fault", "attempts"):
            assert getattr(written, name) == getattr(declared, name), name
        assert (written.established, written.ready_at) == (False, None)
        kinds = [event.kind for event in await repository.events(store_id=store.id)]
        assert kinds == [EventKind.DECLARED, EventKind.DECLARED, EventKind.STEP]

    async def test_ready_at(self, repository: Repository) -> None:
        """It is when the store last became ready, not when it was last seen so."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        first = await repository.finish(claim, observation(Status.READY), [], due_in=None)
        assert first.ready_at == first.updated_at
        claim = await take(repository, store.id)
        again = await repository.finish(claim, observation(Status.READY), [], due_in=None)
        assert again.ready_at == first.ready_at

    async def test_no_transition_beside_the_table(self, repository: Repository) -> None:
        """It is refused, and nothing is written."""
        store = await bring_to(repository, Status.READY)
        claim = await take(repository, store.id)
        with pytest.raises(InvalidTransition):
            await repository.finish(claim, observation(Status.FAILED), [STEP_EVENT], due_in=None)
        assert await repository.get(store.id) == store

    @pytest.mark.parametrize(("due_in", "is_due"), [(None, False), (0, True), (LONG, False)])
    async def test_finish_says_when_next(
        self, repository: Repository, due_in: float | None, is_due: bool
    ) -> None:
        """Not before something changes, at once, or later."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        await repository.finish(claim, observation(), [], due_in=due_in)
        assert (await due(repository) == [store.id]) is is_due
        assert (await take(repository, store.id)).epoch == claim.epoch + 1 + is_due

    @pytest.mark.parametrize("due_in", [None, LONG])
    @pytest.mark.parametrize("last", ["finish", "give_back"])
    async def test_newer_declaration_is_due_at_once(
        self, repository: Repository, last: str, due_in: float | None
    ) -> None:
        """It does not wait for what an older one had to wait for."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        await repository.declare(store.id, Declaration.UPDATE, actor="t", parameters={})
        if last == "finish":
            await repository.finish(claim, observation(), [], due_in=due_in)
        else:
            await repository.give_back(claim, due_in=due_in)
        assert await due(repository) == [store.id]

    @pytest.mark.parametrize(("due_in", "is_due"), [(None, False), (0, True), (LONG, False)])
    async def test_give_back(
        self, repository: Repository, due_in: float | None, is_due: bool
    ) -> None:
        """The lease ends without an observation."""
        store = await repository.create(new_store(), actor="tester")
        await repository.give_back(await take(repository, store.id), due_in=due_in)
        left = await repository.get(store.id)
        assert left is not None
        assert left.model_copy(update={"updated_at": store.updated_at}) == store
        assert (await due(repository) == [store.id]) is is_due

    async def test_lost_lease_is_given_back_in_vain(self, repository: Repository) -> None:
        """It is no error, and the new holder keeps the store."""
        store = await repository.create(new_store(), actor="tester")
        stale = await take(repository, store.id, lease=0)
        held = await take(repository, store.id, worker="worker-2")
        await repository.give_back(stale, due_in=0)
        assert await due(repository) == []
        assert await repository.renew("worker-2", {store.id: held.epoch}, lease=LONG)

    async def test_wake_up(self, repository: Repository, second: Repository) -> None:
        """A lease that is given back wakes other workers that wait for work."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        async with second.work() as work:
            while await work.wait(timeout=0):
                pass
            await repository.give_back(claim, due_in=0)
            assert await work.wait(timeout=LONG)

    async def test_observation_is_no_work_for_who_wrote_it(
        self, repository: Repository, second: Repository
    ) -> None:
        """It is told to who waits for the store; what it leaves due is work to others alone."""
        store = await repository.create(new_store(), actor="tester")
        claim = await take(repository, store.id)
        async with repository.work() as own, second.work() as others:
            while await own.wait(timeout=0):
                pass
            async with repository.changes(store.id) as changes:
                await repository.record(claim, observation(), [])
                assert await changes.wait(timeout=LONG)
                await repository.finish(claim, observation(), [], due_in=0)
                assert await changes.wait(timeout=LONG)
            assert not await own.wait(timeout=0)
            assert await others.wait(timeout=LONG)
