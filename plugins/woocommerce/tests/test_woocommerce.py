"""The store type ``woocommerce``: its parameters, its chart's values, and its life."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import ClassVar

import pytest

import storeorch_woocommerce
from storeorch.hookspecs import ENTRY_POINT_GROUP
from storeorch.plugins import Plugins
from storeorch.ports import WorkloadRef
from storeorch.testing.chart_conformance import ChartConformance
from storeorch_woocommerce import WooCommerce, WooCommerceParameters

TYPE = WooCommerce()


class TestWooCommerce(ChartConformance):
    store_type = TYPE
    workloads = (
        WorkloadRef("StatefulSet", "mysql"),
        WorkloadRef("Deployment", "wordpress"),
        WorkloadRef("Job", "install-0123456789"),
    )

    # Domain and egress are not the chart's, and several tests below are about them.
    not_alone = ("domain", "egress")
    # The platform fills in ``storeorch``; the others are for those who use the chart by hand.
    not_parameters = ("storeorch", "ingress.annotations", "ingress.tls", "imagePullSecrets")
    samples: ClassVar = {
        "ingress.class_name": ("nginx", "nginx"),
        "ingress.tls_secret": ("shop-tls", "shop-tls"),
        "ingress.cert_manager_issuer": ("ca", "ca"),
        "ingress.cert_manager_cluster_issuer": ("ca", "ca"),
        "gateway.name": ("public", "public"),
        "gateway.namespace": ("gateways", "gateways"),
        "storage_class": ("fast", "fast"),
        "image_pull_policy": ("Always", "Always"),
        "mysql.image": ("mysql:8.4", "mysql:8.4"),
        "mysql.storage_size": ("20Gi", "20Gi"),
        "mysql.run_as_user": ("1001", 1001),
        "mysql.resources.requests.cpu": ("1.5", "1.5"),
        "mysql.resources.requests.memory": ("3Gi", "3Gi"),
        "mysql.resources.limits.cpu": ("1.5", "1.5"),
        "mysql.resources.limits.memory": ("3Gi", "3Gi"),
        "wordpress.image": ("a/b@sha256:" + "0" * 64, "a/b@sha256:" + "0" * 64),
        "wordpress.storage_size": ("20Gi", "20Gi"),
        "wordpress.run_as_user": ("1001", 1001),
        "wordpress.external_requests": ("true", True),
        "wordpress.resources.requests.cpu": ("1.5", "1.5"),
        "wordpress.resources.requests.memory": ("3Gi", "3Gi"),
        "wordpress.resources.limits.cpu": ("1.5", "1.5"),
        "wordpress.resources.limits.memory": ("3Gi", "3Gi"),
        "shop.title": ("Joe's", "Joe's"),
        "shop.admin_email": ("joe@example.com", "joe@example.com"),
        "shop.currency": ("EUR", "EUR"),
        "shop.country": ("DE", "DE"),
        "shop.sample_product": ("false", False),
        "woocommerce.url": ("https://example.com/wc.zip", "https://example.com/wc.zip"),
        "woocommerce.sha256": ("0" * 64, "0" * 64),
        "install.resources.requests.cpu": ("0.5", "0.5"),
        "install.resources.requests.memory": ("300Mi", "300Mi"),
        "install.resources.limits.cpu": ("1.5", "1.5"),
        "install.resources.limits.memory": ("3Gi", "3Gi"),
        "wait_for_database.resources.requests.cpu": ("1.5", "1.5"),
        "wait_for_database.resources.requests.memory": ("3Gi", "3Gi"),
        "wait_for_database.resources.limits.cpu": ("1.5", "1.5"),
        "wait_for_database.resources.limits.memory": ("3Gi", "3Gi"),
    }
    wrong = (
        ("mysql.image", "Mysql; rm -rf s3cret"),
        ("mysql.storage_size", "10GB"),
        ("mysql.storage_size", "s3cret"),
        ("mysql.run_as_user", "root"),
        ("mysql.run_as_user", "0"),
        ("wordpress.image", ""),
        ("shop.currency", "euro"),
        ("shop.country", "Germany"),
        ("shop.admin_email", "joe"),
        ("shop.title", "<b>shop</b>"),
        ("woocommerce.url", "http://example.com/wc.zip"),
        ("woocommerce.sha256", "s3cret"),
        ("woocommerce", {"url": "https://example.com/s3cret.zip", "sha256": ""}),
        ("ingress", {"cert_manager_issuer": "a", "cert_manager_cluster_issuer": "b"}),
        ("domain", "*.example.com"),
        ("wordpress.external_requests", "maybe"),
        ("wordpress.resources.requests.cpu", "lots"),
        ("wordpress.resources.limits.memory", "200m"),
        ("wordpress.resources.limits.gpu", "1"),
        ("nothing", "1"),
        ("image_pull_policy", "Sometimes"),
        ("storage_class", "Fast"),
        ("ingress.class_name", "a b"),
        ("ingress.annotations", "{}"),
        ("wait_for_database.resources.limits.cpu", "64Mi"),
        ("wait_for_database.resources", "lots"),
        ("storeorch.host", "example.com"),
        ("imagePullPolicy", "Always"),
    )


SUITE = TestWooCommerce()


# -- the plugin ---------------------------------------------------------------


def test_plugin_is_found_by_its_entry_point() -> None:
    found = list(entry_points(group=ENTRY_POINT_GROUP, name="woocommerce"))
    assert {entry.value for entry in found} == {"storeorch_woocommerce.plugin"}
    plugins = Plugins(found[:1])
    assert [(info.types, info.error) for info in plugins.infos] == [(("woocommerce",), None)]
    assert isinstance(plugins.type("woocommerce"), WooCommerce)


def test_finding_the_plugin_is_cheap() -> None:
    """The command line does so at every start."""
    code = "import sys, storeorch_woocommerce.plugin; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"pydantic", "yaml", "storeorch_woocommerce.store_type"} & set(answer.stdout.split())


def test_exported_members() -> None:
    assert set(dir(storeorch_woocommerce)) == set(storeorch_woocommerce.__all__)
    assert {"WooCommerce", "WooCommerceParameters"} == set(storeorch_woocommerce.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        storeorch_woocommerce.nothing  # noqa: B018


# -- what is installed --------------------------------------------------------


def test_values_hold_no_secret() -> None:
    """Only the name of the one that does."""
    values = SUITE.request().values
    text = json.dumps({key: value for key, value in values.items() if key != "storeorch"})
    text = text.replace("tlsSecret", "")  # a name as well
    assert not [word for word in ("password", "secret", "token", "salt") if word in text.lower()]


def test_keys_of_the_secret_are_told() -> None:
    """Whoever uses the chart by hand makes it."""
    schema = json.loads((TYPE.chart / "values.schema.json").read_text())
    said = schema["properties"]["storeorch"]["properties"]["credentialsSecret"]
    assert set(re.findall(r"`([a-z-]+)`", said["description"])) == set(TYPE.credentials)


def test_domain_is_the_host() -> None:
    """It changes what the shop calls itself, where the Ingress leads from, and nothing else."""
    values = SUITE.request({"domain": "shop.example.com"}).values
    assert values["storeorch"]["host"] == "shop.example.com"
    assert values["storeorch"]["url"] == "http://shop.example.com"
    assert {**values, "storeorch": 0} == {**SUITE.request().values, "storeorch": 0}


def test_encrypted_shops_have_encrypted_addresses() -> None:
    values = SUITE.request({"ingress": {"tls_secret": "shop-tls"}}).values
    assert values["storeorch"]["url"] == "https://my-store.local.test"
    gateway = {"ingress": {"tls_secret": "shop-tls"}, "gateway": {"name": "public"}}
    assert SUITE.request(gateway).values["storeorch"]["url"] == "http://my-store.local.test"


def test_who_administers_a_shop() -> None:
    assert TYPE.admin is not None
    assert TYPE.admin.username_for(WooCommerceParameters()) == "admin"
    assert TYPE.admin.password_key in TYPE.credentials
    job = (TYPE.chart / "templates" / "install-job.yaml").read_text()
    assert re.search(r"STORE_ADMIN_USER\n\s+value: admin\n", job)
    assert f'"key" "{TYPE.admin.password_key}"' in job


def test_chart_is_that_of_the_repository() -> None:
    assert Path(TYPE.chart).resolve().name == "woocommerce"
    assert (Path(TYPE.chart) / "Chart.yaml").is_file()
