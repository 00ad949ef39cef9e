"""The store type ``woocommerce``: WordPress with WooCommerce on MySQL.

Names are imported when they are used, so that finding the plugin is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storeorch_woocommerce.store_type import WooCommerce, WooCommerceParameters

__all__ = ["WooCommerce", "WooCommerceParameters"]


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
