"""The statements about leases: who may change a store, and until when.

Every one compares and writes by the database's clock and, where it writes an
observation, carries the epoch of the lease it was made under.

This module builds statements and runs none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Update,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from storeorch.db.tables import now_ms, stores
from storeorch.models import Claim, Observation, Status


def _in_ms(seconds: float) -> ColumnElement[int]:
    return now_ms() + cast(round(seconds * 1000), BigInteger)


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(
        stores.c.id == claim.store.id,
        stores.c.lease_owner == claim.worker,
        stores.c.lease_epoch == claim.epoch,
    )


def claim_due(
    cluster: str,
    worker: str,
    *,
    limit: int,
    lease: float,
    wanted: Sequence[str],
    only: Sequence[str] | None,
) -> Update:
    """Take free stores that are due or wanted; a later crash leaves them due."""
    free = or_(stores.c.lease_owner.is_(None), stores.c.lease_until <= now_ms())
    due = stores.c.due_at <= now_ms()
    if wanted:
        awake = stores.c.status != Status.FAILED.value
        due = or_(due, and_(stores.c.id.in_(wanted), awake))
    where = [stores.c.cluster == cluster, free, due]
    if only is not None:
        where.append(stores.c.id.in_(only))
    chosen = (
        select(stores.c.id)
        .where(*where)
        .order_by(stores.c.due_at.nulls_last())
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (
        update(stores)
        .where(stores.c.id.in_(chosen.scalar_subquery()))
        .values(
            lease_owner=worker,
            lease_epoch=stores.c.lease_epoch + 1,
            lease_until=_in_ms(lease),
            due_at=now_ms(),
        )
        .returning(stores)
    )


def next_due(cluster: str, only: Sequence[str] | None) -> Select[tuple[int | None]]:
    """Milliseconds until the first store is both due and free."""
    free_at = func.coalesce(stores.c.lease_until, 0)
    at = case((stores.c.due_at > free_at, stores.c.due_at), else_=free_at)
    query = select(func.min(at) - now_ms()).where(
        stores.c.cluster == cluster, stores.c.due_at.is_not(None)
    )
    return query if only is None else query.where(stores.c.id.in_(only))


def renew(worker: str, leases: Mapping[str, int], *, lease: float) -> Update:
    """Prolong leases that have not ended; one that has is lost for good."""
    return (
        update(stores)
        .where(
            stores.c.lease_owner == worker,
            tuple_(stores.c.id, stores.c.lease_epoch).in_(list(leases.items())),
            stores.c.lease_until > now_ms(),
        )
        .values(lease_until=_in_ms(lease))
        .returning(stores.c.id, stores.c.generation)
    )


def observe(claim: Claim, observation: Observation) -> Update:
    """Write an observation; what a newer declaration has set is left as it is."""
    current = stores.c.generation == claim.store.generation
    becomes_ready = observation.status is Status.READY and claim.store.status is not Status.READY
    as_declared: dict[str, Any] = {
        "status": observation.status.value,
        "observed_generation": observation.observed_generation,
        "attempts": observation.attempts,
        "fault": literal(
            observation.fault.model_dump(mode="json") if observation.fault else None,
            stores.c.fault.type,
        ),
        "established": observation.established,
        "ready_at": now_ms() if becomes_ready else stores.c.ready_at,
    }
    values: dict[str, Any] = {
        name: case((current, value), else_=stores.c[name]) for name, value in as_declared.items()
    }
    return (
        update(stores)
        .where(_held(claim))
        .values(
            conditions=[c.model_dump(mode="json") for c in observation.conditions],
            url=observation.url,
            updated_at=now_ms(),
            **values,
        )
        .returning(stores)
    )


def release(claim: Claim, due_in: float | None) -> Update:
    """Give a lease back; after a newer declaration the store stays due at once."""
    due = None if due_in is None else _in_ms(due_in)
    return (
        update(stores)
        .where(_held(claim))
        .values(
            lease_owner=None,
            lease_until=None,
            due_at=case((stores.c.generation == claim.store.generation, due), else_=now_ms()),
        )
    )


def held(claim: Claim) -> ColumnElement[bool]:
    """Return the condition that the row is still under this lease."""
    return _held(claim)
