"""The names that a store gives to what belongs to it.

Source of the rules: RFC 1123 labels as Kubernetes enforces them (63
characters), shortened so that every derived name still fits.

This module is pure and must know only ``errors``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from storeorch.errors import InvalidStoreName

MAX_NAME_LENGTH: Final = 40
"""Longest store name, in characters; ``store-<name>-<8>`` then fits into 63."""

MANAGED_BY: Final = "storeorch"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_STORE_ID: Final = "storeorch.io/store-id"
NAMESPACE_PREFIX: Final = "store-"
LABEL_STORE_NAME: Final = "storeorch.io/store-name"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)


def check_store_name(name: str) -> str:
    """Return the name if it is a lower-case DNS label of 1 to 40 characters.

    Args:
        name: What the user asked for.

    Returns:
        The same name.

    Raises:
        InvalidStoreName: It is not; the sentence says why.
    """
    if not name:
        raise InvalidStoreName("The store name is empty.")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidStoreName(
            f"The store name has {len(name)} characters; at most {MAX_NAME_LENGTH} are possible."
        )
    if not _NAME.fullmatch(name):
        raise InvalidStoreName(f"The store name {name!a} is not a lower-case DNS label.")
    return name


def check_not_reserved(name: str, reserved: Collection[str]) -> None:
    """Refuse a name that the platform keeps for itself.

    Args:
        name: A store's name, or the first label of a host that it asks for.
        reserved: The platform's own names.

    Raises:
        InvalidStoreName: It is one of them.
    """
    if name in reserved:
        raise InvalidStoreName(
            f"The name {name!a} is reserved for the platform.",
            hint="Choose another one; STOREORCH_RESERVED_NAMES lists those that are reserved.",
        )


def namespace_for(name: str, store_id: str) -> str:
    """Name the namespace of a store: ``store-<name>-<first 8 of id>``."""
    return f"{NAMESPACE_PREFIX}{name}-{store_id[:8]}"


def host_for(name: str, domain: str) -> str:
    """Name the host of a store: ``<name>.<domain>``."""
    return f"{name}.{domain}"


def store_labels(name: str, store_id: str) -> dict[str, str]:
    """Return the labels that tie an object to a store, whoever manages it."""
    return {LABEL_STORE_ID: store_id, LABEL_STORE_NAME: name}


def ownership_labels(name: str, store_id: str) -> dict[str, str]:
    """Return the labels of an object that storeorch itself creates for a store."""
    return {LABEL_MANAGED_BY: MANAGED_BY, **store_labels(name, store_id)}
