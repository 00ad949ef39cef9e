"""The suite for types with a chart: it passes a good one and finds each defect.

That samples become tests of their own is seen in the tests of the shipped types.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import BaseModel, Field

from storeorch import HelmStoreType
from storeorch.parameters import Parameters
from storeorch.ports import WorkloadRef
from storeorch.testing.chart_conformance import ChartConformance

VALUES = "storeorch: {}\nreplicas: 1\nbanner:\n  text: Hello\ningress: {className: ''}\n"
SCHEMA: dict[str, Any] = {
    "properties": {
        "replicas": {"type": "integer", "minimum": 1, "maximum": 9},
        "banner": {"properties": {"text": {"type": "string", "pattern": "^[A-Za-z ]{1,20}$"}}},
    }
}


class Banner(Parameters):
    """What stands above the shop."""

    text: Annotated[str, Field(pattern=r"^[A-Za-z ]{1,20}$")] = "Hello"
    """The text itself."""


class Ingress(Parameters):
    """Where requests come in."""

    class_name: Annotated[str, Field(pattern=r"^[a-z]{0,9}$")] = ""
    """Class of the ingress."""


class Stall(Parameters):
    """What may be set of a stall."""

    replicas: Annotated[int, Field(ge=1, le=9)] = 1
    """How many servers."""

    banner: Banner = Banner()
    """What stands above it."""

    ingress: Ingress = Ingress()
    """Where requests come in."""


class Undescribed(Stall):
    """As a stall, with a parameter that nobody explains."""

    extra: int = 1


def make_suite(folder: Path, **changes: Any) -> ChartConformance:
    """Write a chart and return the suite for its type; ``changes`` are defects."""
    chart = folder / "stall"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: stall\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text(changes.get("values", VALUES))
    (chart / "values.schema.json").write_text(json.dumps(changes.get("schema", SCHEMA)))
    (chart / "templates" / "web.yaml").write_text("containerPort: 8000\n")

    class MarketStall(HelmStoreType):
        name = "stall"
        title = "Stall"
        description = "A stall for tests."
        parameters: ClassVar[type[BaseModel]] = changes.get("parameters", Stall)
        http_port = changes.get("http_port", 8000)
        credentials: ClassVar = changes.get("credentials", {"admin-password": 24})

    MarketStall.chart = chart

    class Suite(ChartConformance):
        store_type = MarketStall()
        workloads = (WorkloadRef("Deployment", "web"),)
        samples: ClassVar = changes.get(
            "samples",
            {
                "replicas": ("2", 2),
                "banner.text": ("Tea", "Tea"),
                "ingress.class_name": ("nginx", "nginx"),
            },
        )
        not_alone: ClassVar = changes.get("not_alone", ())
        wrong = (("replicas", "s3cret"),)

    return Suite()


def walk(suite: ChartConformance, name: str) -> None:
    """Run one test of the suite, once for each of its parameters."""
    test: Callable[..., None] = getattr(suite, name)
    if name in {"test_sample_becomes_what_it_means", "test_digest_changes_with_every_sample"}:
        for sample in suite.samples:
            test(sample)
    elif name == "test_wrong_value_is_refused_in_one_sentence":
        for wrong in suite.wrong:
            test(wrong)
    else:
        test()


ALL = sorted(name for name in vars(ChartConformance) if name.startswith("test_"))


@pytest.mark.parametrize("name", ALL)
def test_a_good_type_passes(tmp_path: Path, name: str) -> None:
    walk(make_suite(tmp_path), name)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("test_defaults_are_the_charts", {"values": VALUES.replace("replicas: 1", "replicas: 2")}),
        ("test_every_value_is_a_parameter_or_is_kept_from_users", {"values": f"{VALUES}more: 1\n"}),
        (
            "test_every_value_is_a_parameter_or_is_kept_from_users",
            {"values": VALUES.replace("storeorch: {}\n", "")},
        ),
        ("test_parameters_at_every_depth_are_described", {"parameters": Undescribed}),
        ("test_samples_name_every_parameter", {"samples": {"replicas": ("2", 2)}}),
        ("test_samples_name_every_parameter", {"not_alone": ("nothing",)}),
        ("test_sample_becomes_what_it_means", {"samples": {"replicas": ("2", 3)}}),
        ("test_digest_changes_with_every_sample", {"samples": {"replicas": ("1", 1)}}),
        (
            "test_defaults_satisfy_the_charts_schema",
            {"schema": {"properties": {"replicas": {"minimum": 2}}}},
        ),
        (
            "test_what_the_parameters_accept_the_chart_accepts",
            {"schema": {"properties": {"banner": {"properties": {"text": {"maxLength": 0}}}}}},
        ),
        ("test_credentials_are_in_the_secret", {"credentials": {"admin-password": 8}}),
        ("test_traffic_port_is_the_charts", {"http_port": 800}),
    ],
)
def test_a_defect_is_found(tmp_path: Path, name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        walk(make_suite(tmp_path, **changes), name)
