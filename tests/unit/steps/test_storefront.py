"""The last step: what a customer would see, with pages in memory and virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from storeorch.models import Status, Store
from storeorch.ports import Visit
from storeorch.steps.storefront import ServedPage
from storeorch.testing import Sandbox, virtual_time
from storeorch.testing.sandbox import SETTLED

SERVED = Visit(200, b"<html>")
AWAY = Visit(None, trouble="Nothing answers at the address of the store.")


class Pages:
    """Pages as told; satisfies ``ports.Visitor``."""

    def __init__(self, answer: Callable[[], Visit]) -> None:
        self.answer = answer
        self.visited: list[str] = []

    async def visit(self, url: str) -> Visit:
        self.visited.append(url)
        return self.answer()


async def settled(sandbox: Sandbox, pages: Pages, *until: Status) -> Store:
    sandbox.visitor = pages
    found = await sandbox.repository.find("my-store")
    store = found or await sandbox.create("my-store", {"title": "Mine"})
    after = await sandbox.settle(store.id, until=until or SETTLED, timeout=10_000)
    assert after is not None
    return after


def storefront(store: Store) -> tuple[bool, str]:
    (condition,) = (c for c in store.conditions if c.type == "StorefrontReady")
    return condition.status, condition.reason


@virtual_time
async def test_a_store_is_ready_once_it_serves() -> None:
    sandbox = Sandbox()
    pages = Pages(lambda: SERVED if sandbox.clock.monotonic() > 60 else Visit(503))
    store = await settled(sandbox, pages)
    assert store.status is Status.READY
    assert 60 < sandbox.clock.monotonic() < 63
    assert set(pages.visited) == {"http://my-store.local.test/"}


@virtual_time
async def test_nobody_is_asked_where_pods_do_not_run() -> None:
    sandbox = Sandbox()
    sandbox.cluster.containers = False
    pages = Pages(lambda: AWAY)
    store = await settled(sandbox, pages)
    assert (store.status, storefront(store)) == (Status.READY, (True, "NotAsked"))
    assert pages.visited == []


@virtual_time
async def test_a_store_that_never_serves_fails_and_says_what_to_do() -> None:
    store = await settled(Sandbox(), Pages(lambda: AWAY))
    assert store.status is Status.FAILED
    assert store.fault is not None
    assert store.fault.message.startswith("Not serving within 600 seconds: Nothing answers")
    assert "storeorch store logs my-store" in str(store.fault.hint)


@virtual_time
async def test_a_ready_store_that_serves_no_more_is_degraded_until_it_does() -> None:
    sandbox = Sandbox()
    pages = Pages(lambda: SERVED)
    store = await settled(sandbox, pages)
    pages.answer = lambda: AWAY
    sandbox.repository.rows[store.id].due_at = sandbox.clock.now()
    store = await settled(sandbox, pages, Status.DEGRADED)
    assert storefront(store) == (False, "NotServing")
    pages.answer = lambda: SERVED
    assert (await settled(sandbox, pages, Status.READY)).fault is None


@pytest.mark.parametrize(
    ("page", "visit", "trouble"),
    [
        (ServedPage(), SERVED, None),
        (ServedPage(), Visit(204), None),
        (ServedPage(), Visit(404), "HTTP status 404 at /"),
        (ServedPage(), AWAY, "Nothing answers"),
        (ServedPage("/p", lists=""), Visit(200, b'[{"id": 1}]'), None),
        (ServedPage("/p", lists=""), Visit(200, b"[]"), "nothing to show at /p"),
        (ServedPage("/p", lists=""), Visit(200, b"<html>"), "nothing to show"),
        (ServedPage("/p", lists="products"), Visit(200, b'{"products": [1]}'), None),
        (ServedPage("/p", lists="products"), Visit(200, b'{"products": []}'), "nothing to show"),
        (ServedPage("/p", lists="products"), Visit(200, b"[1]"), None),
    ],
)
def test_what_a_page_must_hold(page: ServedPage, visit: Visit, trouble: str | None) -> None:
    found = page.trouble_with(visit)
    assert found is None if trouble is None else trouble in str(found)
