"""Read a JSON Schema as a list of parameters with dotted keys.

Source: JSON Schema 2020-12 as pydantic writes it (``$defs``, ``$ref``, ``allOf`` of
one, ``anyOf`` with null). This module must know no store type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that can be set.

    Attributes:
        key: Its key; dots nest.
        type: Its type and bounds, in words.
        default: Its value where it is not set, as JSON data.
        required: Whether it has to be set.
        description: One or more sentences.
    """

    key: str
    type: str
    default: Any
    required: bool
    description: str

    @property
    def data(self) -> dict[str, Any]:
        """The parameter as it is written as JSON."""
        return asdict(self)


def flatten(schema: Schema) -> Sequence[Parameter]:
    """Return what can be set, in the order of the schema."""
    defs = schema.get("$defs", {})
    # A model that contains itself is written as a reference even at the top.
    reference, top = _resolve(schema, defs)
    return list(_walk(top, defs, prefix="", defaults={}, seen=(reference,)))


def one_line(docstring: str) -> str:
    """Return a docstring as one line, without the marks of code."""
    return " ".join(docstring.replace("``", "").split())


def _walk(
    schema: Schema, defs: Schema, *, prefix: str, defaults: object, seen: tuple[str, ...]
) -> Iterator[Parameter]:
    required = schema.get("required", ())
    for name, written in schema.get("properties", {}).items():
        reference, property_ = _resolve(written, defs)
        default = property_.get("default")
        given = isinstance(defaults, Mapping) and name in defaults
        if isinstance(defaults, Mapping) and given:
            default = defaults[name]
        key = f"{prefix}{name}"
        if property_.get("properties") and reference not in seen:
            below = (*seen, reference) if reference else seen
            yield from _walk(property_, defs, prefix=f"{key}.", defaults=default, seen=below)
            continue
        yield Parameter(
            key=key,
            type=_type(property_, defs),
            default=default,
            required=name in required and not given,
            description=one_line(str(property_.get("description", ""))),
        )


def _resolve(schema: Schema, defs: Schema) -> tuple[str, Schema]:
    """Follow a reference; what stands beside it wins over what it names."""
    target = schema
    only = schema.get("allOf", ())
    if len(only) == 1:
        target = only[0]
    reference = str(target.get("$ref", ""))
    if not reference:
        return "", schema
    named = defs.get(reference.removeprefix("#/$defs/"), {})
    return reference, {**named, **schema}


def _type(schema: Schema, defs: Schema) -> str:
    _, schema = _resolve(schema, defs)
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        words = dict.fromkeys(_type(branch, defs) for branch in branches)
        return " | ".join(word for word in words if word != "null")
    name = str(schema.get("type", "any"))
    if name == "array":
        return f"array of {_type(schema.get('items', {}), defs)}"
    bounds = _bounds(schema)
    return f"{name} ({bounds})" if bounds else name


def _bounds(schema: Schema) -> str:
    words = (
        ("minimum", "at least {}"),
        ("exclusiveMinimum", "above {}"),
        ("maximum", "at most {}"),
        ("exclusiveMaximum", "below {}"),
        ("minLength", "at least {} characters"),
        ("maxLength", "at most {} characters"),
    )
    return ", ".join(text.format(schema[key]) for key, text in words if key in schema)
