"""The store types that take part in the simulator's histories, and what is declared of them."""

from __future__ import annotations

from typing import Final

from storeorch.ports import WorkloadRef
from storeorch.testing.simulation import Shop
from storeorch_medusa import Medusa
from storeorch_woocommerce import WooCommerce

SAMPLE: Final = Shop()

WOOCOMMERCE: Final = Shop(
    WooCommerce(),
    ({}, {"wordpress": {"storage_size": "5Gi"}}, {"wordpress": {"external_requests": True}}),
    (
        WorkloadRef("StatefulSet", "mysql"),
        WorkloadRef("Deployment", "wordpress"),
        WorkloadRef("Job", "install"),
    ),
)

MEDUSA: Final = Shop(
    Medusa(),
    ({}, {"admin_email": "owner@example.com"}, {"medusa": {"run_as_user": 2000}}),
    (
        WorkloadRef("StatefulSet", "postgresql"),
        WorkloadRef("Deployment", "medusa"),
        WorkloadRef("Job", "setup"),
    ),
)

ALL: Final = (SAMPLE, WOOCOMMERCE, MEDUSA)
