"""The guarding process of ``watchdog``: ``guard.py PATIENCE GRACE``, both in seconds.

It reads lines: ``+PID`` guards a process group, ``-PID`` no longer does, an empty
line is a sign of life, as is any other. It knows the standard library only, so
that it starts in some milliseconds.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

_CHUNK: Final = 65_536
_STEP: Final = 0.02


def guard(fd: int, patience: float, grace: float) -> None:
    """Guard process groups until the end of the input.

    Args:
        fd: Where the lines are read.
        patience: Seconds without a line after which what is guarded is ended.
        grace: Seconds between SIGTERM and SIGKILL.
    """
    guarded: set[int] = set()
    rest = b""
    while True:
        silent = not select.select([fd], [], [], patience if guarded else None)[0]
        chunk = b"" if silent else os.read(fd, _CHUNK)
        if not chunk:
            end(guarded, grace)
            guarded.clear()
            if silent:
                continue
            return
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"+"):
                guarded.add(int(line[1:]))
            elif line.startswith(b"-"):
                guarded.discard(int(line[1:]))


def end(groups: Iterable[int], grace: float) -> None:
    """End process groups: SIGTERM, and SIGKILL to those that are left after the grace."""
    left = [group for group in groups if _signal(group, signal.SIGTERM)]
    until = time.monotonic() + grace
    while left and time.monotonic() < until:
        time.sleep(_STEP)
        left = [group for group in left if _signal(group, 0)]
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a process group; return whether there was one."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    guard(sys.stdin.fileno(), float(sys.argv[1]), float(sys.argv[2]))
