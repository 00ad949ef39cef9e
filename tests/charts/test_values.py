"""Values: what the schemas refuse, and that the READMEs list every one of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from . import value_table
from .rendering import (
    CHARTS,
    CREDENTIALS,
    Helm,
    RenderError,
    containers,
    merged,
    secret_keys,
    workloads,
)

IMAGES = {"medusa": ("medusa", "postgresql", "redis"), "woocommerce": ("wordpress", "mysql")}


def nested(path: str, value: object) -> dict[str, Any]:
    """``nested("a.b", 1)`` is ``{"a": {"b": 1}}``."""
    result: object = value
    for key in reversed(path.split(".")):
        result = {key: result}
    assert isinstance(result, dict)
    return result


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("unknown", 1),
        ("ingress.unknown", 1),
        ("waitForDatabase.resources.limits.gpu", "1"),
        ("storageclass", "fast"),
        ("storeorch", None),
        ("storeorch.host", ""),
        ("storeorch.host", "*.local.test"),
        ("storeorch.host", "My-Store.local.test"),
        ("storeorch.host", "a b"),
        ("storeorch.host", 7),
        ("storeorch.url", "my-store.local.test"),
        ("storeorch.url", "http://a.test'); system('id"),
        ("storeorch.url", "javascript:alert(1)"),
        ("storeorch.credentialsSecret", "Not_A_Name"),
        ("storeorch.labels", ["a"]),
        ("storeorch.labels", {"key": True}),
        ("storeorch.labels", {"key": "a b"}),
        ("storeorch.labels", {"key": "x" * 64}),
        ("storeorch.labels", {"-": "x"}),
        ("ingress.className", 7),
        ("ingress.annotations", {"key": 1}),
        ("ingress.tls", {}),
        ("ingress.tls", [{"secret": "x"}]),
        ("imagePullPolicy", "Sometimes"),
        ("imagePullSecrets", "registry-key"),
        ("storageClass", False),
        ("waitForDatabase.resources.limits.cpu", None),
        ("waitForDatabase.resources.limits", None),
        ("waitForDatabase.resources.requests.cpu", "lots"),
        ("waitForDatabase.resources.requests.cpu", 0),
        ("waitForDatabase.resources.requests.memory", "512MB"),
        ("waitForDatabase.resources.requests.memory", 512),
    ],
)
def test_refused_by_both_charts(helm: Helm, chart: str, path: str, value: object) -> None:
    with pytest.raises(RenderError, match="schema"):
        helm.template(chart, merged(CREDENTIALS, nested(path, value)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image", ""),
        ("image", "mysql:8.0; rm"),
        ("image", "Mysql:8.0"),
        ("image", "mysql:"),
        ("image", 8),
        ("runAsUser", 0),
        ("runAsUser", "33"),
        ("runAsUser", 1.5),
        ("tag", "8.0"),
    ],
)
def test_refused_for_every_part(helm: Helm, chart: str, key: str, value: object) -> None:
    for part in IMAGES[chart]:
        with pytest.raises(RenderError, match="schema"):
            helm.template(chart, merged(CREDENTIALS, {part: {key: value}}))


@pytest.mark.parametrize(
    ("chart_name", "path", "value"),
    [
        ("woocommerce", "mysql.storageSize", "0Gi"),
        ("woocommerce", "mysql.storageSize", "10"),
        ("woocommerce", "mysql.storageSize", 10),
        ("woocommerce", "wordpress.storageSize", "10GB"),
        ("woocommerce", "wordpress.externalRequests", "yes"),
        ("woocommerce", "adminEmail", "admin@example.com"),
        ("medusa", "postgresql.storageSize", "-1Gi"),
        ("medusa", "medusa.storageSize", "1Gi"),
        ("medusa", "adminEmail", "admin"),
        ("medusa", "adminEmail", "-e@example.com"),
        ("medusa", "adminEmail", "a@b;rm"),
        ("medusa", "setup.resources.limits.memory", None),
        ("medusa", "medusa.replicas", 0),
        ("medusa", "shop.currency", "usd"),
        ("medusa", "shop.country", "USA"),
        ("medusa", "redis.url", "redis://user:password@host"),
        ("medusa", "uploads.accessMode", "ReadOnlyMany"),
    ],
)
def test_refused_by_one_chart(helm: Helm, chart_name: str, path: str, value: object) -> None:
    with pytest.raises(RenderError, match="schema"):
        helm.template(chart_name, merged(CREDENTIALS, nested(path, value)))


@pytest.mark.parametrize(
    "image",
    [
        "shop",
        "shop:1.0",
        "library/shop:1.0-php8.3_apache",
        "registry.example.com:5000/team/shop:1.0",
        "registry.example.com/team/shop@sha256:" + "0f" * 32,
        "localhost/storeorch--shop__x:latest@sha256:" + "0f" * 32,
    ],
)
def test_any_image_reference_is_taken(helm: Helm, chart: str, image: str) -> None:
    values = merged(CREDENTIALS, {part: {"image": image} for part in IMAGES[chart]})

    used = {c["image"] for w in workloads(helm.template(chart, values)) for c in containers(w)}
    assert used == {image}


def test_the_credentials_secret_is_required(helm: Helm, chart: str) -> None:
    with pytest.raises(RenderError, match=r"storeorch\.credentialsSecret is required: the name of"):
        helm.template(chart, {})


def test_storeorch_may_say_more_than_the_chart_knows(helm: Helm, chart: str) -> None:
    more = merged(CREDENTIALS, {"storeorch": {"owner": "somebody"}})

    assert helm.template(chart, more) == helm.template(chart, CREDENTIALS)


def test_a_chart_may_be_a_dependency_of_another(helm: Helm, chart: str) -> None:
    assert helm.template(chart, merged(CREDENTIALS, {"global": {"anything": True}}))


def test_the_readme_has_the_table_of_values(chart: str) -> None:
    shown = value_table.section((CHARTS / chart / "README.md").read_text())

    assert shown == value_table.table(CHARTS / chart), f"run {value_table.__file__}"
    assert len(set(value_table.names_in(shown))) == len(value_table.names_in(shown))


def test_the_table_has_every_value_and_no_other(chart: str) -> None:
    def leaves(prefix: str, node: dict[str, Any]) -> set[str]:
        names: set[str] = set()
        for key, value in node.items():
            inner = isinstance(value, dict) and value and key != "resources"
            names |= leaves(f"{prefix}{key}.", value) if inner else {f"{prefix}{key}"}
        return names

    values = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    shown = value_table.section((CHARTS / chart / "README.md").read_text())
    assert set(value_table.names_in(shown)) == leaves("", values)


def test_a_value_that_the_schema_does_not_know_is_found(chart: str, tmp_path: Path) -> None:
    copy = shutil.copytree(CHARTS / chart, tmp_path / chart)
    with (copy / "values.yaml").open("a") as file:
        file.write("undocumented: 1\n")

    with pytest.raises(value_table.UndocumentedValue, match="undocumented"):
        value_table.table(copy)


def test_the_readme_names_every_key_of_the_credentials(helm: Helm, chart: str) -> None:
    readme = (CHARTS / chart / "README.md").read_text()

    for workload in workloads(helm.template(chart)):
        for container in containers(workload):
            for _, key in secret_keys(container).values():
                assert f"`{key}`" in readme
    assert "`admin-password`" in readme
