"""The store type ``medusa`` and its parameters: Medusa 2 on PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from storeorch.parameters import (
    ChartParameters,
    ImageName,
    MailAddress,
    ObjectName,
    Parameters,
    Resources,
    StorageSize,
    UserId,
    resources,
)
from storeorch.steps import HelmStoreType, ServedPage
from storeorch.storetype import AdminAccess


class Shop(Parameters):
    """What the shop is at first; its owner may change all of it later."""

    title: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=100)] = ""
    """Name that customers read; empty means one made of the store's name."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    """Currency by its ISO 4217 code."""

    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "US"
    """Country sold to and sent from, by its ISO 3166-1 alpha-2 code."""

    sample_product: bool = True
    """Whether a new shop has a product to show."""


class Postgresql(Parameters):
    """The store's database."""

    image: ImageName = "postgres:16"
    """Image of PostgreSQL."""

    storage_size: StorageSize = "10Gi"
    """Size of the database's claim; it cannot be changed later."""

    run_as_user: UserId = 999
    """The uid and gid of ``postgres`` in the image."""

    resources: Resources = resources("200m", "512Mi", limit_cpu="1000m", limit_memory="1Gi")
    """CPU and memory of the database."""


class MedusaServer(Parameters):
    """The store itself."""

    image: ImageName = "storeorch/medusa:2.21.2"
    """Image with a built Medusa project."""

    replicas: Annotated[int, Field(ge=1, le=10)] = 1
    """Servers side by side; more than one need Redis, and uploads that all of them can read."""

    run_as_user: UserId = 1000
    """The uid and gid of the image's user."""

    resources: Resources = resources("200m", "512Mi", limit_cpu="1000m", limit_memory="1Gi")
    """CPU and memory of Medusa."""


class Uploads(Parameters):
    """Files uploaded in the admin, such as pictures of products."""

    storage_size: StorageSize = "5Gi"
    """Size of their claim."""

    access_mode: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteOnce"
    """Access mode of their claim; several servers need ReadWriteMany."""


class Redis(Parameters):
    """Where Medusa keeps events, workflows, locks and sessions; else in the server's memory.

    At most one of ``enabled``, ``url`` and ``url_secret`` is given.
    """

    enabled: bool = False
    """Whether the store has a Redis of its own."""

    url: Annotated[
        str,
        StringConstraints(
            pattern=r"^(rediss?://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[0-9]{1,3})?)?$",
            max_length=512,
        ),
    ] = ""
    """Address of another Redis, without a password, for example ``redis://host:6379``."""

    url_secret: ObjectName = ""
    """Secret in the store's namespace with the address of another Redis as ``redis-url``."""

    image: ImageName = "redis:7.2"
    """Image of Redis."""

    storage_size: StorageSize = "1Gi"
    """Size of Redis' claim; it cannot be changed later."""

    run_as_user: UserId = 999
    """The uid and gid of ``redis`` in the image."""

    resources: Resources = resources("50m", "64Mi", limit_cpu="250m", limit_memory="256Mi")
    """CPU and memory of Redis."""

    @model_validator(mode="after")
    def _one_redis(self) -> Self:
        if sum((self.enabled, bool(self.url), bool(self.url_secret))) > 1:
            msg = "enabled, url and url_secret exclude each other"
            raise ValueError(msg)
        return self

    @property
    def used(self) -> bool:
        """Whether Medusa uses a Redis, whichever."""
        return self.enabled or bool(self.url or self.url_secret)


class Setup(Parameters):
    """The Job that migrates the database and sets the shop up."""

    resources: Resources = resources("200m", "512Mi", limit_cpu="1000m", limit_memory="1Gi")
    """CPU and memory of the Job."""


class MedusaParameters(ChartParameters):
    """What users may set of a Medusa store."""

    admin_email: MailAddress = "admin@example.com"
    """E-mail address, and so login, of the first admin user."""

    shop: Shop = Shop()
    """What the shop is at first; its owner may change all of it later."""

    postgresql: Postgresql = Postgresql()
    """The store's database."""

    medusa: MedusaServer = MedusaServer()
    """The store itself."""

    uploads: Uploads = Uploads()
    """Files uploaded in the admin, such as pictures of products."""

    redis: Redis = Redis()
    """Where Medusa keeps events, workflows, locks and sessions; else in the server's memory."""

    setup: Setup = Setup()
    """The Job that migrates the database and sets the shop up."""

    @model_validator(mode="after")
    def _several_servers(self) -> Self:
        if self.medusa.replicas > 1 and not self.redis.used:
            msg = "medusa.replicas above 1 needs redis: servers do not share their memory"
            raise ValueError(msg)
        if self.medusa.replicas > 1 and self.uploads.access_mode != "ReadWriteMany":
            msg = "medusa.replicas above 1 needs uploads.access_mode=ReadWriteMany"
            raise ValueError(msg)
        return self


class Medusa(HelmStoreType):
    """Medusa 2 on PostgreSQL."""

    name = "medusa"
    title = "Medusa"
    description = "Medusa 2 with admin and storefront, on PostgreSQL."
    parameters = MedusaParameters
    chart = Path(__file__).parent / "chart"
    http_port = 9000
    pages = (ServedPage("/"), ServedPage("/storefront-config"))
    credentials = {  # noqa: RUF012 - declared as ClassVar by the base class
        "postgres-password": 32,
        "jwt-secret": 64,
        "cookie-secret": 64,
        "admin-password": 24,
        "redis-password": 32,
    }
    admin = AdminAccess(
        password_key="admin-password",  # noqa: S106 - a name, not a secret
        path="/app",
        username_parameter="admin_email",
    )
