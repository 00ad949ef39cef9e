from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from storeorch.cli.types.schema import flatten

from .fake import Cli


class Inner(BaseModel):
    size: str = "1Gi"
    """Not taken: docstrings are not asked for here."""


class Outer(BaseModel):
    name: Annotated[str, Field(max_length=5, description="A\n  name.")]
    mode: Literal["a", "b"] = "a"
    only: Literal["x"] = "x"
    maybe: int | None = None
    ports: list[int] = [80]
    labels: dict[str, str] = {}
    inner: Annotated[Inner, Field(description="Inside.")] = Inner(size="5Gi")
    needed: Inner
    below: Outer | None = None


def test_schemas_are_flattened() -> None:
    found = {one.key: one for one in flatten(Outer.model_json_schema())}
    assert list(found) == [
        "name",
        "mode",
        "only",
        "maybe",
        "ports",
        "labels",
        "inner.size",
        "needed.size",
        "below",
    ]
    assert (found["name"].type, found["name"].required) == ("string (at most 5 characters)", True)
    assert found["name"].description == "A name."
    assert (found["mode"].type, found["mode"].default) == ("a | b", "a")
    assert found["only"].type == "x"
    assert (found["maybe"].type, found["maybe"].default) == ("integer", None)
    assert (found["ports"].type, found["ports"].default) == ("array of integer", [80])
    assert found["labels"].type == "object"
    assert found["inner.size"].default == "5Gi"
    assert found["needed.size"].default == "1Gi"


class Loop(BaseModel):
    below: Loop


def test_a_model_within_itself_ends() -> None:
    assert [one.key for one in flatten(Loop.model_json_schema())] == ["below"]


def test_nothing_can_be_set() -> None:
    assert flatten({"type": "object"}) == []


def test_list(so: Cli) -> None:
    lines = so("type", "list").stdout.splitlines()
    assert lines[1].split() == ["toy", "Toy", "shop", "A", "shop", "for", "tests."]
    assert json.loads(so("type", "list", "-o", "json").stdout) == [
        {"name": "toy", "title": "Toy shop", "description": "A shop for tests."}
    ]
    assert so("type", "list", "-o", "name").stdout == "toy\n"
    assert so.o.calls == [], "types need no database"


def test_show_for_people(so: Cli) -> None:
    shown = " ".join(so("type", "show", "toy").stdout.split())
    assert "replicas integer (at least 1) 1 How many pods." in shown
    assert "disk.size string 10Gi Size of the claim, for example 10Gi." in shown
    assert "tags array of string []" in shown


def test_show_for_programs(so: Cli) -> None:
    found = json.loads(so("type", "show", "toy", "-o", "json").stdout)
    assert found["steps"] == ["namespace", "release"]
    assert [one["key"] for one in found["parameters"]] == ["replicas", "tags", "disk.size"]
    assert found["schema"]["properties"]["replicas"]["minimum"] == 1


def test_show_of_what_is_not_there(so: Cli) -> None:
    result = so("type", "show", "zoo")
    assert result.exit_code == 2
    assert "There is no store type 'zoo'." in result.stderr
