"""A Medusa store on a real node, from ``store create`` to an order, and what survives.

Everything is real: node and ingress, the production build of Medusa, PostgreSQL, and a customer in
Debian's Chromium.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import expect

from .connecting import certify
from .customer import Bought, browser, buy, log_in
from .medusa_shop import Shop
from .objects import eventually
from .store import DeployedStore

NAME = "shop"
EMAIL = "owner@example.com"


@dataclass
class Clock:
    """How long each step took, in seconds; for people to read, never to assert."""

    steps: list[tuple[str, float]] = field(default_factory=list)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Take the time of a step."""
        began = time.monotonic()
        yield
        self.steps.append((name, time.monotonic() - began))

    def report(self) -> str:
        """The steps as a table."""
        total = ("from create to the first order", sum(seconds for _, seconds in self.steps))
        return "\n".join(f"{seconds:8.1f} s  {name}" for name, seconds in [*self.steps, total])


def conditions(store: DeployedStore) -> Iterator[tuple[str, float]]:
    """How long after ``create`` each condition held, one after the other."""
    before = datetime.fromisoformat(store.about["created_at"])
    held = sorted(
        (datetime.fromisoformat(condition["since"]), condition["type"])
        for condition in store.about["conditions"]
    )
    for since, kind in held:
        yield kind, (since - before).total_seconds()
        before = since


@pytest.fixture(scope="module")
def store(medusa: DeployedStore) -> DeployedStore:
    return medusa


@pytest.fixture(scope="module")
def shop(store: DeployedStore) -> Shop:
    """The shop's API through the ingress, for its owner."""
    shop = Shop(store.ingress, store.host)
    shop.enter()
    shop.log_in(EMAIL, store.credential("admin-password"))
    return shop


@pytest.fixture(scope="module")
def order(store: DeployedStore, shop: Shop) -> str:
    """An order by the API, for what has to survive."""
    return shop.buy()


async def test_a_customer_buys_in_a_browser(
    store: DeployedStore,
    shop: Shop,
    tmp_path: Path,
    record_property: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock(list(conditions(store)))
    async with browser(resolve=f"MAP {store.host} {store.ingress}") as page:
        bought: Bought = await buy(page, store.about["url"], step=clock.step, pictures=tmp_path)
        with capsys.disabled():
            print(f"\n{clock.report()}")
        record_property("steps", json.dumps(clock.steps))

        # The owner sees it in the admin, over plain HTTP too.
        await log_in(page, store.about["url"], EMAIL, store.credential("admin-password"))
        await expect(page.get_by_text(f"#{bought.number}").first).to_be_visible()
    found = shop.order(bought.order_id)
    assert (found["total"], found["email"]) == (25, "customer@example.com")
    assert bought.total == "$25.00"


def test_it_is_ready_with_an_address(store: DeployedStore) -> None:
    assert store.about["status"] == "ready"
    assert store.about["url"] == f"http://{NAME}.local.test"


def test_every_pod_obeys_restricted(store: DeployedStore) -> None:
    """The namespace may enforce it; here the cluster is asked what it would say."""
    said = store.kubectl.run(
        "label", "--dry-run=server", "--overwrite", "namespace", store.about["namespace"],
        "pod-security.kubernetes.io/enforce=restricted",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "violate" not in said.stderr


@pytest.mark.parametrize("component", ["medusa", "postgresql"])
def test_a_killed_pod_loses_nothing(
    store: DeployedStore, shop: Shop, order: str, component: str
) -> None:
    store.kill(component)
    eventually(lambda: shop.status("/ready") == 200, "the shop answers again")
    eventually(store.is_ready, "the store is ready again by itself")
    assert shop.order(order)["total"] == 25


def test_an_update_keeps_what_was_sold(store: DeployedStore, shop: Shop, order: str) -> None:
    """Another admin user is another setup, and no other shop."""
    store.update(admin_email="second@example.com")
    second = Shop(store.ingress, store.host)
    eventually(lambda: second.status("/ready") == 200, "the shop answers")
    second.log_in("second@example.com", store.credential("admin-password"))
    assert second.order(order)["total"] == 25
    assert second.ask("GET", "/admin/products")["count"] == 1


def test_redis_joins_a_shop_that_sells(store: DeployedStore, shop: Shop, order: str) -> None:
    store.update(redis__enabled="true")
    eventually(lambda: shop.status("/ready") == 200, "the shop answers")
    assert shop.order(order)["total"] == 25
    assert shop.order(shop.buy())["total"] == 25


def test_a_gateway_in_the_place_of_the_ingress(store: DeployedStore, shop: Shop) -> None:
    """Customers come by the one or the other."""
    for kind in ("httproute", "ingress"):
        store.sell_through(kind)
        eventually(lambda: shop.status("/ready") == 200, "the shop answers")
        assert shop.order(shop.buy())["total"] == 25


async def test_sold_encrypted_and_back(store: DeployedStore, shop: Shop, order: str) -> None:
    """The owner's browser keeps a login only over TLS then, and over plain HTTP afterwards."""
    host = f"{NAME}.local.test"
    password = store.credential("admin-password")
    trusted = certify(store.kubectl, "shop-tls", host)
    for secret, scheme, address in (
        ("shop-tls", "https", store.ingress_tls),
        ("", "http", store.ingress),
    ):
        url = store.update(ingress__tls_secret=secret, admin_email=EMAIL)
        assert url == f"{scheme}://{host}"
        seen = Shop(address, host, trusted if secret else None)
        eventually(lambda seen=seen: seen.status("/ready") == 200, "it answers there")  # type: ignore[misc]
        seen.enter()
        seen.log_in(EMAIL, password)
        assert seen.order(order)["total"] == 25
        assert seen.order(seen.buy())["total"] == 25
        async with browser(resolve=f"MAP {host} {address}", any_certificate=True) as page:
            await log_in(page, url, EMAIL, password)
