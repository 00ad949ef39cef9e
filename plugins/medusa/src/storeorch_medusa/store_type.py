"""The store type ``medusa`` and its parameters: Medusa 2 on PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from storeorch.parameters import (
    ChartParameters,
    ImageName,
    Parameters,
    Resources,
    StorageSize,
    UserId,
    resources,
)
from storeorch.steps import HelmStoreType


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

    run_as_user: UserId = 1000
    """The uid and gid of the image's user."""

    resources: Resources = resources("200m", "512Mi", limit_cpu="1000m", limit_memory="1Gi")
    """CPU and memory of Medusa."""


class Migrate(Parameters):
    """The init container that brings the database's schema up to the image's."""

    resources: Resources = resources("200m", "512Mi", limit_cpu="1000m", limit_memory="1Gi")
    """CPU and memory of the init container."""


class MedusaParameters(ChartParameters):
    """What users may set of a Medusa store."""

    admin_email: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._%+-]*@([A-Za-z0-9-]*[A-Za-z0-9]\.)+[A-Za-z]{2,}$",
            max_length=254,
        ),
    ] = "admin@example.com"
    """E-mail address, and so login, of the first admin user."""

    postgresql: Postgresql = Postgresql()
    """The store's database."""

    medusa: MedusaServer = MedusaServer()
    """The store itself."""

    migrate: Migrate = Migrate()
    """The init container that brings the database's schema up to the image's."""


class Medusa(HelmStoreType):
    """Medusa 2 on PostgreSQL."""

    name = "medusa"
    title = "Medusa"
    description = "Medusa 2 on PostgreSQL."
    parameters = MedusaParameters
    chart = Path(__file__).parent / "chart"
    http_port = 9000
    credentials = {  # noqa: RUF012 - declared as ClassVar by the base class
        "postgres-password": 32,
        "jwt-secret": 64,
        "cookie-secret": 64,
        "admin-password": 24,
    }
