"""The dashboard where the network fails, the list is long, or the visitor may do little."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from playwright.async_api import Browser, Route, expect
from tests.web.live import LiveApp

from .dashboard import Dashboard, Wire


async def test_a_cut_network_is_shown_and_what_was_missed_is_caught_up(
    browser: Browser, live_app: LiveApp, wire: Wire
) -> None:
    async with Dashboard.opened(browser, wire.url) as dashboard:
        await dashboard.create("my-store", "Probe")
        await dashboard.shows("my-store", "ready")
        pill = dashboard.page.get_by_role("banner")
        await expect(pill).to_contain_text("Live")

        await wire.cut()
        await expect(pill).to_contain_text("Offline")
        await expect(dashboard.page.get_by_text("No connection to the server.")).to_be_visible()
        await expect(dashboard.card("my-store")).to_be_visible()
        await dashboard.look("offline")
        with live_app.client() as client:
            created = client.post("/api/stores", json={"name": "meanwhile", "type": "probe"})
            assert created.status_code == 201
        await wire.mend()

        await expect(pill).to_contain_text("Live")
        await expect(dashboard.page.get_by_text("No connection to the server.")).to_be_hidden()
        await dashboard.shows("meanwhile", "ready")
        await dashboard.shows("my-store", "ready")


async def test_the_browser_itself_without_a_network(browser: Browser, quick: str) -> None:
    async with Dashboard.opened(browser, quick) as dashboard:
        banner = dashboard.page.get_by_role("banner")
        await expect(banner).to_contain_text("Live")
        await dashboard.page.context.set_offline(offline=True)
        await expect(banner).to_contain_text("Offline")
        await dashboard.page.context.set_offline(offline=False)
        await expect(banner).to_contain_text("Live")


async def test_an_app_that_begins_anew_is_found_again(
    browser: Browser, live_app: LiveApp, wire: Wire
) -> None:
    """The server's end of the stream is met like a cut network."""
    async with Dashboard.opened(browser, wire.url) as dashboard:
        banner = dashboard.page.get_by_role("banner")
        await expect(banner).to_contain_text("Live")
        assert await asyncio.to_thread(live_app.stop) == 0
        await expect(banner).to_contain_text("Offline")


async def test_states_of_the_list(browser: Browser, quick: str) -> None:
    gate = asyncio.Event()

    async def late(route: Route) -> None:
        await gate.wait()
        error = {"code": "database-unavailable", "message": "The database does not answer."}
        body = {"success": False, "error": {**error, "hint": "Start it.", "error_id": "e-1"}}
        await route.fulfill(status=503, json=body)

    async with Dashboard.opened(browser, quick, path="/nowhere") as dashboard:
        page = dashboard.page
        await expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
        await dashboard.look("not-found")
        await page.route("**/api/stores?**", late)
        await page.goto(quick)
        await expect(page.get_by_label("Loading the stores")).to_be_visible()
        await dashboard.look("loading")
        gate.set()
        await expect(page.get_by_role("alert")).to_contain_text("The database does not answer.")
        await dashboard.look("error")
        await page.unroute("**/api/stores?**")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_text("No stores yet")).to_be_visible()


async def test_a_thousand_stores(browser: Browser, quick: str, record_property: Any) -> None:
    async with Dashboard.opened(browser, quick) as dashboard:
        page = dashboard.page
        await page.route("**/api/stores?**", a_thousand)
        await page.goto(quick)
        cards = page.get_by_role("article")
        await expect(cards.first).to_be_visible()
        await dashboard.look("thousand")
        assert await cards.count() < 60
        frames: list[float] = await page.evaluate(SCROLL)
        assert await cards.count() < 60
        await expect(dashboard.card("store-0")).to_be_visible()  # the oldest, so the last
        slowest = max(frames)
        record_property("milliseconds of the slowest frame of a scroll", f"{slowest:.0f}")
        middle = sorted(frames)[len(frames) // 2]
        print(f"\n{len(frames)} frames, median {middle:.1f} ms, slowest {slowest:.1f} ms")

        await page.get_by_label("Search stores").fill("store-77")
        await expect(cards).to_have_count(11)
        await page.get_by_text("Failed").first.click()
        await expect(page).to_have_url(f"{quick}/?search=store-77&status=failed")


async def test_narrow_screens(browser: Browser, live_app: LiveApp) -> None:
    async with Dashboard.opened(browser, live_app.url, width=360) as dashboard:
        page = dashboard.page
        await dashboard.create("my-store", "Probe")
        await dashboard.shows("my-store", "ready")
        await dashboard.look("narrow")
        await dashboard.card("my-store").get_by_role("link", name="my-store", exact=True).click()
        await expect(page.get_by_role("heading", level=1, name="my-store")).to_be_visible()
        await dashboard.look("narrow-details", full=True)
        wider: bool = await page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        assert not wider, "the page is wider than the screen"


async def test_by_keyboard_alone(browser: Browser, quick: str) -> None:
    async with Dashboard.opened(browser, quick) as dashboard:
        page = dashboard.page
        await expect(page.get_by_text("No stores yet")).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("n")
        dialog = page.get_by_role("dialog", name="New store")
        await expect(dialog.get_by_label("Name", exact=True)).to_be_focused()
        await page.keyboard.type("by-hand")
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_hidden()
        await dashboard.shows("by-hand", "ready")
        await page.keyboard.press("/")
        await expect(page.get_by_label("Search stores")).to_be_focused()
        await dashboard.card("by-hand").get_by_role("link", name="by-hand", exact=True).focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name="by-hand")).to_be_visible()


async def test_who_has_a_token_and_what_it_allows(browser: Browser, guarded_app: LiveApp) -> None:
    operator = guarded_app.token("operator", "alice")
    viewer = guarded_app.token("viewer", "alice")
    stranger = guarded_app.token("operator", "mallory")
    with guarded_app.client(operator) as client:
        created = client.post("/api/stores", json={"name": "hers", "type": "probe"}).json()["data"]

    async with Dashboard.opened(browser, guarded_app.url) as dashboard:
        page = dashboard.page
        await page.get_by_label("Token", exact=True).fill("not-a-token")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_text("This token is not valid, or no longer.")).to_be_visible()
        await dashboard.look("sign-in")
        await sign_in(dashboard, operator)
        await dashboard.shows("hers", "ready")
        await page.get_by_role("button", name="Account").click()
        await expect(page.get_by_role("menu")).to_contain_text("(operator)")
        await page.get_by_role("menuitem", name="Sign out").click()

        await sign_in(dashboard, viewer)
        await dashboard.shows("hers", "ready")
        await expect(page.get_by_role("button", name="New store")).to_have_count(0)
        await expect(page.get_by_role("button", name="Delete hers")).to_have_count(0)
        await dashboard.look("viewer")

    path = f"/stores/{created['id']}"
    async with Dashboard.opened(browser, guarded_app.url, path=path) as dashboard:
        await sign_in(dashboard, stranger)
        await expect(dashboard.page.get_by_role("heading", name="Nothing here")).to_be_visible()


async def sign_in(dashboard: Dashboard, token: str) -> None:
    await dashboard.page.get_by_label("Token", exact=True).fill(token)
    await dashboard.page.get_by_role("button", name="Sign in").click()
    await expect(dashboard.page.get_by_role("banner")).to_be_visible()


async def a_thousand(route: Route) -> None:
    """Answer with the real list's shape and a thousand stores in it."""
    statuses = ("ready", "ready", "ready", "provisioning", "failed", "degraded")
    stores = [made_up(index, statuses[index % len(statuses)]) for index in range(1000)]
    page: dict[str, Any] = {"next_cursor": None, "total": len(stores), "counts": {}}
    body = {"success": True, "data": stores[::-1], "page": page}
    await route.fulfill(content_type="application/json", body=json.dumps(body))


def made_up(index: int, status: str) -> dict[str, Any]:
    name = f"store-{index}"
    at = f"2026-01-{1 + index // 60:02d}T10:{index % 60:02d}:00Z"
    fault = {"code": "x", "message": "The image cannot be pulled.", "hint": None, "error_id": "e"}
    return {
        "id": f"{index:08d}-0000-4000-8000-000000000000",
        "name": name,
        "type": "woocommerce" if index % 2 else "medusa",
        "status": status,
        "owner": None,
        "namespace": f"store-{name}-{index:08d}",
        "host": f"{name}.local.test",
        "url": f"http://{name}.local.test" if status == "ready" else None,
        "helm_release": name,
        "parameters": {},
        "conditions": [],
        "progress": 0,
        "error_message": None,
        "fault": fault if status == "failed" else None,
        "attempts": 0,
        "generation": 1,
        "observed_generation": 1,
        "created_at": at,
        "declared_at": at,
        "updated_at": at,
        "ready_at": None,
    }


SCROLL = """async () => {
    const frames = [];
    const next = () => new Promise(requestAnimationFrame);
    let last = await next();
    // A hand's width each frame, then to the end, as with the key End.
    for (let frame = 0; frame < 120; frame++) {
        window.scrollBy(0, 200);
        const now = await next();
        frames.push(now - last);
        last = now;
    }
    // The list learns the true heights of its rows on the way.
    let height = 0;
    while (height !== document.documentElement.scrollHeight) {
        height = document.documentElement.scrollHeight;
        window.scrollTo(0, height);
        for (let frame = 0; frame < 10; frame++) await next();
    }
    return frames;
}"""
"""Scrolls through the page, and returns how long each frame took, in milliseconds."""
