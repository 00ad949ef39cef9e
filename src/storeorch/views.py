"""Looking at stores: get, list, history, watch and wait.

Reads the repository alone; must not know engines, adapters or plugins.
"""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from storeorch.errors import InvalidDeclaration, StoreFailed, StoreNotFound, WaitTimeout
from storeorch.models import (
    Delta,
    Event,
    EventKind,
    Page,
    Status,
    Store,
    StoreFilter,
    StoreOrder,
    Worker,
)
from storeorch.ports import Repository

_SETTLED: Final = frozenset({Status.READY, Status.DEGRADED, Status.FAILED})

_SAFETY_NET_SECONDS: Final = 5.0
"""Watchers look this often even if no change was told of."""

ALIVE_SECONDS: Final = 15.0
"""An engine whose last sign of life is older counts as gone: three beats."""

_PAGE: Final = 500
"""Events or stores that are read at once."""


class StoreViews(ABC):
    """The reading half of the orchestrator."""

    @property
    @abstractmethod
    def _repository(self) -> Repository:
        """The open repository."""

    async def get(self, name_or_id: str) -> Store:
        """Return a store.

        Raises:
            StoreNotFound: There is no such store.
        """
        store = await self._look_up(name_or_id)
        if store is None:
            raise StoreNotFound(f"There is no store {name_or_id!a}.")
        return store

    async def list(
        self,
        where: StoreFilter | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        order: StoreOrder = StoreOrder.NEWEST,
    ) -> Page[Store]:
        """Return stores.

        Args:
            where: Which ones; None means all.
            limit: How many at most on this page.
            cursor: ``next_cursor`` of the page before, which had the same order.
            order: Newest first unless another is asked for.

        Raises:
            InvalidDeclaration: The limit or the cursor is not possible.
        """
        _check_limit(limit)
        return await self._repository.list(
            where or StoreFilter(), limit=limit, cursor=cursor, order=order
        )

    async def count(self, where: StoreFilter | None = None) -> Mapping[Status, int]:
        """Return how many stores have each status; those that none has are left out.

        Args:
            where: Which ones; None means all.
        """
        return await self._repository.count(where or StoreFilter())

    async def engines(self) -> Sequence[Worker]:
        """Return the engines that work on all stores and gave a sign of life lately."""
        return await self._repository.workers(seen_within=ALIVE_SECONDS)

    async def history(
        self, *, owner: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Event]:
        """Return events of all stores, oldest first, also of those that are gone.

        Args:
            owner: Only of stores of this owner.
            after: Only events with a greater id.
            limit: How many at most.

        Raises:
            InvalidDeclaration: The limit is not possible.
        """
        _check_limit(limit)
        return await self._repository.events(owner=owner, after=after, limit=limit)

    async def last_event(self) -> int:
        """Return the id of the newest event that anyone may have been told of; 0 at first."""
        return await self._repository.last_event()

    async def events(
        self, name_or_id: str, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Event]:
        """Return the history of a store, oldest first, also of one that is gone.

        Args:
            name_or_id: The store; by name, all stores that ever had it.
            after: Only events with a greater id.
            limit: How many at most.

        Raises:
            StoreNotFound: There never was such a store.
            InvalidDeclaration: The limit is not possible.
        """
        _check_limit(limit)
        found = await self._events_of(name_or_id, after=after, limit=limit)
        if not found and not await self._events_of(name_or_id, after=0, limit=1):
            raise StoreNotFound(f"There never was a store {name_or_id!a}.")
        return found

    async def watch(self, name_or_id: str) -> AsyncGenerator[Store]:
        """Yield a store now and after every change, until it is gone.

        Raises:
            StoreNotFound: There is no such store.
        """
        found = await self.get(name_or_id)
        async with self._repository.changes(found.id) as changes:
            store = await self._repository.get(found.id)
            if store is None:
                return
            yield store
            while True:
                await changes.wait(_SAFETY_NET_SECONDS)
                latest = await self._repository.get(store.id)
                if latest is None:
                    return
                if latest != store:
                    store = latest
                    yield store

    async def follow(self, name_or_id: str, *, after: int = 0) -> AsyncGenerator[Event]:
        """Yield events as they come, until the store is gone.

        Args:
            name_or_id: The store.
            after: Only events with a greater id.

        Raises:
            StoreNotFound: There is no such store.
        """
        store = await self.get(name_or_id)
        async with self._repository.changes(store.id) as changes:
            while True:
                found = await self._repository.events(store_id=store.id, after=after)
                for event in found:
                    after = event.id
                    yield event
                    if event.kind is EventKind.DELETED:
                        return
                if not found:
                    await changes.wait(_SAFETY_NET_SECONDS)

    async def follow_all(self, *, after: int | None = None) -> AsyncGenerator[Delta]:
        """Yield what happens to all stores as it comes, for ever.

        Args:
            after: First tell of the events with a greater id; None begins with what
                comes from now on. A first empty answer says from where that is.
        """
        async with self._repository.changes() as changes:
            cursor = await self._repository.last_event() if after is None else after
            if after is None:
                yield Delta(cursor=cursor)
            while True:
                touched = changes.taken()
                events = await self._repository.events(after=cursor, limit=_PAGE)
                told = {event.store_id for event in events}
                stores = await self._present(None if touched is None else touched | told)
                if events or stores:
                    cursor = events[-1].id if events else cursor
                    yield Delta(cursor=cursor, events=tuple(events), stores=stores)
                if len(events) < _PAGE:
                    await changes.wait(_SAFETY_NET_SECONDS)

    async def wait(self, name_or_id: str, *, timeout: float | None = None) -> Store | None:
        """Wait until a store is settled; the work goes on if the wait ends early.

        Args:
            name_or_id: The store.
            timeout: Seconds to wait at most; None waits for ever.

        Returns:
            The store, ready or degraded; None once a deletion is complete, and if it
            was before the wait began.

        Raises:
            StoreNotFound: There never was such a store.
            StoreFailed: It failed; the sentence and the hint say why.
            WaitTimeout: It was not settled in time.
        """
        try:
            async with asyncio.timeout(timeout):
                async for store in self.watch(name_or_id):
                    if store.status in _SETTLED and store.observed_generation == store.generation:
                        return _settled(store)
        except StoreNotFound:
            if not await self._was_deleted(name_or_id):
                raise
        except TimeoutError:
            raise WaitTimeout(
                f"The store {name_or_id} was not done within {timeout:g} seconds; the work goes on."
            ) from None
        return None

    async def _look_up(self, name_or_id: str) -> Store | None:
        # An id is a possible name, too.
        found = await self._repository.get(name_or_id) if _is_uuid(name_or_id) else None
        return found or await self._repository.find(name_or_id)

    async def _present(self, ids: frozenset[str] | None) -> tuple[Store, ...]:
        """Return the rows of these stores, or of all, as far as there are any."""
        if ids is not None and not ids:
            return ()
        found: list[Store] = []
        cursor: str | None = None
        while True:
            page = await self._repository.list(StoreFilter(ids=ids), limit=_PAGE, cursor=cursor)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return tuple(found)

    async def _was_deleted(self, name_or_id: str) -> bool:
        after = 0
        while found := await self._events_of(name_or_id, after=after, limit=1000):
            if any(event.kind is EventKind.DELETED for event in found):
                return True
            after = found[-1].id
        return False

    async def _events_of(self, name_or_id: str, *, after: int, limit: int) -> Sequence[Event]:
        if _is_uuid(name_or_id):
            found = await self._repository.events(store_id=name_or_id, after=after, limit=limit)
            if found:
                return found
        return await self._repository.events(name=name_or_id, after=after, limit=limit)


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise InvalidDeclaration(f"The limit is {limit}; it has to be at least 1.")


def _settled(store: Store) -> Store:
    if store.status is not Status.FAILED:
        return store
    fault = store.fault
    raise StoreFailed(
        f"The store {store.name} has failed." + (f" {fault.message}" if fault else ""),
        hint=fault.hint if fault else None,
    )


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
