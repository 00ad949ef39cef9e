"""Turn ``--set a.b=c`` into nested parameters.

Values stay text: the store type's parameter model knows what they should be.
Only a value that begins with ``[`` or ``{`` is read as JSON.

This module must know no store type.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Return nested mappings from assignments.

    Args:
        assignments: Each ``key=value``; dots in the key nest.

    Raises:
        click.BadParameter: One is no assignment, or two contradict each other.
    """
    tree: dict[str, Any] = {}
    leaves: set[tuple[str, ...]] = set()
    for assignment in assignments:
        path, value = _split(assignment)
        if path in leaves:
            raise click.BadParameter(f"The parameter {_dotted(path)!a} is set twice.")
        if any(leaf[: len(path)] == path or path[: len(leaf)] == leaf for leaf in leaves):
            raise click.BadParameter(
                f"The parameter {_dotted(path)!a} contradicts another one that is set above "
                "or below it."
            )
        leaves.add(path)
        branch = tree
        for part in path[:-1]:
            branch = branch.setdefault(part, {})
        branch[path[-1]] = value
    return tree


def merge(present: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the present parameters with the changes laid over them, branch by branch."""
    merged = dict(present)
    for key, value in changes.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(before, value)
        else:
            merged[key] = value
    return merged


def _split(assignment: str) -> tuple[tuple[str, ...], Any]:
    key, separator, text = assignment.partition("=")
    if not separator:
        # The text is not repeated: it may be a password whose key was forgotten.
        raise click.BadParameter("An assignment has no '='; write KEY=VALUE.")
    path = tuple(part.strip() for part in key.split("."))
    if not all(path):
        raise click.BadParameter(f"The key {key!a} is empty, or a part of it is; write KEY=VALUE.")
    return path, _value(path, text)


def _value(path: tuple[str, ...], text: str) -> Any:
    if not text.startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(
            f"The value of {_dotted(path)!a} begins like JSON but is not valid JSON."
        ) from error


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(path)
