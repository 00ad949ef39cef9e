"""A store type for tests: small, complete, and without a chart to render."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field
from typing_extensions import override

from storeorch.parameters import Parameters
from storeorch.steps import HelmStoreType
from storeorch.storetype import StoreContext


class SampleParameters(Parameters):
    """What users may set of a sample shop."""

    title: str = "Sample"
    """Title of the shop."""

    replicas: Annotated[int, Field(ge=1, le=9)] = 1
    """How many web servers it has."""


class SampleShop(HelmStoreType):
    """The sample shop; in memory its release is a database and a web server."""

    name = "sample"
    title = "Sample"
    description = "A shop for tests."
    parameters: ClassVar[type[BaseModel]] = SampleParameters
    chart = Path("sample-chart")
    credentials: ClassVar[Mapping[str, int]] = {"database-password": 32, "admin-password": 24}

    @override
    def values(self, ctx: StoreContext) -> Mapping[str, Any]:
        """Return the parameters as they are."""
        return ctx.parameters.model_dump(mode="json")
