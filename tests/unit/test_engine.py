"""The running loop, with passes made for the purpose, in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from storeorch.engine import BEAT_SECONDS, Engine, running
from storeorch.errors import ClusterUnavailable, DatabaseUnavailable, LeaseLost
from storeorch.fencing import check_lease
from storeorch.lifecycle import Declaration
from storeorch.models import Claim, ClaimBatch, Observation, Status, Store
from storeorch.ports import Changes, Owner
from storeorch.testing import Checkpoint, MemoryRepository, Sandbox, VirtualClock, virtual_time
from storeorch.testing.checkpoint import pass_by

CANARY = "c4n4ry-s3cr3t"
Pass = Callable[[Claim], Awaitable[None]]


class HangingRepository(MemoryRepository):
    """A database whose answers may never come.

    Attributes:
        hangs: Whether renewals get no answer.
        broken_waits: How many waits for work have failed; None while they do not.
    """

    hangs = False
    broken_waits: int | None = None

    @override
    @asynccontextmanager
    async def work(self) -> AsyncIterator[Changes]:
        async with super().work() as changes:
            yield BreakableWait(self, changes)

    def __init__(self, clock: VirtualClock, checkpoint: Checkpoint = pass_by) -> None:
        super().__init__(clock, checkpoint=checkpoint)
        self.claims_wait = asyncio.Event()
        self.claims_wait.set()
        self.locked = False
        self.claims_in_vain = 0

    @override
    async def renew(
        self, worker: str, leases: Mapping[str, int], *, lease: float
    ) -> Mapping[str, int]:
        if self.hangs:
            await asyncio.Event().wait()
        return await super().renew(worker, leases, lease=lease)

    @override
    async def claim(self, worker: str, **how: Any) -> Any:
        if self.locked:
            self.claims_in_vain += 1
            return ClaimBatch(claims=(), next_due=0)
        batch = await super().claim(worker, **how)
        await self.claims_wait.wait()
        return batch


class BreakableWait:
    def __init__(self, repository: HangingRepository, changes: Changes) -> None:
        self._repository = repository
        self._changes = changes

    def taken(self) -> frozenset[str] | None:
        return self._changes.taken()

    async def wait(self, timeout: float | None = None) -> bool:
        if self._repository.broken_waits is not None:
            self._repository.broken_waits += 1
            raise DatabaseUnavailable
        return await self._changes.wait(timeout)


class Floor:
    """Engines over one repository, whose passes do what a test says."""

    def __init__(self, **settings: Any) -> None:
        self.sandbox = Sandbox(**settings)
        self.repository = HangingRepository(self.sandbox.clock)
        self.sandbox.repository = self.repository
        self.clock = self.sandbox.clock
        self.act: Pass = self.finish
        self.passes: list[tuple[str, str, float]] = []
        self.working: Counter[str] = Counter()
        self.most_at_once = 0
        self.cancelled: list[tuple[str, float]] = []

    def engine(self, worker: str = "worker-1", **more: Any) -> Engine:
        return Engine(
            repository=self.repository,
            reconcile=self.reconcile,
            watch=self.sandbox.cluster.watch,
            clock=self.clock,
            settings=self.sandbox.settings,
            worker=worker,
            **more,
        )

    async def reconcile(self, claim: Claim) -> None:
        name = claim.store.name
        self.passes.append((claim.worker, name, self.clock.monotonic()))
        self.working[name] += 1
        self.most_at_once = max(self.most_at_once, self.working.total())
        assert self.working[name] == 1, "no two passes over one store"
        try:
            await self.act(claim)
        except asyncio.CancelledError:
            self.cancelled.append((name, self.clock.monotonic()))
            raise
        finally:
            self.working[name] -= 1

    async def finish(self, claim: Claim, due_in: float | None = None) -> None:
        seen = Observation(
            status=claim.store.status,
            observed_generation=claim.store.generation,
            conditions=(),
        )
        await self.repository.finish(claim, seen, [], due_in=due_in)

    async def forever(self, claim: Claim) -> None:
        await asyncio.Event().wait()

    async def create(self, *names: str) -> list[Store]:
        return [await self.sandbox.create(name) for name in names]

    def taken(self) -> list[str]:
        return [name for _, name, _ in self.passes]

    def lease_of(self, store: Store) -> str | None:
        return self.repository.rows[store.id].lease_owner


def owner_of(store: Store) -> Owner:
    return Owner(store.id, store.name)


async def a_moment() -> None:
    """Let happen what takes no time."""
    await asyncio.sleep(0.001)


# -- wake-ups -----------------------------------------------------------------


@virtual_time
async def test_declared_store_is_taken_at_once() -> None:
    floor = Floor()
    async with running(floor.engine()):
        await asyncio.sleep(1000)
        await floor.create("my-store")
        declared_at = floor.clock.monotonic()
        await a_moment()
        assert floor.passes == [("worker-1", "my-store", declared_at)]


@virtual_time
async def test_what_was_declared_before_the_start_is_taken() -> None:
    floor = Floor()
    await floor.create("a", "b", "c")
    async with running(floor.engine()):
        await a_moment()
        assert sorted(floor.taken()) == ["a", "b", "c"]


@virtual_time
async def test_what_happened_while_nobody_watched_is_looked_at() -> None:
    """Every store is looked at once at the start, in pages, but for those that failed."""
    floor = Floor()
    stores = await floor.create(*(f"s{n}" for n in range(510)))
    for store in stores:
        row = floor.repository.rows[store.id]
        row.due_at = None
        row.store = row.store.model_copy(update={"status": Status.READY})
    failed = floor.repository.rows[stores[0].id]
    failed.store = failed.store.model_copy(update={"status": Status.FAILED})
    async with running(floor.engine()):
        await asyncio.sleep(60)
    assert sorted(floor.taken()) == sorted(store.name for store in stores[1:])


@virtual_time
async def test_restricted_engine_looks_at_its_own_at_the_start() -> None:
    floor = Floor()
    mine, other = await floor.create("mine", "other")
    for store in (mine, other):
        floor.repository.rows[store.id].due_at = None
    async with running(floor.engine(only=[mine.id])):
        await asyncio.sleep(60)
    assert floor.taken() == ["mine"]


@virtual_time
async def test_store_is_taken_when_it_falls_due() -> None:
    floor = Floor()

    async def later(claim: Claim) -> None:
        await floor.finish(claim, due_in=100)

    floor.act = later
    async with running(floor.engine()):
        await floor.create("my-store")
        await asyncio.sleep(350)
        times = [round(at) for _, _, at in floor.passes]
        assert times == [0, 100, 200, 300]


@virtual_time
async def test_change_in_the_cluster_starts_a_pass() -> None:
    floor = Floor()
    (store,) = await floor.create("my-store")
    async with running(floor.engine()):
        await asyncio.sleep(50)
        assert len(floor.passes) == 1
        await floor.sandbox.cluster.create_namespace(store.namespace, owner_of(store))
        await a_moment()
        assert len(floor.passes) == 2


@virtual_time
async def test_change_during_a_pass_starts_another_after_it() -> None:
    floor = Floor()
    (store,) = await floor.create("my-store")

    async def slowly(claim: Claim) -> None:
        await asyncio.sleep(10)
        await floor.finish(claim)

    floor.act = slowly
    async with running(floor.engine()):
        await asyncio.sleep(5)
        for name in ("a", "b"):
            await floor.sandbox.cluster.create_namespace(name, owner_of(store))
        await asyncio.sleep(100)
        assert [round(at) for _, _, at in floor.passes] == [0, 10]


@virtual_time
async def test_newer_declaration_is_taken_after_a_short_pass() -> None:
    floor = Floor()
    (store,) = await floor.create("my-store")

    async def briefly(claim: Claim) -> None:
        await asyncio.sleep(0.9)
        await floor.finish(claim)

    floor.act = briefly
    async with running(floor.engine()):
        await asyncio.sleep(0.5)
        await floor.repository.declare(store.id, Declaration.DELETE, actor="tester")
        await asyncio.sleep(10)
        assert [at for _, _, at in floor.passes] == pytest.approx([0, 0.9], abs=0.01)
        assert floor.cancelled == []


@pytest.mark.parametrize("others", [0, 40])
@virtual_time
async def test_newer_declaration_ends_a_pass_that_takes_long(others: int) -> None:
    """At once; where the engine has no room for another pass as well."""
    floor = Floor(lease_duration=600, max_passes=1 if others else 32)
    (store,) = await floor.create("my-store")
    await floor.create(*(f"s{n}" for n in range(others)))
    floor.act = floor.forever
    async with running(floor.engine()):
        await asyncio.sleep(5)
        await floor.repository.declare(store.id, Declaration.DELETE, actor="tester")
        await a_moment()
        assert [name for name, _ in floor.cancelled] == ["my-store"]
        await asyncio.sleep(1)


@virtual_time
async def test_declarations_of_others_do_not_end_a_pass() -> None:
    floor = Floor(lease_duration=600)
    await floor.create("my-store")
    floor.act = floor.forever
    async with running(floor.engine()):
        for number in range(10):
            await asyncio.sleep(5)
            await floor.create(f"s{number}")
        await a_moment()
        assert floor.cancelled == []


@virtual_time
async def test_idle_engine_asks_nothing() -> None:
    """It gives signs of life; nothing is polled, however many stores there are."""
    floor = Floor()
    await floor.create(*(f"s{n}" for n in range(20)))
    async with running(floor.engine()):
        await asyncio.sleep(100)
        before = floor.repository.queries
        await asyncio.sleep(1000)
        assert floor.repository.queries - before <= 1000 / BEAT_SECONDS + 1


@virtual_time
async def test_store_that_another_transaction_has_under_way_is_asked_for_now_and_then() -> None:
    """A worker that stands still in the midst of a transaction locks its row for long."""
    floor = Floor()
    floor.repository.locked = True
    async with running(floor.engine()):
        await floor.create("my-store")
        await asyncio.sleep(10)
        before = floor.repository.claims_in_vain
        await asyncio.sleep(20)
        assert 0 < floor.repository.claims_in_vain - before <= 20 / 0.5 + 1
        floor.repository.locked = False
        await asyncio.sleep(0.6)
        assert floor.taken() == ["my-store"]


# -- concurrency --------------------------------------------------------------


@virtual_time
async def test_no_more_passes_than_allowed() -> None:
    floor = Floor(max_passes=3)
    await floor.create(*(f"s{n}" for n in range(10)))

    async def slowly(claim: Claim) -> None:
        await asyncio.sleep(10)
        await floor.finish(claim)

    floor.act = slowly
    async with running(floor.engine()):
        await asyncio.sleep(45)
        assert len(floor.passes) == 10
        assert floor.most_at_once == 3
        assert [round(at) for _, _, at in floor.passes] == [0, 0, 0, 10, 10, 10, 20, 20, 20, 30]


@virtual_time
async def test_slow_store_does_not_slow_the_others() -> None:
    floor = Floor(max_passes=2)
    await floor.create("slow")
    quick = [f"s{n}" for n in range(5)]

    async def act(claim: Claim) -> None:
        await asyncio.sleep(1000 if claim.store.name == "slow" else 1)
        await floor.finish(claim)

    floor.act = act
    async with running(floor.engine()):
        await a_moment()
        await floor.create(*quick)
        await asyncio.sleep(10)
        assert sorted(floor.taken()) == sorted(["slow", *quick])
        await asyncio.sleep(1000)


@virtual_time
async def test_wanted_store_that_finds_no_room_is_not_forgotten() -> None:
    floor = Floor(max_passes=1)
    first, second = await floor.create("first", "second")

    async def slowly(claim: Claim) -> None:
        await asyncio.sleep(10)
        await floor.finish(claim)

    floor.act = slowly
    async with running(floor.engine()):
        await asyncio.sleep(25)
        assert floor.taken() == ["first", "second"]
        for store in (first, second):
            await floor.sandbox.cluster.create_namespace(store.namespace, owner_of(store))
        await asyncio.sleep(25)
        assert sorted(floor.taken()) == ["first", "first", "second", "second"]


@virtual_time
async def test_many_engines_share_the_stores() -> None:
    floor = Floor(max_passes=4)
    names = [f"s{n}" for n in range(40)]
    await floor.create(*names)

    async def slowly(claim: Claim) -> None:
        await asyncio.sleep(5)
        await floor.finish(claim)

    floor.act = slowly
    async with (
        running(floor.engine("worker-1")),
        running(floor.engine("worker-2")),
        running(floor.engine("worker-3")),
    ):
        await asyncio.sleep(100)
    assert set(floor.taken()) == set(names)
    assert {worker for worker, _, _ in floor.passes} == {"worker-1", "worker-2", "worker-3"}


# -- restricted engines -------------------------------------------------------


@virtual_time
async def test_restricted_engine_works_on_its_stores_alone() -> None:
    floor = Floor()
    mine, other = await floor.create("mine", "other")
    engine = floor.engine(only=[mine.id])
    async with running(engine):
        await a_moment()
        await floor.sandbox.cluster.create_namespace(other.namespace, owner_of(other))
        await asyncio.sleep(100)
        assert floor.taken() == ["mine"]
        engine.include(other.id)
        await a_moment()
        assert floor.taken() == ["mine", "other"]
        await floor.sandbox.cluster.create_namespace("x", owner_of(other))
        await a_moment()
        assert floor.taken() == ["mine", "other", "other"]


@virtual_time
async def test_including_twice_or_in_an_unrestricted_engine() -> None:
    floor = Floor()
    (store,) = await floor.create("my-store")
    engine = floor.engine(only=[])
    async with running(engine):
        await asyncio.sleep(10)
        assert floor.passes == []
        engine.include(store.id)
        engine.include(store.id)
        await a_moment()
        assert floor.taken() == ["my-store"]
    free = floor.engine()
    async with running(free):
        await a_moment()
        before = len(floor.passes)
        free.include(store.id)
        await a_moment()
        assert len(floor.passes) == before + 1


# -- leases -------------------------------------------------------------------


@virtual_time
async def test_long_pass_keeps_its_lease() -> None:
    floor = Floor(lease_duration=30)
    await floor.create("my-store")

    async def slowly(claim: Claim) -> None:
        await asyncio.sleep(1000)
        await floor.finish(claim)

    floor.act = slowly
    async with running(floor.engine("worker-1")):
        await a_moment()
        async with running(floor.engine("worker-2")):
            await asyncio.sleep(1010)
    assert len(floor.passes) == 1
    assert floor.cancelled == []


@virtual_time
async def test_pass_whose_lease_passed_on_is_cancelled() -> None:
    floor = Floor(lease_duration=30)
    (store,) = await floor.create("my-store")
    floor.act = floor.forever
    async with running(floor.engine()):
        await a_moment()
        row = floor.repository.rows[store.id]
        row.lease_owner, row.lease_epoch = "worker-2", row.lease_epoch + 1
        row.lease_until = floor.clock.now() + timedelta(seconds=1000)
        await asyncio.sleep(11)
        assert [name for name, _ in floor.cancelled] == ["my-store"]
        assert floor.lease_of(store) == "worker-2", "what is not ours is not given back"


@pytest.mark.parametrize("how", ["hangs", "fails"])
@pytest.mark.parametrize("begun", [0.5, 3, 9.5])
def test_pass_stops_before_its_lease_can_end(how: str, begun: float) -> None:
    """Also where the database does not answer at all: another worker may start at the end."""

    @virtual_time
    async def scenario() -> None:
        floor = Floor(lease_duration=30)
        floor.act = floor.forever
        async with running(floor.engine()):
            await asyncio.sleep(begun)
            (store,) = await floor.create("my-store")
            await asyncio.sleep(45)
            row = floor.repository.rows[store.id]
            assert floor.cancelled == []
            floor.repository.hangs = how == "hangs"
            floor.repository.unavailable = how == "fails"
            until = row.lease_until
            assert until is not None
            left = (until - floor.clock.now()).total_seconds()
            await asyncio.sleep(left - 30 / 3 + 0.1)
            assert [name for name, _ in floor.cancelled] == ["my-store"]
            floor.repository.hangs = floor.repository.unavailable = False

    scenario()


@virtual_time
async def test_pass_that_ended_is_not_cancelled_later() -> None:
    floor = Floor(lease_duration=30)
    await floor.create("my-store")
    async with running(floor.engine()):
        await a_moment()
        floor.repository.hangs = True
        await asyncio.sleep(100)
        assert floor.cancelled == []
        floor.repository.hangs = False


@virtual_time
async def test_pass_that_slept_through_the_end_of_its_lease_changes_nothing() -> None:
    """Its timer cannot run before the pass does, if the whole process stood still."""
    floor = Floor(lease_duration=30)
    await floor.create("my-store")
    refused = []

    async def act(claim: Claim) -> None:
        check_lease()
        floor.clock.advance(20)
        with pytest.raises(LeaseLost) as error:
            check_lease()
        refused.append(error.value)
        raise error.value

    floor.act = act
    async with running(floor.engine()):
        await a_moment()
    assert len(refused) == 1


@virtual_time
async def test_own_lease_that_ran_out_is_not_taken_anew_while_the_pass_winds_up() -> None:
    floor = Floor(lease_duration=30)
    (store,) = await floor.create("my-store")
    release = asyncio.Event()

    async def stubborn(claim: Claim) -> None:
        if len(floor.passes) > 1:
            await floor.finish(claim)
            return
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()

    floor.act = stubborn
    async with running(floor.engine()):
        await a_moment()
        floor.repository.hangs = True
        await asyncio.sleep(100)
        assert len(floor.passes) == 1
        floor.repository.hangs = False
        release.set()
        await asyncio.sleep(10)
        assert len(floor.passes) == 2
    assert floor.lease_of(store) is None


# -- failures -----------------------------------------------------------------


@virtual_time
async def test_pass_that_breaks_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    floor = Floor(backoff_base=2)
    await floor.create("bad", "good")

    async def act(claim: Claim) -> None:
        if claim.store.name == "bad":
            raise ValueError(CANARY)
        await floor.finish(claim)

    floor.act = act
    with caplog.at_level(logging.INFO):
        async with running(floor.engine()):
            await asyncio.sleep(9)
    assert Counter(floor.taken()) == {"bad": 5, "good": 1}
    ours = [record.getMessage() for record in caplog.records if record.name == "storeorch"]
    assert ours
    assert not [message for message in ours if CANARY in message]
    details = [r for r in caplog.records if r.name == "storeorch.operator" and r.exc_info]
    assert all(vars(record)["store_name"] == "bad" for record in details)
    assert all(vars(record)["error_id"] in ours[n] for n, record in enumerate(details))


@virtual_time
async def test_lost_lease_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    floor = Floor()
    (store,) = await floor.create("my-store")

    async def lose(claim: Claim) -> None:
        raise LeaseLost

    floor.act = lose
    async with running(floor.engine()):
        await a_moment()
    assert len(floor.passes) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert floor.lease_of(store) == "worker-1", "the row is left as it is"


@virtual_time
@pytest.mark.parametrize("from_the_start", [True, False])
async def test_database_comes_back(*, from_the_start: bool) -> None:
    floor = Floor()
    floor.repository.unavailable = from_the_start
    async with running(floor.engine()):
        await a_moment()
        floor.repository.unavailable = True
        await asyncio.sleep(300)
        floor.repository.unavailable = False
        await floor.create("my-store")
        await asyncio.sleep(2)
        assert floor.taken() == ["my-store"]
        assert [w.name for w in await floor.repository.workers(seen_within=15)] == ["worker-1"]


@virtual_time
async def test_a_wait_that_fails_is_not_repeated_at_once() -> None:
    """Also while there is no room for another pass, so that nothing is claimed in between."""
    floor = Floor(max_passes=1)
    floor.act = floor.forever
    await floor.create("one", "two")
    async with running(floor.engine()):
        await asyncio.sleep(10)
        floor.repository.broken_waits = 0
        await floor.create("three")  # ends the wait that is under way
        await asyncio.sleep(60)
        assert 0 < floor.repository.broken_waits <= 60
        floor.repository.broken_waits = None


@virtual_time
async def test_wanted_store_survives_a_database_that_is_away() -> None:
    floor = Floor()
    (store,) = await floor.create("my-store")
    async with running(floor.engine()):
        await asyncio.sleep(10)
        floor.repository.unavailable = True
        await floor.sandbox.cluster.create_namespace(store.namespace, owner_of(store))
        await asyncio.sleep(30)
        floor.repository.unavailable = False
        await asyncio.sleep(2)
        assert len(floor.passes) == 2


@virtual_time
async def test_lease_that_cannot_be_given_back_ends_by_itself() -> None:
    floor = Floor(lease_duration=30)
    await floor.create("my-store")

    async def act(claim: Claim) -> None:
        if len(floor.passes) > 1:
            await floor.finish(claim)
            return
        floor.repository.unavailable = True
        raise ValueError

    floor.act = act
    async with running(floor.engine()):
        await asyncio.sleep(5)
        floor.repository.unavailable = False
        await asyncio.sleep(40)
        assert [round(at, -1) for _, _, at in floor.passes] == [0, 30]


@virtual_time
async def test_cluster_that_is_away_at_the_start_is_not_waited_for_long() -> None:
    floor = Floor()
    await floor.create("my-store")
    floor.sandbox.cluster.unavailable = True
    async with running(floor.engine()):
        await asyncio.sleep(4)
        assert floor.passes == []
        await asyncio.sleep(4)
        assert floor.taken() == ["my-store"]


@virtual_time
async def test_watch_comes_back() -> None:
    floor = Floor()
    (store,) = await floor.create("my-store")
    floor.sandbox.cluster.unavailable = True
    async with running(floor.engine()):
        await asyncio.sleep(300)
        floor.sandbox.cluster.unavailable = False
        await asyncio.sleep(2)
        passes = len(floor.passes)
        await floor.sandbox.cluster.create_namespace(store.namespace, owner_of(store))
        await a_moment()
        assert len(floor.passes) == passes + 1


@virtual_time
async def test_watch_that_breaks_is_begun_anew() -> None:
    floor = Floor()
    begun: list[float] = []

    @asynccontextmanager
    async def breaking() -> AsyncIterator[AsyncIterator[str]]:
        begun.append(floor.clock.monotonic())

        async def ids() -> AsyncIterator[str]:
            yield "nothing"
            await asyncio.sleep(10)
            raise ClusterUnavailable

        yield ids()

    engine = Engine(
        repository=floor.repository,
        reconcile=floor.reconcile,
        watch=breaking,
        clock=floor.clock,
        settings=floor.sandbox.settings,
        worker="worker-1",
    )
    async with running(engine):
        await asyncio.sleep(40)
    assert [round(at) for at in begun] == [0, 11, 22, 33]


# -- life and death -----------------------------------------------------------


@virtual_time
async def test_signs_of_life() -> None:
    floor = Floor()
    engine = floor.engine("worker-7")
    assert engine.worker == "worker-7"
    async with running(engine):
        for _ in range(10):
            await asyncio.sleep(7.7)
            seen = await floor.repository.workers(seen_within=BEAT_SECONDS + 0.1)
            assert [worker.name for worker in seen] == ["worker-7"]
    assert await floor.repository.workers(seen_within=1000) == []


@virtual_time
async def test_stop_lets_passes_end() -> None:
    floor = Floor(shutdown_grace=10)
    first, second = await floor.create("first", "second")

    async def slowly(claim: Claim) -> None:
        await asyncio.sleep(8)
        await floor.finish(claim)

    floor.act = slowly
    engine = floor.engine()
    task = asyncio.create_task(engine.run())
    await asyncio.sleep(1)
    engine.stop()
    await floor.create("third")
    await task
    assert floor.clock.monotonic() == pytest.approx(8, abs=0.1)
    assert floor.cancelled == []
    assert sorted(floor.taken()) == ["first", "second"], "no new work"
    assert (floor.lease_of(first), floor.lease_of(second)) == (None, None)


@virtual_time
async def test_stop_ends_passes_after_the_grace_and_gives_leases_back() -> None:
    floor = Floor(shutdown_grace=10, lease_duration=30)
    (store,) = await floor.create("my-store")
    floor.act = floor.forever
    engine = floor.engine()
    task = asyncio.create_task(engine.run())
    await asyncio.sleep(1)
    engine.stop()
    await task
    assert floor.clock.monotonic() == pytest.approx(11, abs=0.1)
    assert [name for name, _ in floor.cancelled] == ["my-store"]
    assert floor.lease_of(store) is None
    batch = await floor.repository.claim("worker-2", limit=1, lease=30)
    assert [claim.store.id for claim in batch.claims] == [store.id], "at once, for another"


@virtual_time
async def test_lease_is_kept_while_passes_end() -> None:
    floor = Floor(shutdown_grace=100, lease_duration=30)
    (store,) = await floor.create("my-store")
    floor.act = floor.forever
    engine = floor.engine()
    task = asyncio.create_task(engine.run())
    await asyncio.sleep(1)
    engine.stop()
    await asyncio.sleep(90)
    assert floor.cancelled == []
    row = floor.repository.rows[store.id]
    assert row.lease_until is not None
    assert row.lease_until > floor.clock.now()
    await task


@virtual_time
async def test_cancellation_ends_passes_at_once() -> None:
    floor = Floor()
    (store,) = await floor.create("my-store")
    floor.act = floor.forever
    task = asyncio.create_task(floor.engine().run())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert floor.clock.monotonic() == pytest.approx(1, abs=0.1)
    assert floor.lease_of(store) is None
    assert await floor.repository.workers(seen_within=1000) == []


@virtual_time
async def test_claim_under_way_at_the_stop_is_not_lost() -> None:
    """What was claimed meanwhile is worked on or given back, not held until it expires."""
    floor = Floor(shutdown_grace=10)
    engine = floor.engine()
    task = asyncio.create_task(engine.run())
    await asyncio.sleep(1)
    floor.repository.claims_wait.clear()
    (store,) = await floor.create("my-store")
    await a_moment()
    assert floor.lease_of(store) == "worker-1"
    engine.stop()
    await a_moment()
    floor.repository.claims_wait.set()
    await task
    assert floor.lease_of(store) is None


@virtual_time
async def test_database_that_never_answers_does_not_keep_the_engine() -> None:
    floor = Floor(shutdown_grace=10)
    engine = floor.engine()
    task = asyncio.create_task(engine.run())
    await asyncio.sleep(1)
    floor.repository.claims_wait.clear()
    await floor.create("my-store")
    await a_moment()
    engine.stop()
    await task
    assert floor.clock.monotonic() < 25


@virtual_time
async def test_stop_before_the_database_was_ever_there() -> None:
    floor = Floor()
    floor.repository.unavailable = True
    async with running(floor.engine()):
        await asyncio.sleep(10)
    assert floor.passes == []


@virtual_time
async def test_stop_with_a_database_that_is_away() -> None:
    floor = Floor()
    await floor.create("my-store")
    floor.act = floor.forever
    engine = floor.engine()
    task = asyncio.create_task(engine.run())
    await asyncio.sleep(1)
    floor.repository.unavailable = True
    engine.stop()
    await task


@virtual_time
async def test_running_stops_the_engine_when_the_body_fails() -> None:
    floor = Floor()

    async def body() -> None:
        async with running(floor.engine()):
            await a_moment()
            raise KeyError

    with pytest.raises(KeyError):
        await body()
    assert [t for t in asyncio.all_tasks() if t is not asyncio.current_task()] == []
    assert floor.repository.rows == {}


@virtual_time
async def test_nothing_of_the_engine_is_left_behind() -> None:
    floor = Floor()
    await floor.create("a", "b")
    async with running(floor.engine()):
        await asyncio.sleep(100)
    assert [t for t in asyncio.all_tasks() if t is not asyncio.current_task()] == []


# -- history ------------------------------------------------------------------


@pytest.mark.parametrize(("retention", "kept"), [(7200.0, False), (0.0, True)])
@virtual_time
async def test_old_events_are_dropped(retention: float, *, kept: bool) -> None:
    """Of a store that is gone; the newest hundred of one that exists stay."""
    floor = Floor(event_retention=retention, resync_interval=1e9)
    gone, stays = await floor.create("gone", "stays")
    del floor.repository.rows[gone.id]
    async with running(floor.engine()):
        await asyncio.sleep(7000)
        assert {event.store_id for event in floor.repository.history} == {gone.id, stays.id}
        await asyncio.sleep(4000)
        left = {event.store_id for event in floor.repository.history}
        assert left == ({gone.id, stays.id} if kept else {stays.id})


@virtual_time
async def test_engine_restricted_to_some_stores_leaves_the_history() -> None:
    floor = Floor(event_retention=1)
    (gone,) = await floor.create("gone")
    del floor.repository.rows[gone.id]
    async with running(floor.engine(only=[])):
        await asyncio.sleep(8000)
    assert len(floor.repository.history) == 1
