"""Faults on purpose: a seeded plan strikes at the points where a program awaits.

A ``FaultPlan`` numbers every point that is passed: the begin and the end of every
call of a wrapped port, and the checkpoints inside the in-memory doubles. At each
it may strike. The same seed and the same program give the same strikes, so a
history can be told again from its seed; ``at`` strikes at chosen points instead,
for matrices of one fault at each point.

```python
plan = FaultPlan(seed=7, rate=0.05)
process = plan.process("worker-1")
cluster = MemoryCluster(clock, checkpoint=plan.checkpoint)
engine = Engine(cluster=process.wrap(cluster, "cluster", ClusterUnavailable), ...)
```

This module must know no port and no double.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")


class Crash(BaseException):
    """The process was killed here; it can do nothing any more, not even clean up."""


class FaultKind(StrEnum):
    """What can go wrong at a point.

    ``CRASH`` kills the process, ``CANCEL`` cancels the task, ``DELAY`` takes time,
    ``ERROR`` fails before the effect, ``LOST`` fails after it (the response was
    lost), ``DUPLICATE`` makes the call twice.
    """

    CRASH = "crash"
    CANCEL = "cancel"
    DELAY = "delay"
    ERROR = "error"
    LOST = "lost"
    DUPLICATE = "duplicate"


_BEGIN: Final = frozenset(FaultKind) - {FaultKind.LOST}
_INSIDE: Final = frozenset({FaultKind.CRASH, FaultKind.CANCEL, FaultKind.DELAY})
_END: Final = _INSIDE | {FaultKind.LOST}
_TWICE: Final = frozenset({FaultKind.DUPLICATE})


@dataclass(frozen=True, slots=True)
class Point:
    """A point that was passed.

    Attributes:
        number: Counted from 0 within the plan.
        process: Name of the process that passed it.
        name: ``<port>.<method>:<moment>``.
        fault: What struck there, or None.
    """

    number: int
    process: str
    name: str
    fault: FaultKind | None


class FaultPlan:
    """Decides where to strike, and keeps the trace.

    Args:
        seed: Of the plan's own random numbers.
        rate: Probability of a strike at a point, from 0 to 1.
        kinds: The kinds to choose from.
        at: Strike exactly here, by the point's number, and nowhere else.
        max_delay: Longest delay, in seconds.

    Attributes:
        active: Whether it strikes; turn it off to let a history end in peace.
        trace: All points passed so far, in order.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        rate: float = 0.0,
        kinds: Collection[FaultKind] = tuple(FaultKind),
        at: Mapping[int, FaultKind] | None = None,
        max_delay: float = 5.0,
    ) -> None:
        self.active = True
        self.trace: list[Point] = []
        self._rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._rate = rate
        self._kinds = frozenset(kinds)
        self._at = at
        self._max_delay = max_delay

    @property
    def injected(self) -> Mapping[FaultKind, int]:
        """How often each kind has struck."""
        faults = [point.fault for point in self.trace if point.fault is not None]
        return {kind: faults.count(kind) for kind in FaultKind if kind in faults}

    def process(self, name: str) -> FaultyProcess:
        """Return a process that this plan may strike; after a crash take a new one."""
        return FaultyProcess(self, name)

    async def checkpoint(self, point: str) -> None:
        """Pass a point inside a double; give this to the doubles as ``checkpoint``."""
        process = _current.get()
        if process is None:
            await asyncio.sleep(0)
        else:
            await process.pass_point(point, _INSIDE)

    def decide(self, process: str, name: str, possible: Collection[FaultKind]) -> FaultKind | None:
        """Number a point, and say what strikes there."""
        number = len(self.trace)
        fault: FaultKind | None = None
        if self.active and self._at is not None:
            fault = self._at.get(number)
        elif self.active and self._rng.random() < self._rate:
            choice = sorted(self._kinds & frozenset(possible))
            fault = self._rng.choice(choice) if choice else None
        if fault not in possible:
            fault = None
        self.trace.append(Point(number, process, name, fault))
        return fault

    def delay(self) -> float:
        """Return how long a delay takes, in seconds."""
        return self._rng.random() * self._max_delay


class FaultyProcess:
    """One process of a simulation: what it does to its ports may fail, and it may die.

    Attributes:
        name: Its name in the trace.
        crashed: Set once it is dead; whoever plays the operating system waits for
            this, cancels its tasks and starts another.
        cut: Ports that it cannot reach, by name, as in a partition of the network.
        silent: Ports that do not answer, by name: calls wait until the name is dropped
            by ``hear``, as where packets vanish.
    """

    def __init__(self, plan: FaultPlan, name: str) -> None:
        self.name = name
        self.crashed = asyncio.Event()
        self.cut: set[str] = set()
        self.silent: set[str] = set()
        self._plan = plan
        self._running = asyncio.Event()
        self._running.set()
        self._heard = asyncio.Event()

    def wrap(self, port: T, name: str, error: Callable[[], Exception]) -> T:
        """Return the port as this process sees it.

        Args:
            port: Any object with ``async`` methods, or such that return asynchronous
                context managers.
            name: Its name in the trace and in ``cut``.
            error: Makes what the port raises when it fails, for example
                ``ClusterUnavailable``.
        """
        return cast("T", _Port(self, port, name, error))

    def kill(self) -> None:
        """Let the process die here and now."""
        self.crashed.set()
        self._running.set()
        self._heard.set()

    def pause(self) -> None:
        """Stop the process, as SIGSTOP does: it does nothing, and time goes on."""
        self._running.clear()

    def resume(self) -> None:
        """Let a process that was stopped go on, as SIGCONT does."""
        self._running.set()

    def hear(self, port: str) -> None:
        """End the silence of a port; calls that waited go on."""
        self.silent.discard(port)
        self._heard.set()

    async def pass_point(
        self,
        name: str,
        possible: Collection[FaultKind],
        error: Callable[[], Exception] | None = None,
    ) -> FaultKind | None:
        """Pass a point; returns ``DUPLICATE`` if the call shall be made twice."""
        self.check()
        fault = self._plan.decide(self.name, name, possible)
        match fault:
            case FaultKind.CRASH:
                self.kill()
            case FaultKind.CANCEL:
                task = asyncio.current_task()
                if task is not None:
                    task.cancel()
            case FaultKind.DELAY:
                await asyncio.sleep(self._plan.delay())
            case FaultKind.ERROR | FaultKind.LOST if error is not None:
                raise error()
            case _:
                pass
        self.check()
        await asyncio.sleep(0)
        await self._while_paused()
        self.check()
        return fault

    async def call(
        self,
        port: str,
        method: str,
        effect: Callable[[], Awaitable[Any]],
        error: Callable[[], Exception],
        *,
        repeatable: bool = True,
        twice: bool = True,
    ) -> Any:
        """Make one call of a port, with all that may befall it.

        Args:
            port: The port's name.
            method: The method's name.
            effect: Makes the call.
            error: Makes what the port raises when it fails.
            repeatable: Whether the call may be made twice, or done and then lost.
            twice: Whether it may be made twice; what is waited for comes only once.
        """
        token = _current.set(self)
        try:
            begin, end = (_BEGIN, _END) if repeatable else (_BEGIN, frozenset())
            if not (repeatable and twice):
                begin -= _TWICE
            fault = await self.pass_point(f"{port}.{method}:call", begin, error)
            await self._while_silent(port)
            self._check_reachable(port, error)
            result = await effect()
            if fault is FaultKind.DUPLICATE:
                result = await effect()
            await self.pass_point(f"{port}.{method}:return", end, error)
            if repeatable:
                await self._while_silent(port)
                self._check_reachable(port, error)
        finally:
            _current.reset(token)
        return result

    def check(self) -> None:
        """Raise ``Crash`` if the process is dead."""
        if self.crashed.is_set():
            raise Crash

    async def _while_silent(self, port: str) -> None:
        while port in self.silent:
            self._heard.clear()
            await self._heard.wait()
            self.check()

    async def _while_paused(self) -> None:
        """Wait while the process is stopped; also what cancels it is noticed only afterwards."""
        cancelled = False
        while not self._running.is_set():
            try:
                await self._running.wait()
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError

    def _check_reachable(self, port: str, error: Callable[[], Exception]) -> None:
        if port in self.cut:
            raise error()


_current: ContextVar[FaultyProcess | None] = ContextVar("process", default=None)


def current_process() -> FaultyProcess | None:
    """Return the process on whose behalf a double is called, or None."""
    return _current.get()


class _Port:
    """Passes everything on to a port, through its process."""

    def __init__(
        self,
        process: FaultyProcess,
        port: object,
        name: str,
        error: Callable[[], Exception],
        *,
        twice: bool = True,
    ) -> None:
        self._process = process
        self._port = port
        self._name = name
        self._error = error
        self._twice = twice

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._port, attribute)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            self._process.check()
            if inspect.iscoroutinefunction(value):
                # Not called yet: a task that is cancelled before it begins awaits nothing.
                return self._await(attribute, lambda: value(*args, **kwargs))
            result = value(*args, **kwargs)
            if isinstance(result, AbstractAsyncContextManager):
                return _Context(self, attribute, result)
            return result

        return call

    async def _await(self, attribute: str, effect: Callable[[], Awaitable[Any]]) -> Any:
        return await self._process.call(
            self._name, attribute, effect, self._error, twice=self._twice
        )

    async def run(self, attribute: str, effect: Callable[[], Awaitable[Any]]) -> Any:
        return await self._process.call(
            self._name, attribute, effect, self._error, repeatable=False
        )

    def inner(self, value: Any, attribute: str) -> Any:
        name = f"{self._name}.{attribute}"
        if isinstance(value, AsyncIterator):
            return _Iterator(self, attribute, value)
        return _Port(self._process, value, name, self._error, twice=False)


class _Context:
    """An asynchronous context manager of a port, through its process."""

    def __init__(
        self, port: _Port, attribute: str, context: AbstractAsyncContextManager[Any]
    ) -> None:
        self._port = port
        self._attribute = attribute
        self._context = context

    async def __aenter__(self) -> Any:
        value = await self._port.run(self._attribute, self._context.__aenter__)
        return self._port.inner(value, self._attribute)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._context.__aexit__(kind, error, traceback)


class _Iterator:
    """An asynchronous iterator of a port, through its process."""

    def __init__(self, port: _Port, attribute: str, iterator: AsyncIterator[Any]) -> None:
        self._port = port
        self._attribute = attribute
        self._iterator = iterator

    def __aiter__(self) -> _Iterator:
        return self

    async def __anext__(self) -> Any:
        return await self._port.run(f"{self._attribute}.next", self._iterator.__anext__)
