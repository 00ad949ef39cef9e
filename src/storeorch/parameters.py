"""Building blocks for the parameter models of store types.

Field names are what users give with ``--set``; ``chart_values`` turns them into
the camelCase that charts use. Kubernetes' own forms are checked here, so that a
typing mistake is told before anything is written.

This module must not know store types, steps or any adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

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


HostName = Annotated[
    str,
    StringConstraints(
        pattern=(r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+)?$"),
        max_length=253,
    ),
]
"""A full DNS name in lower case; empty means that none was chosen."""

MailAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._%+-]*@([A-Za-z0-9-]*[A-Za-z0-9]\.)+[A-Za-z]{2,}$",
        max_length=254,
    ),
]
"""An e-mail address."""


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
    """How the store is reached from outside the cluster: by an Ingress.

    The connection is encrypted where ``tls_secret`` or one of the issuers is
    given, and the store's address then begins with ``https``.
    """

    class_name: ObjectName = ""
    """Ingress class; empty means the setting, else the cluster's default."""

    tls_secret: ObjectName = ""
    """Secret in the store's namespace with the certificate; with an issuer, where it is put."""

    cert_manager_issuer: ObjectName = ""
    """Issuer in the store's namespace that cert-manager asks for a certificate."""

    cert_manager_cluster_issuer: ObjectName = ""
    """ClusterIssuer that cert-manager asks for a certificate."""

    @model_validator(mode="after")
    def _one_issuer(self) -> Self:
        if self.cert_manager_issuer and self.cert_manager_cluster_issuer:
            msg = "cert_manager_issuer and cert_manager_cluster_issuer exclude each other"
            raise ValueError(msg)
        return self

    @property
    def tls(self) -> bool:
        """Whether the Ingress encrypts the connection."""
        return bool(self.tls_secret or self.cert_manager_issuer or self.cert_manager_cluster_issuer)


class Gateway(Parameters):
    """How the store is reached from outside the cluster: by a Gateway, instead of an Ingress.

    Whether the connection is encrypted is the Gateway's to say; the store's
    address begins as the setting says.
    """

    name: ObjectName = ""
    """Gateway that takes the store's HTTPRoute; empty means an Ingress."""

    namespace: ObjectName = ""
    """Namespace of that Gateway; empty means the store's."""


class WaitForDatabase(Parameters):
    """The init container that waits for the database."""

    resources: Resources = resources("10m", "32Mi", limit_cpu="50m", limit_memory="64Mi")
    """CPU and memory of the init container."""


class ChartParameters(Parameters):
    """What the shipped types have in common."""

    ingress: Ingress = Ingress()
    """How the store is reached from outside the cluster: by an Ingress."""

    gateway: Gateway = Gateway()
    """How the store is reached from outside the cluster: by a Gateway, instead of an Ingress."""

    domain: HostName = ""
    """Host of the store, for example ``shop.example.com``; empty means name and setting."""

    egress: Literal["none", "public"] = "none"
    """What the store's pods may reach outside the cluster: ``none``, or ``public`` addresses,
    for example of payment providers; private ranges stay closed."""

    storage_class: ObjectName = ""
    """Storage class of every claim; empty means the cluster's default."""

    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When images are pulled."""

    wait_for_database: WaitForDatabase = WaitForDatabase()
    """The init container that waits for the database."""

    @property
    def tls(self) -> bool:
        """Whether the store's own parameters have its connection encrypted."""
        return self.ingress.tls and not self.gateway.name

    @override
    def chart_values(self) -> dict[str, Any]:
        """Return the parameters as values for a chart; host and egress are told apart."""
        values = super().chart_values()
        return {key: value for key, value in values.items() if key not in {"domain", "egress"}}
