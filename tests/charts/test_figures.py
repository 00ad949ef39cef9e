"""The figures and names that the charts promise: ports, sizes, resources, keys, addresses."""

from __future__ import annotations

from typing import Any

import pytest

from .rendering import (
    CREDENTIALS,
    Helm,
    Manifest,
    containers,
    environment,
    find,
    merged,
    pod_spec,
    secret_keys,
)

SHOP_RESOURCES = {
    "requests": {"cpu": "200m", "memory": "512Mi"},
    "limits": {"cpu": "1000m", "memory": "1Gi"},
}
WAIT_RESOURCES = {
    "requests": {"cpu": "10m", "memory": "32Mi"},
    "limits": {"cpu": "50m", "memory": "64Mi"},
}
STORE = merged(
    CREDENTIALS,
    {"storeorch": {"host": "my-store.local.test", "url": "https://my-store.local.test"}},
)


@pytest.fixture(scope="session")
def woocommerce(helm: Helm) -> list[Manifest]:
    return helm.template("woocommerce", STORE)


@pytest.fixture(scope="session")
def medusa(helm: Helm) -> list[Manifest]:
    return helm.template("medusa", STORE)


def named(workload: Manifest) -> dict[str, Manifest]:
    return {container["name"]: container for container in containers(workload)}


def port_of(manifests: list[Manifest], service: str) -> int:
    (port,) = find(manifests, "Service", service)["spec"]["ports"]
    number: int = port["port"]
    return number


def container_port(container: Manifest) -> int:
    (port,) = container["ports"]
    number: int = port["containerPort"]
    return number


def size(claim_spec: dict[str, Any]) -> str:
    assert claim_spec["accessModes"] == ["ReadWriteOnce"]
    amount: str = claim_spec["resources"]["requests"]["storage"]
    return amount


def test_mysql(woocommerce: list[Manifest]) -> None:
    mysql = find(woocommerce, "StatefulSet", "mysql")
    container = named(mysql)["mysql"]
    (claim,) = mysql["spec"]["volumeClaimTemplates"]

    assert mysql["spec"]["serviceName"] == "mysql"
    assert container["image"] == "mysql:8.0"
    assert container["resources"] == SHOP_RESOURCES
    assert (container_port(container), port_of(woocommerce, "mysql")) == (3306, 3306)
    assert size(claim["spec"]) == "10Gi"
    assert pod_spec(mysql)["securityContext"]["runAsUser"] == 999


def test_wordpress(woocommerce: list[Manifest]) -> None:
    wordpress = find(woocommerce, "Deployment", "wordpress")
    container = named(wordpress)["wordpress"]
    claim = find(woocommerce, "PersistentVolumeClaim", "wordpress")
    pod = pod_spec(wordpress)

    assert wordpress["spec"]["strategy"] == {"type": "Recreate"}
    assert container["image"].startswith("wordpress:")
    assert container["resources"] == SHOP_RESOURCES
    assert (container_port(container), port_of(woocommerce, "wordpress")) == (80, 80)
    assert size(claim["spec"]) == "10Gi"
    assert pod["securityContext"]["runAsUser"] == 33
    assert pod["securityContext"]["sysctls"] == [
        {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
    ]


def test_wordpress_waits_for_its_database(woocommerce: list[Manifest]) -> None:
    wordpress = find(woocommerce, "Deployment", "wordpress")
    (wait,) = pod_spec(wordpress)["initContainers"]

    assert wait["name"] == "wait-for-database"
    assert wait["resources"] == WAIT_RESOURCES
    assert environment(wait)["WORDPRESS_DB_HOST"] == "mysql"


def test_core_is_the_images_and_content_is_the_claims(woocommerce: list[Manifest]) -> None:
    wordpress = find(woocommerce, "Deployment", "wordpress")
    volumes = {volume["name"]: volume for volume in pod_spec(wordpress)["volumes"]}
    mounts = {
        mount["mountPath"]: volumes[mount["name"]]
        for mount in named(wordpress)["wordpress"]["volumeMounts"]
    }

    assert "emptyDir" in mounts["/var/www/html"]
    assert mounts["/var/www/html/wp-content"]["persistentVolumeClaim"] == {"claimName": "wordpress"}
    assert all("emptyDir" in mounts[path] for path in ("/tmp", "/run/apache2", "/run/lock"))


def test_woocommerce_reads_the_keys_of_its_credentials(woocommerce: list[Manifest]) -> None:
    mysql = named(find(woocommerce, "StatefulSet", "mysql"))["mysql"]
    wordpress = named(find(woocommerce, "Deployment", "wordpress"))["wordpress"]

    assert {name: key for name, (_, key) in secret_keys(mysql).items()} == {
        "MYSQL_PASSWORD": "mysql-password",
        "MYSQL_ROOT_PASSWORD": "mysql-root-password",
    }
    assert {name: key for name, (_, key) in secret_keys(wordpress).items()} == {
        "WORDPRESS_DB_PASSWORD": "mysql-password",
        "WORDPRESS_AUTH_KEY": "wordpress-auth-key",
        "WORDPRESS_SECURE_AUTH_KEY": "wordpress-secure-auth-key",
        "WORDPRESS_LOGGED_IN_KEY": "wordpress-logged-in-key",
        "WORDPRESS_NONCE_KEY": "wordpress-nonce-key",
        "WORDPRESS_AUTH_SALT": "wordpress-auth-salt",
        "WORDPRESS_SECURE_AUTH_SALT": "wordpress-secure-auth-salt",
        "WORDPRESS_LOGGED_IN_SALT": "wordpress-logged-in-salt",
        "WORDPRESS_NONCE_SALT": "wordpress-nonce-salt",
    }


def test_php_that_is_evaluated_is_the_same_for_every_store(helm: Helm) -> None:
    def extra(values: dict[str, Any]) -> str:
        deployment = find(helm.template("woocommerce", values), "Deployment", "wordpress")
        return environment(named(deployment)["wordpress"])["WORDPRESS_CONFIG_EXTRA"]

    assert extra(CREDENTIALS) == extra(STORE)
    assert "getenv( 'STORE_URL' )" in extra(STORE)


def test_wordpress_knows_its_address(woocommerce: list[Manifest]) -> None:
    deployment = find(woocommerce, "Deployment", "wordpress")
    wordpress = named(deployment)["wordpress"]

    assert environment(wordpress)["STORE_URL"] == "https://my-store.local.test"
    assert pod_spec(deployment)["hostAliases"] == [
        {"ip": "127.0.0.1", "hostnames": ["my-store.local.test"]}
    ]


def test_the_readiness_question_is_asked_under_a_name_no_ingress_has(
    woocommerce: list[Manifest],
) -> None:
    wordpress = named(find(woocommerce, "Deployment", "wordpress"))["wordpress"]
    probe = wordpress["readinessProbe"]["httpGet"]
    php = find(woocommerce, "ConfigMap", "wordpress-php")["data"]["ready.php"]

    assert probe["path"] == "/storeorch-ready.php"
    assert probe["httpHeaders"] == [{"name": "Host", "value": "readiness.invalid"}]
    assert "'readiness.invalid' !==" in php


def test_postgresql(medusa: list[Manifest]) -> None:
    postgresql = find(medusa, "StatefulSet", "postgresql")
    container = named(postgresql)["postgresql"]
    (claim,) = postgresql["spec"]["volumeClaimTemplates"]
    (data,) = (m for m in container["volumeMounts"] if m["name"] == "data")

    assert container["image"] == "postgres:16"
    assert container["resources"] == SHOP_RESOURCES
    assert (container_port(container), port_of(medusa, "postgresql")) == (5432, 5432)
    assert size(claim["spec"]) == "10Gi"
    assert pod_spec(postgresql)["securityContext"]["runAsUser"] == 999
    assert environment(container)["PGDATA"].startswith(data["mountPath"] + "/")


def test_medusa(medusa: list[Manifest]) -> None:
    deployment = find(medusa, "Deployment", "medusa")
    container = named(deployment)["medusa"]

    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert container["image"] == "storeorch/medusa:2.21.2"
    assert container["resources"] == SHOP_RESOURCES
    assert (container_port(container), port_of(medusa, "medusa")) == (9000, 9000)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] == "/health"
    # Medusa takes over a minute to say so when its database is away.
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300


def test_medusa_waits_then_migrates_then_serves(medusa: list[Manifest]) -> None:
    deployment = find(medusa, "Deployment", "medusa")
    wait, migrate = pod_spec(deployment)["initContainers"]

    assert (wait["name"], migrate["name"]) == ("wait-for-database", "migrate")
    assert wait["image"] == "postgres:16"
    assert wait["resources"] == WAIT_RESOURCES
    assert migrate["image"] == named(deployment)["medusa"]["image"]
    assert "npx medusa db:migrate" in migrate["command"][-1]
    assert environment(migrate)["MEDUSA_ADMIN_EMAIL"] == "admin@example.com"


def test_medusa_reads_the_keys_of_its_credentials(medusa: list[Manifest]) -> None:
    deployment = find(medusa, "Deployment", "medusa")
    keys = {
        name: {variable: key for variable, (_, key) in secret_keys(container).items()}
        for name, container in named(deployment).items()
    }
    server = {
        "POSTGRES_PASSWORD": "postgres-password",
        "JWT_SECRET": "jwt-secret",
        "COOKIE_SECRET": "cookie-secret",
    }

    assert keys == {
        "wait-for-database": {"PGPASSWORD": "postgres-password"},
        "migrate": server | {"MEDUSA_ADMIN_PASSWORD": "admin-password"},
        "medusa": server,
    }


def test_medusa_knows_its_database_and_its_address(medusa: list[Manifest]) -> None:
    container = named(find(medusa, "Deployment", "medusa"))["medusa"]
    variables = environment(container)
    order = [entry["name"] for entry in container["env"]]

    assert variables["DATABASE_URL"] == (
        "postgres://medusa:$(POSTGRES_PASSWORD)@postgresql:5432/medusa"
    )
    assert order.index("POSTGRES_PASSWORD") < order.index("DATABASE_URL")
    for name in ("STORE_CORS", "ADMIN_CORS", "AUTH_CORS", "MEDUSA_BACKEND_URL"):
        assert variables[name] == "https://my-store.local.test"


def test_an_empty_url_is_made_from_the_host(helm: Helm) -> None:
    deployment = find(helm.template("medusa"), "Deployment", "medusa")

    assert environment(named(deployment)["medusa"])["STORE_CORS"] == "http://store.local.test"
