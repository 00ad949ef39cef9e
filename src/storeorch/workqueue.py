"""A queue of keys that need work, after the pattern of client-go's work queue.

Guarantees, each of them a test:

- A key that is added several times before it is taken is taken once.
- A key is never taken by two workers at once.
- A key that is added while it is worked on is taken again after ``done``.
- Keys are taken in the order in which they became ready.
- A key that was added with a delay becomes ready after it; adding it without a
  delay, or with a shorter one, makes it ready sooner, never later.

Standard library only; knows nothing of stores.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


def backoff(attempts: int, *, base: float, cap: float, rng: random.Random) -> float:
    """Return how long to wait before the next attempt, in seconds.

    Exponential with equal jitter: half of the wait is fixed, half is random, so
    that stores which failed together do not come back together.

    Args:
        attempts: Failed attempts so far, at least 1.
        base: The longest wait after the first failure, in seconds.
        cap: The longest wait of all, in seconds.
        rng: Source of the jitter.
    """
    exponent = min(max(attempts, 1) - 1, 62)
    ceiling = min(cap, base * 2.0**exponent)
    return ceiling / 2 + rng.random() * ceiling / 2


class WorkQueue(Generic[K]):
    """A deduplicating queue with delays and exclusivity per key.

    All methods must be called from the event loop's thread; delays run on the
    loop's clock.
    """

    def __init__(self) -> None:
        self._ready: dict[K, None] = {}
        self._working: set[K] = set()
        self._dirty: set[K] = set()
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._added = asyncio.Event()

    def __len__(self) -> int:
        """Return how many keys are ready or being worked on."""
        return len(self._ready) + len(self._working)

    def add(self, key: K) -> None:
        """Make a key ready now."""
        self._promote()
        self._make_ready(key)

    def add_after(self, key: K, delay: float) -> None:
        """Make a key ready after ``delay`` seconds, unless it is ready sooner."""
        if delay <= 0:
            self.add(key)
            return
        if key in self._ready or key in self._dirty:
            return
        due = asyncio.get_running_loop().time() + delay
        if key in self._due and self._due[key] <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._order), key))
        self._added.set()

    def take(self, limit: int) -> list[K]:
        """Take up to ``limit`` ready keys at once, without waiting."""
        self._promote()
        taken = list(itertools.islice(self._ready, max(limit, 0)))
        for key in taken:
            del self._ready[key]
            self._working.add(key)
        return taken

    def begin(self, key: K) -> None:
        """Take a key that the caller came by in another way."""
        self._ready.pop(key, None)
        self._due.pop(key, None)
        self._working.add(key)

    async def get(self) -> K:
        """Wait for a ready key and take it."""
        while True:
            if taken := self.take(1):
                return taken[0]
            await self.wait()

    async def wait(self) -> None:
        """Wait until a key is ready."""
        loop = asyncio.get_running_loop()
        while True:
            self._promote()
            if self._ready:
                return
            self._added.clear()
            delay = self._heap[0][0] - loop.time() if self._heap else None
            try:
                async with asyncio.timeout(delay):
                    await self._added.wait()
            except TimeoutError:
                continue

    def done(self, key: K) -> None:
        """Say that the work on a taken key has ended."""
        self._promote()
        self._working.discard(key)
        if key in self._dirty:
            self._dirty.discard(key)
            self._make_ready(key)

    def forget(self, key: K) -> None:
        """Drop a key that is ready, delayed or was added while it is worked on."""
        self._ready.pop(key, None)
        self._due.pop(key, None)
        self._dirty.discard(key)

    def _make_ready(self, key: K) -> None:
        self._due.pop(key, None)
        if key in self._working:
            self._dirty.add(key)
            return
        self._ready[key] = None
        self._added.set()

    def _promote(self) -> None:
        """Make ready what fell due, before anything that becomes ready only now."""
        if not self._heap:
            return
        now = asyncio.get_running_loop().time()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                self._make_ready(key)
