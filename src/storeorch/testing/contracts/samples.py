"""Small inputs that the contract suites share."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from storeorch.models import (
    Claim,
    Condition,
    EventKind,
    Fault,
    NewEvent,
    NewStore,
    Observation,
    Status,
    Store,
)
from storeorch.names import host_for, namespace_for
from storeorch.ports import Repository

LONG = 3600.0
"""A lease or delay that does not end during a test, in seconds."""

CONDITION = Condition(
    type="NamespaceReady",
    status=True,
    reason="Done",
    message="The namespace exists.",
    since=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
)
FAULT = Fault(code="release-failed", message="Helm could not.", hint="Look.", error_id="e-0")
STEP_EVENT = NewEvent(
    kind=EventKind.STEP,
    reason="Done",
    message="The namespace exists.",
    actor="worker-1",
    step="namespace",
    duration=0.25,
)
TRANSITION_EVENT = NewEvent(
    kind=EventKind.TRANSITION,
    reason="Ready",
    message="The store is ready.",
    actor="worker-1",
    status=Status.READY,
)
DELETED_EVENT = NewEvent(
    kind=EventKind.DELETED, reason="Deleted", message="The store is gone.", actor="worker-1"
)


def new_store(name: str = "my-store", **changes: Any) -> NewStore:
    """Return a declaration of a store with a new id."""
    store_id = str(uuid.uuid4())
    values: dict[str, Any] = {
        "id": store_id,
        "name": name,
        "type": "sample",
        "parameters": {},
        "cluster": "default",
        "namespace": namespace_for(name, store_id),
        "host": host_for(name, "local.test"),
        "helm_release": name,
    }
    return NewStore(**{**values, **changes})


def observation(status: Status = Status.PROVISIONING, **changes: Any) -> Observation:
    """Return what a pass over a first declaration may conclude."""
    values: dict[str, Any] = {
        "status": status,
        "observed_generation": 1,
        "conditions": (CONDITION,),
        "established": status is Status.READY,
    }
    return Observation(**{**values, **changes})


async def take(
    repository: Repository, store_id: str, *, worker: str = "worker-1", lease: float = LONG
) -> Claim:
    """Claim one store, due or not."""
    batch = await repository.claim(worker, limit=1, lease=lease, wanted=[store_id], only=[store_id])
    (claim,) = batch.claims
    return claim


async def bring_to(repository: Repository, status: Status, name: str = "my-store") -> Store:
    """Create a store and bring it to a status on the shortest way; it is not due then."""
    store = await repository.create(new_store(name), actor="tester")
    match status:
        case Status.READY | Status.FAILED:
            way: tuple[Status, ...] = (status,)
        case Status.DEGRADED:
            way = (Status.READY, status)
        case _:
            way = ()
    for step in way:
        claim = await take(repository, store.id)
        seen = observation(step, established=step is not Status.FAILED)
        store = await repository.finish(claim, seen, [], due_in=None)
    return store


async def due(repository: Repository, *, only: list[str] | None = None) -> list[str]:
    """Return the ids of stores that are due and free, and leave them so."""
    batch = await repository.claim("onlooker", limit=1000, lease=LONG, only=only)
    for claim in batch.claims:
        await repository.give_back(claim, due_in=0)
    return [claim.store.id for claim in batch.claims]
