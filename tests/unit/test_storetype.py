from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import pytest
from hypothesis import given
from pydantic import BaseModel, Field
from typing_extensions import override

from storeorch.errors import InvalidParameters
from storeorch.parameters import ChartParameters, Parameters
from storeorch.storetype import AdminAccess, Step, StoreType
from storeorch.testing.sample import SampleParameters, SampleShop
from storeorch.testing.strategies import parameters


class Disk(Parameters):
    size: Annotated[str, Field(pattern=r"^\d+Gi$")] = "10Gi"
    """Size."""


class ShopParameters(Parameters):
    title: str
    """Title."""

    disk: Disk = Disk()
    """Disk."""

    replicas: int = 1
    """Replicas."""


class Shop(StoreType):
    name = "shop"
    parameters: ClassVar[type[BaseModel]] = ShopParameters

    @override
    def steps(self) -> Sequence[Step]:
        return ()


class Plain(StoreType):
    name = "plain"

    @override
    def steps(self) -> Sequence[Step]:
        return ()


def test_checked_parameters_are_the_model() -> None:
    checked = Shop().check({"title": "Mine", "disk": {"size": "5Gi"}})
    assert checked == ShopParameters(title="Mine", disk=Disk(size="5Gi"))


def test_type_without_parameters_takes_none() -> None:
    assert Plain().check({}) == Parameters()
    with pytest.raises(InvalidParameters) as refused:
        Plain().check({"a": 1})
    assert refused.value.hint is not None
    assert "none" in refused.value.hint


@pytest.mark.parametrize(
    ("given_", "named", "hint"),
    [
        ({}, "title of the type shop is missing", "--set title=VALUE"),
        ({"title": "a", "colour": "red"}, "no parameter 'colour'", "disk, replicas, title"),
        ({"title": "a", "disk": {"sice": "1Gi"}}, "no parameter 'disk.sice'", "type show shop"),
        ({"title": "a", "disk": {"size": "s3cr3t"}}, "disk.size of the type shop", "type show"),
        ({"title": "a", "replicas": "s3cr3t"}, "replicas of the type shop", "type show shop"),
        ({"title": "a", "disk": "s3cr3t"}, "disk of the type shop", "type show shop"),
    ],
)
def test_wrong_parameter_is_named(given_: Mapping[str, Any], named: str, hint: str) -> None:
    """And its value is not repeated: it may be a secret."""
    with pytest.raises(InvalidParameters) as refused:
        Shop().check(given_)
    assert named in refused.value.message
    assert hint in (refused.value.hint or "")
    assert "s3cr3t" not in refused.value.message + (refused.value.hint or "")
    assert re.fullmatch(r"[^\n]*[^.]\.", refused.value.message), "one sentence, one full stop"


@pytest.mark.parametrize("key", ["a\nb", "\x1b[31m", "ü", "a" * 200])
def test_key_is_printed_safely(key: str) -> None:
    with pytest.raises(InvalidParameters) as refused:
        Plain().check({key: 1})
    assert refused.value.message.isascii()
    assert refused.value.message.isprintable()


@given(given_=parameters(SampleParameters))
def test_what_the_strategy_generates_is_valid(given_: Mapping[str, Any]) -> None:
    checked = SampleShop().check(given_)
    assert checked.model_dump(exclude_unset=True) == given_


def test_host_is_the_parameter_domain_if_the_model_has_it() -> None:
    assert Plain().host(ChartParameters(domain="shop.example.com")) == "shop.example.com"
    assert Plain().host(ChartParameters()) is None
    assert Plain().host(ShopParameters(title="Mine")) is None


def test_who_administers_is_a_name_or_a_parameter() -> None:
    checked = ShopParameters(title="Mine", disk=Disk(size="5Gi"))
    fixed = AdminAccess(password_key="key", path="/admin/", username="admin")
    chosen = AdminAccess(password_key="key", path="/admin/", username_parameter="disk.size")
    assert (fixed.username_for(checked), chosen.username_for(checked)) == ("admin", "5Gi")
    assert Plain.admin is None


@pytest.mark.parametrize("title", ["\0", "a\ud800", "\udfff"])
def test_text_that_no_database_takes(title: str) -> None:
    """It is refused before anything is written."""
    with pytest.raises(InvalidParameters) as refused:
        SampleShop().check({"title": title})
    assert "cannot be stored" in refused.value.message
    (problem,) = SampleShop().problems({"title": title})
    assert (problem.field, problem.message) == (("parameters",), refused.value.message)


def test_every_problem_is_named() -> None:
    found = Shop().problems({"disk": {"size": "big"}, "replicas": "many", "colour": "red"})
    assert {problem.field for problem in found} == {
        ("parameters", "title"),
        ("parameters", "disk", "size"),
        ("parameters", "replicas"),
        ("parameters", "colour"),
    }
    assert Shop().problems({"title": "Shirts"}) == []
