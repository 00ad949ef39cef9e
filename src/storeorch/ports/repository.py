"""The only memory that workers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from storeorch.lifecycle import Declaration
from storeorch.models import (
    Claim,
    ClaimBatch,
    Event,
    NewEvent,
    NewStore,
    Observation,
    OwnerLimits,
    Page,
    Status,
    Store,
    StoreFilter,
    StoreOrder,
    Worker,
)


class Changes(Protocol):
    """A flag that is raised whenever something may have changed."""

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is raised, and lower it.

        Args:
            timeout: Seconds to wait at most; None waits for ever.

        Returns:
            Whether the flag was raised; False after the timeout.
        """
        ...

    def taken(self) -> frozenset[str] | None:
        """Return the ids of the stores that changed since this was last asked.

        None means that it may be any.
        """
        ...


class Repository(Protocol):
    """The only memory that workers share."""

    async def create(
        self,
        new: NewStore,
        *,
        actor: str,
        limits: OwnerLimits | None = None,
        once: bool = False,
    ) -> Store:
        """Write a new store as ``provisioning``, generation 1, due at once.

        Args:
            new: What is declared.
            actor: Who declares it.
            limits: What the store's owner may have; held in the same transaction.
            once: The id was derived from a key: the store that it made already is
                returned as it is now, and counts no more.

        Raises:
            NameTaken: A store of this name exists in this cluster.
            HostTaken: A store of this cluster has this host.
            StoreIsDeleting: It exists and is being deleted.
            TooManyStores: The owner has as many as allowed.
            TooManyCreations: The owner has declared as many of late as allowed.
            KeyReused: The id was made by another declaration, or its store is gone.
        """
        ...

    async def get(self, store_id: str) -> Store | None:
        """Return the store of that id, or None."""
        ...

    async def find(self, name: str) -> Store | None:
        """Return the store of that name, or None."""
        ...

    async def list(
        self,
        where: StoreFilter,
        *,
        limit: int = 100,
        cursor: str | None = None,
        order: StoreOrder = StoreOrder.NEWEST,
    ) -> Page[Store]:
        """Return stores; a cursor belongs to the order that it was given out with."""
        ...

    async def count(self, where: StoreFilter) -> Mapping[Status, int]:
        """Return how many stores have each status; those that none has are left out."""
        ...

    async def declare(
        self,
        store_id: str,
        declaration: Declaration,
        *,
        actor: str,
        parameters: Mapping[str, Any] | None = None,
        host: str | None = None,
    ) -> Store:
        """Write what a user says of a store; it is due at once, attempts start anew.

        Args:
            store_id: The store.
            declaration: What is said; repeating a deletion changes nothing, and a
                retry clears ``established``: what is gone may be made anew.
            actor: Who says it.
            parameters: The new parameters of an update.
            host: The new host of an update; None leaves it.

        Raises:
            StoreNotFound: There is no such store.
            HostTaken: Another store of this cluster has the new host.
            StoreIsDeleting: Nothing but deletion can be declared any more.
            InvalidTransition: See ``lifecycle.declare``.
        """
        ...

    async def claim(
        self,
        worker: str,
        *,
        limit: int,
        lease: float,
        wanted: Sequence[str] = (),
        only: Sequence[str] | None = None,
    ) -> ClaimBatch:
        """Take leases on stores that are due, or wanted, and held by no one.

        Args:
            worker: Who takes them.
            limit: How many at most.
            lease: Seconds that the leases last by the database's clock.
            wanted: Stores to take although they are not due, unless they have failed or
                wait for the next attempt after one that failed.
            only: If given, no other store is taken.
        """
        ...

    async def renew(
        self, worker: str, leases: Mapping[str, int], *, lease: float
    ) -> Mapping[str, int]:
        """Prolong leases in one statement.

        Args:
            worker: Who holds them.
            leases: Epoch by store id.
            lease: Seconds from now by the database's clock.

        Returns:
            The present generation by store id, of those leases still held.
        """
        ...

    async def record(
        self, claim: Claim, observation: Observation, events: Sequence[NewEvent]
    ) -> Store:
        """Write what a pass has seen so far and keep the lease.

        Where a newer declaration has come meanwhile, conditions and events are
        written but status, fault and generation are left as declared.

        Raises:
            LeaseLost: The lease was given back, or another worker has the store;
                nothing was written.
        """
        ...

    async def finish(
        self,
        claim: Claim,
        observation: Observation,
        events: Sequence[NewEvent],
        *,
        due_in: float | None,
    ) -> Store:
        """Write what a pass concluded, and give the lease back.

        Args:
            claim: The lease.
            observation: As for ``record``.
            events: What happened since the last write.
            due_in: Seconds until the store is due again; None means: not before
                something changes. A newer declaration keeps it due at once.

        Raises:
            LeaseLost: The lease was given back, or another worker has the store;
                nothing was written.
        """
        ...

    async def remove(self, claim: Claim, events: Sequence[NewEvent]) -> None:
        """Drop the row of a store that is gone; its events remain.

        Raises:
            LeaseLost: The lease was given back, or another worker has the store;
                nothing was written.
        """
        ...

    async def give_back(self, claim: Claim, *, due_in: float | None) -> None:
        """Give a lease back without an observation; a lost lease is no error."""
        ...

    async def events(
        self,
        *,
        store_id: str | None = None,
        name: str | None = None,
        owner: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[Event]:
        """Return events with an id above ``after``, oldest first."""
        ...

    async def last_event(self) -> int:
        """Return the id up to which every event is written, or never will be; 0 at first."""
        ...

    async def note(self, store_id: str, event: NewEvent) -> None:
        """Write an event that belongs to no pass and declares nothing.

        Raises:
            StoreNotFound: There is no such store; nothing was written.
        """
        ...

    async def prune_events(self, *, older_than: float, keep: int = 100) -> int:
        """Drop old events.

        Args:
            older_than: Seconds of age by the database's clock.
            keep: How many of the newest events of each store that exists stay in any case.

        Returns:
            How many were dropped.
        """
        ...

    async def beat(self, worker: str, *, alive: bool = True) -> None:
        """Record a sign of life of an engine, or that it stopped."""
        ...

    async def workers(self, *, seen_within: float) -> Sequence[Worker]:
        """Return the engines that gave a sign of life within that many seconds."""
        ...

    def changes(self, store_id: str | None = None) -> AbstractAsyncContextManager[Changes]:
        """Watch for commits by anyone, other processes included.

        Args:
            store_id: Only what changes this store; None means any store.
        """
        ...

    def work(self) -> AbstractAsyncContextManager[Changes]:
        """Watch for commits that make a store claimable, by anyone.

        Observations written by this process do not count: whoever wrote them
        knows what is to be done next.
        """
        ...
