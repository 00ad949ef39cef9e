"""Two stores on one node: each keeps to itself, and to what it was given.

Everything is tried from inside the stores' own pods and namespaces, against the other
store and against a test host in a network namespace of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storeorch_devcluster import RealNodeCluster

from .hosts import TestHost
from .objects import eventually, pod
from .store import DeployedStore

PHP = (
    "$c = @fsockopen($argv[1], (int) $argv[2], $code, $text, 3); echo $c ? 'reached' : 'closed';",
)
NODE = (
    "const s = require('net').connect(+process.argv[2], process.argv[1]);"
    "const end = (said) => { console.log(said); process.exit() };"
    "s.setTimeout(3000, () => end('closed'));"
    "s.on('connect', () => end('reached')).on('error', () => end('closed'))"
)


def from_wordpress(store: DeployedStore, host: str, port: int) -> str:
    return store.kubectl("exec", "deploy/wordpress", "--", "php", "-r", *PHP, host, str(port))


def from_medusa(store: DeployedStore, host: str, port: int) -> str:
    argv = ("exec", "deploy/medusa", "--", "node", "-e", NODE, host, str(port))
    return store.kubectl(*argv).strip()


def service(store: DeployedStore, name: str) -> tuple[str, int]:
    """Return address and port of a service; by name it may not even be found."""
    spec = store.kubectl.get("service", name)["spec"]
    return spec["clusterIP"], spec["ports"][0]["port"]


def endpoint(store: DeployedStore, component: str) -> tuple[str, int]:
    """Return address and port of a component's pod."""
    select = f"--selector=app.kubernetes.io/component={component}"
    address = store.kubectl("get", "pods", select, "-o", "jsonpath={.items[0].status.podIP}")
    port = "jsonpath={.items[0].spec.containers[0].ports[0].containerPort}"
    return address, int(store.kubectl("get", "pods", select, "-o", port))


@pytest.fixture(scope="module")
def outside(node: RealNodeCluster) -> Iterator[TestHost]:
    with TestHost(node) as host:
        yield host


def test_each_reaches_its_own_database(woocommerce: DeployedStore, medusa: DeployedStore) -> None:
    assert from_wordpress(woocommerce, "mysql", 3306) == "reached"
    assert from_medusa(medusa, "postgresql", 5432) == "reached"


def test_neither_reaches_the_other(woocommerce: DeployedStore, medusa: DeployedStore) -> None:
    for where in (
        *(service(medusa, name) for name in ("postgresql", "medusa")),
        *(endpoint(medusa, component) for component in ("postgresql", "medusa")),
    ):
        assert from_wordpress(woocommerce, *where) == "closed", where
    for where in (
        *(service(woocommerce, name) for name in ("mysql", "wordpress")),
        *(endpoint(woocommerce, component) for component in ("mysql", "wordpress")),
    ):
        assert from_medusa(medusa, *where) == "closed", where


def test_what_lies_outside_is_closed_until_the_parameter_opens_it(
    woocommerce: DeployedStore, medusa: DeployedStore, outside: TestHost
) -> None:
    assert from_wordpress(woocommerce, outside.address, 80) == "closed"
    assert from_medusa(medusa, outside.address, 80) == "closed"
    medusa.storeorch("store", "update", "shop", "--set=egress=public", "--wait", "--timeout=10m")
    eventually(lambda: from_medusa(medusa, outside.address, 80) == "reached", "egress is open")
    assert from_wordpress(woocommerce, outside.address, 80) == "closed"
    medusa.storeorch("store", "update", "shop", "--set=egress=none", "--wait", "--timeout=10m")
    eventually(lambda: from_medusa(medusa, outside.address, 80) == "closed", "egress is closed")


def test_no_pod_has_a_token_of_a_service_account(
    woocommerce: DeployedStore, medusa: DeployedStore
) -> None:
    for store, deployment in ((woocommerce, "wordpress"), (medusa, "medusa")):
        folder = "/var/run/secrets/kubernetes.io"
        found = store.kubectl.run("exec", f"deploy/{deployment}", "--", "ls", folder)
        assert found.returncode != 0


def resources(memory: str) -> dict[str, Any]:
    amounts = {"cpu": "10m", "memory": memory}
    return {"resources": {"requests": amounts, "limits": amounts}}


PRIVILEGED = {"securityContext": {"privileged": True}, **resources("8Mi")}
REFUSED = {
    "a pod without resources": (pod("bare", container={"resources": {}}), "must specify"),
    "a privileged pod": (pod("mighty", container=PRIVILEGED), 'violates PodSecurity "restricted'),
    "a pod over quota": (pod("large", container=resources("7Gi")), "exceeded quota: store-quota"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_cluster_refuses(woocommerce: DeployedStore, what: str) -> None:
    manifest, because = REFUSED[what]
    manifest["metadata"]["namespace"] = woocommerce.about["namespace"]
    said = woocommerce.kubectl.create(manifest)
    assert said.returncode != 0
    assert because in said.stderr


def test_the_cluster_refuses_a_fourth_claim(woocommerce: DeployedStore) -> None:
    refusals: list[str] = []
    for number in range(4):
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": f"more-{number}"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Mi"}},
            },
        }
        said = woocommerce.kubectl.create(claim)
        if said.returncode != 0:
            refusals.append(said.stderr)
    present = woocommerce.kubectl("get", "pvc", "-o", "name").split()
    woocommerce.kubectl("delete", "pvc", *(f"more-{n}" for n in range(4)), "--ignore-not-found")
    assert len(present) == 3
    assert refusals
    assert all("exceeded quota: store-quota" in said for said in refusals)


def test_a_restart_of_containerd_loses_nothing(
    node: RealNodeCluster, woocommerce: DeployedStore, medusa: DeployedStore
) -> None:
    node.restart_containerd()
    for store, name in ((woocommerce, "ada"), (medusa, "shop")):
        eventually(lambda each=store: each.answers("/"), "the store answers")  # type: ignore[misc]
        eventually(store.is_ready, f"{name} is ready again by itself")
