"""The table of values in a chart's README, made from ``values.yaml`` and ``values.schema.json``.

Names and defaults come from the values, types and descriptions from the schema. Run this file to
write the tables anew; a test compares them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

BEGIN = "<!-- values:begin -->\n"
END = "<!-- values:end -->\n"


class UndocumentedValue(Exception):
    """A value has no description in the schema, or the schema does not know it."""


def table(chart: Path) -> str:
    """The table of every value of a chart, in Markdown.

    Raises:
        UndocumentedValue: A value lacks a description.
    """
    values = yaml.safe_load((chart / "values.yaml").read_text())
    schema = json.loads((chart / "values.schema.json").read_text())
    lines = ["| value | type | default | meaning |", "|---|---|---|---|"]
    for name, default, node in _leaves("", values, schema):
        meaning = node.get("description")
        if not meaning:
            raise UndocumentedValue(name)
        shown = json.dumps(default)
        kind = _type(node, schema)
        lines.append(f"| `{name}` | {kind} | `{shown}` | {meaning} |")
    return "\n".join(lines) + "\n"


def names_in(table_text: str) -> list[str]:
    """The names that a table has a row for."""
    return [line.split("`")[1] for line in table_text.splitlines() if line.startswith("| `")]


def section(readme: str) -> str:
    """The part of a README between the two markers."""
    return readme.split(BEGIN, 1)[1].split(END, 1)[0]


def write(chart: Path) -> None:
    """Put the table into the chart's README."""
    readme = chart / "README.md"
    before, rest = readme.read_text().split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    readme.write_text(before + BEGIN + table(chart) + END + after)


def _leaves(
    prefix: str, values: dict[str, Any], node: dict[str, Any]
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for key, default in values.items():
        name = f"{prefix}{key}"
        child = node.get("properties", {}).get(key)
        if child is None:
            raise UndocumentedValue(name)
        if isinstance(default, dict) and "properties" in child:
            yield from _leaves(f"{name}.", default, child)
        else:
            yield name, default, child


def _type(node: dict[str, Any], schema: dict[str, Any]) -> str:
    for part in node.get("allOf", []):
        node = schema["definitions"][part["$ref"].rpartition("/")[2]] | node
    return str(node["type"])


if __name__ == "__main__":
    for found in sorted((Path(__file__).parents[2] / "charts").glob("*/Chart.yaml")):
        write(found.parent)
