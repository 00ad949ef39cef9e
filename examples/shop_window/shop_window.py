"""A store type of one's own: a Helm chart, and what may be set."""

from pathlib import Path
from typing import Any

from pydantic import Field

from storeorch import HelmStoreType, Parameters, StoreContext, StoreType, hookimpl


class ShopWindowParameters(Parameters):
    replicas: int = Field(default=1, ge=1, le=5)
    """How many pods serve the pages."""


class ShopWindow(HelmStoreType):
    name = "shop-window"
    title = "Shop window"
    description = "Static pages that show what the shop sells."
    parameters = ShopWindowParameters
    chart = Path(__file__).parent / "chart"
    http_port = 8080

    def values(self, ctx: StoreContext) -> dict[str, Any]:
        return ctx.parameters.model_dump()


@hookimpl
def storeorch_store_types() -> list[StoreType]:
    return [ShopWindow()]
