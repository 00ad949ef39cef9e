"""Kubernetes' own forms, and the way from parameters to a chart's values."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from storeorch.parameters import (
    Amounts,
    ChartParameters,
    Cpu,
    ImageName,
    Memory,
    ObjectName,
    Parameters,
    Resources,
    StorageSize,
    UserId,
    resources,
)

CPU: TypeAdapter[str] = TypeAdapter(Cpu)
MEMORY: TypeAdapter[str] = TypeAdapter(Memory)
STORAGE: TypeAdapter[str] = TypeAdapter(StorageSize)
USER: TypeAdapter[int] = TypeAdapter(UserId)
IMAGE: TypeAdapter[str] = TypeAdapter(ImageName)
OBJECT: TypeAdapter[str] = TypeAdapter(ObjectName)
DIGEST = "sha256:" + "0123456789abcdef" * 4


class Inner(Parameters):
    first_value: int = 1
    """First."""


class Outer(Parameters):
    inner_part: Inner = Inner()
    """Inner."""

    plain: str = "a"
    """Plain."""

    run_as_user: int = 33
    """User."""


@pytest.mark.parametrize(
    ("adapter", "given_"),
    [
        *((CPU, text) for text in ("1", "0.5", "200m", "1000m", "1.125")),
        *((MEMORY, text) for text in ("512Mi", "1Gi", "2G", "1048576", "1k")),
        *((STORAGE, text) for text in ("10Gi", "500M", "2Ti")),
        *((USER, number) for number in (1, 33, 2**31 - 1)),
    ],
)
def test_amounts(adapter: TypeAdapter[object], given_: object) -> None:
    assert adapter.validate_python(given_) == given_


@pytest.mark.parametrize(
    ("adapter", "given_"),
    [
        *((CPU, text) for text in ("512Mi", "1Gi", "0m", "1.2345", "m", "1 m", "1M")),
        *((MEMORY, text) for text in ("200m", "0", "0Gi", "1.5Gi", "10GB", "512MB", "Gi", "1gi")),
        *((STORAGE, text) for text in ("10", "200m", "0Gi", "1.5Gi", "10GB", "1Ki")),
        *((form, text) for form in (CPU, MEMORY, STORAGE) for text in ("", "lots", "-1", "1Gi\n")),
        *((form, "1" * 33) for form in (CPU, MEMORY)),
        *((USER, number) for number in (0, -1, 2**31, "root")),
    ],
)
def test_what_is_no_amount(adapter: TypeAdapter[object], given_: object) -> None:
    with pytest.raises(ValidationError):
        adapter.validate_python(given_)


@pytest.mark.parametrize(
    "given_",
    [
        "mysql:8.0",
        "wordpress",
        "ghcr.io/owner/name:1.2.3",
        "localhost:5000/a/b",
        f"postgres@{DIGEST}",
        f"registry:5000/a/b:tag@{DIGEST}",
    ],
)
def test_image_names(given_: str) -> None:
    assert IMAGE.validate_python(given_) == given_


@pytest.mark.parametrize(
    "given_",
    [
        "",
        "Mysql",
        "-a",
        "a b",
        "a;rm -rf",
        "a\n",
        "$(id)",
        "a@sha256:1",
        "a@b",
        "ä",
        "a" * 401,
        8,
        "a:",
        "a//b",
        "a/",
        "a..b",
    ],
)
def test_what_is_no_image_name(given_: object) -> None:
    with pytest.raises(ValidationError):
        IMAGE.validate_python(given_)


@pytest.mark.parametrize("given_", ["", "nginx", "fast-ssd", "a.b", "1"])
def test_object_names(given_: str) -> None:
    assert OBJECT.validate_python(given_) == given_


@pytest.mark.parametrize(
    "given_", ["A", "-a", "a-", ".a", "a_b", "a b", "a\n", "ä", "a" * 254, None, "a..b", "a.-b"]
)
def test_what_is_no_object_name(given_: object) -> None:
    with pytest.raises(ValidationError):
        OBJECT.validate_python(given_)


@pytest.mark.parametrize("adapter", [CPU, MEMORY, STORAGE, IMAGE, OBJECT])
@given(text=st.text(max_size=60))
def test_what_is_accepted_is_plain(adapter: TypeAdapter[str], text: str) -> None:
    """Nothing that a shell, YAML or a line break could be made of."""
    try:
        accepted = adapter.validate_python(text)
    except ValidationError:
        return
    assert accepted == text
    assert accepted.isascii()
    assert not set(accepted) & set(" \t\r\n;&|<>$`\"'\\{}[]()#,=*?!~^%+")


def test_values_are_in_camel_case_at_every_depth() -> None:
    values = Outer(inner_part=Inner(first_value=2)).chart_values()
    assert values == {"innerPart": {"firstValue": 2}, "plain": "a", "runAsUser": 33}


def test_parameters_keep_the_names_that_users_know() -> None:
    """Camel case is for charts alone: what is stored and set is as it was declared."""
    assert Outer(run_as_user=1).model_dump(exclude_unset=True) == {"run_as_user": 1}
    with pytest.raises(ValidationError):
        Outer.model_validate({"runAsUser": 1})
    schema = Outer.model_json_schema()
    assert set(schema["properties"]) == {"inner_part", "plain", "run_as_user"}
    assert schema["properties"]["inner_part"]["default"] == {"first_value": 1}


def test_parameters_are_frozen_and_closed() -> None:
    with pytest.raises(ValidationError):
        Outer().plain = "b"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Outer.model_validate({"unknown": 1})


def test_wrong_value_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate({"run_as_user": "s3cret"})
    assert "s3cret" not in str(refused.value)


def test_docstrings_are_descriptions() -> None:
    assert Outer.model_fields["plain"].description == "Plain."
    assert Amounts.model_fields["cpu"].description


def test_resources() -> None:
    made = resources("1", "2Gi", limit_cpu="3", limit_memory="4Gi")
    assert made.chart_values() == {
        "requests": {"cpu": "1", "memory": "2Gi"},
        "limits": {"cpu": "3", "memory": "4Gi"},
    }


class Container(Parameters):
    image: ImageName = "a"
    """Image."""

    resources: Resources = resources("1", "1Gi", limit_cpu="2", limit_memory="2Gi")
    """Resources."""


class Pod(Parameters):
    web: Container = Container(resources=resources("3", "3Gi", limit_cpu="4", limit_memory="4Gi"))
    """Web."""


def test_part_of_the_resources_can_be_given_alone() -> None:
    """The rest keeps the default, and of all else nothing is said."""
    checked = Pod.model_validate({"web": {"resources": {"limits": {"memory": "9Gi"}}}})
    assert checked.web.resources == resources("3", "3Gi", limit_cpu="4", limit_memory="9Gi")
    assert set(checked.model_dump(exclude_unset=True)["web"]) == {"resources"}
    again = Pod.model_validate(checked.model_dump(exclude_unset=True))
    assert again == checked


@pytest.mark.parametrize(
    "given_",
    [
        {"web": {"resources": "lots"}},
        {"web": {"resources": {"limits": "lots"}}},
        {"web": {"resources": {"limits": {"gpu": "1"}}}},
        {"web": {"resources": {"limit": {"cpu": "1"}}}},
        {"web": None},
        "lots",
    ],
)
def test_wrong_parts_are_refused(given_: object) -> None:
    with pytest.raises(ValidationError):
        Pod.model_validate(given_)


def test_what_charts_have_in_common() -> None:
    assert set(ChartParameters().chart_values()) == {
        "gateway",
        "ingress",
        "storageClass",
        "imagePullPolicy",
        "waitForDatabase",
    }
    with pytest.raises(ValidationError):
        ChartParameters.model_validate({"image_pull_policy": "Sometimes"})


@pytest.mark.parametrize(
    ("given_", "encrypted"),
    [
        ({}, False),
        ({"ingress": {"tls_secret": "shop-tls"}}, True),
        ({"ingress": {"cert_manager_issuer": "ca"}}, True),
        ({"ingress": {"cert_manager_cluster_issuer": "ca"}}, True),
        ({"ingress": {"tls_secret": "shop-tls"}, "gateway": {"name": "public"}}, False),
    ],
)
def test_what_encrypts_the_connection(given_: dict[str, Any], encrypted: bool) -> None:
    assert ChartParameters.model_validate(given_).tls is encrypted


def test_one_issuer_at_most() -> None:
    both = {"cert_manager_issuer": "a", "cert_manager_cluster_issuer": "b"}
    with pytest.raises(ValidationError, match="exclude each other"):
        ChartParameters.model_validate({"ingress": both})


@pytest.mark.parametrize("domain", ["", "shop.example.com", "a.b", "xn--bcher-kva.example"])
def test_domain_is_a_full_name(domain: str) -> None:
    parameters = ChartParameters(domain=domain)
    assert parameters.domain == domain
    assert "domain" not in parameters.chart_values()


@pytest.mark.parametrize("domain", ["shop", "*.example.com", "Shop.example.com", "a..b", "-a.b"])
def test_domain_is_no_pattern(domain: str) -> None:
    with pytest.raises(ValidationError):
        ChartParameters(domain=domain)


def test_annotated_forms_hold_in_models() -> None:
    class Disk(Parameters):
        size: Annotated[StorageSize, "of a disk"] = "1Gi"
        """Size."""

    with pytest.raises(ValidationError):
        Disk(size="big")
