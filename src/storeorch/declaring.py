"""From what a user says to a checked declaration.

Pure: it must not know repositories, engines or adapters.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from storeorch.errors import (
    InvalidDeclaration,
    InvalidParameters,
    InvalidStoreName,
    StoreorchError,
    UnknownStoreType,
)
from storeorch.models import FieldProblem, NewStore
from storeorch.names import check_not_reserved, check_store_name, host_for, namespace_for
from storeorch.plugins import Plugins
from storeorch.settings import Settings
from storeorch.storetype import StoreType

MAX_KEY_LENGTH: Final = 255
"""Longest key of a declaration, in characters."""

MAX_OWNER_LENGTH: Final = 200
"""Longest name of an owner, in characters; the width of the database's column."""

_KEYS: Final = uuid.UUID("5f0f8a3e-5d1c-4b9a-9a55-7f2f6f6a7c11")
"""Namespace of the ids that are derived from keys (RFC 9562, version 5)."""


def new_store(
    plugins: Plugins,
    settings: Settings,
    *,
    name: str,
    type_: str,
    parameters: Mapping[str, Any],
    owner: str | None,
    key: str | None,
) -> NewStore:
    """Check a declaration and derive from it what a store is called everywhere.

    Raises:
        InvalidDeclaration: It cannot be; nothing was looked up or written.
    """
    check_store_name(name)
    check_not_reserved(name, settings.reserved_names)
    offered = plugins.type(type_)
    checked = offered.check(parameters)
    if owner is not None:
        _check_text("owner", owner, MAX_OWNER_LENGTH)
    if key is not None:
        _check_text("key", key, MAX_KEY_LENGTH)
    store_id = str(uuid.uuid4() if key is None else _id_for(key, owner, settings.cluster))
    return NewStore(
        id=store_id,
        name=name,
        type=type_,
        owner=owner,
        parameters=checked.model_dump(mode="json", exclude_unset=True),
        cluster=settings.cluster,
        namespace=namespace_for(name, store_id),
        host=host_of(settings, name, offered, checked),
        helm_release=name,
    )


def host_of(settings: Settings, name: str, offered: StoreType, parameters: BaseModel) -> str:
    """Return the host of a store: ``<name>.<domain>``, or the one that its parameters choose.

    Hosts below the platform's domain go by name, so that no store can take the address
    of one that is still to come, or one of the platform's own.

    Raises:
        InvalidParameters: The chosen host belongs to the platform.
    """
    own = host_for(name, settings.domain)
    chosen = offered.host(parameters)
    if chosen is None or chosen == own:
        return own
    if f".{chosen}".endswith(f".{settings.domain}"):
        raise InvalidParameters(
            f"The host {chosen} belongs to the platform.",
            hint=f"Hosts below {settings.domain} go by the names of stores: leave the "
            "parameter out, or give a host of a domain of your own.",
        )
    return chosen


def problems_of(
    plugins: Plugins,
    settings: Settings,
    *,
    name: str | None,
    type_: str,
    parameters: Mapping[str, Any],
) -> list[FieldProblem]:
    """Return all that is wrong with a declaration by itself; empty if nothing is."""
    found = []
    if name is not None:
        try:
            check_store_name(name)
            check_not_reserved(name, settings.reserved_names)
        except InvalidStoreName as error:
            found.append(problem(("name",), error))
    try:
        offered = plugins.type(type_)
    except UnknownStoreType as error:
        return [*found, problem(("type",), error)]
    return [*found, *offered.problems(parameters)]


def problem(field: Sequence[str | int], error: StoreorchError) -> FieldProblem:
    """Return an error as the problem of one field."""
    return FieldProblem(field=tuple(field), code=error.code, message=error.message, hint=error.hint)


def merge(present: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with changes put over them; nested mappings key by key."""
    merged = dict(present)
    for key, value in changes.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(before, value)
        else:
            merged[key] = value
    return merged


def _id_for(key: str, owner: str | None, cluster: str) -> uuid.UUID:
    """Return the id that a key leads to; keys of different owners have nothing in common."""
    # NUL stands in none of the parts: no two different triples give one text.
    return uuid.uuid5(_KEYS, "\0".join((cluster, "" if owner is None else f"={owner}", key)))


def _check_text(what: str, text: str, longest: int) -> None:
    if not text or len(text) > longest or not text.isprintable():
        raise InvalidDeclaration(
            f"The {what} is not possible.",
            hint=f"It has 1 to {longest} characters, all of them printable.",
        )
