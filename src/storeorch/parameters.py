"""Building blocks for the parameter models of store types.

Field names are what users give with ``--set``; ``chart_values`` turns them into
the camelCase that charts use. Kubernetes' own forms are checked here, so that a
typing mistake is told before anything is written.

This module must not know store types, steps or any adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel
from typing_extensions import override

Cpu = Annotated[
    str, StringConstraints(pattern=r"^([1-9][0-9]*m|[0-9]+(\.[0-9]{1,3})?)$", max_length=32)
]
"""An amount of CPU, for example ``500m`` (millicores) or ``1.5`` (cores)."""

Memory = Annotated[
    str, StringConstraints(pattern=r"^[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)?$", max_length=32)
]
"""An amount of memory in bytes, for example ``512Mi``."""

StorageSize = Annotated[
    str, StringConstraints(pattern=r"^[1-9][0-9]*(Mi|Gi|Ti|Pi|M|G|T|P)$", max_length=32)
]
"""The size of a claim in bytes, for example ``10Gi``."""

UserId = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""The uid of a container's user; 0 is root, which a store's namespace refuses."""

ImageName = Annotated[
    str,
    StringConstraints(
        pattern=(
            r"^[a-z0-9]+([._-][a-z0-9]+)*(:[0-9]+)?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
            r"(:[_A-Za-z0-9][_A-Za-z0-9.-]{0,127})?(@sha256:[a-f0-9]{64})?$"
        ),
        max_length=400,
    ),
]
"""The name of a container image, with its tag or digest."""

ObjectName = Annotated[
    str,
    StringConstraints(
        pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$",
        max_length=253,
    ),
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

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """Let a part of a nested model be given alone, with the default for the rest."""
        if not isinstance(given, Mapping):
            return given
        fields = cls.model_fields
        return {
            name: _complete(fields[name].default, value) if name in fields else value
            for name, value in given.items()
        }

    @classmethod
    @override
    def model_json_schema(
        cls,
        by_alias: bool | None = False,
        *args: Any,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the JSON schema in the names that users know, defaults included."""
        return super().model_json_schema(by_alias, *args, **kwargs)

    def chart_values(self) -> dict[str, Any]:
        """Return the parameters as values for a chart, with camelCase keys."""
        return self.model_dump(mode="json", by_alias=True)


def _complete(default: object, given: object) -> object:
    if not isinstance(default, Parameters) or not isinstance(given, Mapping):
        return given
    completed = {name: _complete(getattr(default, name, None), given[name]) for name in given}
    for name, field in type(default).model_fields.items():
        if field.is_required() and name not in completed:
            completed[name] = getattr(default, name)
    return completed


class Amounts(Parameters):
    """An amount of CPU and of memory."""

    cpu: Cpu
    """CPU, for example ``200m`` (millicores) or ``1``."""

    memory: Memory
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
