"""Tell waiting tasks what was committed, here or in another process.

A change made in this process is told at once. Another process's commit is told by a
source: a notification that names the store, or the news that something was written,
whereupon one query, shared by all who wait, finds out which stores changed.

This module must not know where the news comes from.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from storeorch.errors import StoreorchError

_log = logging.getLogger("storeorch.operator")


class Flag:
    """One waiter's flag; satisfies ``ports.Changes``."""

    def __init__(self) -> None:
        self._raised = asyncio.Event()
        self._stores: set[str] | None = set()

    def raise_(self, store_id: str | None = None) -> None:
        """Raise the flag for a store, or for any."""
        if store_id is None:
            self._stores = None
        elif self._stores is not None:
            self._stores.add(store_id)
        self._raised.set()

    def taken(self) -> frozenset[str] | None:
        """Return which stores it was raised for; see ``ports.Changes``."""
        taken, self._stores = self._stores, set()
        return None if taken is None else frozenset(taken)

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


class Kind(Enum):
    """What a commit means to those who wait."""

    WORK = "w"
    """The store may be claimed now."""

    OBSERVATION = "o"
    """Nothing that would let it be claimed."""

    GONE = "g"
    """Its row was removed."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One commit, as its writer announced it.

    Attributes:
        by: The hub of the process that wrote.
        kind: What it means.
        store_id: The store.
        updated_at: What was written there, in milliseconds.
    """

    by: str
    kind: Kind
    store_id: str
    updated_at: int


class Told(Protocol):
    """Takes what a source has to tell."""

    async def look(self) -> None:
        """Something was written, or may have been."""
        ...

    def hear(self, notice: Notice) -> None:
        """This was written."""
        ...


class Source(Protocol):
    """Where commits by other processes are noticed."""

    async def run(self, told: Told) -> None:
        """Tell of commits until cancelled; the first thing told covers all since the start."""
        ...


class ChangeHub:
    """Hands every commit to those who wait for it.

    Args:
        source: Where other processes' commits are noticed; None if there can be none.

    Attributes:
        name: Tells this hub's own commits from those of others.
    """

    def __init__(self, source: Source | None) -> None:
        self.name = uuid.uuid4().hex[:16]
        self._source = source
        self._by_store: dict[str | None, set[Flag]] = {}
        self._for_work: set[Flag] = set()
        self._starting = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        self._known: dict[str, set[int]] = {}
        self._under_way: dict[str, int] = {}
        self._look_since: LookSince | None = None
        self._mark: Mark | None = None

    def announced(self, store_id: str, updated_at: int) -> None:
        """Expect a commit by this process, so that a look which is faster tells nobody."""
        if self._watcher is not None:
            self._under_way[store_id] = updated_at

    def doubt(self) -> None:
        """Take the outcome of transactions under way for unknown: a look will tell."""
        self._under_way.clear()

    def changed(self, store_id: str, updated_at: int | None, *, work: bool) -> None:
        """Tell of a commit by this process.

        Args:
            store_id: The store.
            updated_at: What was written there, in milliseconds; None if it was removed.
            work: Whether it may be claimed now.
        """
        self._under_way.pop(store_id, None)
        if self._watcher is not None and updated_at is not None:
            self._known.setdefault(store_id, set()).add(updated_at)
        self._raise(store_id, work=work)

    def hear(self, notice: Notice) -> None:
        """Tell of a commit that was announced; our own were told of already."""
        gone = notice.kind is Kind.GONE
        ours = notice.by == self.name and (gone or self._knows(notice.store_id, notice.updated_at))
        # Notices come in the order of commits: what is older will not be told any more.
        later = {at for at in self._known.pop(notice.store_id, ()) if at > notice.updated_at}
        if not gone:
            self._known[notice.store_id] = later | {notice.updated_at}
        if ours:
            return
        self._raise(notice.store_id, work=notice.kind is Kind.WORK)

    async def look(self) -> None:
        """Find out what others committed since the last look, and tell of it."""
        assert self._look_since is not None  # noqa: S101 - set before the source runs
        try:
            seen = await self._look_since(self._mark)
        except StoreorchError:
            # Who is told too much looks in vain; who is told too little waits for ever.
            self._raise_all()
            return
        self._take(seen)

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
        if self._source is not None:
            await self._start(self._source, look)
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
        """Ask the source for no more."""
        if self._watcher is not None:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None

    async def _start(self, source: Source, look: LookSince) -> None:
        """Ask the source, once for all who subscribe, however many do so at the same time."""
        async with self._starting:
            if self._watcher is None:
                first = await look(None)
                self._look_since = look
                self._mark = first.mark
                self._known = {store_id: {at} for store_id, at in first.updated.items()}
                self._watcher = asyncio.create_task(self._ask(source), name="db-changes")
                # Its first step sets a file's notification up: what is written from now on
                # is noticed.
                await asyncio.sleep(0)

    async def _ask(self, source: Source) -> None:
        try:
            await source.run(self)
        except (OSError, RuntimeError) as error:
            _log.error("changes by other processes are not noticed", exc_info=error)

    def _knows(self, store_id: str, updated_at: int) -> bool:
        # A look may have read what we have overwritten since: every write of ours counts.
        return updated_at == self._under_way.get(store_id) or (
            updated_at in self._known.get(store_id, ())
        )

    def _raise(self, store_id: str, *, work: bool) -> None:
        flags = [*self._by_store.get(store_id, ()), *self._by_store.get(None, ())]
        for flag in [*flags, *self._for_work] if work else flags:
            flag.raise_(store_id)

    def _raise_all(self) -> None:
        for flags in (self._for_work, *self._by_store.values()):
            for flag in flags:
                flag.raise_()

    def _take(self, seen: Look) -> None:
        """Tell of what others committed; our own commits were told of already."""
        self._mark = seen.mark
        for store_id, updated_at in seen.updated.items():
            if not self._knows(store_id, updated_at):
                self._known.setdefault(store_id, set()).add(updated_at)
                self._raise(store_id, work=True)
        for store_id in seen.gone:
            self._raise(store_id, work=False)
        # Only what the next look may see again is worth remembering.
        newest = seen.mark.updated_at
        recent = {
            store_id: {at for at in ats if at >= newest} for store_id, ats in self._known.items()
        }
        self._known = {store_id: ats for store_id, ats in recent.items() if ats}
