"""Hypothesis strategies for names, stores, declarations and parameters.

Needs ``storeorch[testing]``.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from storeorch.errors import InvalidStoreName
from storeorch.lifecycle import Declaration
from storeorch.models import Condition, Fault, NewStore, Observation, Status, Store
from storeorch.names import MAX_NAME_LENGTH, check_store_name, host_for, namespace_for

_EDGE: Final = string.ascii_lowercase + string.digits
_INNER: Final = _EDGE + "-"

KNOWN_BAD_NAMES: Final = (
    "",
    "a" * (MAX_NAME_LENGTH + 1),
    "MyStore",
    "-a",
    "a-",
    "a.b",
    "a_b",
    "a b",
    "a;rm -rf",
    "a\n",
    "\na",
    "a\x00",
    "ａ",  # noqa: RUF001 - a fullwidth letter
    "store１",  # noqa: RUF001 - a fullwidth digit
    "а",  # noqa: RUF001 - a Cyrillic letter
    "stоre",  # noqa: RUF001 - with a Cyrillic letter
    "größe",
    "٣",
    "ﬁ",
    "../a",
    "$(id)",
    "a,b=c",
)
"""Names that must be refused, each for a reason of its own."""

SENTENCES: Final = ("It waits.", "The image cannot be pulled.", "Done.")

_MOMENTS: Final = st.integers(0, 10**9).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def store_names(*, max_size: int = MAX_NAME_LENGTH) -> st.SearchStrategy[str]:
    """Generate names that are possible."""
    edge = st.sampled_from(_EDGE)
    inner = st.text(_INNER, max_size=max(max_size - 2, 0))
    longer = st.builds(lambda a, b, c: a + b + c, edge, inner, edge)
    return edge | longer if max_size > 1 else edge


def invalid_store_names() -> st.SearchStrategy[str]:
    """Generate names that are not possible."""
    return st.sampled_from(KNOWN_BAD_NAMES) | st.text(max_size=60).filter(_is_refused)


def statuses() -> st.SearchStrategy[Status]:
    """Generate statuses."""
    return st.sampled_from(list(Status))


def declarations() -> st.SearchStrategy[Declaration]:
    """Generate what a user can say of a store that exists."""
    return st.sampled_from(list(Declaration))


def conditions(type_: str) -> st.SearchStrategy[Condition]:
    """Generate conditions of one type."""
    return st.builds(
        Condition,
        type=st.just(type_),
        status=st.booleans(),
        reason=st.sampled_from(["Done", "Pending", "WorkloadsNotReady"]),
        message=st.sampled_from(SENTENCES),
        since=_MOMENTS,
    )


def faults() -> st.SearchStrategy[Fault]:
    """Generate reasons why a store is not as declared."""
    return st.builds(
        Fault,
        code=st.sampled_from(["workload-failed", "release-failed"]),
        message=st.sampled_from(SENTENCES),
        hint=st.none() | st.sampled_from(SENTENCES),
        error_id=st.none() | st.just("e-00000000"),
    )


@st.composite
def new_stores(
    draw: st.DrawFn, names: st.SearchStrategy[str] | None = None, *, cluster: str = "default"
) -> NewStore:
    """Generate checked declarations of stores that do not exist yet."""
    name = draw(names if names is not None else store_names())
    store_id = str(draw(st.uuids(version=4)))
    return NewStore(
        id=store_id,
        name=name,
        type=draw(st.sampled_from(["sample", "other"])),
        parameters=draw(st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=2)),
        cluster=cluster,
        namespace=namespace_for(name, store_id),
        host=host_for(name, "local.test"),
        helm_release=name,
    )


@st.composite
def stores(draw: st.DrawFn, status: st.SearchStrategy[Status] | None = None) -> Store:
    """Generate stores in any status."""
    new = draw(new_stores())
    generation = draw(st.integers(1, 5))
    created_at = draw(_MOMENTS)
    declared_at = created_at + timedelta(seconds=draw(st.integers(0, 10**6)))
    return Store(
        **new.model_dump(),
        status=draw(status if status is not None else statuses()),
        generation=generation,
        observed_generation=draw(st.integers(0, generation)),
        established=draw(st.booleans()),
        attempts=draw(st.integers(0, 5)),
        fault=draw(st.none() | faults()),
        created_at=created_at,
        declared_at=declared_at,
        updated_at=declared_at + timedelta(seconds=draw(st.integers(0, 10**6))),
        conditions=draw(st.tuples(conditions("NamespaceReady"), conditions("WorkloadsReady"))),
    )


@st.composite
def observations(draw: st.DrawFn, status: st.SearchStrategy[Status] | None = None) -> Observation:
    """Generate what a pass may conclude."""
    return Observation(
        status=draw(status if status is not None else statuses()),
        observed_generation=draw(st.integers(0, 5)),
        conditions=draw(st.tuples(conditions("NamespaceReady"))),
        url=draw(st.none() | st.just("http://a.local.test")),
        fault=draw(st.none() | faults()),
        attempts=draw(st.integers(0, 5)),
        established=draw(st.booleans()),
    )


def parameters(model: type[BaseModel]) -> st.SearchStrategy[Mapping[str, Any]]:
    """Generate what users may set of a store type.

    Args:
        model: The type's parameter model. A field whose values cannot be guessed,
            for example one with a validator of its own, keeps its default.
    """
    fields = {name: _values(field) for name, field in model.model_fields.items()}
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    return st.fixed_dictionaries(
        {name: values for name, values in fields.items() if name in required},
        optional={name: values for name, values in fields.items() if name not in required},
    ).filter(lambda given: _fits(model, given))


def _values(field: FieldInfo) -> st.SearchStrategy[Any]:
    annotation: Any = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return parameters(annotation)
    if annotation is str and not field.metadata:
        return _STORABLE.filter(lambda value: _is_valid(field, value))
    if field.is_required() or not field.metadata:
        return st.from_type(annotation).filter(lambda value: _is_valid(field, value))
    default = field.get_default(call_default_factory=True, validated_data={})
    bounded: Any = field.rebuild_annotation()
    if annotation in {int, float}:
        return st.from_type(bounded).filter(lambda value: _is_valid(field, value))
    return st.just(default)


_STORABLE: Final = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
"""Text that every database takes: what no store type would refuse for its characters."""


def _is_valid(field: FieldInfo, value: object) -> bool:
    bounded: Any = field.rebuild_annotation()
    try:
        TypeAdapter(bounded).validate_python(value)
    except ValidationError:
        return False
    return True


def _fits(model: type[BaseModel], given: Mapping[str, Any]) -> bool:
    try:
        model.model_validate(given)
    except ValidationError:
        return False
    return True


def _is_refused(name: str) -> bool:
    try:
        check_store_name(name)
    except InvalidStoreName:
        return True
    return False
