"""The transition table: total, closed, and the only truth."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeorch.errors import InvalidTransition, KeyReused, StoreIsDeleting
from storeorch.lifecycle import (
    TRANSITIONS,
    Action,
    Declaration,
    Progress,
    check_transition,
    conclude,
    decide,
    declare,
    same_declaration,
)
from storeorch.models import NewStore, Status, Store
from storeorch.testing.strategies import declarations, statuses, stores

PAIRS = list(itertools.product(Status, Status))
LEGAL = [(a, b) for a, b in PAIRS if a is b or b in TRANSITIONS[a]]
ILLEGAL = [pair for pair in PAIRS if pair not in LEGAL]

AS_PROMISED = """
provisioning -> ready failed deleting
ready -> updating degraded deleting
degraded -> ready updating deleting
updating -> ready degraded failed deleting
failed -> provisioning updating deleting
deleting ->
"""


def test_table_is_the_one_of_the_architecture() -> None:
    promised = {
        Status(before): {Status(after) for after in rest.split()}
        for before, rest in (line.split(" ->") for line in AS_PROMISED.strip().splitlines())
    }
    assert {before: set(after) for before, after in TRANSITIONS.items()} == promised


@pytest.mark.parametrize(("before", "after"), LEGAL)
def test_legal_transition(before: Status, after: Status) -> None:
    assert check_transition(before, after) is after


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_illegal_transition(before: Status, after: Status) -> None:
    with pytest.raises(InvalidTransition) as refused:
        check_transition(before, after)
    assert before.value in refused.value.message
    assert after.value in refused.value.message


@pytest.mark.parametrize("status", Status)
def test_every_status_can_be_left_for_deletion_alone_can_not(status: Status) -> None:
    assert (Status.DELETING in TRANSITIONS[status]) is (status is not Status.DELETING)


def test_every_status_can_be_reached() -> None:
    reached = {Status.PROVISIONING}
    while more := {after for before in reached for after in TRANSITIONS[before]} - reached:
        reached |= more
    assert reached == set(Status)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("declaration", Declaration)
def test_declaring_is_total_and_within_the_table(status: Status, declaration: Declaration) -> None:
    try:
        after = declare(status, declaration)
    except StoreIsDeleting:
        assert status is Status.DELETING
        assert declaration is not Declaration.DELETE
    except InvalidTransition:
        assert (status, declaration) == (Status.READY, Declaration.RETRY)
    else:
        assert (status, after) in LEGAL


@pytest.mark.parametrize(
    ("status", "declaration", "after"),
    [
        (Status.PROVISIONING, Declaration.UPDATE, Status.PROVISIONING),
        (Status.UPDATING, Declaration.UPDATE, Status.UPDATING),
        (Status.READY, Declaration.UPDATE, Status.UPDATING),
        (Status.DEGRADED, Declaration.UPDATE, Status.UPDATING),
        (Status.FAILED, Declaration.UPDATE, Status.UPDATING),
        (Status.FAILED, Declaration.RETRY, Status.PROVISIONING),
        (Status.PROVISIONING, Declaration.RETRY, Status.PROVISIONING),
        (Status.UPDATING, Declaration.RETRY, Status.UPDATING),
        (Status.DEGRADED, Declaration.RETRY, Status.UPDATING),
        *((status, Declaration.DELETE, Status.DELETING) for status in Status),
    ],
)
def test_what_declarations_do(status: Status, declaration: Declaration, after: Status) -> None:
    assert declare(status, declaration) is after


@given(stores())
def test_decision_is_made_for_every_store(store: Store) -> None:
    expected = {Status.DELETING: Action.REMOVE, Status.FAILED: Action.REST}
    assert decide(store) is expected.get(store.status, Action.APPLY)


@pytest.mark.parametrize(
    ("before", "progress"),
    [pair for pair in itertools.product(Status, Progress) if pair[0] is not Status.FAILED],
)
def test_concluding_is_total_and_within_the_table(before: Status, progress: Progress) -> None:
    after = conclude(before, progress)
    assert (before, after) in LEGAL
    if before is Status.DELETING:
        assert after is Status.DELETING
    else:
        assert (after is Status.READY) is (
            progress is Progress.COMPLETE
            or (before is Status.READY and progress is Progress.RETRYING)
        )


@pytest.mark.parametrize("before", [Status.READY, Status.DEGRADED])
@pytest.mark.parametrize("progress", Progress)
def test_settled_store_never_fails(before: Status, progress: Progress) -> None:
    assert conclude(before, progress) in {Status.READY, Status.DEGRADED}


@pytest.mark.parametrize("before", [Status.PROVISIONING, Status.UPDATING])
def test_store_on_its_way(before: Status) -> None:
    assert conclude(before, Progress.WAITING) is before
    assert conclude(before, Progress.RETRYING) is before
    assert conclude(before, Progress.FAILED) is Status.FAILED
    assert conclude(before, Progress.COMPLETE) is Status.READY


def test_failed_store_is_not_walked_and_so_not_concluded() -> None:
    with pytest.raises(InvalidTransition):
        conclude(Status.FAILED, Progress.COMPLETE)


@given(status=statuses(), said=st.lists(declarations(), max_size=10))
def test_deletion_is_never_taken_back(status: Status, said: list[Declaration]) -> None:
    deleted = False
    for declaration in said:
        try:
            status = declare(status, declaration)
        except (StoreIsDeleting, InvalidTransition):
            continue
        deleted = deleted or declaration is Declaration.DELETE
        assert not deleted or status is Status.DELETING


# -- said again ---------------------------------------------------------------


@given(store=stores())
def test_the_same_declaration(store: Store) -> None:
    """It is known again, whatever became of the store meanwhile."""
    names = set(NewStore.model_fields)
    new = NewStore(**{name: getattr(store, name) for name in names})
    assert same_declaration(store, new) is store
    later = store.model_copy(update={"generation": 2, "parameters": {"changed": "later"}})
    assert same_declaration(later, new) is later
    first = store.model_copy(update={"generation": 1, "parameters": {"another": "one"}})
    others = [new.model_copy(update={name: "no-other"}) for name in ("name", "type", "owner")]
    for present, said in [(first, new), *((store, other) for other in others)]:
        with pytest.raises(KeyReused):
            same_declaration(present, said)
