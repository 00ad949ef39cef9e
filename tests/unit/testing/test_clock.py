from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeorch.testing import (
    NothingLeftToHappen,
    VirtualClock,
    VirtualLoop,
    run_virtual,
    virtual_time,
)
from storeorch.testing.clock import EPOCH, running_clock


def test_a_year_passes_in_order() -> None:
    clock = VirtualClock()
    order: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        order.append(name)

    async def main() -> None:
        await asyncio.gather(wait("year", 31_536_000), wait("hour", 3600), wait("now", 0))

    run_virtual(main(), clock=clock)
    assert order == ["now", "hour", "year"]
    assert clock.monotonic() == 31_536_000
    assert clock.now() == EPOCH + timedelta(days=365)


@given(st.lists(st.floats(0, 10**7, allow_nan=False), max_size=8))
def test_timers_fire_at_their_time(delays: list[float]) -> None:
    fired: list[float] = []

    async def wait(delay: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(delay)
        assert loop.time() >= delay - 1e-6
        fired.append(delay)

    async def main() -> None:
        await asyncio.gather(*(wait(delay) for delay in delays))

    run_virtual(main())
    assert fired == pytest.approx(sorted(delays), abs=1e-5), "in order, but for a microsecond"


@virtual_time
async def test_timeouts_are_virtual() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(600):
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() == pytest.approx(600)


def test_waiting_for_what_cannot_come_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingLeftToHappen):
        run_virtual(main())


def test_work_in_a_thread_is_waited_for_while_time_stands_still() -> None:
    clock = VirtualClock()

    def work() -> str:
        time.sleep(0.01)
        return "real"

    async def main() -> str:
        late = asyncio.create_task(asyncio.sleep(1000))
        answer = await asyncio.to_thread(work)
        assert clock.monotonic() == 0
        late.cancel()
        return answer

    assert run_virtual(main(), clock=clock) == "real"


@virtual_time
async def test_other_threads_are_waited_for_where_it_is_said() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    answer: asyncio.Future[str] = loop.create_future()

    def work() -> None:
        loop.call_soon_threadsafe(answer.set_result, "real")

    import threading

    threading.Timer(0.01, work).start()
    with loop.outside():
        assert await answer == "real"
    assert loop.time() == 0


@virtual_time
async def test_sleeping_on_a_clock_that_is_not_the_loops_is_an_error() -> None:
    """It would wait for ever, or for real."""
    other = VirtualClock()
    await other.sleep(0)
    with pytest.raises(RuntimeError):
        await other.sleep(1)


def test_moving_a_clock_by_hand() -> None:
    clock = VirtualClock(datetime(2030, 1, 1, tzinfo=UTC))
    clock.advance(5)
    assert clock.monotonic() == 5
    clock.jump(-3600)
    assert clock.monotonic() == 5
    assert clock.now() == datetime(2029, 12, 31, 23, 0, 5, tzinfo=UTC)
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)


def test_decorated_test_runs_on_the_clock_it_is_given() -> None:
    clock = VirtualClock()

    @virtual_time
    async def scenario(given_clock: VirtualClock, /, *, number: int) -> int:
        assert running_clock() is given_clock
        await given_clock.sleep(number)
        return number

    assert scenario(clock, number=7) == 7
    assert clock.monotonic() == 7
    assert running_clock() is None
