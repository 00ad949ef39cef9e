"""The clocks that are not made for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storeorch.clock import RemoteClock, SystemClock
from storeorch.testing import VirtualClock, virtual_time

pytest_plugins = ["storeorch.testing.plugin"]
NOON = datetime(2031, 5, 4, 12, tzinfo=UTC)


def test_system_clock_tells_utc_and_goes_on() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()


@virtual_time
async def test_remote_clock_goes_on_from_the_other_time(virtual_clock: VirtualClock) -> None:
    clock = RemoteClock(NOON, virtual_clock.monotonic)
    await clock.sleep(90)
    assert clock.now() == NOON + timedelta(seconds=90)
    assert clock.monotonic() == virtual_clock.monotonic()


@virtual_time
async def test_remote_clock_does_not_care_for_this_machines(virtual_clock: VirtualClock) -> None:
    clock = RemoteClock(NOON, virtual_clock.monotonic)
    virtual_clock.jump(-86_400)
    assert clock.now() == NOON
