"""The dashboard where the network fails, the list is long, or the visitor may do little."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

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
        await page.route("**/api/types", two_types)
        await page.goto(quick)
        cards = page.get_by_role("article")
        await expect(cards.first).to_be_visible()
        await dashboard.look("thousand")
        assert await cards.count() < 60
        frames: list[float] = await page.evaluate(SCROLL)
        assert await cards.count() < 60
        await expect(dashboard.card(f"{WORDS[999 % len(WORDS)]}-999")).to_be_visible()  # the last
        slowest = max(frames)
        record_property("milliseconds of the slowest frame of a scroll", f"{slowest:.0f}")
        middle = sorted(frames)[len(frames) // 2]
        print(f"\n{len(frames)} frames, median {middle:.1f} ms, slowest {slowest:.1f} ms")

        await page.get_by_label("Search stores").fill("-77")
        await expect(cards).to_have_count(11)
        await page.get_by_role("radiogroup", name="Status").get_by_text("Ready").click()
        await expect(page).to_have_url(f"{quick}/?search=-77&status=ready")


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
        await expect(dialog.get_by_label("Name", exact=True).first).to_be_focused()
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


STATUSES: Final = ("provisioning", "ready", "failed", "degraded", "updating", "deleting")
WORDS: Final = ("shirts", "coffee", "books", "lamps", "plants", "bikes", "toys", "tea", "boards")
STEPS: Final = ("Namespace", "Guardrails", "Credentials", "Release", "Workloads", "Address")


async def a_thousand(route: Route) -> None:
    """Answer with the real list's shape and a thousand stores in it."""
    now = datetime.now(UTC)
    stores = [made_up(index, now) for index in range(1000)]
    page: dict[str, Any] = {"next_cursor": None, "total": len(stores), "counts": {}}
    body = {"success": True, "data": stores, "page": page}
    await route.fulfill(content_type="application/json", body=json.dumps(body))


async def two_types(route: Route) -> None:
    """Answer with types that have the steps of the shipped ones."""
    steps = [{"name": each.lower(), "condition": f"{each}Ready"} for each in STEPS]
    types: list[dict[str, Any]] = [
        {"name": title.lower(), "title": title, "description": "", "schema": {}, "steps": steps}
        for title in ("WooCommerce", "Medusa")
    ]
    await route.fulfill(json={"success": True, "data": types})


def made_up(index: int, now: datetime) -> dict[str, Any]:
    """Return a store in one of all states; the first are the newest."""
    status = (
        STATUSES[index % 6]
        if index < 6
        else STATUSES[index // 3 % 6]
        if index % 3 == 0
        else "ready"
    )
    name = f"{WORDS[index % len(WORDS)]}-{index}"
    created = now - timedelta(seconds=14 + 9 * index if index < 6 else 900 * index)
    fault = {
        "code": "workload-failed",
        "message": "The image shop/web:2 of web cannot be pulled.",
        "hint": "Check the image's name, and whether the cluster may pull it.",
        "error_id": "e-5b1c0d9e",
    }
    settled = 6 if status == "ready" else 4
    conditions = [
        {
            "type": f"{step}Ready",
            "status": status != "deleting" and number < settled,
            "reason": ("Removed" if number > 3 else "Done")
            if status == "deleting"
            else ("Done" if number < settled else "Waiting" if number == settled else "Pending"),
            "message": "0 of 2 workloads are ready.",
            "since": (created + timedelta(seconds=0.3 + number**1.6 / 4)).isoformat(),
        }
        for number, step in enumerate(STEPS)
    ]
    return {
        "id": f"{index:08d}-0000-4000-8000-000000000000",
        "name": name,
        "type": "woocommerce" if index % 2 else "medusa",
        "status": status,
        "owner": None,
        "namespace": f"store-{name}-{index:08d}",
        "host": f"{name}.local.test",
        "url": None if status in {"provisioning", "failed"} else f"http://{name}.local.test",
        "helm_release": name,
        "parameters": {},
        "conditions": conditions,
        "progress": 0,
        "error_message": None,
        "fault": fault if status in {"failed", "degraded"} else None,
        "attempts": 0,
        "generation": 1,
        "observed_generation": 1,
        "created_at": created.isoformat(),
        "declared_at": created.isoformat(),
        "updated_at": created.isoformat(),
        "ready_at": (created + timedelta(seconds=21.4)).isoformat(),
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
