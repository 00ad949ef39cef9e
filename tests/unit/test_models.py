from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from storeorch import models
from storeorch.models import Condition, NewEvent, Observation, Page, Status, Store
from storeorch.testing.contracts.samples import CONDITION, FAULT, STEP_EVENT, observation
from storeorch.testing.strategies import conditions, stores

MODELS = [
    value
    for value in vars(models).values()
    if isinstance(value, type)
    and issubclass(value, BaseModel)
    and value.__module__ == models.__name__
]

PUBLIC_FIELDS = [
    "id",
    "name",
    "type",
    "status",
    "namespace",
    "url",
    "helm_release",
    "error_message",
    "created_at",
    "updated_at",
    "conditions",
]
"""What scripts rely on in ``storeorch store get -o json``."""


@pytest.mark.parametrize("model", MODELS)
def test_models_are_frozen_and_take_nothing_unknown(model: type[BaseModel]) -> None:
    assert model.model_config["frozen"] is True
    assert model.model_config["extra"] == "forbid"


def test_nothing_can_be_changed() -> None:
    with pytest.raises(ValidationError):
        CONDITION.status = False  # type: ignore[misc]


@given(stores())
def test_store_survives_json(store: Store) -> None:
    data = store.model_dump(mode="json")
    del data["error_message"]
    assert Store.model_validate(data) == store


@given(stores())
def test_json_has_what_scripts_rely_on(store: Store) -> None:
    data = store.model_dump(mode="json")
    assert [field for field in PUBLIC_FIELDS if field not in data] == []


@given(stores())
def test_error_message_is_that_of_the_fault(store: Store) -> None:
    assert store.error_message == (store.fault.message if store.fault else None)


@given(stores(), st.lists(conditions("A"), max_size=5))
def test_progress_is_the_share_of_conditions_that_hold(store: Store, held: list[Condition]) -> None:
    store = store.model_copy(update={"conditions": tuple(held)})
    holding = [condition for condition in held if condition.status]
    assert store.progress == (len(holding) / len(held) if held else 0)
    assert 0 <= store.progress <= 1


@given(stores())
def test_condition_by_type(store: Store) -> None:
    for condition in store.conditions:
        found = store.condition(condition.type)
        assert found is not None
        assert found.type == condition.type
    assert store.condition("NoSuchCondition") is None


@pytest.mark.parametrize("changes", [{"attempts": -1}, {"status": "ruined"}, {"surprise": 1}])
def test_observation_checks_what_it_is_given(changes: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        observation(**changes)


def test_status_is_its_word() -> None:
    assert [str(status) for status in Status] == [
        "provisioning",
        "ready",
        "updating",
        "degraded",
        "failed",
        "deleting",
    ]


def test_page_of_anything() -> None:
    page = Page[NewEvent](items=[STEP_EVENT])
    assert (list(page.items), page.next_cursor) == ([STEP_EVENT], None)


def test_fault_is_part_of_an_observation() -> None:
    seen = Observation.model_validate_json(observation(fault=FAULT).model_dump_json())
    assert seen.fault == FAULT
