"""The Medusa images without a cluster: set up, serve, sell, set up again, lose the database.

The programs are the images' own: Debian's PostgreSQL and Redis, the production build of Medusa,
admin and storefront, with the chart's scripts as the chart mounts them. The customer is Debian's
Chromium.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.async_api import expect

from .customer import browser, buy, log_in
from .medusa_shop import Refused, Shop
from .rootfs import Rootfs, unpack
from .woocommerce_images import ROOT, build

SCRIPTS = ROOT / "charts" / "medusa" / "files"
REVISION = "0123456789"
EMAIL, PASSWORD = "owner@example.com", "correct-horse-battery"
DATABASE, CACHE = "127.83.9.1", "127.83.9.2"
"""Addresses of the loopback range that nothing else of the tests listens on."""

PATIENCE = 120.0
"""Longest time for one thing to happen, in seconds; a pass does not wait it out."""


@dataclass(frozen=True)
class Images:
    """Unpacked images, and the port that the shop listens on."""

    medusa: Rootfs
    postgresql: Rootfs
    redis: Rootfs
    logs: Path
    port: int

    @property
    def shop(self) -> Shop:
        return Shop(f"127.0.0.1:{self.port}", "127.0.0.1")

    def set_up(self, **changes: str) -> str:
        """Do what the Job does, and return what it said."""
        environment = {**self.medusa.environment, **changes}
        done = replace(self.medusa, environment=environment).run(
            "sh", "-c", f"cd /app\n{(SCRIPTS / 'setup.sh').read_text()}", timeout=600
        )
        return done.stdout

    def is_set_up(self, revision: str = REVISION) -> bool:
        """Ask once what the server's init container asks until it is true."""
        script = (SCRIPTS / "wait-for-setup.sh").read_text().replace("sleep 2", "exit 3")
        words = ("env", f"SETUP_REVISION={revision}", "sh", "-c", script)
        return self.postgresql.run(*words, check=False).returncode == 0

    @contextmanager
    def serving(self, **changes: str) -> Iterator[Shop]:
        """Run the server, and give its API with the storefront's key."""
        server = replace(self.medusa, environment={**self.medusa.environment, **changes})
        words = ("sh", "-c", f"cd /app && exec medusa start --host 127.0.0.1 --port {self.port}")
        log = self.logs / "medusa.log"
        with server.running(*words, log=log) as process:
            wait_until(lambda: self.shop.status("/ready") == 200, process, log)
            shop = self.shop
            shop.enter()
            yield shop

    @contextmanager
    def database(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run PostgreSQL on the data that is there."""
        words = ("start-postgresql", "-c", f"listen_addresses={DATABASE}")
        log = self.logs / "postgresql.log"
        with self.postgresql.running(*words, log=log) as process:
            wait_until(lambda: listens(DATABASE, 5432), process, log)
            yield process

    @contextmanager
    def cache(self) -> Iterator[None]:
        """Run Redis as the chart does, on an address of its own."""
        script = (SCRIPTS / "redis.sh").read_text()
        bound = script.replace("port 6379", f"port 6379\nbind {CACHE}")
        log = self.logs / "redis.log"
        with self.redis.running("sh", "-c", bound, log=log) as process:
            wait_until(lambda: listens(CACHE, 6379), process, log)
            yield


def listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((host, port)) == 0


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something holds; a server that has ended never makes it so."""
    while not holds():
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(log.read_text()[-3000:])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    folder = tmp_path_factory.mktemp("medusa")
    roots = {}
    for name, archive in build("medusa", "postgresql", "redis").items():
        place = folder / name
        place.mkdir()
        roots[name] = unpack(archive, place)

    def volume(name: str, uid: int) -> Path:
        made = folder / "volumes" / name
        made.mkdir(parents=True)
        os.chown(made, uid, uid)
        return made

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    postgres = {"POSTGRES_USER": "medusa", "POSTGRES_PASSWORD": "pw", "POSTGRES_DB": "medusa"}
    psql = {"PGHOST": DATABASE, "PGUSER": "medusa", "PGPASSWORD": "pw", "PGDATABASE": "medusa"}
    medusa = {
        "PATH": "/app/node_modules/.bin:/usr/local/bin:/usr/bin:/bin",
        "DATABASE_URL": f"postgres://medusa:pw@{DATABASE}:5432/medusa",
        "JWT_SECRET": "a-jwt-secret",
        "COOKIE_SECRET": "a-cookie-secret",
        "NODE_ENV": "production",
        "HOME": "/tmp",
        "MEDUSA_DISABLE_TELEMETRY": "true",
        **dict.fromkeys(("STORE_CORS", "ADMIN_CORS", "AUTH_CORS", "MEDUSA_BACKEND_URL"), url),
        "MEDUSA_ADMIN_EMAIL": EMAIL,
        "MEDUSA_ADMIN_PASSWORD": PASSWORD,
        "STORE_NAME": "My Store",
        "STORE_CURRENCY": "USD",
        "STORE_COUNTRY": "US",
        "STORE_SAMPLE_PRODUCT": "true",
        "SETUP_REVISION": REVISION,
    }
    return Images(
        medusa=Rootfs(
            roots["medusa"],
            1000,
            {"/tmp": volume("medusa-tmp", 1000), "/app/static": volume("uploads", 1000)},
            medusa,
        ),
        postgresql=Rootfs(
            roots["postgresql"],
            999,
            {
                "/tmp": volume("postgresql-tmp", 999),
                "/var/lib/postgresql/data": volume("postgresql", 999),
                "/var/run/postgresql": volume("postgresql-run", 999),
            },
            {
                "PATH": "/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "PGDATA": "/var/lib/postgresql/data/pgdata",
                **postgres,
                **psql,
            },
        ),
        redis=Rootfs(
            roots["redis"], 999, {"/data": volume("redis", 999)}, {"REDIS_PASSWORD": "pw"}
        ),
        logs=folder,
        port=port,
    )


def inventory(shop: Shop) -> dict[str, int]:
    """Count what the setup makes."""
    kinds = (
        "products",
        "regions",
        "stock-locations",
        "shipping-options",
        "sales-channels",
        "tax-regions",
        "users",
        "api-keys",
    )
    return {kind: shop.ask("GET", f"/admin/{kind}")["count"] for kind in kinds}


async def test_a_shop_sells_and_forgets_nothing(images: Images, tmp_path: Path) -> None:
    with images.database() as database:
        assert not images.is_set_up()
        images.set_up()
        assert images.is_set_up()
        # A server of another image waits for a setup of its own.
        assert not images.is_set_up("9876543210")

        with images.serving() as shop:
            async with browser() as page:
                bought = await buy(page, f"http://{shop.address}", pictures=tmp_path)
                assert bought.total == "$25.00"

                # The admin's session is a cookie, and this is plain HTTP.
                await log_in(page, f"http://{shop.address}", EMAIL, PASSWORD)
                await expect(page.get_by_text(f"#{bought.number}").first).to_be_visible()

            shop.log_in(EMAIL, PASSWORD)
            order = shop.order(bought.order_id)
            assert (order["total"], order["email"]) == (25, "customer@example.com")
            before = inventory(shop)
            with pytest.raises(Refused, match="400"):
                Shop(shop.address, "127.0.0.1").ask("GET", "/store/products")

            # A database that is killed comes back with all that was ordered.
            database.send_signal(signal.SIGQUIT)
            database.wait(PATIENCE)
            assert shop.status("/ready") != 200
            assert shop.status("/health") == 200

    with images.database():
        # Once more: nothing is made twice, and what the owner deleted stays deleted.
        with images.serving() as shop:
            shop.log_in(EMAIL, PASSWORD)
            (product,) = shop.ask("GET", "/admin/products")["products"]
            shop.ask("DELETE", f"/admin/products/{product['id']}")
        images.set_up(SETUP_REVISION="9876543210", MEDUSA_ADMIN_PASSWORD="another")
        with images.serving() as shop:
            shop.log_in(EMAIL, PASSWORD)
            assert inventory(shop) == {**before, "products": 0}
            assert shop.order(bought.order_id)["total"] == 25


def test_an_admin_user_left_half_made_is_completed(images: Images) -> None:
    with images.database():
        images.postgresql.run("psql", "-c", "DELETE FROM provider_identity")
        images.postgresql.run("psql", "-c", "DELETE FROM auth_identity")
        images.set_up()
        with images.serving() as shop:
            shop.log_in(EMAIL, PASSWORD)
            assert shop.ask("GET", "/admin/users")["count"] == 1


def test_a_shop_with_redis_sells(images: Images) -> None:
    redis = {"REDIS_URL": f"redis://:pw@{CACHE}:6379"}
    with images.database(), images.cache():
        # As if the run before had been killed just before its end: what is there is found again.
        images.postgresql.run("psql", "-c", "DELETE FROM storeorch_setup")
        images.set_up(**redis)
        with images.serving(**redis) as shop:
            order = shop.buy()
            shop.log_in(EMAIL, PASSWORD)
            assert shop.order(order)["total"] == 25
            assert set(inventory(shop).values()) == {1}
    said = (images.logs / "medusa.log").read_text()
    for part in ("event-bus-redis", "cache-redis", "locking-redis", "workflow-engine-redis"):
        assert re.search(rf"Connection to Redis in [^,]*{part}", said), part
