"""The machine's clock, and one that goes by another's time of day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

_ALWAYS_ON: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""On Linux the usual monotonic clock stands still while the machine sleeps; leases do not."""


class SystemClock:
    """Satisfies ``ports.Clock`` with the machine's time."""

    def now(self) -> datetime:
        """Return the time of day in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since some moment; never goes back, nor stands still."""
        return time.clock_gettime(_ALWAYS_ON)

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        await asyncio.sleep(seconds)


class RemoteClock:
    """Satisfies ``ports.Clock`` with the time of day of somebody else, whatever this machine's is.

    Times that were written by another's clock can be compared with its times.

    Args:
        now: The other's time of day at this moment, aware and in UTC.
        monotonic: Tells seconds since some moment.
    """

    def __init__(self, now: datetime, monotonic: Callable[[], float]) -> None:
        self._began = now, monotonic()
        self._monotonic = monotonic

    def now(self) -> datetime:
        """Return the other's time of day, in UTC."""
        now, began = self._began
        return now + timedelta(seconds=self._monotonic() - began)

    def monotonic(self) -> float:
        """Return seconds since some moment; never goes back."""
        return self._monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        await asyncio.sleep(seconds)
