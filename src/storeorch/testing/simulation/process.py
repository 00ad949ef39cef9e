"""Processes that can be stopped as a whole, on a loop that many of them share.

A ``FaultyProcess`` that is paused waits at its next call of a port, but its timers
go on. A process that the operating system has stopped does nothing at all: its
timers fire late, all at once, when it wakes. ``SimulatedLoop`` holds back whatever
was to run for such a process, told by the context that a task or timer was made in.

This module must know no store and no double.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from typing_extensions import TypeVarTuple, override

from storeorch.testing.clock import VirtualClock, VirtualLoop
from storeorch.testing.faults import FaultKind, FaultPlan, FaultyProcess

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_home: ContextVar[SimulatedProcess | None] = ContextVar("home", default=None)
"""The process that a task or a timer belongs to."""

CANCELLED: Final = "pass-"
"""Begin of the names of an engine's tasks that may be cancelled, as it does itself."""


class SimulatedProcess(FaultyProcess):
    """A process that a plan may strike, and that can be stopped and go on.

    Args:
        plan: What strikes it.
        name: Its name in the trace.
        rng: Chooses where it stands still, and for how long.
        stalls: Probability of standing still at a point, from 0 to 1.
        longest_stall: In seconds.
        spared: Kinds that do not strike it.

    Attributes:
        stopped: Whether it stands still now.
        stalled: How often it has stood still by itself.
        ends: Called when it dies.
        stops: Called when it is stopped.
        backlog: What was to run for it since it was stopped.
    """

    def __init__(
        self,
        plan: FaultPlan,
        name: str,
        *,
        rng: random.Random | None = None,
        stalls: float = 0.0,
        longest_stall: float = 60.0,
        spared: frozenset[FaultKind] = frozenset(),
    ) -> None:
        super().__init__(plan, name)
        self.stopped = False
        self.stalled = 0
        self.ends: list[Callable[[], None]] = []
        self.stops: list[Callable[[], None]] = []
        self.backlog: list[Callable[[], None]] = []
        self.overdue: list[Callable[[], None]] = []
        self._rng = rng or random.Random(0)  # noqa: S311 - repeatable, not secret
        self._stalls = stalls
        self._longest_stall = longest_stall
        self._spared = spared

    @override
    def kill(self) -> None:
        """Let the process die here and now, stopped or not."""
        already = self.crashed.is_set()
        super().kill()
        self.resume()
        if not already:
            for end in self.ends:
                end()

    @override
    def pause(self) -> None:
        """Stop the process, timers included."""
        if not self.stopped and not self.crashed.is_set():
            self.stopped = True
            for stop in list(self.stops):
                stop()

    @override
    def resume(self) -> None:
        """Let the process go on: first what came in meanwhile, then its timers."""
        self.stopped = False
        waiting = [*self.backlog, *self.overdue]
        self.backlog.clear()
        self.overdue.clear()
        for go_on in waiting:
            go_on()

    def stall(self, seconds: float) -> None:
        """Stop the process for that many seconds."""
        self.pause()
        asyncio.get_running_loop().call_later(seconds, self.resume, context=outside())

    @override
    async def pass_point(
        self,
        name: str,
        possible: Collection[FaultKind],
        error: Callable[[], Exception] | None = None,
    ) -> FaultKind | None:
        """Pass a point; only passes are cancelled, as nobody cancels anything else."""
        task = asyncio.current_task()
        possible = frozenset(possible) - self._spared
        if task is None or not task.get_name().startswith(CANCELLED):
            possible -= {FaultKind.CANCEL}
        if self._plan.active and self._stalls and self._rng.random() < self._stalls:
            self.stalled += 1
            self.stall(self._rng.random() * self._longest_stall)
        return await super().pass_point(name, possible, error)

    @contextmanager
    def inside(self) -> Iterator[Context]:
        """Yield a context whose tasks and timers are this process's."""
        context = copy_context()
        context.run(_home.set, self)
        yield context


def outside() -> Context:
    """Return a context like the present one whose tasks and timers are no process's."""
    context = copy_context()
    context.run(_home.set, None)
    return context


class SimulatedLoop(VirtualLoop):
    """A loop on virtual time that does nothing for a process that is stopped."""

    @override
    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Run a callback soon, or once its process goes on."""
        process = _home.get() if context is None else context.get(_home)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        cell: list[asyncio.Handle] = []
        context = context or copy_context()
        handle = super().call_soon(
            self._run, process, cell, context, callback, args, context=context
        )
        cell.append(handle)
        return handle

    @override
    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback at that time, or once its process goes on."""
        process = _home.get() if context is None else context.get(_home)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        cell: list[asyncio.Handle] = []
        context = context or copy_context()
        handle = super().call_at(
            when, self._run, process, cell, context, callback, args, context=context
        )
        cell.append(handle)
        return handle

    def _run(
        self,
        process: SimulatedProcess,
        cell: list[asyncio.Handle],
        context: Context,
        callback: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        (handle,) = cell
        if handle.cancelled():
            return
        if not process.stopped:
            callback(*args)
            return
        late = process.overdue if isinstance(handle, asyncio.TimerHandle) else process.backlog

        def go_on() -> None:
            # The handle that the process has stays the one that cancels.
            super(SimulatedLoop, self).call_soon(
                self._run, process, cell, context, callback, args, context=context
            )

        late.append(go_on)


class ProcessClock:
    """The clock of one machine; satisfies ``ports.Clock``.

    Args:
        clock: The true time.

    Attributes:
        skew: Seconds by which its time of day is wrong.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.skew = 0.0
        self._clock = clock

    def now(self) -> datetime:
        """Return the time of day as this machine has it."""
        return self._clock.now() + timedelta(seconds=self.skew)

    def monotonic(self) -> float:
        """Return seconds since the true clock was made."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        await self._clock.sleep(seconds)
