from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from storeorch.errors import ClusterUnavailable, DatabaseUnavailable
from storeorch.ports import Owner
from storeorch.testing import (
    Crash,
    FaultKind,
    FaultPlan,
    MemoryCluster,
    MemoryRepository,
    VirtualClock,
    run_virtual,
    virtual_time,
)
from storeorch.testing.clock import running_clock

OWNER = Owner("11111111-1111-4111-8111-111111111111", "my-store")


class Port:
    """Counts its effects."""

    def __init__(self) -> None:
        self.effects = 0
        self.name = "port"

    async def act(self, number: int = 1) -> int:
        self.effects += number
        await asyncio.sleep(0)
        return self.effects

    def look(self) -> int:
        return self.effects

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[int]]:
        async def numbers() -> AsyncIterator[int]:
            for number in range(3):
                yield number

        yield numbers()


async def strike(kind: FaultKind, at: int) -> tuple[Port, BaseException | int]:
    """Make one call with a fault at one point, and return what came of it."""
    port = Port()
    plan = FaultPlan(at={at: kind})
    wrapped = plan.process("p").wrap(port, "port", ClusterUnavailable)
    (outcome,) = await asyncio.gather(asyncio.ensure_future(wrapped.act()), return_exceptions=True)
    return port, outcome


@pytest.mark.parametrize(
    ("kind", "at", "effects", "outcome"),
    [
        (FaultKind.CRASH, 0, 0, Crash),
        (FaultKind.CRASH, 1, 1, Crash),
        (FaultKind.CANCEL, 0, 0, asyncio.CancelledError),
        (FaultKind.CANCEL, 1, 1, asyncio.CancelledError),
        (FaultKind.ERROR, 0, 0, ClusterUnavailable),
        (FaultKind.LOST, 1, 1, ClusterUnavailable),
        (FaultKind.DUPLICATE, 0, 2, int),
        (FaultKind.DELAY, 0, 1, int),
        (FaultKind.DELAY, 1, 1, int),
        (FaultKind.ERROR, 1, 1, int),
        (FaultKind.LOST, 0, 1, int),
        (FaultKind.CRASH, 2, 1, int),
    ],
)
def test_each_kind_at_each_point(
    kind: FaultKind, at: int, effects: int, outcome: type[object]
) -> None:
    port, result = run_virtual(strike(kind, at))
    assert port.effects == effects
    assert isinstance(result, outcome)


@virtual_time
async def test_delay_takes_virtual_time() -> None:
    clock = running_clock()
    assert clock is not None
    await strike(FaultKind.DELAY, 0)
    assert 0 < clock.monotonic() <= 5


@virtual_time
async def test_dead_process_does_nothing_any_more() -> None:
    port = Port()
    process = FaultPlan().process("p")
    wrapped = process.wrap(port, "port", ClusterUnavailable)
    assert await wrapped.act() == 1
    process.kill()
    with pytest.raises(Crash):
        await wrapped.act()
    with pytest.raises(Crash):
        wrapped.look()
    assert port.effects == 1
    assert process.crashed.is_set()


@virtual_time
async def test_process_that_is_cut_off_hears_nothing() -> None:
    port = Port()
    process = FaultPlan().process("p")
    wrapped = process.wrap(port, "port", ClusterUnavailable)
    process.cut.add("port")
    with pytest.raises(ClusterUnavailable):
        await wrapped.act()
    process.cut.clear()
    assert await wrapped.act() == 1


@virtual_time
async def test_the_rest_of_a_port_is_passed_on() -> None:
    port = Port()
    wrapped = FaultPlan().process("p").wrap(port, "port", ClusterUnavailable)
    assert (wrapped.name, wrapped.look()) == ("port", 0)
    async with wrapped.watch() as numbers:
        assert [number async for number in numbers] == [0, 1, 2]


@virtual_time
async def test_watch_can_break() -> None:
    plan = FaultPlan(at={4: FaultKind.ERROR})
    wrapped = plan.process("p").wrap(Port(), "port", ClusterUnavailable)
    async with wrapped.watch() as numbers:
        assert await anext(numbers) == 0
        with pytest.raises(ClusterUnavailable):
            await anext(numbers)


@virtual_time
async def test_points_inside_a_double_can_be_hit() -> None:
    """Between two effects of one call, and only while a process of the plan runs it."""
    plan = FaultPlan()
    cluster = MemoryCluster(VirtualClock(), checkpoint=plan.checkpoint)
    await cluster.create_namespace("a", OWNER)
    assert plan.trace == []
    wrapped = plan.process("p").wrap(cluster, "cluster", ClusterUnavailable)
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    second = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "two"}}
    await wrapped.apply("a", [manifest, second], OWNER)
    assert [point.name for point in plan.trace] == [
        "cluster.apply:call",
        "cluster.apply:begin",
        "cluster.apply:between",
        "cluster.apply:between",
        "cluster.apply:return",
    ]
    again = FaultPlan(at={2: FaultKind.CRASH})
    cluster = MemoryCluster(VirtualClock(), checkpoint=again.checkpoint)
    wrapped = again.process("p").wrap(cluster, "cluster", ClusterUnavailable)
    await cluster.create_namespace("a", OWNER)
    with pytest.raises(Crash):
        await wrapped.apply("a", [manifest, second], OWNER)
    assert list(cluster.namespaces["a"].objects) == [("ConfigMap", "one")]


@virtual_time
async def test_outcome_of_a_commit_can_be_unknown() -> None:
    for at, done in ((1, False), (2, True)):
        plan = FaultPlan(at={at: FaultKind.CANCEL})
        repository = MemoryRepository(VirtualClock(), checkpoint=plan.checkpoint)
        wrapped = plan.process("p").wrap(repository, "repository", DatabaseUnavailable)
        task = asyncio.ensure_future(wrapped.beat("worker-1"))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert bool(await repository.workers(seen_within=60)) is done


def random_history(seed: int) -> tuple[list[object], int]:
    async def main() -> list[object]:
        plan = FaultPlan(seed, rate=0.3, kinds=set(FaultKind) - {FaultKind.CRASH})
        wrapped = plan.process("p").wrap(Port(), "port", ClusterUnavailable)
        for _ in range(30):
            await asyncio.gather(asyncio.ensure_future(wrapped.act()), return_exceptions=True)
        assert plan.injected
        plan.active = False
        before = len(plan.trace)
        await wrapped.act()
        assert not [point for point in plan.trace[before:] if point.fault]
        return list(plan.trace)

    trace = run_virtual(main())
    return trace, len(trace)


def test_a_seed_tells_its_history_again() -> None:
    assert random_history(7) == random_history(7)
    assert random_history(7) != random_history(8)
