"""What the in-memory repository keeps: rows, flags, and the sentences of its events.

This module must know no port's methods.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from storeorch.errors import InvalidDeclaration
from storeorch.lifecycle import Declaration
from storeorch.models import (
    Claim,
    Event,
    EventKind,
    NewEvent,
    Status,
    Store,
    StoreFilter,
    StoreOrder,
)

SENTENCES: Final = {
    Declaration.UPDATE: "New parameters of the store {name} were declared.",
    Declaration.RETRY: "Another attempt at the store {name} was declared.",
    Declaration.DELETE: "The deletion of the store {name} was declared.",
}


@dataclass(slots=True)
class Row:
    """A store and what the database knows beside it.

    Attributes:
        store: The store.
        due_at: When it is due by the database's clock; None is not before a change.
        lease_owner: Worker that holds it, or None.
        lease_epoch: Grows with every claim.
        lease_until: When the lease ends, or None.
    """

    store: Store
    due_at: datetime | None
    lease_owner: str | None = None
    lease_epoch: int = 0
    lease_until: datetime | None = None

    @property
    def has_failed(self) -> bool:
        """Whether changes of the cluster do not wake the store, now or ever."""
        return self.store.status is Status.FAILED or self.store.attempts > 0

    def is_due(self, now: datetime) -> bool:
        """Return whether its time has come."""
        return self.due_at is not None and self.due_at <= now

    def is_free(self, now: datetime) -> bool:
        """Return whether no one holds the store."""
        return self.lease_owner is None or self.lease_until is None or self.lease_until <= now

    def is_held_by(self, claim: Claim) -> bool:
        """Return whether the row is still under the lease of that claim."""
        return (self.lease_owner, self.lease_epoch) == (claim.worker, claim.epoch)

    def release(self, claim: Claim, due_in: float | None, now: datetime) -> None:
        """Give the lease back; after a newer declaration the store stays due at once."""
        self.lease_owner = None
        self.lease_until = None
        if self.store.generation != claim.store.generation:
            self.due_at = now
        else:
            self.due_at = None if due_in is None else now + timedelta(seconds=due_in)


@dataclass(slots=True)
class MemoryDatabase:
    """What all connections to one database share.

    Attributes:
        rows: The rows by store id.
        arrivals: Where each store stands in the order of creation.
        history: All events, oldest first.
        workers: When each engine was last seen.
        unavailable: Whether it answers nobody.
        queries: How many methods were called.
        events_told: How many events there were, dropped ones included.
        connections: What tells each connection of a commit.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    history: list[Event] = field(default_factory=list)
    workers: dict[str, datetime] = field(default_factory=dict)
    unavailable: bool = False
    queries: int = 0
    events_told: int = 0
    connections: list[MemoryFlags] = field(default_factory=list)

    def next_event_id(self) -> int:
        """Return an id that no event had before, dropped ones included."""
        self.events_told += 1
        return self.events_told

    def tell(self, by: MemoryFlags, store_id: str, *, work: bool) -> None:
        """Raise the flags of a commit; an observation is work to all but who wrote it."""
        for flags in self.connections:
            flags.raise_flags(store_id, work=work or flags is not by)


class MemoryFlags:
    """The flags that were asked for through one connection."""

    def __init__(self) -> None:
        self._by_store: list[tuple[str | None, MemoryChanges]] = []
        self._for_work: list[MemoryChanges] = []

    @contextmanager
    def subscribe(self, *, store_id: str | None = None, work: bool) -> Iterator[MemoryChanges]:
        """Hold a flag for the commits that are of interest."""
        flag = MemoryChanges()
        if work:
            self._for_work.append(flag)
        else:
            self._by_store.append((store_id, flag))
        try:
            yield flag
        finally:
            self._for_work = [each for each in self._for_work if each is not flag]
            self._by_store = [each for each in self._by_store if each[1] is not flag]

    def raise_flags(self, store_id: str, *, work: bool) -> None:
        """Raise the flags that a commit is of interest for."""
        for wanted, flag in self._by_store:
            if wanted in {None, store_id}:
                flag.raise_flag(store_id)
        for flag in self._for_work if work else ():
            flag.raise_flag(store_id)


class MemoryChanges:
    """One waiter's flag; satisfies ``ports.Changes``."""

    def __init__(self) -> None:
        self._raised = asyncio.Event()
        self._stores: set[str] = set()

    def raise_flag(self, store_id: str) -> None:
        """Raise the flag for a store."""
        self._stores.add(store_id)
        self._raised.set()

    def taken(self) -> frozenset[str]:
        """See ``ports.Changes.taken``."""
        taken, self._stores = self._stores, set()
        return frozenset(taken)

    async def wait(self, timeout: float | None = None) -> bool:
        """See ``ports.Changes.wait``."""
        try:
            async with asyncio.timeout(timeout):
                await self._raised.wait()
        except TimeoutError:
            return False
        self._raised.clear()
        return True


def declared(reason: str, message: str, actor: str, status: Status) -> NewEvent:
    """Make the event of a declaration."""
    return NewEvent(
        kind=EventKind.DECLARED, reason=reason, message=message, actor=actor, status=status
    )


def matches(store: Store, where: StoreFilter) -> bool:
    """Return whether a store is one of those asked for."""
    return (
        (not where.statuses or store.status in where.statuses)
        and where.type in {None, store.type}
        and (where.search or "") in store.name
        and where.owner in {None, store.owner}
        and (where.ids is None or store.id in where.ids)
    )


def place(store: Store, order: StoreOrder, arrival: int) -> tuple[float | str, int]:
    """Return where a store stands in an order; the least comes first."""
    match order:
        case StoreOrder.NEWEST:
            return -arrival, 0
        case StoreOrder.OLDEST:
            return arrival, 0
        case StoreOrder.NAME:
            return store.name, arrival
        case StoreOrder.UPDATED:
            return -store.updated_at.timestamp(), -arrival


def write_cursor(place: tuple[float | str, int]) -> str:
    """Return the cursor of a place in an order."""
    return json.dumps(place)


def read_cursor(cursor: str | None, order: StoreOrder) -> tuple[Any, int] | None:
    """Return the place in the order that a page's cursor names."""
    if cursor is None:
        return None
    try:
        value, arrival = json.loads(cursor)
        return (str(value) if order is StoreOrder.NAME else float(value)), int(arrival)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidDeclaration(
            "The cursor of the page is not valid.", hint="Start again without a cursor."
        ) from error
