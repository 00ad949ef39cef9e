"""One pass at a time, with steps made for the purpose, in virtual time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel
from typing_extensions import override

from storeorch.errors import (
    ClusterRefused,
    ClusterUnavailable,
    DatabaseUnavailable,
    DeadlineExceeded,
    LeaseLost,
    NamespaceNotOurs,
    ReleaseInterrupted,
    StoreorchError,
    WorkloadFailed,
)
from storeorch.lifecycle import Declaration
from storeorch.models import Event, EventKind, Status, Store
from storeorch.parameters import Parameters
from storeorch.storetype import Done, Outcome, Step, StoreContext, StoreType, Waiting
from storeorch.testing import Sandbox, virtual_time

CANARY = "c4n4ry-s3cr3t"
Act = Callable[[StoreContext], Outcome]


def done(ctx: StoreContext) -> Outcome:
    return Done("It is there.")


def waiting(ctx: StoreContext) -> Outcome:
    return Waiting("NotYet", "It is on its way.", 7)


class Scripted(Step):
    """Does what a test says."""

    name = "only"
    condition = "OnlyReady"

    def __init__(self, name: str = "only", *, slow: bool = False) -> None:
        self.name = name  # type: ignore[misc]
        self.condition = f"{name.capitalize()}Ready"  # type: ignore[misc]
        self.slow = slow  # type: ignore[misc]
        self.on_apply: Act = done
        self.on_remove: Act = done
        self.seen: list[StoreContext] = []

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        self.seen.append(ctx)
        return self.on_apply(ctx)

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        self.seen.append(ctx)
        return self.on_remove(ctx)


class Size(Parameters):
    size: int = 1
    """How large."""


class Scripts(StoreType):
    name = "scripts"
    parameters: ClassVar[type[BaseModel]] = Size

    def __init__(self, *steps: Scripted) -> None:
        self._steps = steps

    @override
    def steps(self) -> Sequence[Step]:
        return self._steps


class Stage:
    """A store of scripted steps, and passes over it."""

    def __init__(self, *names: str, slow: str | None = None, **settings: Any) -> None:
        self.steps = [Scripted(name, slow=name == slow) for name in (names or ("only",))]
        self.sandbox = Sandbox([Scripts(*self.steps)], **settings)
        self.store: Store

    async def open(self, status: Status = Status.PROVISIONING) -> None:
        self.store = await self.sandbox.create("my-store")
        if status is not Status.PROVISIONING:
            assert (await self.walk()).status is Status.READY
        if status is Status.DEGRADED:
            self.steps[0].on_apply = waiting
            assert (await self.walk()).status is Status.DEGRADED
        if status is Status.UPDATING:
            await self.declare(Declaration.UPDATE)
        if status is Status.DELETING:
            await self.declare(Declaration.DELETE)

    async def declare(self, declaration: Declaration, **parameters: Any) -> Store:
        self.store = await self.sandbox.repository.declare(
            self.store.id, declaration, actor="tester", parameters=parameters or None
        )
        return self.store

    async def walk(self) -> Store:
        store = await self.sandbox.walk(self.store.id)
        assert store is not None
        self.store = store
        return store

    async def due_in(self) -> float | None:
        """Return the seconds until the store is due, or None."""
        row = self.sandbox.repository.rows[self.store.id]
        return (row.due_at - self.sandbox.clock.now()).total_seconds() if row.due_at else None

    def history(self, kind: EventKind | None = None) -> list[Event]:
        return [e for e in self.sandbox.repository.history if kind in {None, e.kind}]


def raises(error: BaseException | type[BaseException]) -> Act:
    def act(ctx: StoreContext) -> Outcome:
        raise error

    return act


# -- a pass that goes well ----------------------------------------------------


@virtual_time
async def test_all_steps_done_is_ready() -> None:
    stage = Stage("first", "second")
    await stage.open()
    stage.steps[1].on_apply = lambda ctx: Done("It answers.", url="http://my-store.local.test")
    store = await stage.walk()
    assert (store.status, store.observed_generation) == (Status.READY, 1)
    assert (store.established, store.attempts, store.fault) == (True, 0, None)
    assert store.url == "http://my-store.local.test"
    assert store.ready_at == store.updated_at
    assert [(c.type, c.status, c.reason, c.message) for c in store.conditions] == [
        ("FirstReady", True, "Done", "It is there."),
        ("SecondReady", True, "Done", "It answers."),
    ]
    assert store.progress == 1
    reasons = [(e.kind, e.reason, e.actor) for e in stage.history()]
    assert reasons == [
        (EventKind.DECLARED, "Create", "tester"),
        (EventKind.STEP, "Done", "worker-1"),
        (EventKind.STEP, "Done", "worker-1"),
        (EventKind.TRANSITION, "Ready", "worker-1"),
    ]
    assert stage.history()[-1].status is Status.READY


@virtual_time
async def test_step_sees_the_store_and_what_was_seen_before_it() -> None:
    stage = Stage("first", "second")
    await stage.open()
    await stage.walk()
    first, second = (step.seen[0] for step in stage.steps)
    assert first.store.conditions == ()
    assert [condition.type for condition in second.store.conditions] == ["FirstReady"]
    assert first.parameters == Size()
    assert first.cluster is stage.sandbox.cluster
    assert first.releases is stage.sandbox.releases
    assert first.hosts is stage.sandbox.hosts
    assert first.clock.now() == stage.sandbox.clock.now()
    assert first.settings is stage.sandbox.settings


@pytest.mark.parametrize("hours", [-24, 24])
@virtual_time
async def test_clock_of_the_machine_may_be_wrong(hours: int) -> None:
    """A deadline is told by the database's time, which the declaration was written with."""
    stage = Stage(provision_timeout=60)
    await stage.open()
    claim = await stage.sandbox.claim(stage.store.id)
    stage.steps[0].on_apply = raises(ReleaseInterrupted())
    told = stage.sandbox.clock.now()
    stage.sandbox.clock.jump(3600 * hours)
    await stage.sandbox.reconciler().reconcile(claim)
    store = await stage.sandbox.repository.get(stage.store.id)
    assert store is not None
    assert store.status is Status.PROVISIONING
    assert store.attempts == 1
    assert stage.steps[0].seen[0].clock.now() == told == store.conditions[0].since


@virtual_time
async def test_step_that_takes_time_says_how_long() -> None:
    stage = Stage()
    await stage.open()

    def slowly(ctx: StoreContext) -> Outcome:
        stage.sandbox.clock.advance(2.5)
        return Done()

    stage.steps[0].on_apply = slowly
    await stage.walk()
    assert [event.duration for event in stage.history(EventKind.STEP)] == [2.5]


@virtual_time
async def test_ready_store_is_looked_at_again_after_the_resync_interval() -> None:
    stage = Stage(resync_interval=100)
    await stage.open()
    waits = set()
    for _ in range(10):
        await stage.walk()
        due_in = await stage.due_in()
        assert due_in is not None
        assert 90 <= due_in <= 110
        waits.add(due_in)
    assert len(waits) > 1, "stores spread out"


@virtual_time
async def test_second_look_writes_no_event() -> None:
    stage = Stage("first", "second")
    await stage.open()
    before = await stage.walk()
    events = len(stage.history())
    await stage.sandbox.clock.sleep(60)
    after = await stage.walk()
    assert len(stage.history()) == events
    assert after.conditions == before.conditions
    assert after.ready_at == before.ready_at


@virtual_time
async def test_condition_keeps_since_while_it_holds() -> None:
    stage = Stage()
    await stage.open()
    stage.steps[0].on_apply = waiting
    (first,) = (await stage.walk()).conditions
    await stage.sandbox.clock.sleep(10)
    stage.steps[0].on_apply = lambda ctx: Waiting("Later", "Still on its way.")
    (second,) = (await stage.walk()).conditions
    assert (second.reason, second.since) == ("Later", first.since)
    await stage.sandbox.clock.sleep(10)
    stage.steps[0].on_apply = done
    (third,) = (await stage.walk()).conditions
    assert third.since == stage.sandbox.clock.now()


# -- waiting ------------------------------------------------------------------


@virtual_time
async def test_waiting_ends_the_pass() -> None:
    stage = Stage("first", "second", "third")
    await stage.open()
    stage.steps[1].on_apply = waiting
    store = await stage.walk()
    assert (store.status, store.attempts, store.fault) == (Status.PROVISIONING, 0, None)
    assert [(c.status, c.reason) for c in store.conditions] == [
        (True, "Done"),
        (False, "NotYet"),
        (False, "Pending"),
    ]
    assert stage.steps[2].seen == []
    assert await stage.due_in() == 7
    assert [e.reason for e in stage.history(EventKind.STEP)] == ["Done", "NotYet"]


@pytest.mark.parametrize(("look_again_in", "due_in"), [(-5.0, 0), (0.0, 0), (20.0, 20)])
def test_next_look_while_waiting(look_again_in: float, due_in: float) -> None:
    @virtual_time
    async def scenario() -> None:
        stage = Stage()
        await stage.open()
        stage.steps[0].on_apply = lambda ctx: Waiting("NotYet", "Soon.", look_again_in)
        await stage.walk()
        assert await stage.due_in() == due_in

    scenario()


@virtual_time
async def test_resync_is_the_net_below_every_wait() -> None:
    stage = Stage(resync_interval=100)
    await stage.open()
    for look_again_in in (None, 10_000):
        stage.steps[0].on_apply = lambda ctx, s=look_again_in: Waiting("NotYet", "Soon.", s)  # type: ignore[misc]
        await stage.walk()
        due_in = await stage.due_in()
        assert due_in is not None
        assert 90 <= due_in <= 110


@virtual_time
async def test_ready_store_that_waits_is_degraded_and_recovers() -> None:
    stage = Stage("first", "second")
    await stage.open(Status.READY)
    stage.steps[1].on_apply = waiting
    store = await stage.walk()
    assert store.status is Status.DEGRADED
    assert store.established
    assert store.fault is not None
    assert (store.fault.code, store.error_message) == ("degraded", "It is on its way.")
    stage.steps[1].on_apply = done
    store = await stage.walk()
    assert (store.status, store.fault) == (Status.READY, None)
    words = [event.reason for event in stage.history(EventKind.TRANSITION)]
    assert words == ["Ready", "Degraded", "Ready"]


# -- errors -------------------------------------------------------------------


@virtual_time
async def test_permanent_error_fails_the_store() -> None:
    stage = Stage("first", "second", "third")
    await stage.open()
    stage.steps[1].on_apply = raises(ClusterRefused("It was refused.", hint="Ask for less."))
    store = await stage.walk()
    assert (store.status, store.attempts) == (Status.FAILED, 1)
    assert store.fault is not None
    assert (store.fault.code, store.fault.message, store.fault.hint) == (
        "cluster-refused",
        "It was refused.",
        "Ask for less.",
    )
    assert store.fault.error_id
    failed = store.condition("SecondReady")
    assert failed is not None
    assert (failed.status, failed.reason, failed.message) == (
        False,
        "ClusterRefused",
        "It was refused.",
    )
    (error,) = stage.history(EventKind.ERROR)
    assert (error.step, error.error_id) == ("second", store.fault.error_id)
    transition = stage.history(EventKind.TRANSITION)[-1]
    assert (transition.status, transition.error_id) == (Status.FAILED, store.fault.error_id)
    assert stage.steps[2].seen == []
    assert await stage.due_in() is None, "nothing but a declaration wakes it"


@virtual_time
async def test_reason_of_a_failed_workload_is_the_conditions() -> None:
    stage = Stage()
    await stage.open()
    stage.steps[0].on_apply = raises(WorkloadFailed("No room.", reason="QuotaExceeded"))
    store = await stage.walk()
    assert [condition.reason for condition in store.conditions] == ["QuotaExceeded"]
    assert [event.reason for event in stage.history(EventKind.ERROR)] == ["QuotaExceeded"]


@virtual_time
async def test_transient_error_backs_off_and_counts_attempts() -> None:
    stage = Stage(backoff_base=1, backoff_cap=8)
    await stage.open()
    stage.steps[0].on_apply = raises(ClusterUnavailable())
    for attempt, ceiling in enumerate([1, 2, 4, 8, 8], 1):
        store = await stage.walk()
        assert (store.status, store.attempts) == (Status.PROVISIONING, attempt)
        assert store.fault is not None
        assert store.fault.code == "cluster-unavailable"
        due_in = await stage.due_in()
        assert due_in is not None
        assert ceiling / 2 <= due_in <= ceiling
    assert len(stage.history(EventKind.ERROR)) == 1, "the same error is told once"
    stage.steps[0].on_apply = done
    store = await stage.walk()
    assert (store.status, store.attempts, store.fault) == (Status.READY, 0, None)


@virtual_time
async def test_another_error_is_told() -> None:
    stage = Stage()
    await stage.open()
    for error in (ClusterUnavailable("One."), ClusterUnavailable("Two."), ReleaseInterrupted()):
        stage.steps[0].on_apply = raises(error)
        await stage.walk()
    assert len(stage.history(EventKind.ERROR)) == 3


@virtual_time
async def test_ready_store_keeps_its_status_through_a_transient_error() -> None:
    stage = Stage()
    await stage.open(Status.READY)
    stage.steps[0].on_apply = raises(ClusterUnavailable())
    store = await stage.walk()
    assert (store.status, store.attempts) == (Status.READY, 1)
    assert store.error_message == ClusterUnavailable().message


@virtual_time
async def test_ready_store_degrades_on_a_permanent_error() -> None:
    """And is looked at again: the watch may miss what mends it."""
    stage = Stage(resync_interval=100)
    await stage.open(Status.READY)
    stage.steps[0].on_apply = raises(NamespaceNotOurs())
    store = await stage.walk()
    assert store.status is Status.DEGRADED
    due_in = await stage.due_in()
    assert due_in is not None
    assert 90 <= due_in <= 110


@virtual_time
async def test_steps_behind_one_that_failed_do_not_claim_to_hold() -> None:
    stage = Stage("first", "second")
    await stage.open(Status.READY)
    stage.steps[0].on_apply = raises(NamespaceNotOurs())
    store = await stage.walk()
    assert [condition.status for condition in store.conditions] == [False, False]


@virtual_time
async def test_transient_errors_become_a_failure_at_the_deadline() -> None:
    stage = Stage(provision_timeout=60)
    await stage.open()
    stage.steps[0].on_apply = raises(ReleaseInterrupted("It was cut short.", hint="Look."))
    assert (await stage.walk()).status is Status.PROVISIONING
    await stage.sandbox.clock.sleep(61)
    store = await stage.walk()
    assert store.status is Status.FAILED
    assert store.fault is not None
    assert (store.fault.code, store.fault.hint) == ("deadline-exceeded", "Look.")
    assert "60 seconds" in store.fault.message
    assert "It was cut short." in store.fault.message


@virtual_time
async def test_deadline_of_a_step_is_told_as_it_is() -> None:
    stage = Stage(provision_timeout=60)
    await stage.open()
    await stage.sandbox.clock.sleep(61)
    stage.steps[0].on_apply = raises(DeadlineExceeded("Too slow."))
    assert (await stage.walk()).error_message == "Too slow."


@virtual_time
async def test_missing_environment_is_waited_for_beyond_the_deadline() -> None:
    stage = Stage(provision_timeout=60)
    await stage.open()
    stage.steps[0].on_apply = raises(ClusterUnavailable())
    await stage.sandbox.clock.sleep(10_000)
    assert (await stage.walk()).status is Status.PROVISIONING


@virtual_time
async def test_settled_store_has_no_deadline() -> None:
    stage = Stage(provision_timeout=60)
    await stage.open(Status.READY)
    await stage.sandbox.clock.sleep(10_000)
    stage.steps[0].on_apply = raises(ReleaseInterrupted())
    assert (await stage.walk()).status is Status.READY


@virtual_time
async def test_unknown_type_fails_before_any_step() -> None:
    stage = Stage()
    await stage.open()
    row = stage.sandbox.repository.rows[stage.store.id]
    row.store = row.store.model_copy(update={"type": "uninstalled"})
    store = await stage.walk()
    assert store.status is Status.FAILED
    assert store.fault is not None
    assert store.fault.code == "unknown-type"
    assert store.conditions == ()
    (error,) = stage.history(EventKind.ERROR)
    assert error.step is None


# -- what nobody expected -----------------------------------------------------


@pytest.mark.parametrize("where", ["apply", "remove"])
@pytest.mark.parametrize("error", [ValueError(CANARY), KeyError(CANARY), OSError(1, CANARY)])
def test_foreign_error_is_told_in_words_of_ours(
    where: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    @virtual_time
    async def scenario() -> None:
        stage = Stage()
        await stage.open(Status.DELETING if where == "remove" else Status.PROVISIONING)
        stage.steps[0].on_apply = stage.steps[0].on_remove = raises(error)
        with caplog.at_level(logging.INFO):
            store = await stage.walk()
        assert store.status in {Status.PROVISIONING, Status.DELETING}
        assert store.attempts == 1
        assert store.fault is not None
        assert store.fault.code == "internal-error"
        told = [store.model_dump_json(), *(e.model_dump_json() for e in stage.history())]
        assert not [text for text in told if CANARY in text]
        ours = [record for record in caplog.records if record.name == "storeorch"]
        assert not [record for record in ours if CANARY in record.getMessage()]
        (detail,) = [r for r in caplog.records if r.name == "storeorch.operator"]
        assert vars(detail)["error_id"] == store.fault.error_id
        assert vars(detail)["store_id"] == store.id
        assert vars(detail)["step"] == "only"
        assert detail.exc_info is not None
        assert CANARY in str(detail.exc_info[1])

    scenario()


@virtual_time
async def test_parameters_that_the_type_no_longer_takes() -> None:
    stage = Stage()
    await stage.open()
    await stage.declare(Declaration.UPDATE, size=CANARY)
    store = await stage.walk()
    assert store.status is Status.FAILED
    assert store.fault is not None
    assert store.fault.code == "invalid-parameters"
    assert CANARY not in store.fault.model_dump_json()


# -- declarations meanwhile ---------------------------------------------------


@pytest.mark.parametrize("declaration", [Declaration.UPDATE, Declaration.DELETE])
def test_newer_declaration_during_a_pass_is_obeyed_next(declaration: Declaration) -> None:
    @virtual_time
    async def scenario() -> None:
        stage = Stage("first", "second")
        await stage.open()
        claim = await stage.sandbox.claim(stage.store.id)
        declared = await stage.declare(declaration)
        await stage.sandbox.reconciler().reconcile(claim)
        row = stage.sandbox.repository.rows[stage.store.id]
        assert row.store.status is declared.status
        assert (row.store.generation, row.store.observed_generation) == (2, 0)
        assert not row.store.established
        assert len(row.store.conditions) == 2
        assert await stage.due_in() == 0
        assert not stage.history(EventKind.TRANSITION)

    scenario()


@virtual_time
async def test_update_is_observed_for_its_own_generation() -> None:
    stage = Stage()
    await stage.open(Status.UPDATING)
    stage.steps[0].on_apply = waiting
    store = await stage.walk()
    assert (store.status, store.observed_generation) == (Status.UPDATING, 2)
    stage.steps[0].on_apply = done
    store = await stage.walk()
    assert (store.status, store.observed_generation) == (Status.READY, 2)
    assert stage.steps[0].seen[-1].parameters == Size()


@virtual_time
async def test_failed_store_rests() -> None:
    stage = Stage()
    await stage.open()
    stage.steps[0].on_apply = raises(ClusterRefused())
    failed = await stage.walk()
    row = stage.sandbox.repository.rows[stage.store.id]
    row.due_at = stage.sandbox.clock.now()
    walked = len(stage.steps[0].seen)
    assert await stage.walk() == failed
    assert len(stage.steps[0].seen) == walked
    assert await stage.due_in() is None


@virtual_time
async def test_retry_after_the_cause_is_gone() -> None:
    stage = Stage()
    await stage.open()
    stage.steps[0].on_apply = raises(ClusterRefused())
    assert (await stage.walk()).status is Status.FAILED
    stage.steps[0].on_apply = done
    await stage.declare(Declaration.RETRY)
    assert (await stage.walk()).status is Status.READY


# -- slow steps ---------------------------------------------------------------


@virtual_time
async def test_what_was_seen_is_written_before_a_slow_step() -> None:
    stage = Stage("first", "second", slow="second")
    await stage.open()
    rows = stage.sandbox.repository.rows

    def look(ctx: StoreContext) -> Outcome:
        seen = rows[stage.store.id].store
        assert [condition.type for condition in seen.conditions] == ["FirstReady"]
        assert (seen.status, seen.observed_generation) == (Status.PROVISIONING, 0)
        return Done()

    stage.steps[1].on_apply = look
    assert (await stage.walk()).status is Status.READY
    reasons = [event.step for event in stage.history(EventKind.STEP)]
    assert reasons == ["first", "second"], "no event is written twice"


@virtual_time
async def test_nothing_new_is_not_written_before_a_slow_step() -> None:
    stage = Stage("first", "second", slow="second")
    await stage.open(Status.READY)
    queries = stage.sandbox.repository.queries
    await stage.walk()
    assert stage.sandbox.repository.queries - queries == 3, "claim, finish, and this test's look"


@virtual_time
async def test_fault_stays_until_the_pass_is_over() -> None:
    stage = Stage("first", "second", slow="second")
    await stage.open()
    stage.steps[0].on_apply = raises(ClusterUnavailable())
    failed = await stage.walk()
    seen: list[Store] = []

    def look(ctx: StoreContext) -> Outcome:
        seen.append(stage.sandbox.repository.rows[stage.store.id].store)
        return Done()

    stage.steps[0].on_apply = done
    stage.steps[1].on_apply = look
    await stage.walk()
    assert (seen[0].fault, seen[0].attempts) == (failed.fault, 1)


# -- leases -------------------------------------------------------------------


@pytest.mark.parametrize("slow", [None, "second"])
def test_lease_lost_during_a_pass_writes_nothing(slow: str | None) -> None:
    @virtual_time
    async def scenario() -> None:
        stage = Stage("first", "second", slow=slow)
        await stage.open()
        repository = stage.sandbox.repository
        claim = await stage.sandbox.claim(stage.store.id)
        await stage.sandbox.clock.sleep(stage.sandbox.settings.lease_duration)
        await stage.sandbox.claim(stage.store.id, "worker-2")
        before = repository.rows[stage.store.id].store, list(repository.history)
        with pytest.raises(LeaseLost):
            await stage.sandbox.reconciler().reconcile(claim)
        assert (repository.rows[stage.store.id].store, repository.history) == before
        assert len(stage.steps[1].seen) == (slow is None)

    scenario()


@virtual_time
async def test_lease_lost_says_a_step() -> None:
    stage = Stage()
    await stage.open()
    stage.steps[0].on_apply = raises(LeaseLost())
    with pytest.raises(LeaseLost):
        await stage.walk()
    assert len(stage.history()) == 1


@virtual_time
async def test_database_that_is_away_is_told_to_the_caller() -> None:
    stage = Stage()
    await stage.open()
    claim = await stage.sandbox.claim(stage.store.id)
    stage.sandbox.repository.unavailable = True
    with pytest.raises(DatabaseUnavailable):
        await stage.sandbox.reconciler().reconcile(claim)


# -- deletion -----------------------------------------------------------------


@virtual_time
async def test_steps_are_removed_backwards() -> None:
    stage = Stage("first", "second")
    await stage.open(Status.DELETING)
    order: list[str] = []

    def noting(name: str) -> Act:
        def act(ctx: StoreContext) -> Outcome:
            order.append(name)
            return Done("It is gone.")

        return act

    for step in stage.steps:
        step.on_remove = noting(step.name)
    assert await stage.sandbox.walk(stage.store.id) is None
    assert order == ["second", "first"]
    last = stage.history()[-1]
    assert (last.kind, last.reason) == (EventKind.DELETED, "Deleted")


@virtual_time
async def test_row_stays_until_the_last_step_is_removed() -> None:
    stage = Stage("first", "second")
    await stage.open(Status.DELETING)
    stage.steps[0].on_remove = waiting
    store = await stage.walk()
    assert (store.status, store.observed_generation) == (Status.DELETING, store.generation)
    assert [(c.status, c.reason) for c in store.conditions] == [
        (False, "NotYet"),
        (False, "Removed"),
    ]
    stage.steps[0].on_remove = done
    assert await stage.sandbox.walk(stage.store.id) is None


@pytest.mark.parametrize("error", [ClusterRefused(), ClusterUnavailable(), ValueError()])
def test_failing_deletion_is_tried_again_for_ever(error: Exception) -> None:
    @virtual_time
    async def scenario() -> None:
        stage = Stage("first", "second", backoff_cap=10, provision_timeout=60)
        await stage.open(Status.DELETING)
        stage.steps[1].on_remove = raises(error)
        for attempt in range(1, 30):
            await stage.sandbox.clock.sleep(100)
            store = await stage.walk()
            assert (store.status, store.attempts) == (Status.DELETING, attempt)
            assert store.fault is not None
            due_in = await stage.due_in()
            assert due_in is not None
            assert due_in <= 10
        assert stage.steps[0].seen[-1].store.status is not Status.DELETING
        stage.steps[1].on_remove = done
        assert await stage.sandbox.walk(stage.store.id) is None

    scenario()


@virtual_time
async def test_store_whose_parameters_are_no_longer_valid_can_be_deleted() -> None:
    """A newer plugin must not keep what an older one has made."""
    stage = Stage()
    await stage.open()
    await stage.declare(Declaration.UPDATE, size="large", colour="red")
    await stage.declare(Declaration.DELETE)
    assert await stage.sandbox.walk(stage.store.id) is None


@pytest.mark.parametrize(
    "status",
    [Status.PROVISIONING, Status.READY, Status.UPDATING, Status.DEGRADED, Status.FAILED],
)
def test_deletion_from_every_status(status: Status) -> None:
    @virtual_time
    async def scenario() -> None:
        stage = Stage("first", "second")
        if status is Status.FAILED:
            await stage.open()
            stage.steps[0].on_apply = raises(ClusterRefused())
            await stage.walk()
        else:
            await stage.open(status)
        assert stage.sandbox.repository.rows[stage.store.id].store.status is status
        await stage.declare(Declaration.DELETE)
        assert await stage.sandbox.walk(stage.store.id) is None

    scenario()


def test_every_error_of_ours_has_a_way_to_be_told() -> None:
    """Whatever a step raises, the pass ends with a status of the table."""

    @virtual_time
    async def scenario(error: type[StoreorchError]) -> None:
        stage = Stage()
        await stage.open()
        stage.steps[0].on_apply = raises(error)
        store = await stage.walk()
        assert store.status is (Status.PROVISIONING if error.retryable else Status.FAILED)
        assert store.fault is not None
        assert store.fault.code == error.code

    pending: list[type[StoreorchError]] = [StoreorchError]
    while pending:
        error = pending.pop()
        pending += error.__subclasses__()
        if error is not LeaseLost:
            scenario(error)
