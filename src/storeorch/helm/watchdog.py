"""End programs whose starter can no longer do so: it was stopped, or it died.

A worker that is stopped (SIGSTOP, a debugger, a machine under memory pressure)
stays silent while its leases run out, but a program that it started goes on. So
a small process of its own session is told of each program and hears from the
worker as long as the worker's event loop turns. Once it has heard nothing for
``patience`` seconds, or the worker is gone, it ends the programs' groups.

This module must not know Helm, nor what a lease is.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from storeorch.helm import guard

_BEATS: Final = 4
"""Signs of life within ``patience``: a busy loop may be late with some."""


class Watchdog:
    """Ends what this process started, should this process fall silent.

    The guarding process is started with the first program and ends with ``close``,
    or with this process, however that ends.

    Args:
        patience: Seconds of silence after which the programs get SIGTERM.
        grace: Seconds after which those that are left get SIGKILL.
    """

    def __init__(self, *, patience: float, grace: float) -> None:
        self._patience = patience
        self._grace = grace
        self._guard: subprocess.Popen[bytes] | None = None
        self._guarded: set[int] = set()
        self._beat: asyncio.TimerHandle | None = None

    @contextmanager
    def guarding(self, pid: int) -> Iterator[None]:
        """Have a program ended with its process group, should the body not come to its end.

        Args:
            pid: The program, leader of its process group.

        Raises:
            OSError: The guarding process cannot be started.
        """
        self._guarded.add(pid)
        self._tell(f"+{pid}")
        if self._beat is None:
            self._next_beat()
        try:
            yield
        finally:
            self._guarded.discard(pid)
            self._write([f"-{pid}"])
            if not self._guarded:
                self._rest()

    async def close(self) -> None:
        """End the guarding process, and with it what is still guarded."""
        self._rest()
        process, self._guard = self._guard, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            await asyncio.to_thread(process.wait)

    def _next_beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._beat = loop.call_later(self._patience / _BEATS, self._live)

    def _rest(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def _live(self) -> None:
        self._tell("")
        self._next_beat()

    def _tell(self, line: str) -> None:
        if self._write([line]):
            return
        # Somebody has ended it: the next one must know all that there is.
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard = self._start()
        self._write([f"+{pid}" for pid in self._guarded])

    def _write(self, lines: Iterable[str]) -> bool:
        if self._guard is None or self._guard.stdin is None or self._guard.poll() is not None:
            return False
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.write("".join(f"{line}\n" for line in lines).encode())
            return True
        return False

    def _start(self) -> subprocess.Popen[bytes]:
        program = (sys.executable, "-I", "-S", str(Path(guard.__file__)))
        return subprocess.Popen(
            [*program, str(self._patience), str(self._grace)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,
        )
