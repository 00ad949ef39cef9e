"""From what a user says to a checked declaration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeorch.declaring import host_of, merge, new_store, problems_of
from storeorch.errors import (
    InvalidDeclaration,
    InvalidParameters,
    InvalidStoreName,
    UnknownStoreType,
)
from storeorch.models import NewStore
from storeorch.parameters import ChartParameters
from storeorch.plugins import Plugins
from storeorch.settings import Settings
from storeorch.testing import SampleShop


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_prefix="STOREORCH_TESTS_ONLY_", domain="shops.test")


def declare(plugins: Plugins, settings: Settings, **changes: object) -> NewStore:
    given: dict[str, object] = {
        "name": "my-store",
        "type_": "sample",
        "parameters": {},
        "owner": None,
        "key": None,
    }
    return new_store(plugins, settings, **{**given, **changes})  # type: ignore[arg-type]


def test_everything_follows_from_name_and_id(sample_plugins: Plugins, settings: Settings) -> None:
    new = declare(sample_plugins, settings, owner="alice", parameters={"replicas": "2"})
    assert new.namespace == f"store-my-store-{new.id[:8]}"
    assert (new.host, new.helm_release, new.owner) == ("my-store.shops.test", "my-store", "alice")
    assert new.parameters == {"replicas": 2}


def test_ids_are_new_without_a_key(sample_plugins: Plugins, settings: Settings) -> None:
    assert declare(sample_plugins, settings).id != declare(sample_plugins, settings).id


def test_a_key_leads_to_one_id(sample_plugins: Plugins, settings: Settings) -> None:
    """For each owner and cluster its own, whatever is declared with it."""
    first = declare(sample_plugins, settings, key="k")
    assert declare(sample_plugins, settings, key="k", name="other").id == first.id
    elsewhere = settings.model_copy(update={"cluster": "elsewhere"})
    others = {
        declare(sample_plugins, settings, key="K").id,
        declare(sample_plugins, settings, key="k", owner="alice").id,
        declare(sample_plugins, settings, key="k", owner="bob").id,
        declare(sample_plugins, elsewhere, key="k").id,
        first.id,
    }
    assert len(others) == 5


@pytest.mark.parametrize("text", ["", "x" * 256, "a\nb", "a\0b", "\ud800"])
@pytest.mark.parametrize("what", ["owner", "key"])
def test_owners_and_keys_that_are_not_possible(
    sample_plugins: Plugins, settings: Settings, what: str, text: str
) -> None:
    with pytest.raises(InvalidDeclaration) as refused:
        declare(sample_plugins, settings, **{what: text})
    assert refused.value.message == f"The {what} is not possible."


def test_names_and_types_that_are_not_possible(sample_plugins: Plugins, settings: Settings) -> None:
    with pytest.raises(InvalidStoreName):
        declare(sample_plugins, settings, name="My Store")
    with pytest.raises(UnknownStoreType):
        declare(sample_plugins, settings, type_="nothing")


def test_problems_are_named_by_field(sample_plugins: Plugins, settings: Settings) -> None:
    given = {"replicas": 0, "colour": "red"}
    found = problems_of(sample_plugins, settings, name="My", type_="sample", parameters=given)
    assert [(problem.field, problem.code) for problem in found] == [
        (("name",), "invalid-name"),
        (("parameters", "replicas"), "invalid-parameters"),
        (("parameters", "colour"), "invalid-parameters"),
    ]
    assert all(problem.message and problem.hint for problem in found)


def test_no_problems(sample_plugins: Plugins, settings: Settings) -> None:
    assert problems_of(sample_plugins, settings, name=None, type_="sample", parameters={}) == []
    (problem,) = problems_of(sample_plugins, settings, name="ok", type_="no", parameters={"a": 1})
    assert (problem.field, problem.code) == (("type",), "unknown-type")


def test_names_of_the_platform_are_refused(sample_plugins: Plugins, settings: Settings) -> None:
    with pytest.raises(InvalidStoreName, match="reserved"):
        declare(sample_plugins, settings, name="admin")
    (problem,) = problems_of(sample_plugins, settings, name="www", type_="sample", parameters={})
    assert (problem.field, problem.code) == (("name",), "invalid-name")


class Domain(SampleShop):
    parameters = ChartParameters


@pytest.mark.parametrize(
    ("chosen", "host"),
    [
        ("", "my-store.shops.test"),
        ("my-store.shops.test", "my-store.shops.test"),
        ("shop.example.com", "shop.example.com"),
        ("notshops.test", "notshops.test"),
    ],
)
def test_the_host_is_the_name_or_of_a_domain_of_its_own(
    settings: Settings, chosen: str, host: str
) -> None:
    assert host_of(settings, "my-store", Domain(), ChartParameters(domain=chosen)) == host


@pytest.mark.parametrize("chosen", ["shops.test", "www.shops.test", "other.shops.test"])
def test_hosts_of_the_platform_cannot_be_chosen(settings: Settings, chosen: str) -> None:
    with pytest.raises(InvalidParameters, match="belongs to the platform"):
        host_of(settings, "my-store", Domain(), ChartParameters(domain=chosen))


_PLAIN = st.dictionaries(st.text(max_size=3), st.integers() | st.none(), max_size=3)
_NESTED = st.dictionaries(st.text(max_size=3), st.integers() | _PLAIN, max_size=3)


@given(present=_NESTED, changes=_NESTED)
def test_merging(present: dict[str, object], changes: dict[str, object]) -> None:
    """What is said wins, what is not said stays, and neither side is changed."""
    before = (repr(present), repr(changes))
    merged = merge(present, changes)
    assert merge(merged, changes) == merged
    assert set(merged) == {*present, *changes}
    assert merge(present, {}) == present
    assert (repr(present), repr(changes)) == before
