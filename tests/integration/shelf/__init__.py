"""A small store type whose chart has an object of every kind that is watched for drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from storeorch import HelmStoreType, Parameters, StoreType, hookimpl


class ShelfParameters(Parameters):
    """What a test may set."""

    replicas: int = 1
    """Pods of the web server."""

    gateway: str = ""
    """Gateway that takes an HTTPRoute; empty means an Ingress."""


class Shelf(HelmStoreType):
    """A web server and a database, and all that they need."""

    name = "shelf"
    title = "Shelf"
    description = "One object of every kind."
    parameters = ShelfParameters
    chart = Path(__file__).parent / "chart"
    credentials: ClassVar[Mapping[str, int]] = {"password": 32}


@hookimpl
def storeorch_store_types() -> Sequence[StoreType]:
    """Offer the type."""
    return [Shelf()]
