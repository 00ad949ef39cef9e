"""Tell waiting tasks that something was committed, here or in another process.

A change made in this process is told at once. Another process's commit to the
same SQLite file is noticed by the operating system's file notification on the
write-ahead log, through watchfiles; no query is made while nothing happens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch

_log = logging.getLogger("storeorch.operator")

_STEP_MS: Final = 20
"""How often the notifier's thread hands on what it gathered, in milliseconds."""


class Flag:
    """One waiter's flag; satisfies ``ports.Changes``."""

    def __init__(self) -> None:
        self._raised = asyncio.Event()

    def raise_(self) -> None:
        """Raise the flag."""
        self._raised.set()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is raised, and lower it; see ``ports.Changes``."""
        try:
            async with asyncio.timeout(timeout):
                await self._raised.wait()
        except TimeoutError:
            return False
        self._raised.clear()
        return True


class ChangeHub:
    """Hands every commit to all flags of this process.

    Args:
        file: The SQLite file that other processes may write too, or None.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._flags: set[Flag] = set()
        self._watcher: asyncio.Task[None] | None = None

    def notify(self) -> None:
        """Raise all flags."""
        for flag in self._flags:
            flag.raise_()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Flag]:
        """Hold a flag, raised by every commit from now on."""
        flag = Flag()
        self._flags.add(flag)
        if self._watcher is None and self._file is not None:
            self._watcher = asyncio.create_task(self._watch_file(self._file), name="db-changes")
        try:
            yield flag
        finally:
            self._flags.discard(flag)

    async def close(self) -> None:
        """Stop watching the file."""
        if self._watcher is not None:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None

    async def _watch_file(self, file: Path) -> None:
        names = {file.name, f"{file.name}-wal"}

        def ours(change: Change, path: str) -> bool:  # noqa: ARG001 - watchfiles' form
            return Path(path).name in names

        try:
            async for _ in awatch(
                file.parent,
                watch_filter=ours,
                recursive=False,
                step=_STEP_MS,
                debounce=_STEP_MS,
            ):
                self.notify()
        except (OSError, RuntimeError) as error:
            _log.error("changes by other processes are not noticed", exc_info=error)
