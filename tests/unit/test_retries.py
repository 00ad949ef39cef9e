"""Retries, as engine and reconciler do them together, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from typing_extensions import override

from storeorch.engine import running
from storeorch.errors import (
    ClusterRefused,
    ClusterUnavailable,
    ReleaseInterrupted,
    StoreorchError,
)
from storeorch.lifecycle import Declaration
from storeorch.models import Status, Store
from storeorch.parameters import Parameters
from storeorch.storetype import Done, Outcome, Step, StoreContext, StoreType
from storeorch.testing import Sandbox, virtual_time

BASE, CAP = 1.0, 64.0
HOUR = 3600.0


def make(**settings: Any) -> Sandbox:
    defaults = {"backoff_base": BASE, "backoff_cap": CAP, "provision_timeout": 100 * HOUR}
    return Sandbox(**(defaults | settings))


class Failing:
    """A Helm that writes its record and then fails; keeps the times at which it did."""

    def __init__(self, sandbox: Sandbox, error: type[StoreorchError] = ReleaseInterrupted) -> None:
        self._sandbox = sandbox
        self._error = error
        self._awaited = 0
        self._reached = asyncio.Event()
        self.at: list[float] = []
        sandbox.releases.errors["install:created"] = self

    def __call__(self) -> StoreorchError:
        self.at.append(self._sandbox.clock.monotonic())
        if len(self.at) == self._awaited:
            self._reached.set()
        return self._error()

    def stop(self) -> None:
        self._sandbox.releases.errors.clear()

    async def times(self, number: int) -> None:
        """Wait until it has failed so often, and its pass is over."""
        self._awaited = number
        await self._reached.wait()
        await asyncio.sleep(BASE / 100)


async def look(sandbox: Sandbox, store: Store) -> Store:
    found = await sandbox.repository.get(store.id)
    assert found is not None
    return found


def pauses(moments: Sequence[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(moments)]


def doubling(found: Sequence[float]) -> bool:
    """Say whether the longest pause possible doubles up to the cap, and each is half of it or more.

    Passes themselves take no time here, so a tenth of a second to spare is plenty.
    """
    longest = [min(CAP, BASE * 2**number) for number in range(len(found))]
    return all(
        limit / 2 <= pause <= limit + 0.1 for pause, limit in zip(found, longest, strict=True)
    )


@virtual_time
async def test_pauses_double_up_to_a_cap_whatever_the_failing_passes_change() -> None:
    sandbox = make()
    failing = Failing(sandbox)
    store = await sandbox.create("my-store")
    async with running(sandbox.engine()):
        await asyncio.sleep(HOUR)
        assert doubling(pauses(failing.at))
        assert len(failing.at) > HOUR / CAP
        assert (await look(sandbox, store)).attempts == len(failing.at)

        failing.stop()
        await asyncio.sleep(CAP + 1)
        healed = await look(sandbox, store)
        assert (healed.status, healed.attempts, healed.fault) == (Status.READY, 0, None)


@virtual_time
async def test_pauses_of_stores_that_failed_together_differ() -> None:
    sandbox = make()
    failing = Failing(sandbox)
    for number in range(10):
        await sandbox.create(f"store-{number}")
    async with running(sandbox.engine()):
        await asyncio.sleep(BASE)
    second = failing.at[10:]
    assert len(second) == 10
    assert len({round(at, 3) for at in second}) > 5


@virtual_time
async def test_a_restarted_engine_waits_on() -> None:
    sandbox = make()
    failing = Failing(sandbox)
    store = await sandbox.create("my-store")
    async with running(sandbox.engine("before")):
        await failing.times(6)
    kept = await look(sandbox, store)
    assert kept.attempts == 6
    async with running(sandbox.engine("after")):
        await asyncio.sleep(HOUR)
    assert doubling(pauses(failing.at))


@virtual_time
async def test_a_permanent_failure_is_not_tried_again_before_a_retry() -> None:
    sandbox = make()
    failing = Failing(sandbox, ClusterRefused)
    store = await sandbox.create("my-store")
    async with running(sandbox.engine()):
        await asyncio.sleep(10 * HOUR)
        assert len(failing.at) == 1
        assert (await look(sandbox, store)).status is Status.FAILED

        failing.stop()
        await sandbox.repository.declare(store.id, Declaration.RETRY, actor="tester")
        await asyncio.sleep(1)
        assert (await look(sandbox, store)).status is Status.READY


@virtual_time
@pytest.mark.parametrize("declaration", [Declaration.RETRY, Declaration.UPDATE])
async def test_a_declaration_starts_anew_at_once(declaration: Declaration) -> None:
    sandbox = make()
    failing = Failing(sandbox)
    store = await sandbox.create("my-store")
    async with running(sandbox.engine()):
        await asyncio.sleep(HOUR)
        before = len(failing.at)
        declared_at = sandbox.clock.monotonic()
        declared = await sandbox.repository.declare(
            store.id, declaration, actor="tester", parameters={}
        )
        assert declared.attempts == 0
        await asyncio.sleep(10 * BASE)
    anew = failing.at[before:]
    assert anew[0] - declared_at < BASE / 10
    assert doubling(pauses(anew))


@virtual_time
async def test_a_pass_that_only_waits_or_finds_nothing_to_do_is_no_attempt() -> None:
    sandbox = make(resync_interval=60)
    sandbox.cluster.ready_lag = HOUR
    store = await sandbox.create("my-store")
    async with running(sandbox.engine()):
        await asyncio.sleep(HOUR / 2)
        waiting = await look(sandbox, store)
        assert (waiting.status, waiting.attempts) == (Status.PROVISIONING, 0)

        await asyncio.sleep(HOUR)
        resting = await look(sandbox, store)
        assert (resting.status, resting.attempts) == (Status.READY, 0)
        assert sandbox.releases.started == 1


class Moody(Step):
    """Fails for stores whose name says so."""

    name = "mood"
    condition = "MoodGood"
    taken = 0

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        type(self).taken += 1
        if ctx.store.name.startswith("bad"):
            raise ReleaseInterrupted
        return Done("It is good.")

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        return Done("It is gone.")


class Moods(StoreType):
    name = "moods"
    parameters = Parameters

    @override
    def steps(self) -> Sequence[Step]:
        return (Moody(),)


@virtual_time
async def test_failing_stores_do_not_slow_the_others() -> None:
    sandbox = Sandbox(
        [Moods()], backoff_base=BASE, backoff_cap=CAP, provision_timeout=100 * HOUR, max_passes=1
    )
    for number in range(20):
        await sandbox.create(f"bad-{number}")
    async with running(sandbox.engine()):
        await asyncio.sleep(HOUR)
        good = await sandbox.create("good")
        declared_at = sandbox.clock.monotonic()
        async with sandbox.repository.changes(good.id) as changes:
            while (await look(sandbox, good)).status is not Status.READY:
                await changes.wait()
        assert sandbox.clock.monotonic() - declared_at < BASE / 10
    assert 20 * HOUR / CAP < Moody.taken < 50 * HOUR / CAP


@virtual_time
async def test_a_cluster_that_comes_back_is_found_soon_however_long_it_was_away() -> None:
    sandbox = make(backoff_cap=HOUR)
    sandbox.cluster.unavailable = True
    store = await sandbox.create("my-store")
    async with running(sandbox.engine()):
        await asyncio.sleep(HOUR)
        away = await look(sandbox, store)
        assert away.status is Status.PROVISIONING
        assert away.fault is not None
        assert away.fault.code == ClusterUnavailable.code
        sandbox.cluster.unavailable = False
        await asyncio.sleep(35)
        assert (await look(sandbox, store)).status is Status.READY


@virtual_time
async def test_looks_at_ready_stores_spread_out() -> None:
    sandbox = make(resync_interval=HOUR)
    stores = [await sandbox.create(f"store-{number}") for number in range(20)]
    async with running(sandbox.engine()):
        await asyncio.sleep(60)
    now = sandbox.clock.now()
    due = [sandbox.repository.rows[store.id].due_at for store in stores]
    waits = [(at - now).total_seconds() for at in due if at is not None]
    assert len({round(wait) for wait in waits}) > 15
    assert all(0.9 * HOUR - 60 <= wait <= 1.1 * HOUR for wait in waits)
