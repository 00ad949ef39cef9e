"""The machine's clock, for everything that is given a clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
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
