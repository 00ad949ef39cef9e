"""What there is of a store, in a form that can be compared: row, namespace, release, host.

This module must know no history.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from storeorch.models import NewStore, Store
from storeorch.testing.clock import run_virtual
from storeorch.testing.cluster import MemoryCluster
from storeorch.testing.hosts import MemoryHosts
from storeorch.testing.sandbox import Sandbox
from storeorch.testing.simulation.circumstances import Shop


def picture(store: Store, cluster: MemoryCluster, hosts: MemoryHosts) -> Mapping[str, Any]:
    """Return all that makes up a store, without times, revisions and generated secrets."""
    held = cluster.namespaces.get(store.namespace)
    seen: dict[str, Any] = {
        "status": store.status.value,
        "observed": store.observed_generation == store.generation,
        "conditions": {c.type: (c.status, c.reason) for c in store.conditions},
        "url": store.url,
        "fault": store.fault,
        "attempts": store.attempts,
        "established": store.established,
        "host": hosts.known.get(store.host),
        "namespace": held is not None and not held.terminating,
    }
    if held is not None:
        seen |= {
            "labels": held.labels,
            "objects": held.objects,
            "secrets": {name: sorted(data) for name, data in held.secrets.items()},
            "workloads": {
                f"{ref.kind}/{ref.name}": workload.ready for ref, workload in held.workloads.items()
            },
            "releases": {
                name: (record.status, record.digest, record.workloads, record.values)
                for name, record in held.releases.items()
            },
        }
    return seen


def difference(left: Mapping[str, Any], right: Mapping[str, Any]) -> str:
    """Name the parts in which two pictures differ; empty if they are the same."""
    return ", ".join(sorted(k for k in left.keys() | right.keys() if left.get(k) != right.get(k)))


def undisturbed(store: Store, shop: Shop, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bring a store to its declaration where nothing goes wrong, and return its picture.

    Args:
        store: The store as it is declared.
        shop: Its type.
        settings: Settings of the engine.
    """
    sandbox = Sandbox([shop.store_type], **settings)
    chart = getattr(shop.store_type, "chart", None)
    if chart is not None:
        sandbox.releases.charts[chart.name] = tuple(shop.workloads)
    new = NewStore(**{name: getattr(store, name) for name in NewStore.model_fields})

    async def bring() -> Store:
        await sandbox.repository.create(new, actor="somebody")
        brought = await sandbox.settle(store.id)
        if brought is None:
            raise LookupError(store.name)
        return brought

    brought = run_virtual(bring(), clock=sandbox.clock)
    return picture(brought, sandbox.cluster, sandbox.hosts)


class Ears(logging.Handler):
    """Hears what is logged for users, and which errors the operator can look up.

    Attributes:
        told: What users can read.
        error_ids: Under which ids the operator finds details.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.error_ids: set[str] = set()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Hear one record."""
        if record.name == "storeorch.operator":
            self.error_ids.add(getattr(record, "error_id", ""))
        else:
            self.told.append(record.getMessage())
