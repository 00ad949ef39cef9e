"""What happens to the stores, read once per process and handed to everyone who listens.

A listener that resumes is first told from the history what it missed, then what comes.
One that cannot keep up is told to begin anew rather than made to miss something.

This module must know no HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from storeorch import Delta, Event, Orchestrator, Store, StoreFilter, StoreorchError, report_error
from storeorch_webapp.models import Change, EventOut, StoreOut

_log = logging.getLogger("storeorch.web")

REPLAYED_AT_MOST: Final = 2000
"""Events that a listener may have missed; one that missed more has to begin anew."""

_WAITING_AT_MOST: Final = 1000
"""Changes that may wait for a slow listener."""

_AGAIN_SECONDS: Final = 1.0
"""Pause before the feed tries again after the database was away."""

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Told:
    """One change, as it is told to everyone whom it concerns.

    Attributes:
        id: Id of the event; None where only a row changed.
        store_id: The store.
        owner: Its owner.
        data: A ``Change`` as JSON.
    """

    id: int | None
    store_id: str
    owner: str | None
    data: str


Wanted = Callable[[Told], bool]


class Listener:
    """One who listens.

    Args:
        wanted: Whether a change is of interest.

    Attributes:
        wants: The same.
        lost: It did not keep up: what comes now is not all any more.
        ended: Nothing more comes.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wants = wanted
        self.lost = False
        self.ended = False
        self._waiting: list[Told] = []
        self._arrived = asyncio.Event()

    def tell(self, told: Told) -> None:
        """Keep a change for the listener; one who does not fetch them is lost."""
        if self.ended or not self.wants(told):
            return
        if len(self._waiting) >= _WAITING_AT_MOST:
            self.lost = True
            self.end()
            return
        self._waiting.append(told)
        self._arrived.set()

    def end(self) -> None:
        """Let the listener know that nothing more comes."""
        self.ended = True
        self._arrived.set()

    async def next(self) -> list[Told]:
        """Return what has come, as soon as there is something, or the end is there."""
        await self._arrived.wait()
        self._arrived.clear()
        if self.ended:
            self._arrived.set()
        several, self._waiting = self._waiting, []
        return several


class Feed:
    """Reads what happens, once for all listeners of this process.

    Args:
        orchestrator: The library.
    """

    def __init__(self, orchestrator: Orchestrator) -> None:
        self._orchestrator = orchestrator
        self._listeners: set[Listener] = set()
        self._closed = False
        self._cursor: int | None = None

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read while the body runs."""
        task = asyncio.create_task(self._read(), name="feed")
        try:
            yield
        finally:
            self.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def close(self) -> None:
        """End all streams; none begins any more."""
        self._closed = True
        for listener in self._listeners:
            listener.end()

    @asynccontextmanager
    async def listening(self, wanted: Wanted) -> AsyncIterator[Listener]:
        """Hold a listener, who is told everything from now on."""
        listener = Listener(wanted)
        self._listeners.add(listener)
        if self._closed:
            listener.end()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def missed(self, after: int, up_to: int, *, owner: str | None) -> AsyncGenerator[Told]:
        """Yield what happened between two events.

        Args:
            after: The last event that was told.
            up_to: The last one to tell of.
            owner: Only stores of this owner.
        """
        while after < up_to:
            events = [
                event
                for event in await self._orchestrator.history(owner=owner, after=after, limit=_PAGE)
                if event.id <= up_to
            ]
            if not events:
                return
            ids = frozenset(event.store_id for event in events)
            page = await self._orchestrator.list(StoreFilter(ids=ids), limit=_PAGE)
            for told in tell(events, page.items):
                if told.id is not None:
                    yield told
            after = events[-1].id

    async def _read(self) -> None:
        while True:
            try:
                async for delta in self._orchestrator.follow_all(after=self._cursor):
                    self._publish(delta)
            except StoreorchError as error:
                error_id = report_error("the feed of changes was interrupted", error)
                _log.warning("Changes are not told for now: %s (%s)", error.message, error_id)
                await asyncio.sleep(_AGAIN_SECONDS)

    def _publish(self, delta: Delta) -> None:
        self._cursor = delta.cursor
        for told in tell(delta.events, delta.stores) if self._listeners else ():
            for listener in self._listeners:
                listener.tell(told)


def tell(events: Sequence[Event], stores: Sequence[Store]) -> list[Told]:
    """Return what is told of events and of the present rows of stores."""
    shown = {store.id: StoreOut.of(store) for store in stores}
    owners = {store.id: store.owner for store in stores}
    found = [
        Told(
            event.id,
            event.store_id,
            event.owner,
            _data(EventOut.of(event), shown.get(event.store_id)),
        )
        for event in events
    ]
    with_event = {event.store_id for event in events}
    found += [
        Told(None, store_id, owners[store_id], _data(None, store))
        for store_id, store in shown.items()
        if store_id not in with_event
    ]
    return found


def _data(event: EventOut | None, store: StoreOut | None) -> str:
    return Change(event=event, store=store).model_dump_json()
