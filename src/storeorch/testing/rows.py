"""What the in-memory repository keeps: rows, flags, and the sentences of its events.

This module must know no port's methods.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from storeorch.errors import InvalidDeclaration
from storeorch.lifecycle import Declaration
from storeorch.models import Claim, EventKind, NewEvent, Status, Store, StoreFilter

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
        """Whether nothing but a declaration wakes the store."""
        return self.store.status is Status.FAILED

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


class MemoryChanges:
    """One waiter's flag; satisfies ``ports.Changes``."""

    def __init__(self) -> None:
        self._raised = asyncio.Event()

    def raise_flag(self) -> None:
        """Raise the flag."""
        self._raised.set()

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
    )


def read_cursor(cursor: str | None) -> int | None:
    """Return the place in the order of arrival that a page's cursor names."""
    if cursor is None:
        return None
    try:
        return int(cursor)
    except ValueError as error:
        raise InvalidDeclaration(
            "The cursor of the page is not valid.", hint="Start again without a cursor."
        ) from error
