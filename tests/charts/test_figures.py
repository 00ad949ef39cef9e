"""The figures and names that the charts promise: ports, sizes, resources, keys, addresses."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from .rendering import (
    CHARTS,
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
    assert (container_port(container), port_of(woocommerce, "wordpress")) == (8080, 80)
    assert size(claim["spec"]) == "10Gi"
    assert pod["securityContext"]["runAsUser"] == 33
    assert "sysctls" not in pod["securityContext"]


def test_wordpress_waits_for_its_database(woocommerce: list[Manifest]) -> None:
    wordpress = find(woocommerce, "Deployment", "wordpress")
    (wait,) = pod_spec(wordpress)["initContainers"]

    assert wait["name"] == "wait-for-database"
    assert wait["resources"] == WAIT_RESOURCES
    assert environment(wait)["WORDPRESS_DB_HOST"] == "mysql"


def test_core_is_the_images_and_content_is_the_claims(woocommerce: list[Manifest]) -> None:
    wordpress = find(woocommerce, "Deployment", "wordpress")
    volumes = {volume["name"]: volume for volume in pod_spec(wordpress)["volumes"]}
    container = named(wordpress)["wordpress"]
    mounts = {m["mountPath"]: volumes[m["name"]] for m in container["volumeMounts"]}
    core = environment(container)["WORDPRESS_DIR"]

    assert core not in mounts
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert mounts[f"{core}/wp-content"]["persistentVolumeClaim"] == {"claimName": "wordpress"}
    assert "configMap" in mounts[f"{core}/wp-config.php"]
    assert "emptyDir" in mounts["/tmp"]


def install_job(manifests: list[Manifest]) -> Manifest:
    (job,) = (m for m in manifests if m["kind"] == "Job")
    return job


def test_the_install_job(woocommerce: list[Manifest]) -> None:
    job = install_job(woocommerce)
    wait, content = pod_spec(job)["initContainers"]
    install = named(job)["install"]

    assert wait["resources"] == WAIT_RESOURCES
    assert install["resources"] == content["resources"]
    assert install["resources"]["limits"] == SHOP_RESOURCES["limits"]
    assert pod_spec(job)["restartPolicy"] == "Never"
    assert environment(install)["STORE_CURRENCY"] == "USD"
    assert secret_keys(install)["STORE_ADMIN_PASSWORD"] == ("store-credentials", "admin-password")


def test_the_install_job_runs_where_the_volume_is(woocommerce: list[Manifest]) -> None:
    (term,) = pod_spec(install_job(woocommerce))["affinity"]["podAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    wordpress = find(woocommerce, "Deployment", "wordpress")

    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"] == wordpress["spec"]["selector"]


def test_exit_code_42_is_final(woocommerce: list[Manifest]) -> None:
    rules = install_job(woocommerce)["spec"]["podFailurePolicy"]["rules"]
    php = find(woocommerce, "ConfigMap", "wordpress-php")["data"]["install-common.php"]

    assert rules[0]["action"] == "FailJob"
    assert rules[0]["onExitCodes"] == {"containerName": "install", "operator": "In", "values": [42]}
    assert "STOREORCH_FINAL  = 42;" in php


@pytest.mark.parametrize(
    ("changed", "anew"),
    [
        ({}, False),
        ({"mysql": {"resources": {"limits": {"memory": "2Gi"}}}}, False),
        ({"ingress": {"className": "traefik"}}, False),
        ({"wordpress": {"image": "wordpress:7.0-php8.4-apache"}}, True),
        ({"woocommerce": {"sha256": "0" * 64}}, True),
        ({"shop": {"currency": "EUR"}}, True),
        ({"storeorch": {"url": "https://other.example.com"}}, True),
    ],
)
def test_another_job_for_whatever_it_does_otherwise(
    helm: Helm, changed: dict[str, Any], anew: bool
) -> None:
    """A Job cannot be changed: under the same name, an upgrade would be refused."""
    before = install_job(helm.template("woocommerce", STORE))
    after = install_job(helm.template("woocommerce", merged(STORE, changed)))
    assert (before["metadata"]["name"] != after["metadata"]["name"]) is anew
    if not anew:
        assert before == after


def test_the_values_of_a_laptop_and_of_production(helm: Helm) -> None:
    for name in ("values-local.yaml", "values-production.yaml"):
        values = yaml.safe_load((CHARTS / "woocommerce" / name).read_text())
        assert helm.template("woocommerce", merged(STORE, values))


def test_a_gateway_instead_of_an_ingress(helm: Helm) -> None:
    gateway = {"name": "public", "namespace": "gateways"}
    manifests = helm.template("woocommerce", merged(STORE, {"gateway": gateway}))
    route = find(manifests, "HTTPRoute", "wordpress")
    ((backend,),) = (rule["backendRefs"] for rule in route["spec"]["rules"])

    assert not [m for m in manifests if m["kind"] == "Ingress"]
    assert route["spec"]["parentRefs"] == [gateway]
    assert route["spec"]["hostnames"] == ["my-store.local.test"]
    assert backend == {"name": "wordpress", "port": port_of(manifests, "wordpress")}


@pytest.mark.parametrize(
    ("ingress", "annotations", "secret"),
    [
        ({"tlsSecret": "own"}, {}, "own"),
        ({"certManagerIssuer": "ca"}, {"cert-manager.io/issuer": "ca"}, "wordpress-tls"),
        (
            {"certManagerClusterIssuer": "ca", "tlsSecret": "own"},
            {"cert-manager.io/cluster-issuer": "ca"},
            "own",
        ),
    ],
)
def test_encryption(
    helm: Helm, ingress: dict[str, str], annotations: dict[str, str], secret: str
) -> None:
    manifests = helm.template("woocommerce", merged(CREDENTIALS, {"ingress": ingress}))
    made = find(manifests, "Ingress", "wordpress")
    wordpress = named(find(manifests, "Deployment", "wordpress"))["wordpress"]

    assert made["metadata"].get("annotations", {}) == annotations
    assert made["spec"]["tls"] == [{"hosts": ["store.local.test"], "secretName": secret}]
    assert environment(wordpress)["STORE_URL"] == "https://store.local.test"


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


def test_the_configuration_is_the_same_for_every_store(helm: Helm) -> None:
    def files(values: dict[str, Any]) -> dict[str, str]:
        data = find(helm.template("woocommerce", values), "ConfigMap", "wordpress-php")["data"]
        return dict(data)

    assert files(CREDENTIALS) == files(STORE)
    assert "getenv( 'STORE_URL' )" in files(STORE)["wp-config.php"]


def test_wordpress_knows_its_address(woocommerce: list[Manifest]) -> None:
    deployment = find(woocommerce, "Deployment", "wordpress")
    wordpress = named(deployment)["wordpress"]

    assert environment(wordpress)["STORE_URL"] == "https://my-store.local.test"
    port = str(container_port(wordpress))
    assert environment(wordpress)["STORE_LISTEN"] == port
    assert environment(wordpress)["STORE_PORT"] == port


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
