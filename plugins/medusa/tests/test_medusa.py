"""The store type ``medusa``: its parameters, its chart's values, and its life."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import ClassVar

import pytest

import storeorch_medusa
from storeorch.errors import InvalidParameters
from storeorch.hookspecs import ENTRY_POINT_GROUP
from storeorch.plugins import Plugins
from storeorch.ports import WorkloadRef
from storeorch.testing.chart_conformance import ChartConformance
from storeorch_medusa import Medusa, MedusaParameters

TYPE = Medusa()


class TestMedusa(ChartConformance):
    store_type = TYPE
    workloads = (
        WorkloadRef("StatefulSet", "postgresql"),
        WorkloadRef("Job", "setup-0123456789"),
        WorkloadRef("Deployment", "medusa"),
    )

    # Domain and egress are not the chart's; several servers need more than their number.
    not_alone = ("domain", "egress", "medusa.replicas")
    # The platform fills in ``storeorch``; the others are for those who use the chart by hand.
    not_parameters = ("storeorch", "ingress.annotations", "ingress.tls", "imagePullSecrets")
    samples: ClassVar = {
        "ingress.class_name": ("nginx", "nginx"),
        "ingress.tls_secret": ("shop-tls", "shop-tls"),
        "ingress.cert_manager_issuer": ("letsencrypt", "letsencrypt"),
        "ingress.cert_manager_cluster_issuer": ("letsencrypt", "letsencrypt"),
        "gateway.name": ("public", "public"),
        "gateway.namespace": ("gateways", "gateways"),
        "storage_class": ("fast", "fast"),
        "image_pull_policy": ("Always", "Always"),
        "admin_email": ("shop@example.org", "shop@example.org"),
        "shop.title": ("Tea & Co", "Tea & Co"),
        "shop.currency": ("EUR", "EUR"),
        "shop.country": ("DE", "DE"),
        "shop.sample_product": ("false", False),
        "postgresql.image": ("postgres:17", "postgres:17"),
        "postgresql.storage_size": ("20Gi", "20Gi"),
        "postgresql.run_as_user": ("1001", 1001),
        "postgresql.resources.requests.cpu": ("1.5", "1.5"),
        "postgresql.resources.requests.memory": ("3Gi", "3Gi"),
        "postgresql.resources.limits.cpu": ("1.5", "1.5"),
        "postgresql.resources.limits.memory": ("3Gi", "3Gi"),
        "medusa.image": ("a/b@sha256:" + "0" * 64, "a/b@sha256:" + "0" * 64),
        "medusa.run_as_user": ("1001", 1001),
        "medusa.resources.requests.cpu": ("1.5", "1.5"),
        "medusa.resources.requests.memory": ("3Gi", "3Gi"),
        "medusa.resources.limits.cpu": ("1.5", "1.5"),
        "medusa.resources.limits.memory": ("3Gi", "3Gi"),
        "uploads.storage_size": ("20Gi", "20Gi"),
        "uploads.access_mode": ("ReadWriteMany", "ReadWriteMany"),
        "redis.enabled": ("true", True),
        "redis.url": ("redis://cache.example.com:6379/1", "redis://cache.example.com:6379/1"),
        "redis.url_secret": ("shop-redis", "shop-redis"),
        "redis.image": ("redis:8", "redis:8"),
        "redis.storage_size": ("20Gi", "20Gi"),
        "redis.run_as_user": ("1001", 1001),
        "redis.resources.requests.cpu": ("1.5", "1.5"),
        "redis.resources.requests.memory": ("3Gi", "3Gi"),
        "redis.resources.limits.cpu": ("1.5", "1.5"),
        "redis.resources.limits.memory": ("3Gi", "3Gi"),
        "setup.resources.requests.cpu": ("1.5", "1.5"),
        "setup.resources.requests.memory": ("3Gi", "3Gi"),
        "setup.resources.limits.cpu": ("1.5", "1.5"),
        "setup.resources.limits.memory": ("3Gi", "3Gi"),
        "wait_for_database.resources.requests.cpu": ("1.5", "1.5"),
        "wait_for_database.resources.requests.memory": ("3Gi", "3Gi"),
        "wait_for_database.resources.limits.cpu": ("1.5", "1.5"),
        "wait_for_database.resources.limits.memory": ("3Gi", "3Gi"),
    }
    wrong = (
        ("admin_email", "s3cret"),
        ("admin_email", "a@b"),
        ("admin_email", "a b@example.com"),
        ("admin_email", "-a@example.com"),
        ("admin_email", "a@-.com"),
        ("admin_email", "a@example.com\n"),
        ("postgresql.image", "Postgres; rm -rf s3cret"),
        ("postgresql.storage_size", "10GB"),
        ("postgresql.run_as_user", "0"),
        ("medusa.image", ""),
        ("medusa.storage_size", "1Gi"),
        ("medusa.replicas", "0"),
        ("medusa.replicas", "2"),
        ("migrate.resources.requests.cpu", "1"),
        ("setup.resources.requests.cpu", "lots"),
        ("shop.currency", "dollars"),
        ("shop.country", "usa"),
        ("shop.title", "a\nb"),
        ("redis.url", "redis://user:s3cret@host"),
        ("redis.url", "http://host"),
        ("redis", {"enabled": True, "url": "redis://host"}),
        ("uploads.access_mode", "ReadWriteOncePod"),
        ("medusa.resources.limits.memory", "200m"),
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


SUITE = TestMedusa()


# -- the plugin ---------------------------------------------------------------


def test_plugin_is_found_by_its_entry_point() -> None:
    found = list(entry_points(group=ENTRY_POINT_GROUP, name="medusa"))
    assert {entry.value for entry in found} == {"storeorch_medusa.plugin"}
    plugins = Plugins(found[:1])
    assert [(info.types, info.error) for info in plugins.infos] == [(("medusa",), None)]
    assert isinstance(plugins.type("medusa"), Medusa)


def test_finding_the_plugin_is_cheap() -> None:
    """The command line does so at every start."""
    code = "import sys, storeorch_medusa.plugin; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"pydantic", "yaml", "storeorch_medusa.store_type"} & set(answer.stdout.split())


def test_exported_members() -> None:
    assert set(dir(storeorch_medusa)) == set(storeorch_medusa.__all__)
    assert {"Medusa", "MedusaParameters"} == set(storeorch_medusa.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        storeorch_medusa.nothing  # noqa: B018


# -- what is installed --------------------------------------------------------


def test_values_hold_no_secret() -> None:
    """Only the name of the one that does."""
    values = SUITE.request().values
    text = json.dumps({key: value for key, value in values.items() if key != "storeorch"})
    text = re.sub("tlsSecret|urlSecret", "", text)  # names as well
    assert not [word for word in ("password", "secret", "token", "salt") if word in text.lower()]


def test_keys_of_the_secret_are_told() -> None:
    """Whoever uses the chart by hand makes it."""
    schema = json.loads((TYPE.chart / "values.schema.json").read_text())
    said = schema["properties"]["storeorch"]["properties"]["credentialsSecret"]
    assert set(re.findall(r"`([a-z-]+)`", said["description"])) == set(TYPE.credentials)


def test_domain_is_the_host() -> None:
    values = SUITE.request({"domain": "shop.example.com"}).values
    assert values["storeorch"]["host"] == "shop.example.com"
    assert values["storeorch"]["url"] == "http://shop.example.com"
    assert {**values, "storeorch": 0} == {**SUITE.request().values, "storeorch": 0}


def test_encrypted_shops_have_encrypted_addresses() -> None:
    """The server makes its cookies secure then, and only then."""
    values = SUITE.request({"ingress": {"tls_secret": "shop-tls"}}).values
    assert values["storeorch"]["url"] == "https://my-store.local.test"


def test_who_administers_a_shop() -> None:
    assert TYPE.admin is not None
    assert TYPE.admin.username_for(MedusaParameters(admin_email="me@a.test")) == "me@a.test"
    assert TYPE.admin.password_key in TYPE.credentials
    helpers = (TYPE.chart / "templates" / "_helpers.tpl").read_text()
    assert f'"name" "MEDUSA_ADMIN_PASSWORD" "key" "{TYPE.admin.password_key}"' in helpers


@pytest.mark.parametrize("redis", [{"enabled": "true"}, {"url": "redis://a"}, {"url_secret": "a"}])
def test_several_servers_share_redis_and_uploads(redis: dict[str, str]) -> None:
    several = {"medusa": {"replicas": "2"}, "redis": redis}
    shared = {"access_mode": "ReadWriteMany"}
    values = SUITE.request({**several, "uploads": shared}).values
    assert values["medusa"]["replicas"] == 2
    assert SUITE.complaints(values) == []
    with pytest.raises(InvalidParameters, match="ReadWriteMany"):
        TYPE.check(several)
    with pytest.raises(InvalidParameters, match="redis"):
        TYPE.check({"medusa": {"replicas": "2"}, "uploads": shared})


def test_chart_is_that_of_the_repository() -> None:
    assert Path(TYPE.chart).resolve().name == "medusa"
    assert (Path(TYPE.chart) / "Chart.yaml").is_file()
