"""Real HTTP on the loopback interface: what becomes of asking for a store's page."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import unused_port

from storeorch.settings import Settings
from storeorch.visitor import HttpVisitor, ingress_of, places_of

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve on a free port of the loopback interface."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = unused_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def visitor(ingress: str) -> AsyncIterator[HttpVisitor]:
    made = HttpVisitor(ingress)
    try:
        yield made
    finally:
        await made.close()


async def test_the_ingress_is_told_which_store_is_meant() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.host}{request.path}")

    async with serving(answer) as ingress, visitor(ingress) as made:
        for _ in range(2):
            found = await made.visit("http://shop.local.test/products")
            assert (found.status, found.body) == (200, b"shop.local.test/products")


async def test_each_scheme_has_a_port_of_its_own() -> None:
    """An ingress that sends its visitors on to the encrypted address is followed there."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("shop.local.test").configure_cert(tls)

    async def encrypted(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.scheme}://{request.host}")

    async def plain(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"https://{request.host}/")

    async with (
        serving(plain) as http,
        serving(encrypted, tls) as https,
        visitor(f"http://{http}, https://{https}") as made,
    ):
        found = await made.visit("http://shop.local.test/")
    assert (found.status, found.body) == (200, b"https://shop.local.test")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "http://127.0.0.1", "https://[::1]:1"])
async def test_the_ingress_may_be_a_name_or_an_address_without_a_port(host: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.host)

    async with serving(answer) as ingress:
        port = ingress.rpartition(":")[2]
        async with visitor(host.replace("[::1]", "127.0.0.1")) as made:
            found = await made.visit(f"http://shop.local.test:{port}/")
    assert (found.status, found.body) == (200, f"shop.local.test:{port}".encode())


@pytest.mark.parametrize(
    ("places", "plain", "encrypted"),
    [
        ("10.0.0.2", ("10.0.0.2", None), ("10.0.0.2", None)),
        ("10.0.0.2:81", ("10.0.0.2", 81), ("10.0.0.2", 81)),
        ("fd00::1", ("fd00::1", None), ("fd00::1", None)),
        ("[fd00::1]:81", ("fd00::1", 81), ("fd00::1", 81)),
        ("https://10.0.0.2:444", ("10.0.0.2", None), ("10.0.0.2", 444)),
        ("http://a:81,https://b:444", ("a", 81), ("b", 444)),
    ],
)
def test_what_the_setting_says(
    places: str, plain: tuple[str, int | None], encrypted: tuple[str, int | None]
) -> None:
    assert Settings.load(probe_address=places).probe_address == places
    assert places_of(places) == {"http": plain, "https": encrypted}


async def test_redirects_are_followed_but_not_without_end() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/shop":
            return web.Response(text="open")
        raise web.HTTPFound("/shop" if request.path == "/" else "/again")

    async with serving(answer) as ingress, visitor(ingress) as made:
        assert (await made.visit("http://shop.local.test/")).body == b"open"
        lost = await made.visit("http://shop.local.test/again")
        assert (lost.status, lost.trouble) == (None, "The store redirects without end.")


async def test_an_error_has_its_status_and_a_long_page_its_beginning() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503, body=b"x" * 3_000_000)

    async with serving(answer) as ingress, visitor(ingress) as made:
        found = await made.visit("http://shop.local.test/")
        assert found.status == 503
        assert 0 < len(found.body) <= 262_144


async def test_where_nothing_answers() -> None:
    async with visitor(f"127.0.0.1:{unused_port()}") as made:
        found = await made.visit("http://shop.local.test/")
    assert found.status is None
    assert found.trouble == "Nothing answers at the address of the store."


async def test_a_host_that_the_name_service_does_not_know() -> None:
    async with visitor("") as made:
        found = await made.visit("http://shop.storeorch.invalid/")
    assert found.status is None
    assert "shop.storeorch.invalid" in found.trouble


async def test_an_ingress_that_the_name_service_does_not_know() -> None:
    async with visitor("ingress.storeorch.invalid:80") as made:
        found = await made.visit("http://shop.local.test/")
    assert found.status is None
    assert "STOREORCH_PROBE_ADDRESS" in found.trouble


@pytest.mark.parametrize(
    ("probe", "domain", "hosts_file", "expected"),
    [
        ("10.0.0.9:81", "shops.example.com", False, "10.0.0.9:81"),
        ("", "shops.example.com", False, ""),
        ("", "shops.example.com", True, "127.0.0.1"),
        ("", "local.test", False, "127.0.0.1"),
        ("", "test", False, "127.0.0.1"),
        ("", "contest", False, ""),
    ],
)
def test_where_the_ingress_is(probe: str, domain: str, hosts_file: bool, expected: str) -> None:
    found = ingress_of(probe, "127.0.0.1", domain=domain, hosts_file=hosts_file)
    assert found == expected
