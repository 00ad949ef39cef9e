"""The store type ``medusa``: Medusa 2 on PostgreSQL.

Names are imported when they are used, so that finding the plugin is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storeorch_medusa.store_type import Medusa, MedusaParameters

__all__ = ["Medusa", "MedusaParameters"]


def __getattr__(name: str) -> object:
    """Import a public name from the module it lives in."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(import_module(f"{__name__}.store_type"), name)
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
