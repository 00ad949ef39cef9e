"""Real HTTP on the loopback interface: what becomes of asking for a store's page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from storeorch.visitor import HttpVisitor, ingress_of

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """Serve on a free port of the loopback interface."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = unused_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
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
