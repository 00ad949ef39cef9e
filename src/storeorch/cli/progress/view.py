"""What there is to show of one store: its steps, how far each is, and for how long.

Pure: a store and the time of day go in, a view comes out. This module must not
know how a view is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from storeorch.models import Condition, Fault, Status, Store

PENDING_REASON: Final = "Pending"
"""Reason of the condition of a step that a pass has not reached."""

REMOVED_REASON: Final = "Removed"
"""Reason of the condition of a step whose part is gone."""


_SETTLED: Final = frozenset({Status.READY, Status.DEGRADED, Status.FAILED})


class StepState(StrEnum):
    """How far a step is."""

    PENDING = "pending"
    CURRENT = "waiting"
    DONE = "done"
    RETRYING = "retrying"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step that a store type will take.

    Attributes:
        name: The step's name.
        condition: Type of the condition that tells whether it holds.
    """

    name: str
    condition: str


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as shown.

    Attributes:
        name: The step's name.
        state: How far it is.
        seconds: How long it took, or has taken so far; None if it was not started,
            or was done before the present declaration.
        message: One sentence for users; may be empty.
    """

    name: str
    state: StepState
    seconds: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class StoreView:
    """One store as shown.

    Attributes:
        name: The store's name.
        status: Its status, ``deleted`` once it is gone.
        url: Its address, once known.
        steps: Its steps in the order in which they are taken.
        fault: Why it is not as declared.
        seconds: Since it was declared, until it was settled.
    """

    name: str
    status: str
    url: str | None
    steps: tuple[StepView, ...]
    fault: Fault | None
    seconds: float

    @property
    def done(self) -> int:
        """How many steps are done."""
        return sum(step.state is StepState.DONE for step in self.steps)

    @property
    def current(self) -> StepView | None:
        """The step that is being worked on, or that stands in the way."""
        running = {StepState.CURRENT, StepState.RETRYING, StepState.FAILED}
        return next((step for step in self.steps if step.state in running), None)


def settled(store: Store) -> bool:
    """Return whether nothing more is to come of what was last declared of a store."""
    return store.status in _SETTLED and store.observed_generation >= store.generation


def plan_from(store: Store) -> tuple[PlannedStep, ...]:
    """Guess the steps from the conditions, where the store type is not installed here."""
    return tuple(PlannedStep(condition.type, condition.type) for condition in store.conditions)


def view_store(store: Store, plan: Sequence[PlannedStep], now: datetime) -> StoreView:
    """Return what there is to show of a store.

    Args:
        store: The store.
        plan: The steps of its type in the order in which they are applied.
        now: The time of day.
    """
    # What is settled takes no more time.
    end = store.updated_at if settled(store) else now
    removing = store.status is Status.DELETING
    ordered = tuple(reversed(plan)) if removing else tuple(plan)
    started = store.declared_at
    steps: list[StepView] = []
    reached = False
    for planned in ordered:
        condition = store.condition(planned.condition)
        if _holds(condition, removing=removing):
            since = condition.since if condition else started
            seconds = (since - started).total_seconds()
            steps.append(
                StepView(
                    planned.name,
                    StepState.DONE,
                    seconds if seconds >= 0 else None,
                    condition.message if condition else "",
                )
            )
            started = max(started, since)
        elif reached:
            steps.append(StepView(planned.name, StepState.PENDING))
        else:
            reached = True
            seconds = max(0.0, (end - started).total_seconds())
            steps.append(StepView(planned.name, _state(store), seconds, _message(store, condition)))
    return StoreView(
        name=store.name,
        status=store.status.value,
        url=None if removing else store.url,
        steps=tuple(steps),
        fault=store.fault,
        seconds=max(0.0, (end - store.declared_at).total_seconds()),
    )


def view_gone(last: StoreView) -> StoreView:
    """Return what there is to show of a store that is gone."""
    steps = tuple(
        StepView(step.name, StepState.DONE, step.seconds, step.message)
        if step.state is StepState.DONE
        else StepView(step.name, StepState.DONE, step.seconds)
        for step in last.steps
    )
    return StoreView(last.name, "deleted", None, steps, None, last.seconds)


def _holds(condition: Condition | None, *, removing: bool) -> bool:
    if condition is None:
        return False
    return condition.reason == REMOVED_REASON if removing else condition.status


def _state(store: Store) -> StepState:
    if store.status is Status.FAILED:
        return StepState.FAILED
    return StepState.RETRYING if store.fault else StepState.CURRENT


def _message(store: Store, condition: Condition | None) -> str:
    if condition is None or condition.reason == PENDING_REASON:
        return ""
    if store.status is Status.DELETING and condition.status:
        # Left over from before the deletion; it says that the step's part is there.
        return ""
    return condition.message
