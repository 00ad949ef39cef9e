"""Kubernetes quantities, and what a release asks of its namespace's quota."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .rendering import Manifest, pod_spec, workloads

_SUFFIXES = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
}

# What ResourceQuota "store-quota" of a store's namespace allows.
QUOTA = {"requests.cpu": "2", "requests.memory": "4Gi", "limits.cpu": "4", "limits.memory": "8Gi"}


def quantity(text: str | float) -> Decimal:
    """The amount a quantity stands for: cores, or bytes."""
    number = str(text).rstrip("kmKMGi")
    return Decimal(number) * _SUFFIXES[str(text)[len(number) :]]


def pod_demand(spec: Manifest) -> dict[str, Decimal]:
    """What a pod counts for in a ResourceQuota, such as ``requests.cpu``.

    Containers add up; init containers run one after the other, so the largest counts if it is
    larger than that sum.
    """
    demand: dict[str, Decimal] = {}
    for side in ("requests", "limits"):
        for resource in ("cpu", "memory"):

            def amount(container: dict[str, Any], s: str = side, r: str = resource) -> Decimal:
                return quantity(container["resources"][s][r])

            together = sum((amount(c) for c in spec["containers"]), Decimal())
            largest = max(map(amount, spec.get("initContainers", [])), default=Decimal())
            demand[f"{side}.{resource}"] = max(together, largest)
    return demand


def release_demand(manifests: list[Manifest]) -> dict[str, Decimal]:
    """What all pods of a release count for while a rollout has its extra pods."""
    total = dict.fromkeys(
        ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory"), Decimal()
    )
    for workload in workloads(manifests):
        pods = workload["spec"].get("replicas", 1)
        if workload["kind"] == "Deployment":
            recreate = workload["spec"]["strategy"]["type"] == "Recreate"
            rolling = workload["spec"]["strategy"].get("rollingUpdate", {})
            pods += 0 if recreate else rolling.get("maxSurge", max(1, pods))
        for name, amount in pod_demand(pod_spec(workload)).items():
            total[name] += amount * pods
    return total
