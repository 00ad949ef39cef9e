"""The figures and names that the charts promise: ports, sizes, resources, keys, addresses."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from .quantities import QUOTA, quantity, release_demand
from .rendering import (
    CHARTS,
    CREDENTIALS,
    Helm,
    Manifest,
    RenderError,
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
    {
        "storeorch": {
            "storeName": "my-store",
            "host": "my-store.local.test",
            "url": "https://my-store.local.test",
        }
    },
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


SERVER = {"medusa": "medusa", "woocommerce": "wordpress"}


def test_the_values_of_a_laptop_and_of_production(helm: Helm, chart: str) -> None:
    for name in ("values-local.yaml", "values-production.yaml"):
        values = yaml.safe_load((CHARTS / chart / name).read_text())
        demand = release_demand(helm.template(chart, merged(STORE, values)))
        assert {key: demand[key] for key in QUOTA if demand[key] > quantity(QUOTA[key])} == {}


def test_a_gateway_instead_of_an_ingress(helm: Helm, chart: str) -> None:
    gateway = {"name": "public", "namespace": "gateways"}
    manifests = helm.template(chart, merged(STORE, {"gateway": gateway}))
    server = SERVER[chart]
    route = find(manifests, "HTTPRoute", server)
    ((backend,),) = (rule["backendRefs"] for rule in route["spec"]["rules"])

    assert not [m for m in manifests if m["kind"] == "Ingress"]
    assert route["spec"]["parentRefs"] == [gateway]
    assert route["spec"]["hostnames"] == ["my-store.local.test"]
    assert backend == {"name": server, "port": port_of(manifests, server)}


@pytest.mark.parametrize(
    ("ingress", "annotations", "secret"),
    [
        ({"tlsSecret": "own"}, {}, "own"),
        ({"certManagerIssuer": "ca"}, {"cert-manager.io/issuer": "ca"}, None),
        (
            {"certManagerClusterIssuer": "ca", "tlsSecret": "own"},
            {"cert-manager.io/cluster-issuer": "ca"},
            "own",
        ),
    ],
)
def test_encryption(
    helm: Helm, chart: str, ingress: dict[str, str], annotations: dict[str, str], secret: str | None
) -> None:
    manifests = helm.template(chart, merged(CREDENTIALS, {"ingress": ingress}))
    server = SERVER[chart]
    made = find(manifests, "Ingress", server)
    variables = environment(named(find(manifests, "Deployment", server))[server])

    assert made["metadata"].get("annotations", {}) == annotations
    (tls,) = made["spec"]["tls"]
    assert tls == {"hosts": ["store.local.test"], "secretName": secret or f"{server}-tls"}
    address = variables.get("STORE_URL") or variables["MEDUSA_BACKEND_URL"]
    assert address == "https://store.local.test"


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


def setup_job(manifests: list[Manifest]) -> Manifest:
    (job,) = (m for m in manifests if m["kind"] == "Job")
    return job


def test_medusa(medusa: list[Manifest]) -> None:
    deployment = find(medusa, "Deployment", "medusa")
    container = named(deployment)["medusa"]
    claim = find(medusa, "PersistentVolumeClaim", "uploads")
    (uploads,) = (m for m in container["volumeMounts"] if m["name"] == "uploads")

    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert container["image"] == "storeorch/medusa:2.21.2"
    assert container["resources"] == SHOP_RESOURCES
    assert (container_port(container), port_of(medusa, "medusa")) == (9000, 9000)
    assert size(claim["spec"]) == "5Gi"
    assert uploads["mountPath"] == "/app/static"
    # A query that is asked of the database would restart the server when the database is away.
    for probe, path in (
        ("startupProbe", "/health"),
        ("readinessProbe", "/ready"),
        ("livenessProbe", "/health"),
    ):
        assert container[probe]["httpGet"]["path"] == path
    # Medusa takes over a minute to say so when its database is away.
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300


def test_the_setup_job(medusa: list[Manifest]) -> None:
    job = setup_job(medusa)
    (wait,) = pod_spec(job)["initContainers"]
    setup = named(job)["setup"]

    assert (wait["name"], wait["image"]) == ("wait-for-database", "postgres:16")
    assert wait["resources"] == WAIT_RESOURCES
    assert setup["image"] == "storeorch/medusa:2.21.2"
    assert setup["resources"] == SHOP_RESOURCES
    assert pod_spec(job)["restartPolicy"] == "OnFailure"
    assert environment(setup)["MEDUSA_ADMIN_EMAIL"] == "admin@example.com"
    assert environment(setup)["STORE_NAME"] == "My Store"
    # A Job that has given up stays so whatever is mended; this one does not within a lifetime.
    assert job["spec"]["backoffLimit"] >= 10_000


def test_medusa_waits_for_the_setup_of_its_image(medusa: list[Manifest]) -> None:
    deployment = find(medusa, "Deployment", "medusa")
    (wait,) = pod_spec(deployment)["initContainers"]
    setup = named(setup_job(medusa))["setup"]

    assert (wait["name"], wait["image"]) == ("wait-for-setup", "postgres:16")
    assert wait["resources"] == WAIT_RESOURCES
    revisions = {
        environment(container)["SETUP_REVISION"]
        for container in (wait, setup, named(deployment)["medusa"])
    }
    assert len(revisions) == 1


@pytest.mark.parametrize(
    ("changed", "job_anew", "server_waits_anew"),
    [
        ({}, False, False),
        ({"ingress": {"className": "traefik"}}, False, False),
        ({"medusa": {"resources": {"limits": {"memory": "2Gi"}}}}, False, False),
        ({"adminEmail": "me@example.com"}, True, False),
        ({"shop": {"currency": "EUR"}}, True, False),
        ({"medusa": {"image": "storeorch/medusa:9"}}, True, True),
    ],
)
def test_another_setup_for_whatever_it_does_otherwise(
    helm: Helm, changed: dict[str, Any], job_anew: bool, server_waits_anew: bool
) -> None:
    """A Job cannot be changed: under the same name, an upgrade would be refused."""
    before = helm.template("medusa", STORE)
    after = helm.template("medusa", merged(STORE, changed))

    def revision(manifests: list[Manifest]) -> str:
        (wait,) = pod_spec(find(manifests, "Deployment", "medusa"))["initContainers"]
        return environment(wait)["SETUP_REVISION"]

    names = {setup_job(manifests)["metadata"]["name"] for manifests in (before, after)}
    assert (len(names) == 2) is job_anew
    assert (revision(before) != revision(after)) is server_waits_anew
    if not job_anew:
        assert setup_job(before) == setup_job(after)


def test_medusa_reads_the_keys_of_its_credentials(helm: Helm, medusa: list[Manifest]) -> None:
    def keys(workload: Manifest) -> dict[str, dict[str, str]]:
        return {
            name: {variable: key for variable, (_, key) in secret_keys(container).items()}
            for name, container in named(workload).items()
        }

    server = {
        "POSTGRES_PASSWORD": "postgres-password",
        "JWT_SECRET": "jwt-secret",
        "COOKIE_SECRET": "cookie-secret",
    }
    redis = {"REDIS_PASSWORD": "redis-password"}
    with_redis = helm.template("medusa", merged(STORE, {"redis": {"enabled": True}}))

    assert keys(find(medusa, "Deployment", "medusa")) == {
        "wait-for-setup": {"PGPASSWORD": "postgres-password"},
        "medusa": server,
    }
    assert keys(setup_job(medusa)) == {
        "wait-for-database": {"PGPASSWORD": "postgres-password"},
        "setup": server | {"MEDUSA_ADMIN_PASSWORD": "admin-password"},
    }
    assert keys(find(with_redis, "Deployment", "medusa"))["medusa"] == server | redis
    assert keys(find(with_redis, "StatefulSet", "redis")) == {"redis": redis}


def test_medusa_knows_its_database_and_its_address(medusa: list[Manifest]) -> None:
    container = named(find(medusa, "Deployment", "medusa"))["medusa"]
    variables = environment(container)
    order = [entry["name"] for entry in container["env"]]

    assert variables["DATABASE_URL"] == (
        "postgres://medusa:$(POSTGRES_PASSWORD)@postgresql:5432/medusa"
    )
    assert order.index("POSTGRES_PASSWORD") < order.index("DATABASE_URL")
    assert "REDIS_URL" not in order
    for name in ("STORE_CORS", "ADMIN_CORS", "AUTH_CORS", "MEDUSA_BACKEND_URL"):
        assert variables[name] == "https://my-store.local.test"


def test_redis_of_the_stores_own(helm: Helm) -> None:
    manifests = helm.template("medusa", merged(STORE, {"redis": {"enabled": True}}))
    redis = find(manifests, "StatefulSet", "redis")
    container = named(redis)["redis"]
    server = named(find(manifests, "Deployment", "medusa"))["medusa"]
    order = [entry["name"] for entry in server["env"]]
    (claim,) = redis["spec"]["volumeClaimTemplates"]

    assert environment(server)["REDIS_URL"] == "redis://:$(REDIS_PASSWORD)@redis:6379"
    assert order.index("REDIS_PASSWORD") < order.index("REDIS_URL")
    assert (container_port(container), port_of(manifests, "redis")) == (6379, 6379)
    assert size(claim["spec"]) == "1Gi"
    # The password is in no argument: those are in the list of processes.
    assert "requirepass $REDIS_PASSWORD" in container["command"][-1]


def test_redis_of_somebody_else(helm: Helm) -> None:
    def server(redis: dict[str, str]) -> Manifest:
        manifests = helm.template("medusa", merged(STORE, {"redis": redis}))
        assert not [m for m in manifests if m["metadata"]["name"] == "redis"]
        return named(find(manifests, "Deployment", "medusa"))["medusa"]

    plain = server({"url": "redis://cache.example.com:6379"})
    assert environment(plain)["REDIS_URL"] == "redis://cache.example.com:6379"
    assert secret_keys(server({"urlSecret": "shop-redis"}))["REDIS_URL"] == (
        "shop-redis",
        "redis-url",
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"redis": {"enabled": True, "url": "redis://a"}}, "exclude each other"),
        ({"redis": {"url": "redis://a", "urlSecret": "a"}}, "exclude each other"),
        ({"medusa": {"replicas": 2}}, "needs Redis"),
        ({"medusa": {"replicas": 2}, "redis": {"enabled": True}}, "ReadWriteMany"),
        ({"ingress": {"certManagerIssuer": "a", "certManagerClusterIssuer": "b"}}, "exclude"),
    ],
)
def test_what_does_not_go_together(helm: Helm, values: dict[str, Any], said: str) -> None:
    with pytest.raises(RenderError, match=said):
        helm.template("medusa", merged(STORE, values))


def test_several_servers_take_turns(helm: Helm) -> None:
    several = {
        "medusa": {"replicas": 2},
        "redis": {"enabled": True},
        "uploads": {"accessMode": "ReadWriteMany"},
    }
    deployment = find(helm.template("medusa", merged(STORE, several)), "Deployment", "medusa")

    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_an_empty_url_is_made_from_the_host(helm: Helm) -> None:
    def address(values: dict[str, Any]) -> str:
        deployment = find(helm.template("medusa", values), "Deployment", "medusa")
        return environment(named(deployment)["medusa"])["MEDUSA_BACKEND_URL"]

    encrypted = merged(CREDENTIALS, {"ingress": {"tlsSecret": "own"}})
    assert address(CREDENTIALS) == "http://store.local.test"
    assert address(encrypted) == "https://store.local.test"
    assert address(merged(encrypted, {"gateway": {"name": "a"}})) == "http://store.local.test"
