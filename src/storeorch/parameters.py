"""Building blocks for the parameter models of store types.

Field names are what users give with ``--set``; ``chart_values`` turns them into
the camelCase that charts use. Kubernetes' own forms are checked here, so that a
typing mistake is told before anything is written.

This module must not know store types, steps or any adapter.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasGenerator, BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

Quantity = Annotated[
    str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$", max_length=32)
]
"""A Kubernetes quantity, for example ``500m`` (CPU) or ``10Gi`` (bytes)."""

ImageName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9][a-zA-Z0-9._:/-]*(@sha256:[a-f0-9]{64})?$", min_length=1, max_length=400
    ),
]
"""The name of a container image, with its tag or digest."""

ObjectName = Annotated[
    str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$", max_length=253)
]
"""The name of a Kubernetes object; empty means the cluster's default."""


class Parameters(BaseModel):
    """Base of parameter models: unknown parameters are errors, values are frozen."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        alias_generator=AliasGenerator(serialization_alias=to_camel),
    )

    def chart_values(self) -> dict[str, Any]:
        """Return the parameters as values for a chart, with camelCase keys."""
        return self.model_dump(mode="json", by_alias=True)


class Amounts(Parameters):
    """An amount of CPU and of memory."""

    cpu: Quantity
    """CPU, for example ``200m`` (millicores) or ``1``."""

    memory: Quantity
    """Memory in bytes, for example ``512Mi``."""


class Resources(Parameters):
    """What a container is promised, and what it may take."""

    requests: Amounts
    """What the container is promised."""

    limits: Amounts
    """What the container may take at most."""


def resources(cpu: str, memory: str, *, limit_cpu: str, limit_memory: str) -> Resources:
    """Return resources: requests first, limits by keyword."""
    return Resources(
        requests=Amounts(cpu=cpu, memory=memory),
        limits=Amounts(cpu=limit_cpu, memory=limit_memory),
    )


class Ingress(Parameters):
    """How the store is reached from outside the cluster."""

    class_name: ObjectName = ""
    """Ingress class; empty means the setting, else the cluster's default."""


class WaitForDatabase(Parameters):
    """The init container that waits for the database."""

    resources: Resources = resources("10m", "32Mi", limit_cpu="50m", limit_memory="64Mi")
    """CPU and memory of the init container."""


class ChartParameters(Parameters):
    """What the shipped types have in common."""

    ingress: Ingress = Ingress()
    """How the store is reached from outside the cluster."""

    storage_class: ObjectName = ""
    """Storage class of every claim; empty means the cluster's default."""

    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When images are pulled."""

    wait_for_database: WaitForDatabase = WaitForDatabase()
    """The init container that waits for the database."""
