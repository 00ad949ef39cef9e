"""How many requests someone may make, counted in this process.

This module must know no route and no token.
"""

from __future__ import annotations

import time
from typing import Final

from limits import RateLimitItem, parse, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from storeorch_webapp.failures import Refused, seconds_until
from storeorch_webapp.settings import UNLIMITED

_FAILURES: Final = parse("20/minute")
"""Wrong tokens that one address may show; guessing 256 bits is hopeless anyway."""


class RateLimiter:
    """Counts requests in this process.

    Args:
        rates: How many are allowed, as ``50/second;1200/minute``; ``off`` is without limit.
    """

    def __init__(self, rates: str) -> None:
        self._rates: list[RateLimitItem] = [] if rates == UNLIMITED else parse_many(rates)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def count(self, who: str) -> None:
        """Count a request.

        Raises:
            Refused: It is one too many.
        """
        for rate in self._rates:
            await self._hit(rate, who)

    async def count_failure(self, address: str) -> None:
        """Count a wrong token; see ``count``."""
        await self._hit(_FAILURES, "failure", address)

    async def _hit(self, rate: RateLimitItem, *who: str) -> None:
        if not await self._limiter.hit(rate, *who):
            window = await self._limiter.get_window_stats(rate, *who)
            raise Refused(
                429,
                "too-many-requests",
                "Too many requests came in a short time.",
                hint="Wait as long as the header Retry-After says.",
                headers={"Retry-After": seconds_until(window.reset_time, time.time())},
            )
