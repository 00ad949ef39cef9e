"""The store type ``woocommerce`` and its parameters: WordPress with WooCommerce on MySQL."""

from __future__ import annotations

from pathlib import Path

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

_SALTS = ("auth", "secure-auth", "logged-in", "nonce")


class Mysql(Parameters):
    """The store's database."""

    image: ImageName = "mysql:8.0"
    """Image of MySQL 8."""

    storage_size: StorageSize = "10Gi"
    """Size of the database's claim; it cannot be changed later."""

    run_as_user: UserId = 999
    """The uid and gid of ``mysql`` in the image."""

    resources: Resources = resources("200m", "512Mi", limit_cpu="1000m", limit_memory="1Gi")
    """CPU and memory of the database."""


class Wordpress(Parameters):
    """The store itself."""

    image: ImageName = "wordpress:6.9-php8.3-apache"
    """Image of WordPress, an Apache variant."""

    storage_size: StorageSize = "10Gi"
    """Size of the claim for plugins, themes and uploads."""

    run_as_user: UserId = 33
    """The uid and gid of ``www-data`` in the image."""

    external_requests: bool = False
    """Whether WordPress may call other hosts, for example to update plugins."""

    resources: Resources = resources("200m", "512Mi", limit_cpu="1000m", limit_memory="1Gi")
    """CPU and memory of WordPress."""


class WooCommerceParameters(ChartParameters):
    """What users may set of a WooCommerce store."""

    mysql: Mysql = Mysql()
    """The store's database."""

    wordpress: Wordpress = Wordpress()
    """The store itself."""


class WooCommerce(HelmStoreType):
    """WordPress with WooCommerce on MySQL."""

    name = "woocommerce"
    title = "WooCommerce"
    description = "WordPress with WooCommerce on MySQL 8."
    parameters = WooCommerceParameters
    chart = Path(__file__).parent / "chart"
    http_port = 80
    credentials = {  # noqa: RUF012 - declared as ClassVar by the base class
        "mysql-root-password": 32,
        "mysql-password": 32,
        "admin-password": 24,
        **{f"wordpress-{salt}-{kind}": 64 for salt in _SALTS for kind in ("key", "salt")},
    }
