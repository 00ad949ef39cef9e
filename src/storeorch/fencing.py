"""The lease under which a task works, for whatever it calls to ask after.

A worker that was stopped and goes on, or whose machine slept, may wake in the
middle of a pass, with its lease long in other hands and its timers not yet run.
So adapters ask here before each call that changes something. The lease travels
with the task, as a context variable: steps need not hand it on, nor know of it.

This module must not know who takes leases, nor what is done under them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from storeorch.errors import LeaseLost


class Lease:
    """Until when a task may change its store's objects.

    Args:
        until: The moment by ``monotonic`` from which on it may not.
        monotonic: Tells the time in seconds; it must go on while the process is stopped.
    """

    def __init__(self, until: float, monotonic: Callable[[], float]) -> None:
        self.until = until
        self._monotonic = monotonic

    @property
    def left(self) -> float:
        """Seconds that are left; below zero once it has run out."""
        return self.until - self._monotonic()


_current: ContextVar[Lease | None] = ContextVar("lease", default=None)


@contextmanager
def held(lease: Lease) -> Iterator[None]:
    """Let the body, and the tasks that it starts, work under a lease."""
    token = _current.set(lease)
    try:
        yield
    finally:
        _current.reset(token)


def check_lease() -> None:
    """Refuse to go on where this task's lease has run out; a task without one may.

    Raises:
        LeaseLost: Another worker may be changing the same objects by now.
    """
    lease = _current.get()
    if lease is not None and lease.left <= 0:
        raise LeaseLost
