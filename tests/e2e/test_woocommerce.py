"""A WooCommerce store on a real node, from ``store create`` to an order, and what survives.

WooCommerce is the tests' stand-in unless ``STOREORCH_WOOCOMMERCE_ZIP`` names a real one, see
``woocommerce_images``; everything else is real: WordPress, Apache, PHP, MariaDB, the node, the
ingress.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeorch_devcluster import RealNodeCluster

from .objects import Kubectl, eventually, kubectl_of
from .woocommerce_images import ROOT, build
from .woocommerce_visitor import Visitor

STOREORCH = Path(sys.executable).parent / "storeorch"
NAME = "ada"
LOCAL = ROOT / "charts" / "woocommerce" / "values-local.yaml"


@dataclass(frozen=True)
class Shop:
    """A store that is ready.

    Attributes:
        store: As ``store get`` shows it.
        kubectl: In its namespace.
        node: Where it runs.
        environment: Of the command.
    """

    store: Mapping[str, Any]
    kubectl: Kubectl
    node: RealNodeCluster
    environment: Mapping[str, str]

    def visitor(self, host: str = f"{NAME}.local.test") -> Visitor:
        assert self.node.ingress is not None
        return Visitor(self.node.ingress.removeprefix("http://"), host)

    def owner(self) -> Visitor:
        """The owner, logged in with the generated credentials."""
        owner = self.visitor()
        page = owner.log_in("admin", self.password())
        assert "wp-admin-bar-my-account" in page.text
        return owner

    def password(self) -> str:
        secret = self.kubectl.get("secret", "store-credentials")
        return base64.b64decode(secret["data"]["admin-password"]).decode()

    def storeorch(self, *arguments: str) -> str:
        return storeorch(self.environment, *arguments)

    def replaced(self, selector: str) -> None:
        """Kill the pod that a selector finds, and wait until the one after it is ready."""
        select = f"--selector=app.kubernetes.io/component={selector}"
        before = self.uids(select)
        self.kubectl("delete", "pod", select, "--grace-period=0", "--force")

        def anew() -> bool:
            now = self.uids(select)
            return len(now) == 1 and now != before

        eventually(anew, "another pod")
        self.kubectl("wait", "pod", "--for=condition=Ready", "--timeout=300s", select)

    def uids(self, select: str) -> list[str]:
        shape = "jsonpath={.items[*].metadata.uid}"
        return self.kubectl("get", "pods", select, "-o", shape).split()


def storeorch(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [str(STOREORCH), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def told(kubectl: Kubectl) -> str:
    """What the cluster tells of a store that did not become ready."""
    select = "--selector=storeorch.io/store-name=ada"
    show = kubectl.run("get", "pods,jobs,pvc,events", "--all-namespaces")
    namespaces = kubectl("get", "namespaces", select, "-o", "name").split()
    logs = [
        kubectl.run(
            "logs", "--all-containers", "--prefix", "--tail=60", select,
            f"--namespace={name.partition('/')[2]}",
        ).stdout
        for name in namespaces
    ]  # fmt: skip
    return "\n".join([show.stdout, *logs])


def local_parameters() -> Iterator[str]:
    """``values-local.yaml`` as parameters of the type, for ``--set``."""

    def leaves(prefix: str, values: Mapping[str, Any]) -> Iterator[str]:
        for key, value in values.items():
            name = prefix + re.sub("([A-Z])", r"_\1", key).lower()
            if isinstance(value, Mapping):
                yield from leaves(f"{name}.", value)
            else:
                yield f"--set={name}={value}"

    return leaves("", yaml.safe_load(LOCAL.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def shop(node: RealNodeCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store, created and waited for; deleted at the end, with nothing left."""
    node.load_images(build("woocommerce", "mariadb").values())
    folder = tmp_path_factory.mktemp("woocommerce")
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    environment = {
        **os.environ,
        "KUBECONFIG": str(node.kubeconfig),
        "STOREORCH_DATABASE_URL": f"sqlite:///{folder / 'storeorch.db'}",
        "STOREORCH_HOSTS_FILE": str(hosts),
        "STOREORCH_DOMAIN": "local.test",
    }
    storeorch(environment, "db", "upgrade")
    wanted = (NAME, "--type=woocommerce", "--set=shop.currency=EUR", "--set=shop.country=DE")
    try:
        storeorch(
            environment, "store", "create", *wanted, *local_parameters(), "--wait", "--timeout=15m"
        )
        store = json.loads(storeorch(environment, "store", "get", NAME, "-o", "json"))
        yield Shop(store, kubectl_of(node, store["namespace"]), node, environment)
    except AssertionError:
        print(told(kubectl_of(node, "default")))
        raise
    finally:
        if NAME in storeorch(environment, "store", "list", "-o", "name"):
            storeorch(environment, "store", "delete", NAME, "--yes", "--wait")
    namespaces = kubectl_of(node, "default")("get", "namespaces", "-o", "name")
    assert f"store-{NAME}-" not in namespaces
    assert hosts.read_text() == "127.0.0.1 localhost\n"


@pytest.fixture(scope="module")
def order(shop: Shop) -> int:
    """A customer's order by cash on delivery, through the ingress."""
    customer = shop.visitor()
    (product,) = customer.products()
    made = customer.order(product["id"])
    assert (made["status"], made["payment_method"]) == ("processing", "cod")
    return int(made["order_id"])


def test_it_is_ready_with_an_address(shop: Shop) -> None:
    assert (shop.store["status"], shop.store["url"]) == ("ready", f"http://{NAME}.local.test")
    assert f"127.0.0.1\t{NAME}.local.test" in Path(
        shop.environment["STOREORCH_HOSTS_FILE"]
    ).read_text(encoding="utf-8")


def test_a_customer_sees_front_page_and_products(shop: Shop) -> None:
    customer = shop.visitor()
    assert customer.get("/").status == 200
    assert "Sample product" in customer.get("/shop/").text
    (product,) = customer.products()
    assert product["prices"]["currency_code"] == "EUR"
    assert product["permalink"].startswith(f"http://{NAME}.local.test/")


def test_the_owner_sees_the_order(shop: Shop, order: int) -> None:
    assert order in shop.owner().orders()


def test_nobody_else_gets_in(shop: Shop) -> None:
    page = shop.visitor().log_in("admin", "admin")
    assert "wp-admin-bar-my-account" not in page.text
    assert shop.visitor().get("/wp-admin/install.php").status == 403
    assert shop.visitor().get("/storeorch-ready.php").status == 404


def test_every_pod_obeys_restricted(shop: Shop) -> None:
    """The namespace may enforce it; here the cluster is asked what it would say."""
    said = shop.kubectl.run(
        "label", "--dry-run=server", "--overwrite", "namespace", shop.store["namespace"],
        "pod-security.kubernetes.io/enforce=restricted",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "violate" not in said.stderr


@pytest.mark.parametrize("component", ["wordpress", "mysql"])
def test_a_killed_pod_loses_nothing(shop: Shop, order: int, component: str) -> None:
    """The order is there, and who was logged in still is: keys and salts are the store's."""
    owner = shop.owner()
    shop.replaced(component)
    eventually(lambda: shop.visitor().get("/").status == 200, "the shop answers again")
    assert order in owner.orders()
    assert [p["sku"] for p in shop.visitor().products()] == ["storeorch-sample"]


def test_a_domain_of_its_own(shop: Shop, order: int) -> None:
    """The shop answers there, calls itself so, and the hosts file names it; then back."""
    own, plain = "ada.example.test", f"{NAME}.local.test"
    hosts = Path(shop.environment["STOREORCH_HOSTS_FILE"])
    for host, domain in ((own, own), (plain, "")):
        shop.storeorch("store", "update", NAME, f"--set=domain={domain}", "--wait", "--timeout=10m")
        visitor = shop.visitor(host)
        eventually(lambda at=visitor: at.get("/").status == 200, "it answers there")  # type: ignore[misc]
        (product,) = visitor.products()
        assert product["permalink"].startswith(f"http://{host}/")
        named = [line.split("\t")[1] for line in hosts.read_text().splitlines() if "\t" in line]
        assert named == [host]
    assert order in shop.owner().orders()
