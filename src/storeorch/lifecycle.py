"""The life of a store: states, the transition table, and what follows from what.

Pure: no clock, no storage, no I/O. The engine, the documentation's diagram and
the tests are made from the one table in this module.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, assert_never

from storeorch.errors import InvalidTransition, KeyReused, StoreIsDeleting
from storeorch.models import NewStore, Status, Store

TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    Status.PROVISIONING: frozenset({Status.READY, Status.FAILED, Status.DELETING}),
    Status.READY: frozenset({Status.UPDATING, Status.DEGRADED, Status.DELETING}),
    Status.DEGRADED: frozenset({Status.READY, Status.UPDATING, Status.DELETING}),
    Status.UPDATING: frozenset({Status.READY, Status.DEGRADED, Status.FAILED, Status.DELETING}),
    Status.FAILED: frozenset({Status.PROVISIONING, Status.UPDATING, Status.DELETING}),
    Status.DELETING: frozenset(),
}
"""Which status may follow which; a deleted store has no row and so no status."""


class Declaration(StrEnum):
    """What a user can say of a store that exists."""

    UPDATE = "update"
    RETRY = "retry"
    DELETE = "delete"


class Action(StrEnum):
    """What a pass has to do."""

    APPLY = "apply"
    REMOVE = "remove"
    REST = "rest"


class Progress(StrEnum):
    """How far a walk over the steps came."""

    COMPLETE = "complete"
    WAITING = "waiting"
    RETRYING = "retrying"
    FAILED = "failed"


def check_transition(before: Status, after: Status) -> Status:
    """Return the status after, if it may follow the status before.

    Staying is not a transition and always allowed.

    Raises:
        InvalidTransition: The table has no such transition.
    """
    if after is not before and after not in TRANSITIONS[before]:
        raise InvalidTransition(
            f"A store that is {before.value} cannot become {after.value}.",
            hint="See the states of a store in the documentation.",
        )
    return after


def declare(status: Status, declaration: Declaration) -> Status:
    """Say which status a store has as soon as a declaration is accepted.

    Args:
        status: The status before.
        declaration: What the user said.

    Returns:
        The status after; it may be the same.

    Raises:
        StoreIsDeleting: Nothing but deletion can be declared any more.
        InvalidTransition: There is nothing to retry.
    """
    match declaration:
        case Declaration.DELETE:
            return check_transition(status, Status.DELETING)
        case _ if status is Status.DELETING:
            raise StoreIsDeleting
        case Declaration.UPDATE:
            if status in {Status.PROVISIONING, Status.UPDATING}:
                return status
            return check_transition(status, Status.UPDATING)
        case Declaration.RETRY:
            if status is Status.READY:
                raise InvalidTransition(
                    "The store is ready; there is nothing to retry.",
                    hint="Change it with: storeorch store update NAME --set KEY=VALUE",
                )
            if status is Status.FAILED:
                return check_transition(status, Status.PROVISIONING)
            if status is Status.DEGRADED:
                return check_transition(status, Status.UPDATING)
            return status
        case _:
            assert_never(declaration)


def same_declaration(present: Store, new: NewStore) -> Store:
    """Return the store that a declaration made, when it is said again under the same key.

    Raises:
        KeyReused: Something else is declared now.
    """
    made = (present.name, present.type, present.owner, present.cluster)
    same = made == (new.name, new.type, new.owner, new.cluster)
    # Later declarations may have changed the parameters; the first ones are known of the first.
    if present.generation == 1:
        same = same and dict(present.parameters) == dict(new.parameters)
    if not same:
        raise KeyReused
    return present


def decide(store: Store) -> Action:
    """Compare what was declared with what was observed, and say what a pass has to do."""
    match store.status:
        case Status.DELETING:
            return Action.REMOVE
        case Status.FAILED:
            return Action.REST
        case _:
            return Action.APPLY


def conclude(before: Status, progress: Progress) -> Status:
    """Say which status follows from a walk over the steps.

    Args:
        before: The status when the walk began.
        progress: How far it came.

    Returns:
        The status after. A store that is ready or degraded does not fail: it degrades.
    """
    if before is Status.DELETING:
        return before
    settled = before in {Status.READY, Status.DEGRADED}
    match progress:
        case Progress.COMPLETE:
            after = Status.READY
        case Progress.WAITING:
            after = Status.DEGRADED if settled else before
        case Progress.FAILED:
            after = Status.DEGRADED if settled else Status.FAILED
        case Progress.RETRYING:
            after = before
        case _:
            assert_never(progress)
    return check_transition(before, after)
