"""The statements about leases: who may change a store, and until when.

Every one compares and writes by the database's clock and, where it writes an
observation, carries the epoch of the lease it was made under. They run several
times for each store, so each is built once and executed with parameters.

This module builds statements and runs none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Delete,
    Integer,
    Select,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from storeorch.db.tables import events, now_ms, stores
from storeorch.models import Claim, Observation, Status


class Bound(NamedTuple):
    """A statement and what to execute it with."""

    statement: Update | Delete | Select[Any]
    parameters: Mapping[str, Any]


_LATER: Final = now_ms() + bindparam("p_milliseconds", type_=BigInteger)

_HELD: Final = and_(
    stores.c.id == bindparam("p_id"),
    stores.c.lease_owner == bindparam("p_worker"),
    stores.c.lease_epoch == bindparam("p_epoch"),
)

_CURRENT: Final = stores.c.generation == bindparam("p_generation", type_=Integer)
"""No newer declaration has come since the claim."""


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _lease_of(claim: Claim) -> dict[str, Any]:
    return {"p_id": claim.store.id, "p_worker": claim.worker, "p_epoch": claim.epoch}


@cache
def _claim_due(*, wanted: bool, restricted: bool) -> Update:
    free = or_(stores.c.lease_owner.is_(None), stores.c.lease_until <= now_ms())
    # Asked once: PostgreSQL uses no index for what may change from row to row.
    now = select(now_ms()).scalar_subquery()
    due: ColumnElement[bool] = stores.c.due_at <= now
    if wanted:
        # A failing pass changes the cluster too: what it did itself must not end its wait.
        awake = and_(stores.c.status != Status.FAILED.value, stores.c.attempts == 0)
        due = or_(due, and_(stores.c.id.in_(bindparam("p_wanted", expanding=True)), awake))
    where = [stores.c.cluster == bindparam("p_cluster"), free, due]
    if restricted:
        where.append(stores.c.id.in_(bindparam("p_only", expanding=True)))
    chosen = (
        select(stores.c.id)
        .where(*where)
        .order_by(stores.c.due_at.nulls_last())
        .limit(bindparam("p_limit", type_=Integer))
        .with_for_update(skip_locked=True)
        # By name it runs once: as a subquery it might run for each row, and lock more than asked.
        .cte("chosen")
    )
    return (
        update(stores)
        .where(stores.c.id.in_(select(chosen.c.id)))
        .values(
            lease_owner=bindparam("p_worker"),
            lease_epoch=stores.c.lease_epoch + 1,
            lease_until=_LATER,
            due_at=now_ms(),
        )
        .returning(stores)
    )


def claim_due(
    cluster: str,
    worker: str,
    *,
    limit: int,
    lease: float,
    wanted: Sequence[str],
    only: Sequence[str] | None,
) -> Bound:
    """Take free stores that are due or wanted; a later crash leaves them due."""
    parameters: dict[str, Any] = {
        "p_cluster": cluster,
        "p_worker": worker,
        "p_limit": limit,
        "p_milliseconds": _milliseconds(lease),
    }
    if wanted:
        parameters["p_wanted"] = list(wanted)
    if only is not None:
        parameters["p_only"] = list(only)
    return Bound(_claim_due(wanted=bool(wanted), restricted=only is not None), parameters)


@cache
def _next_due(*, restricted: bool) -> Select[Any]:
    free_at = func.coalesce(stores.c.lease_until, 0)
    at = case((stores.c.due_at > free_at, stores.c.due_at), else_=free_at)
    query = select(func.min(at) - now_ms()).where(
        stores.c.cluster == bindparam("p_cluster"), stores.c.due_at.is_not(None)
    )
    if restricted:
        query = query.where(stores.c.id.in_(bindparam("p_only", expanding=True)))
    return query


def next_due(cluster: str, only: Sequence[str] | None) -> Bound:
    """Milliseconds until the first store is both due and free."""
    parameters: dict[str, Any] = {"p_cluster": cluster}
    if only is not None:
        parameters["p_only"] = list(only)
    return Bound(_next_due(restricted=only is not None), parameters)


_RENEW: Final = (
    update(stores)
    .where(
        stores.c.lease_owner == bindparam("p_worker"),
        tuple_(stores.c.id, stores.c.lease_epoch).in_(bindparam("p_leases", expanding=True)),
        stores.c.lease_until > now_ms(),
    )
    .values(lease_until=_LATER)
    .returning(stores.c.id, stores.c.generation)
)


def renew(worker: str, leases: Mapping[str, int], *, lease: float) -> Bound:
    """Prolong leases that have not ended; one that has is lost for good."""
    return Bound(
        _RENEW,
        {
            "p_worker": worker,
            "p_leases": list(leases.items()),
            "p_milliseconds": _milliseconds(lease),
        },
    )


_AS_DECLARED: Final = ("status", "observed_generation", "attempts", "fault", "established")
"""What a newer declaration has set, and an older observation must leave as it is."""

_OBSERVED: Final[dict[str, Any]] = {
    "conditions": bindparam("p_conditions", type_=stores.c.conditions.type),
    "url": bindparam("p_url"),
    "updated_at": now_ms(),
    "ready_at": case(
        (and_(_CURRENT, bindparam("p_becomes_ready", type_=Boolean)), now_ms()),
        else_=stores.c.ready_at,
    ),
    **{
        name: case(
            (_CURRENT, bindparam(f"p_{name}", type_=stores.c[name].type)), else_=stores.c[name]
        )
        for name in _AS_DECLARED
    },
}

_RELEASED: Final[dict[str, Any]] = {"lease_owner": None, "lease_until": None}

_DUE: Final = case((_CURRENT, _LATER), else_=now_ms())
_NOT_DUE: Final = case((_CURRENT, None), else_=now_ms())

_OBSERVE: Final = update(stores).where(_HELD).values(**_OBSERVED).returning(stores)


@cache
def _finish(*, due: bool) -> Update:
    return (
        update(stores)
        .where(_HELD)
        .values(**_OBSERVED, **_RELEASED, due_at=_DUE if due else _NOT_DUE)
        .returning(stores)
    )


def _observed(claim: Claim, observation: Observation) -> dict[str, Any]:
    fault = observation.fault
    becomes_ready = observation.status is Status.READY and claim.store.status is not Status.READY
    return {
        **_lease_of(claim),
        "p_generation": claim.store.generation,
        "p_conditions": [each.model_dump(mode="json") for each in observation.conditions],
        "p_url": observation.url,
        "p_status": observation.status.value,
        "p_observed_generation": observation.observed_generation,
        "p_attempts": observation.attempts,
        "p_fault": fault.model_dump(mode="json") if fault else None,
        "p_established": observation.established,
        "p_becomes_ready": becomes_ready,
    }


def _due(due_in: float | None) -> dict[str, Any]:
    return {} if due_in is None else {"p_milliseconds": _milliseconds(due_in)}


def observe(claim: Claim, observation: Observation) -> Bound:
    """Write an observation; what a newer declaration has set is left as it is."""
    return Bound(_OBSERVE, _observed(claim, observation))


def finish(claim: Claim, observation: Observation, due_in: float | None) -> Bound:
    """Write an observation and give the lease back, in one statement."""
    parameters = _observed(claim, observation) | _due(due_in)
    return Bound(_finish(due=due_in is not None), parameters)


@cache
def _release(*, due: bool) -> Update:
    return (
        update(stores)
        .where(_HELD)
        .values(**_RELEASED, due_at=_DUE if due else _NOT_DUE, updated_at=now_ms())
        .returning(stores.c.updated_at)
    )


def release(claim: Claim, due_in: float | None) -> Bound:
    """Give a lease back; after a newer declaration the store stays due at once."""
    parameters = {**_lease_of(claim), "p_generation": claim.store.generation, **_due(due_in)}
    return Bound(_release(due=due_in is not None), parameters)


_REMOVE: Final = delete(stores).where(_HELD).returning(now_ms())


def remove(claim: Claim) -> Bound:
    """Drop the row of a store that is gone."""
    return Bound(_REMOVE, _lease_of(claim))


APPEND: Final = insert(events).values(at=now_ms())
"""Write events, several at once; all get the transaction's time."""
