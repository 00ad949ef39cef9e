"""Each guarantee in the docstring of the work queue, alone and under any sequence of calls."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typing_extensions import override

from storeorch.testing import run_virtual, virtual_time
from storeorch.workqueue import WorkQueue, backoff

Call: TypeAlias = tuple[str, str, int]

KEYS = st.sampled_from(["a", "b", "c"])
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add_after", "take", "begin", "done", "forget", "sleep"]),
        KEYS,
        st.integers(0, 4),
    ),
    max_size=40,
)


class Model:
    """The queue by its docstring: who is ready, in which order, and who will be when."""

    def __init__(self) -> None:
        self.now = 0
        self.ready: list[str] = []
        self.later: dict[str, int] = {}
        self.working: set[str] = set()
        self.again: set[str] = set()

    def add(self, key: str) -> None:
        self.later.pop(key, None)
        if key in self.working:
            self.again.add(key)
        elif key not in self.ready:
            self.ready.append(key)

    def add_after(self, key: str, delay: int) -> None:
        if delay == 0:
            self.add(key)
        elif key not in self.ready and key not in self.again:
            due = self.now + delay
            if self.later.get(key, due + 1) > due:
                self.later.pop(key, None)
                self.later[key] = due

    def sleep(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            for key in [key for key, due in self.later.items() if due <= self.now]:
                self.add(key)

    def take(self, limit: int) -> None:
        taken, self.ready = self.ready[:limit], self.ready[limit:]
        self.working.update(taken)

    def begin(self, key: str) -> None:
        self.later.pop(key, None)
        if key in self.ready:
            self.ready.remove(key)
        self.working.add(key)

    def done(self, key: str) -> None:
        self.working.discard(key)
        if key in self.again:
            self.again.discard(key)
            self.add(key)

    def forget(self, key: str) -> None:
        self.later.pop(key, None)
        self.again.discard(key)
        if key in self.ready:
            self.ready.remove(key)


@given(calls=CALLS)
@example(calls=[("add_after", "a", 1), ("sleep", "a", 2), ("add", "b", 0), ("take", "a", 1)])
def test_any_calls_do_as_documented(calls: Sequence[Call]) -> None:
    async def scenario() -> None:
        queue: WorkQueue[str] = WorkQueue()
        model = Model()
        for name, key, number in calls:
            match name:
                case "add":
                    queue.add(key)
                    model.add(key)
                case "add_after":
                    queue.add_after(key, number)
                    model.add_after(key, number)
                case "take":
                    taken = queue.take(number)
                    assert len(taken) == len(set(taken))
                    assert not model.working & set(taken)
                    assert taken == model.ready[:number]
                    model.take(number)
                case "begin":
                    queue.begin(key)
                    model.begin(key)
                case "done":
                    queue.done(key)
                    model.done(key)
                case "forget":
                    queue.forget(key)
                    model.forget(key)
                case _:
                    await asyncio.sleep(number)
                    model.sleep(number)
        assert queue.take(100) == model.ready

    run_virtual(scenario())


@virtual_time
async def test_key_added_several_times_is_taken_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for _ in range(3):
        queue.add("a")
    assert await queue.get() == "a"
    assert queue.take(9) == []


@virtual_time
async def test_key_is_never_taken_by_two_workers_at_once() -> None:
    queue: WorkQueue[int] = WorkQueue()
    working: set[int] = set()
    taken: list[int] = []

    async def worker() -> None:
        while True:
            key = await queue.get()
            assert key not in working
            working.add(key)
            await asyncio.sleep(1)
            working.discard(key)
            taken.append(key)
            queue.done(key)

    workers = [asyncio.create_task(worker()) for _ in range(4)]
    for _ in range(5):
        for key in range(3):
            queue.add(key)
        await asyncio.sleep(0.3)
    await asyncio.sleep(10)
    for each in workers:
        each.cancel()
    results = await asyncio.gather(*workers, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert sorted(set(taken)) == [0, 1, 2]
    assert len(queue) == 0


@virtual_time
async def test_key_added_while_it_is_worked_on_is_taken_again() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert queue.take(1) == ["a"]
    queue.add("a")
    assert queue.take(1) == []
    queue.done("a")
    assert queue.take(1) == ["a"]
    queue.done("a")
    assert queue.take(1) == []


@virtual_time
async def test_keys_are_taken_in_the_order_in_which_they_became_ready() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("first", 1)
    await asyncio.sleep(2)
    queue.add("second")
    queue.add("third")
    assert queue.take(9) == ["first", "second", "third"]


@virtual_time
async def test_delay() -> None:
    queue: WorkQueue[str] = WorkQueue()
    loop = asyncio.get_running_loop()
    queue.add_after("a", 5)
    assert queue.take(1) == []
    assert await queue.get() == "a"
    assert loop.time() == pytest.approx(5)


@pytest.mark.parametrize(
    ("delays", "ready_at"), [((5, 2), 2), ((2, 5), 2), ((5, 0), 0), ((5, -1), 0), ((3, 3), 3)]
)
def test_shortest_delay_wins(delays: Sequence[float], ready_at: float) -> None:
    async def scenario() -> None:
        queue: WorkQueue[str] = WorkQueue()
        for delay in delays:
            queue.add_after("a", delay)
        assert await queue.get() == "a"
        assert asyncio.get_running_loop().time() == pytest.approx(ready_at)
        queue.done("a")
        await asyncio.sleep(10)
        assert queue.take(1) == []

    run_virtual(scenario())


@virtual_time
async def test_delay_that_ends_while_the_key_is_worked_on() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add_after("a", 1)
    await asyncio.sleep(5)
    assert queue.take(1) == []
    queue.done("a")
    assert queue.take(1) == ["a"]


@virtual_time
async def test_shorter_delay_ends_a_wait() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("slow", 100)
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(1)
    queue.add_after("fast", 2)
    assert await waiting == "fast"
    assert asyncio.get_running_loop().time() == pytest.approx(3)


@virtual_time
async def test_cancelled_wait_takes_nothing() -> None:
    queue: WorkQueue[str] = WorkQueue()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    queue.add("a")
    assert await queue.get() == "a"


@virtual_time
async def test_ten_thousand_delays_at_once() -> None:
    """Falling due all together must not go as deep as there are keys."""
    queue: WorkQueue[int] = WorkQueue()
    for key in range(10_000):
        queue.add_after(key, 1)
    await asyncio.sleep(2)
    queue.add(-1)
    assert queue.take(20_000) == [*range(10_000), -1]


@given(
    attempts=st.integers(-3, 10_000),
    base=st.floats(0.01, 10),
    cap=st.floats(0.01, 1000),
    seed=st.integers(0, 2**32),
)
def test_backoff_is_bounded(attempts: int, base: float, cap: float, seed: int) -> None:
    wait = backoff(attempts, base=base, cap=cap, rng=random.Random(seed))
    ceiling = min(cap, base * 2.0 ** min(max(attempts - 1, 0), 1000))
    assert ceiling / 2 <= wait <= ceiling


def test_backoff_doubles_and_spreads() -> None:
    class Highest(random.Random):
        @override
        def random(self) -> float:
            return 1.0

    waits = [backoff(n, base=1, cap=60, rng=Highest()) for n in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    rng = random.Random(1)
    assert len({backoff(3, base=1, cap=60, rng=rng) for _ in range(10)}) == 10
