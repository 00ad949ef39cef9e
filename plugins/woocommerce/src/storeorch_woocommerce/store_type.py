"""The store type ``woocommerce`` and its parameters: WordPress with WooCommerce on MySQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from storeorch.parameters import (
    ChartParameters,
    ImageName,
    MailAddress,
    Parameters,
    Resources,
    StorageSize,
    UserId,
    resources,
)
from storeorch.steps import HelmStoreType, ServedPage
from storeorch.storetype import AdminAccess

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
    """Image of WordPress, an Apache variant; it may bring WooCommerce."""

    storage_size: StorageSize = "10Gi"
    """Size of the claim for plugins, themes and uploads."""

    run_as_user: UserId = 33
    """The uid and gid of ``www-data`` in the image."""

    external_requests: bool = False
    """Whether WordPress may call other hosts, for example to update plugins."""

    resources: Resources = resources("200m", "512Mi", limit_cpu="1000m", limit_memory="1Gi")
    """CPU and memory of WordPress."""


class Shop(Parameters):
    """What the shop begins as; what its owner changes later stays."""

    title: Annotated[str, Field(pattern=r"^[^\x00-\x1f<>\\]*$", max_length=100)] = ""
    """Name of the shop; empty means the store's name."""

    admin_email: MailAddress = "admin@example.com"
    """E-mail address of the admin user, who logs in as ``admin``."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    """Currency, three letters of ISO 4217."""

    country: Annotated[str, Field(pattern="^[A-Z]{2}(:[A-Z0-9-]{1,10})?$")] = "US:CA"
    """Country, two letters of ISO 3166-1, and a state after a colon: ``DE``, ``US:CA``."""

    sample_product: bool = True
    """Whether the shop begins with one product, so that there is something to order."""


class WooCommerceSource(Parameters):
    """Where WooCommerce comes from if the image does not bring it."""

    url: Annotated[
        str,
        Field(
            pattern=(
                r"^(https://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?/[A-Za-z0-9._~/%-]*)?$"
            ),
            max_length=2048,
        ),
    ] = "https://downloads.wordpress.org/plugin/woocommerce.10.9.4.zip"
    """Address of its zip archive; the store must be allowed to reach it."""

    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = (
        "6e58fc3ba9b18d1c9aee6b0227d3c3c09e4fe2c1332823bd2e0ac54ffcff64a9"
    )
    """SHA-256 of that archive, in hexadecimal."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.url and not self.sha256:
            msg = "url needs sha256, the checksum of what is there"
            raise ValueError(msg)
        return self


class Install(Parameters):
    """The job that installs and upgrades."""

    resources: Resources = resources("100m", "256Mi", limit_cpu="1000m", limit_memory="1Gi")
    """CPU and memory of the job."""


class WooCommerceParameters(ChartParameters):
    """What users may set of a WooCommerce store."""

    shop: Shop = Shop()
    """What the shop begins as; what its owner changes later stays."""

    woocommerce: WooCommerceSource = WooCommerceSource()
    """Where WooCommerce comes from if the image does not bring it."""

    mysql: Mysql = Mysql()
    """The store's database."""

    wordpress: Wordpress = Wordpress()
    """The store itself."""

    install: Install = Install()
    """The job that installs and upgrades."""


class WooCommerce(HelmStoreType):
    """WordPress with WooCommerce on MySQL."""

    name = "woocommerce"
    title = "WooCommerce"
    description = "WordPress with WooCommerce on MySQL 8."
    parameters = WooCommerceParameters
    admin = AdminAccess(
        username="admin",
        password_key="admin-password",  # noqa: S106 - the name of a key
        path="/wp-admin/",
    )
    chart = Path(__file__).parent / "chart"
    http_port = 8080
    pages = (ServedPage("/"), ServedPage("/wp-json/wc/store/v1/products", lists=""))
    credentials = {  # noqa: RUF012 - declared as ClassVar by the base class
        "mysql-root-password": 32,
        "mysql-password": 32,
        "admin-password": 24,
        **{f"wordpress-{salt}-{kind}": 64 for salt in _SALTS for kind in ("key", "salt")},
    }
