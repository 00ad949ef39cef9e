"""The WooCommerce images without a cluster: install, serve, sell, install again, upgrade.

The programs are the images' own: Debian's Apache, PHP, WordPress and MariaDB, with the chart's
files as the chart mounts them. WooCommerce is the tests' stand-in (``tests/woocommerce_stand_in``)
unless ``STOREORCH_WOOCOMMERCE_ZIP`` names a real one, and ``STOREORCH_WORDPRESS`` a folder with a
WordPress that is recent enough for it.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from .rootfs import Rootfs, unpack
from .woocommerce_images import ROOT, STAND_IN, build
from .woocommerce_visitor import Visitor

FILES = ROOT / "charts" / "woocommerce" / "files"
HOST = "shop.local.test"
PASSWORD = "correct-horse-battery"
DATABASE = "127.83.7.1"
"""An address of the loopback range that nothing else of the tests listens on."""


@dataclass(frozen=True)
class Shop:
    """A shop's image, volume and database."""

    wordpress: Rootfs
    content: Path
    logs: Path
    port: int

    def install(self, **changes: str) -> subprocess.CompletedProcess[str]:
        """Do what the pod of the install job does."""
        changed = replace(self.wordpress, environment={**self.wordpress.environment, **changes})
        volumes = {**self.wordpress.volumes, "/content": self.content}
        del volumes["/usr/src/wordpress/wp-content"]
        replace(changed, volumes=volumes).run("php", "/opt/storeorch/content.php")
        return changed.run("php", "/opt/storeorch/install.php", check=False)

    @contextmanager
    def serving(self) -> Iterator[Visitor]:
        """Run Apache, and visit it."""
        words = ("apache2", "-f", "/opt/storeorch/apache.conf", "-DFOREGROUND")
        log = self.logs / "apache.log"
        with self.wordpress.running(*words, log=log) as process:
            wait_for("127.0.0.1", self.port, process, log)
            yield Visitor(f"127.0.0.1:{self.port}", HOST)

    def ready(self) -> int:
        """Ask as the kubelet asks."""
        return (
            Visitor(f"127.0.0.1:{self.port}", "readiness.invalid")
            .get("/storeorch-ready.php")
            .status
        )


def wait_for(host: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server listens; one that has ended never will."""
    while True:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex((host, port)) == 0:
                return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@contextmanager
def database(image: Path, data: Path, logs: Path) -> Iterator[None]:
    rootfs = Rootfs(
        image,
        999,
        {"/var/lib/mysql": data},
        {
            "MYSQL_DATABASE": "wordpress",
            "MYSQL_USER": "wordpress",
            "MYSQL_PASSWORD": "db's \\ password",
            "MYSQL_ROOT_PASSWORD": "root",
        },
    )
    log = logs / "mariadb.log"
    words = ("start-mariadb", "--skip-log-bin", f"--bind-address={DATABASE}")
    with rootfs.running(*words, log=log) as process:
        wait_for(DATABASE, 3306, process, log)
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both images, unpacked."""
    archives = build("woocommerce", "mariadb")
    return {
        name: unpack(archive, tmp_path_factory.mktemp(name)) for name, archive in archives.items()
    }


@pytest.fixture(scope="module")
def shop(images: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with an empty volume and an empty database that runs."""
    folder = tmp_path_factory.mktemp("shop")
    for name, uid in (("content", 33), ("data", 999)):
        (folder / name).mkdir()
        shutil.chown(folder / name, uid, uid)
    files = folder / "files"
    shutil.copytree(FILES, files)
    (files / "mu-plugins").mkdir()
    shutil.move(files / "own-requests.php", files / "mu-plugins")
    root = images["woocommerce"]
    (root / "content").mkdir()
    shutil.copy(FILES / "wp-config.php", root / "usr/src/wordpress/wp-config.php")
    port = free_port()
    keys = (
        f"{name}_{kind}"
        for name in ("AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE")
        for kind in ("KEY", "SALT")
    )
    wordpress = Rootfs(
        root,
        33,
        {"/usr/src/wordpress/wp-content": folder / "content", "/opt/storeorch": files},
        {
            **{f"WORDPRESS_{key}": f"{key} of the test" for key in keys},
            "WORDPRESS_DB_HOST": DATABASE,
            "WORDPRESS_DB_NAME": "wordpress",
            "WORDPRESS_DB_USER": "wordpress",
            "WORDPRESS_DB_PASSWORD": "db's \\ password",
            "WORDPRESS_DIR": "/usr/src/wordpress",
            "STORE_URL": f"http://{HOST}",
            "STORE_EXTERNAL_REQUESTS": "false",
            "STORE_FILES": "/opt/storeorch",
            "STORE_LISTEN": f"127.0.0.1:{port}",
            "STORE_PORT": str(port),
            "STORE_TITLE": "Ada's shop",
            "STORE_ADMIN_USER": "admin",
            "STORE_ADMIN_EMAIL": "owner@example.com",
            "STORE_ADMIN_PASSWORD": PASSWORD,
            "STORE_CURRENCY": "EUR",
            "STORE_COUNTRY": "DE",
            "STORE_SAMPLE_PRODUCT": "true",
            "WOOCOMMERCE_IN_IMAGE": "/usr/src/storeorch/woocommerce",
            "WOOCOMMERCE_URL": "",
            "WOOCOMMERCE_SHA256": "",
            "CONTENT_FROM": "/usr/src/wordpress/wp-content",
            "CONTENT_TO": "/content",
        },
    )
    with database(images["mariadb"], folder / "data", folder):
        wordpress.run("php", "/opt/storeorch/wait-for-database.php")
        yield Shop(wordpress, folder / "content", folder, port)


@pytest.fixture(scope="module")
def installed(shop: Shop) -> Shop:
    """The same shop, installed; before, it is not ready and cannot be set up by a visitor."""
    with shop.serving() as visitor:
        assert shop.ready() == 503
        assert visitor.get("/wp-admin/install.php").status == 403
    done = shop.install()
    assert done.returncode == 0, done.stdout
    assert "NO " not in done.stdout
    return shop


def test_wrong_credentials_of_the_database_end_the_wait(shop: Shop) -> None:
    environment = {**shop.wordpress.environment, "WORDPRESS_DB_PASSWORD": "wrong"}
    wrong = replace(shop.wordpress, environment=environment)
    done = wrong.run("php", "/opt/storeorch/wait-for-database.php", check=False)
    assert (done.returncode, "refuses the credentials" in done.stdout) == (1, True)


def test_a_job_without_woocommerce_says_so_and_is_final(shop: Shop) -> None:
    done = shop.install(WOOCOMMERCE_IN_IMAGE="/nowhere")
    assert done.returncode == 42
    assert "there is no WooCommerce" in done.stdout


def test_a_customer_orders_and_the_owner_sees_it(installed: Shop) -> None:
    with installed.serving() as customer:
        assert installed.ready() == 200
        assert customer.get("/storeorch-ready.php").status == 404
        front = customer.get("/")
        assert front.status == 200
        assert "Ada&#039;s shop" in front.text or "Ada&#8217;s shop" in front.text
        assert "Sample product" in customer.get("/shop/").text
        (product,) = customer.products()
        assert product["sku"] == "storeorch-sample"
        assert product["prices"] | {"price": "1000", "currency_code": "EUR"} == product["prices"]
        assert product["permalink"] == f"http://{HOST}/product/sample-product/"
        assert "Sample product" in customer.get("/product/sample-product/").text
        order = customer.order(product["id"])
        assert (order["status"], order["payment_method"]) == ("processing", "cod")

        owner = Visitor(customer.address, HOST)
        assert "wp-admin-bar-my-account" not in owner.log_in("admin", "wrong").text
        assert "wp-admin-bar-my-account" in owner.log_in("admin", PASSWORD).text
        assert order["order_id"] in owner.orders()


def test_what_is_not_for_visitors_is_closed(installed: Shop) -> None:
    uploads = installed.content / "uploads"
    (uploads / "picture.php").write_text("<?php echo 'ran';")
    (uploads / "picture.txt").write_text("a picture")
    with installed.serving() as visitor:
        assert visitor.get("/wp-content/uploads/picture.txt").text == "a picture"
        for path in (
            "/wp-content/uploads/picture.php",
            "/wp-admin/install.php",
            "/wp-admin/setup-config.php",
            "/wp-config.php",
        ):
            assert visitor.get(path).status == 403, path


def test_the_shop_reaches_itself_and_nothing_else(installed: Shop) -> None:
    """Cron and REST go to the shop's own address, which no name server here knows."""
    script = (
        "require '/usr/src/wordpress/wp-load.php';"
        "$addresses = array( 'http://shop.local.test/wp-login.php', 'http://example.com/' );"
        "foreach ( $addresses as $url ) {"
        "$a = wp_remote_get( $url, array( 'timeout' => 60 ) );"
        "echo is_wp_error( $a ) ? $a->get_error_code() : $a['response']['code'], ' '; }"
    )
    with installed.serving():
        said = installed.wordpress.run("php", "-r", script).stdout
    assert said.split() == ["200", "http_request_not_executed"]


def test_behind_an_ingress_that_encrypts(installed: Shop) -> None:
    """No endless redirection from https to https, and links that stay encrypted."""
    environment = {**installed.wordpress.environment, "STORE_URL": f"https://{HOST}"}
    wordpress = replace(installed.wordpress, environment=environment)
    with replace(installed, wordpress=wordpress).serving() as visitor:
        answer = Visitor(visitor.address, HOST, scheme="https").get("/shop/")
    assert answer.status == 200
    assert f"https://{HOST}/" in answer.text
    assert f"http://{HOST}/" not in answer.text


def test_installing_again_leaves_the_owners_changes(installed: Shop) -> None:
    change = (
        "require '/usr/src/wordpress/wp-load.php';"
        "update_option( 'woocommerce_currency', 'GBP' );"
        "update_option( 'blogname', 'Renamed' );"
        "wp_trash_post( wc_get_product_id_by_sku( 'storeorch-sample' ) );"
    )
    look = (
        "require '/usr/src/wordpress/wp-load.php';"
        "echo get_option( 'woocommerce_currency' ), ' ', get_option( 'blogname' ), ' ',"
        "wp_count_posts( 'product' )->publish;"
    )
    php = installed.wordpress.run
    php("php", "-r", change)
    done = installed.install()
    assert done.returncode == 0, done.stdout
    assert php("php", "-r", look).stdout.strip() == "GBP Renamed 0"

    # What is declared anew is written, and nothing else.
    done = installed.install(STORE_CURRENCY="CHF")
    assert done.returncode == 0, done.stdout
    assert php("php", "-r", look).stdout.strip() == "CHF Renamed 0"


@pytest.mark.skipif(not STAND_IN, reason="the stand-in's next version")
def test_an_upgrade_of_woocommerce(installed: Shop, tmp_path: Path) -> None:
    """The stand-in's next version has three rounds of changes; an older one is not taken."""
    newer = shutil.copytree(ROOT / "tests" / "woocommerce_stand_in", tmp_path / "woocommerce")
    main = newer / "woocommerce.php"
    main.write_text(re.sub(r"Version: 1\.0\.0", "Version: 2.1.0", main.read_text()))
    for path in (tmp_path, newer, newer / "includes"):
        path.chmod(0o755)
    mounted = installed.wordpress.folder / "mnt"
    volumes = {**installed.wordpress.volumes, "/mnt": newer}
    assert mounted.is_dir()
    upgraded = replace(installed, wordpress=replace(installed.wordpress, volumes=volumes))

    done = upgraded.install(WOOCOMMERCE_IN_IMAGE="/mnt")
    assert done.returncode == 0, done.stdout
    assert "WooCommerce 2.1.0 is put in place" in done.stdout
    assert "the database is updated from WooCommerce 1.0.0" in done.stdout
    look = (
        "require '/usr/src/wordpress/wp-load.php'; echo WC_VERSION, ' ', "
        "get_option( 'woocommerce_db_version' ), ' ', get_option( 'stand_in_updated' );"
    )
    assert installed.wordpress.run("php", "-r", look).stdout.strip() == "2.1.0 2.1.0 3"

    done = installed.install()
    assert done.returncode == 0, done.stdout
    assert "WooCommerce 2.1.0 is in place" in done.stdout
    assert not list((installed.content / "plugins").glob(".storeorch-*"))


def test_php_is_php(installed: Shop) -> None:
    for path in sorted(FILES.glob("*.php")):
        name = f"mu-plugins/{path.name}" if path.name == "own-requests.php" else path.name
        installed.wordpress.run("php", "-l", f"/opt/storeorch/{name}")
