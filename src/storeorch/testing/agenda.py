"""What will happen later in an in-memory double: pods start, namespaces end.

This module must know only clocks and event loops.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from storeorch.ports import Clock


class Agenda:
    """Runs actions once their time has come by a clock.

    Actions run from a timer of the running loop; whoever reads the state that
    they change calls ``settle`` first, so that what is due has happened also
    where no loop ran meanwhile.

    Args:
        clock: The clock that the delays run on; it must be the loop's own.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def after(self, delay: float, action: Callable[[], None]) -> None:
        """Run the action after that many seconds; at once for 0."""
        if delay <= 0:
            action()
            return
        heapq.heappush(self._due, (self._clock.monotonic() + delay, next(self._order), action))
        self.arm()

    def settle(self) -> None:
        """Run what is due."""
        while self._due and self._due[0][0] <= self._clock.monotonic():
            heapq.heappop(self._due)[2]()

    def arm(self) -> None:
        """Have the running loop, if there is one, run the next action in time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._due:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        left = max(self._due[0][0] - self._clock.monotonic(), 0.0)
        self._timer = loop.call_later(left, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.settle()
        self.arm()
