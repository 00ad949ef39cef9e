"""Offers the store type ``medusa`` to storeorch.

Reading this module is cheap: the command line does so at every start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from storeorch.hookspecs import hookimpl

if TYPE_CHECKING:
    from storeorch.storetype import StoreType


@hookimpl
def storeorch_store_types() -> Sequence[StoreType]:
    """Offer the type."""
    from storeorch_medusa.store_type import Medusa  # noqa: PLC0415 - heavy

    return [Medusa()]
