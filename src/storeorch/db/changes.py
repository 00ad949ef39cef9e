"""Tell waiting tasks what was committed, here or in another process.

A change made in this process is told at once. Another process's commit to the
same SQLite file is noticed by the operating system's file notification on the
write-ahead log, through watchfiles; then one query, shared by all who wait,
finds out which stores changed. No query is made while nothing happens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch

from storeorch.errors import StoreorchError

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


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where the commits of the database are known.

    Attributes:
        updated_at: Newest ``updated_at`` of a store, in milliseconds.
        event_id: Newest event.
    """

    updated_at: int
    event_id: int


@dataclass(frozen=True, slots=True)
class Look:
    """What was committed since a mark.

    Attributes:
        mark: Where to look on from.
        updated: ``updated_at`` of the stores that changed, by id; of the first look,
            which has no mark, those that the next one will see again.
        gone: Ids of stores that were removed.
    """

    mark: Mark
    updated: dict[str, int] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


LookSince = Callable[[Mark | None], Awaitable[Look]]


class ChangeHub:
    """Hands every commit to those who wait for it.

    Args:
        file: The SQLite file that other processes may write too, or None.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._by_store: dict[str | None, set[Flag]] = {}
        self._for_work: set[Flag] = set()
        self._starting = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        self._ours: dict[str, int] = {}
        self._mark: Mark | None = None

    def changed(self, store_id: str, updated_at: int | None, *, work: bool) -> None:
        """Tell of a commit by this process.

        Args:
            store_id: The store.
            updated_at: What was written there, in milliseconds; None if it was removed.
            work: Whether it may be claimed now.
        """
        if self._watcher is not None and updated_at is not None:
            self._ours[store_id] = updated_at
        self._raise(store_id, work=work)

    @asynccontextmanager
    async def subscribe(
        self, look: LookSince, *, store_id: str | None = None, work: bool = False
    ) -> AsyncIterator[Flag]:
        """Hold a flag.

        Args:
            look: Finds out what other processes committed.
            store_id: Only changes of this store; None means of any.
            work: Only what makes a store claimable, by anyone.
        """
        if self._file is not None:
            await self._start(self._file, look)
        flag = Flag()
        flags = self._for_work if work else self._by_store.setdefault(store_id, set())
        flags.add(flag)
        try:
            yield flag
        finally:
            flags.discard(flag)
            if not flags and not work:
                self._by_store.pop(store_id, None)

    async def close(self) -> None:
        """Stop watching the file."""
        if self._watcher is not None:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None

    async def _start(self, file: Path, look: LookSince) -> None:
        """Watch the file, once for all who subscribe, however many do so at the same time."""
        async with self._starting:
            if self._watcher is None:
                first = await look(None)
                self._mark, self._ours = first.mark, dict(first.updated)
                self._watcher = asyncio.create_task(self._watch_file(file, look), name="db-changes")
                # Its first step sets the notification up: what is written from now on is noticed.
                await asyncio.sleep(0)

    def _raise(self, store_id: str, *, work: bool) -> None:
        flags = [*self._by_store.get(store_id, ()), *self._by_store.get(None, ())]
        for flag in [*flags, *self._for_work] if work else flags:
            flag.raise_()

    def _raise_all(self) -> None:
        for flags in (self._for_work, *self._by_store.values()):
            for flag in flags:
                flag.raise_()

    async def _watch_file(self, file: Path, look: LookSince) -> None:
        names = {file.name, f"{file.name}-wal"}

        def ours(change: Change, path: str) -> bool:  # noqa: ARG001 - watchfiles' form
            return Path(path).name in names

        try:
            async for _ in awatch(
                file.parent, watch_filter=ours, recursive=False, step=_STEP_MS, debounce=_STEP_MS
            ):
                try:
                    seen = await look(self._mark)
                except StoreorchError:
                    self._raise_all()
                    continue
                self._take(seen)
        except (OSError, RuntimeError) as error:
            _log.error("changes by other processes are not noticed", exc_info=error)

    def _take(self, seen: Look) -> None:
        """Tell of what others committed; our own commits were told of already."""
        self._mark = seen.mark
        for store_id, updated_at in seen.updated.items():
            if self._ours.get(store_id) != updated_at:
                self._ours[store_id] = updated_at
                self._raise(store_id, work=True)
        for store_id in seen.gone:
            self._raise(store_id, work=False)
        # Only what the next look may see again is worth remembering.
        newest = seen.mark.updated_at
        self._ours = {store_id: at for store_id, at in self._ours.items() if at >= newest}
