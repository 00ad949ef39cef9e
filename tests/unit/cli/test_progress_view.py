from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storeorch.cli.progress.view import (
    PlannedStep,
    StepState,
    StepView,
    plan_from,
    view_gone,
    view_store,
)
from storeorch.models import Condition, Status

from .fake import FAULT, T0, condition, make_store

PLAN = (
    PlannedStep("namespace", "NamespaceReady"),
    PlannedStep("release", "ReleaseInstalled"),
    PlannedStep("workloads", "WorkloadsReady"),
)
NAMESPACE = condition("NamespaceReady", holds=True, after=1.5, message="It is there.")
WAITING = condition("ReleaseInstalled", holds=False, after=2, message="Helm is at work.")
PENDING = condition("WorkloadsReady", holds=False, after=2, reason="Pending", message="It waits.")


def steps(status: Status, *conditions: Condition, at: float = 10, **over: Any) -> list[StepView]:
    store = make_store(status=status, conditions=conditions, **over)
    return list(view_store(store, PLAN, T0 + timedelta(seconds=at)).steps)


def test_before_the_first_pass_the_first_step_is_current() -> None:
    assert steps(Status.PROVISIONING) == [
        StepView("namespace", StepState.CURRENT, 10),
        StepView("release", StepState.PENDING),
        StepView("workloads", StepState.PENDING),
    ]


def test_under_way() -> None:
    assert steps(Status.PROVISIONING, NAMESPACE, WAITING, PENDING) == [
        StepView("namespace", StepState.DONE, 1.5, "It is there."),
        StepView("release", StepState.CURRENT, 8.5, "Helm is at work."),
        StepView("workloads", StepState.PENDING),
    ]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.PROVISIONING, StepState.RETRYING),
        (Status.DEGRADED, StepState.RETRYING),
        (Status.FAILED, StepState.FAILED),
    ],
)
def test_what_stands_in_the_way(status: Status, state: StepState) -> None:
    store = make_store(status=status, conditions=(NAMESPACE, WAITING), fault=FAULT)
    view = view_store(store, PLAN, T0)
    assert view.current == view.steps[1]
    assert view.steps[1].state is state
    assert (view.done, view.fault) == (1, FAULT)


def test_a_step_that_was_done_before_the_declaration_took_no_time() -> None:
    declared = T0 + timedelta(seconds=5)
    first, second, _ = steps(Status.UPDATING, NAMESPACE, WAITING, declared_at=declared)
    assert (first.state, first.seconds) == (StepState.DONE, None)
    assert (second.state, second.seconds) == (StepState.CURRENT, 5)


def test_a_clock_that_is_behind_shows_no_negative_time() -> None:
    view = view_store(make_store(), PLAN, T0 - timedelta(seconds=3))
    assert (view.seconds, view.steps[0].seconds) == (0, 0)


def test_what_is_settled_takes_no_more_time() -> None:
    store = make_store(status=Status.FAILED, conditions=(NAMESPACE, WAITING), fault=FAULT)
    view = view_store(store, PLAN, T0 + timedelta(hours=1))
    assert (view.seconds, view.steps[1].seconds) == (7, 5.5)


def test_a_deletion_goes_backwards() -> None:
    old = condition("ReleaseInstalled", holds=True, after=-50, message="It is deployed.")
    found = steps(
        Status.DELETING,
        condition("NamespaceReady", holds=True, after=-60, message="It is there."),
        old,
        condition("WorkloadsReady", holds=False, after=1, reason="Removed", message="Gone."),
    )
    assert found == [
        StepView("workloads", StepState.DONE, 1, "Gone."),
        StepView("release", StepState.CURRENT, 9, ""),
        StepView("namespace", StepState.PENDING),
    ]


def test_a_deletion_that_waits_says_for_what() -> None:
    found = steps(
        Status.DELETING,
        condition("WorkloadsReady", holds=False, after=1, reason="Removed"),
        condition("ReleaseInstalled", holds=False, after=2, reason="Removed"),
        condition("NamespaceReady", holds=False, after=3, reason="Terminating", message="Soon."),
    )
    assert found[2] == StepView("namespace", StepState.CURRENT, 8, "Soon.")


def test_what_is_gone_is_all_done() -> None:
    store = make_store(status=Status.DELETING, conditions=(NAMESPACE,), fault=FAULT)
    gone = view_gone(view_store(store, PLAN, T0))
    assert (gone.status, gone.done, gone.fault, gone.url) == ("deleted", 3, None, None)


def test_without_the_type_the_conditions_are_the_plan() -> None:
    store = make_store(conditions=(NAMESPACE, WAITING))
    assert [step.name for step in plan_from(store)] == ["NamespaceReady", "ReleaseInstalled"]
