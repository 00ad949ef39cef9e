"""Virtual time: an event loop on which ten minutes pass in an instant.

Whenever every task waits, ``VirtualLoop`` moves its clock to the next timer
instead of waiting for it, so ``asyncio.sleep``, ``asyncio.timeout`` and
``call_later`` all work, in order, and the same program does the same thing in
every run.

This module must know nothing of stores.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, ParamSpec, TypeVar

from typing_extensions import TypeVarTuple, override

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")

EPOCH: Final = datetime(2030, 1, 1, tzinfo=UTC)
"""When virtual time begins, unless said otherwise."""

_RESOLUTION: Final = 1e-6
"""Timers that are due within so many seconds are due now."""


class NothingLeftToHappen(RuntimeError):
    """Every task waits and no timer is set: in virtual time that is for ever."""


class VirtualClock:
    """Time that only moves when told to; satisfies ``ports.Clock``.

    Args:
        start: The time of day at the beginning, aware.
    """

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self._elapsed = 0.0
        self._jumped = 0.0

    def now(self) -> datetime:
        """Return the time of day, aware and in UTC."""
        return self._start + timedelta(seconds=self._elapsed + self._jumped)

    def monotonic(self) -> float:
        """Return seconds since the clock was made."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds of virtual time.

        Raises:
            RuntimeError: The loop does not run on this clock, so the wait would be real.
        """
        loop = asyncio.get_running_loop()
        if seconds > 0 and not (isinstance(loop, VirtualLoop) and loop.clock is self):
            raise RuntimeError("The running loop does not run on this clock: use run_virtual().")
        await asyncio.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass at once."""
        if seconds < 0:
            raise ValueError("Time never goes back; see jump().")
        self._elapsed += seconds

    def jump(self, seconds: float) -> None:
        """Change the time of day, also backwards, as an operator or NTP may do."""
        self._jumped += seconds


class _IdleSelector(selectors.BaseSelector):
    """Looks for I/O without waiting for it, and moves the clock if there is none."""

    def __init__(self, clock: VirtualClock) -> None:
        self._real = selectors.DefaultSelector()
        self._clock = clock
        self.outside = 0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.outside:
            return self._real.select(timeout)
        ready = self._real.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            raise NothingLeftToHappen("Every task waits and no timer is set.")
        self._clock.advance(timeout)
        return ready

    @override
    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    @override
    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    @override
    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    @override
    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    @override
    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a ``VirtualClock``.

    Work in the loop's executor is real: while some is under way, time stands
    still and the loop waits for it. ``outside`` says the same of other threads.

    Args:
        clock: The clock that the loop moves; a new one unless given.
    """

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self.clock = clock or VirtualClock()
        self._idle = _IdleSelector(self.clock)
        super().__init__(self._idle)
        # asyncio's own, 1 ns, is lost in a float after some months: timers would never fire.
        self._clock_resolution = _RESOLUTION

    @override
    def time(self) -> float:
        """Return the clock's seconds."""
        return self.clock.monotonic()

    @override
    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run a blocking function in a thread, while time stands still."""
        future = super().run_in_executor(executor, func, *args)
        self._idle.outside += 1
        future.add_done_callback(self._back)
        return future

    @override
    async def shutdown_default_executor(self, *args: Any) -> None:
        """Join the executor's threads, while time stands still."""
        with self.outside():
            await super().shutdown_default_executor(*args)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Let time stand still, because something outside of the loop is waited for."""
        self._idle.outside += 1
        try:
            yield
        finally:
            self._idle.outside -= 1

    def _back(self, future: object) -> None:  # noqa: ARG002 - the callback's form
        self._idle.outside -= 1


def running_clock() -> VirtualClock | None:
    """Return the clock of the running loop, if that is a ``VirtualLoop``."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop.clock if isinstance(loop, VirtualLoop) else None


def run_virtual(
    main: Coroutine[Any, Any, T] | Awaitable[T], *, clock: VirtualClock | None = None
) -> T:
    """Run a coroutine to its end in virtual time, like ``asyncio.run``.

    Args:
        main: What to run.
        clock: The clock to run on; a new one unless given.

    Returns:
        What the coroutine returned.

    Raises:
        NothingLeftToHappen: The coroutine waits for what cannot come.
    """

    async def run() -> T:
        return await main

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(run())


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make an ordinary test of an ``async`` one, run in virtual time.

    A ``VirtualClock`` among the test's arguments is the clock that it runs on.

    Example:
        >>> @virtual_time
        ... async def test_ten_minutes_pass(virtual_clock):
        ...     await virtual_clock.sleep(600)
    """

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        given = (*args, *kwargs.values())
        clock = next((value for value in given if isinstance(value, VirtualClock)), None)
        return run_virtual(test(*args, **kwargs), clock=clock)

    return run
