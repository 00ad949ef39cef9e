"""The lease that travels with a task."""

from __future__ import annotations

import asyncio

import pytest

from storeorch.errors import LeaseLost
from storeorch.fencing import Lease, check_lease, held
from storeorch.testing import VirtualClock, virtual_time


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@virtual_time
async def test_lease_runs_out_by_the_clock(clock: VirtualClock) -> None:
    lease = Lease(clock.monotonic() + 10, clock.monotonic)
    with held(lease):
        await asyncio.sleep(9.5)
        check_lease()
        assert lease.left == pytest.approx(0.5)
        await asyncio.sleep(0.5)
        with pytest.raises(LeaseLost):
            check_lease()


@virtual_time
async def test_prolonged_lease(clock: VirtualClock) -> None:
    lease = Lease(clock.monotonic() + 10, clock.monotonic)
    with held(lease):
        lease.until += 10
        await asyncio.sleep(15)
        check_lease()


def test_without_a_lease_nothing_is_refused() -> None:
    with held(Lease(0, lambda: 1)), pytest.raises(LeaseLost):
        check_lease()
    check_lease()


async def test_tasks_work_under_the_lease_of_who_started_them() -> None:
    async def act() -> None:
        check_lease()

    with held(Lease(0, lambda: 1)):
        task = asyncio.create_task(act())
    with held(Lease(1, lambda: 0)):
        await asyncio.create_task(act())
    with pytest.raises(LeaseLost):
        await task
