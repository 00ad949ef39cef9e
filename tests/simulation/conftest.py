"""What the simulator's tests share: the store types that take part."""

from __future__ import annotations

import pytest

from storeorch.ports import WorkloadRef
from storeorch.testing.simulation import Shop
from storeorch_medusa import Medusa
from storeorch_woocommerce import WooCommerce

WOOCOMMERCE = Shop(
    WooCommerce(),
    ({}, {"wordpress": {"storage_size": "5Gi"}}, {"wordpress": {"external_requests": True}}),
    (WorkloadRef("StatefulSet", "mysql"), WorkloadRef("Deployment", "wordpress")),
)
MEDUSA = Shop(
    Medusa(),
    ({}, {"admin_email": "owner@example.com"}, {"medusa": {"run_as_user": 2000}}),
    (WorkloadRef("StatefulSet", "postgresql"), WorkloadRef("Deployment", "medusa")),
)


@pytest.fixture(params=[WOOCOMMERCE, MEDUSA], ids=["woocommerce", "medusa"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """Return one of the shipped store types."""
    chosen: Shop = request.param
    return chosen
