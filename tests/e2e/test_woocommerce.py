"""A WooCommerce store on a real node, from ``store create`` to an order, and what survives.

WooCommerce is the tests' stand-in unless ``STOREORCH_WOOCOMMERCE_ZIP`` names a real one, see
``woocommerce_images``; everything else is real: WordPress, Apache, PHP, MariaDB, the node, the
ingress.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from .connecting import certify
from .objects import eventually
from .store import DeployedStore
from .woocommerce_visitor import Visitor

NAME = "ada"


@dataclass(frozen=True)
class Shop:
    """The shop of a store that is ready.

    Attributes:
        store: The store.
    """

    store: DeployedStore

    def visitor(self, host: str = f"{NAME}.local.test") -> Visitor:
        return Visitor(self.store.ingress, host)

    def owner(self) -> Visitor:
        """The owner, logged in with the generated credentials."""
        owner = self.visitor()
        page = owner.log_in("admin", self.store.credential("admin-password"))
        assert "wp-admin-bar-my-account" in page.text
        return owner


@pytest.fixture(scope="module")
def shop(woocommerce: DeployedStore) -> Shop:
    return Shop(woocommerce)


@pytest.fixture(scope="module")
def order(shop: Shop) -> int:
    """A customer's order by cash on delivery, through the ingress."""
    customer = shop.visitor()
    (product,) = customer.products()
    made = customer.order(product["id"])
    assert (made["status"], made["payment_method"]) == ("processing", "cod")
    return int(made["order_id"])


def test_it_is_ready_with_an_address(shop: Shop) -> None:
    assert (shop.store.about["status"], shop.store.about["url"]) == (
        "ready",
        f"http://{NAME}.local.test",
    )
    assert f"127.0.0.1\t{NAME}.local.test" in Path(
        shop.store.environment["STOREORCH_HOSTS_FILE"]
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
    said = shop.store.kubectl.run(
        "label", "--dry-run=server", "--overwrite", "namespace", shop.store.about["namespace"],
        "pod-security.kubernetes.io/enforce=restricted",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "violate" not in said.stderr


@pytest.mark.parametrize("component", ["wordpress", "mysql"])
def test_a_killed_pod_loses_nothing(shop: Shop, order: int, component: str) -> None:
    """The order is there, and who was logged in still is: keys and salts are the store's."""
    owner = shop.owner()
    shop.store.kill(component)
    eventually(lambda: shop.visitor().get("/").status == 200, "the shop answers again")
    eventually(shop.store.is_ready, "the store is ready again by itself")
    assert order in owner.orders()
    assert [p["sku"] for p in shop.visitor().products()] == ["storeorch-sample"]


def test_a_gateway_in_the_place_of_the_ingress(shop: Shop, order: int) -> None:
    """Customers come by the one or the other."""
    for kind in ("httproute", "ingress"):
        shop.store.sell_through(kind)
        eventually(lambda: shop.visitor().get("/").status == 200, "it answers")
        (product,) = shop.visitor().products()
        assert product["permalink"].startswith(f"http://{NAME}.local.test/")
    assert order in shop.owner().orders()


def test_sold_encrypted_and_back(shop: Shop, order: int) -> None:
    """The shop calls itself by its encrypted address, and is ready once it serves there."""
    host = f"{NAME}.local.test"
    trusted = certify(shop.store.kubectl, "ada-tls", host)
    assert shop.store.update(ingress__tls_secret="ada-tls") == f"https://{host}"
    encrypted = Visitor(shop.store.ingress_tls, host, "https", trusted)
    eventually(lambda: _serves(encrypted), "it answers with its own certificate")
    (product,) = encrypted.products()
    assert product["permalink"].startswith(f"https://{host}/")
    later = encrypted.order(product["id"])["order_id"]

    assert shop.store.update(ingress__tls_secret="") == f"http://{host}"
    eventually(lambda: shop.visitor().get("/").status == 200, "it answers")
    assert {order, later} <= shop.owner().orders()


def _serves(visitor: Visitor) -> bool:
    """Say whether the shop answers; the ingress takes a certificate a moment later."""
    try:
        return visitor.get("/").status == 200
    except OSError:
        return False


def test_a_domain_of_its_own(shop: Shop, order: int) -> None:
    """The shop answers there, calls itself so, and the hosts file names it; then back."""
    own, plain = "ada.example.test", f"{NAME}.local.test"
    hosts = Path(shop.store.environment["STOREORCH_HOSTS_FILE"])
    for host, domain in ((own, own), (plain, "")):
        assert shop.store.update(domain=domain) == f"http://{host}"
        visitor = shop.visitor(host)
        eventually(lambda at=visitor: at.get("/").status == 200, "it answers there")  # type: ignore[misc]
        (product,) = visitor.products()
        assert product["permalink"].startswith(f"http://{host}/")
        named = [line.split("\t")[1] for line in hosts.read_text().splitlines() if "\t" in line]
        assert named == [host]
    assert order in shop.owner().orders()


def test_a_lost_database_is_told_and_made_anew_only_on_request(shop: Shop, order: int) -> None:
    """What remains is kept, and what sets up a shop runs again on the empty volume."""
    store = shop.store
    store.kubectl("delete", "pvc", "data-mysql-0", "--wait=false")
    store.kubectl("delete", "pod", "mysql-0")
    eventually(lambda: store.fault(NAME) == "data-missing", "the loss is told")
    assert store.status(NAME) == "degraded"
    store.storeorch("store", "retry", NAME, "--wait", "--timeout=10m")
    assert [p["sku"] for p in shop.visitor().products()] == ["storeorch-sample"]
    assert order not in shop.owner().orders()
