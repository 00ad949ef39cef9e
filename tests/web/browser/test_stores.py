"""What users do in the dashboard, against the real app, its engine and a real API server."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from tests.integration.api import Api
from tests.web.live import LiveApp

from storeorch_devcluster.nodes import NODE_ANNOTATION

from .dashboard import Dashboard


def stores_of(app: LiveApp) -> dict[str, dict[str, Any]]:
    """Return the stores that the API has, by name."""
    with app.client() as client:
        return {each["name"]: each for each in client.get("/api/stores").json()["data"]}


async def test_both_types_from_the_dialog_to_ready_and_away(
    dashboard: Dashboard, live_app: LiveApp, api: Api
) -> None:
    page = dashboard.page
    await expect(page.get_by_text("No stores yet")).to_be_visible()
    await dashboard.look("empty")

    dialog = await dashboard.open_create("WooCommerce")
    name = dialog.get_by_label("Name", exact=True).first
    await name.press_sequentially("Shirts")
    await expect(dialog.get_by_text("Lower-case letters, digits and dashes")).to_be_visible()
    await dialog.get_by_role("button", name="Wordpress").click()
    size = dialog.get_by_label("Storage Size").last
    await size.fill("lots")
    await expect(dialog.get_by_text("1 problem")).to_be_visible()
    await dashboard.look("create-with-problems")
    await size.fill("12Gi")
    await expect(dialog.get_by_text("1 problem")).to_be_hidden()
    await name.fill("shirts")
    await dashboard.look("create")
    await dialog.get_by_role("button", name="Create store").click()
    await expect(dialog).to_be_hidden()
    await dashboard.create("coffee", "Medusa")
    await dashboard.shows("shirts", "ready")
    await dashboard.shows("coffee", "ready")
    await dashboard.look("ready")
    found = stores_of(live_app)
    assert found["shirts"]["parameters"] == {"wordpress": {"storage_size": "12Gi"}}
    assert found["coffee"]["parameters"] == {}
    await expect(
        dashboard.card("shirts").get_by_role("link", name="Open Store shirts")
    ).to_have_attribute("href", "http://shirts.local.test")

    for each in ("shirts", "coffee"):
        await dashboard.delete(each)
    await expect(page.get_by_text("No stores yet")).to_be_visible()
    assert await page.evaluate("window.sameVisit === true")
    for store in found.values():
        assert api.namespace(store["namespace"]) is None


async def test_a_name_that_is_taken_is_told_as_one_types(dashboard: Dashboard) -> None:
    await dashboard.create("my-store", "Probe")
    dialog = await dashboard.open_create("Probe")
    await dialog.get_by_label("Name", exact=True).first.fill("my-store")
    await expect(dialog.get_by_text("A store named my-store exists already.")).to_be_visible()
    await dashboard.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await dashboard.shows("my-store", "ready")


async def test_a_type_of_somebody_else_has_its_form_and_a_retry_its_success(
    dashboard: Dashboard, api: Api
) -> None:
    dialog = await dashboard.open_create("Probe")
    await dialog.get_by_label("Name", exact=True).first.fill("late")
    await dialog.get_by_label("Node", exact=True).fill("late-node")
    await dialog.get_by_label("Replicas", exact=True).fill("2")
    await dashboard.look("create-third-party")
    await dialog.get_by_role("button", name="Create store").click()
    await expect(dashboard.card("late").get_by_role("list", name="Steps")).to_contain_text(
        "Workloads"
    )
    await dashboard.shows("late", "provisioning")
    await dashboard.look("provisioning")
    await dashboard.shows("late", "failed")
    await dashboard.look("failed")

    await dashboard.card("late").get_by_role("link", name="late", exact=True).click()
    await expect(dashboard.page.get_by_role("heading", level=1, name="late")).to_be_visible()
    await expect(dashboard.page.get_by_role("region", name="History")).to_contain_text("failed")
    await dashboard.look("details-failed", full=True)
    add_node(api, "late-node")
    try:
        await dashboard.page.get_by_role("button", name="Retry").click()
        await expect(dashboard.page.locator("main [data-status]").first).to_have_attribute(
            "data-status", "ready"
        )
        await dashboard.look("details-ready", full=True)
        await dashboard.page.get_by_role("link", name="All stores", exact=True).click()
        await dashboard.shows("late", "ready")
        await dashboard.delete("late")
        await expect(dashboard.page.get_by_text("No stores yet")).to_be_visible()
    finally:
        api.delete("/api/v1/nodes/late-node")


async def test_the_page_of_a_store(dashboard: Dashboard, live_app: LiveApp) -> None:
    page = dashboard.page
    await dashboard.create("my-store", "Probe")
    await dashboard.shows("my-store", "ready")
    await dashboard.card("my-store").get_by_role("link", name="my-store", exact=True).click()
    credentials = page.get_by_role("region", name="Credentials")
    await expect(credentials).not_to_contain_text("password")
    await credentials.get_by_role("button", name="Show credentials").click()
    await expect(credentials.get_by_text("password", exact=True)).to_be_visible()
    history = page.get_by_role("region", name="History")
    await expect(history).to_contain_text("redentials")
    await dashboard.look("details-credentials", full=True)
    await credentials.get_by_role("button", name="Hide").click()
    await expect(credentials.get_by_text("password", exact=True)).to_be_hidden()

    await page.get_by_role("tab", name="Logs").click()
    logs = page.get_by_role("region", name="Logs")
    await expect(logs.get_by_role("alert")).to_contain_text("simulated nodes write nothing")
    await dashboard.look("details-logs-simulated", full=True)
    await logs.get_by_role("switch", name="Follow").click(force=True)
    await expect(logs.get_by_role("alert")).to_contain_text("simulated nodes write nothing")
    await page.get_by_role("tab", name="Overview").click()

    await page.get_by_role("button", name="Change the parameters").click()
    dialog = page.get_by_role("dialog", name="Parameters of my-store")
    await dialog.get_by_label("Replicas", exact=True).fill("2")
    await dialog.get_by_role("button", name="Update store").click()
    await expect(page.get_by_role("region", name="Parameters")).to_contain_text("replicas")
    badge = page.locator("main [data-status]").first
    await expect(badge).to_have_attribute("data-status", "ready")
    assert stores_of(live_app)["my-store"]["parameters"] == {"replicas": 2}

    await page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete my-store?")
    await dialog.get_by_role("textbox").fill("my-store")
    await dialog.get_by_role("button", name="Delete store").click()
    await expect(page.get_by_text("The store my-store is gone.").first).to_be_visible()
    await expect(badge).to_have_attribute("data-status", "gone")
    await dashboard.look("details-gone", full=True)


async def test_two_browsers_see_what_the_other_does(
    dashboard: Dashboard, browser: Browser, live_app: LiveApp
) -> None:
    async with Dashboard.opened(browser, live_app.url, scheme="dark") as other:
        await expect(other.page.get_by_text("No stores yet")).to_be_visible()
        await dashboard.create("shared", "Probe")
        await expect(other.card("shared")).to_be_visible()
        await other.shows("shared", "ready")
        await other.look("ready-dark")
        await other.delete("shared")
        await expect(dashboard.page.get_by_text("No stores yet")).to_be_visible()
        assert await dashboard.page.evaluate("window.sameVisit === true")


@pytest.mark.parametrize("status", ["ready"])
async def test_how_soon_a_change_is_on_the_screen(
    dashboard: Dashboard, live_app: LiveApp, status: str, record_property: Any
) -> None:
    await dashboard.seen_at("fast", status)
    await dashboard.create("fast", "Probe")
    await dashboard.shows("fast", status)
    seen = await dashboard.noted()
    with live_app.client() as client:
        store = client.get("/api/stores").json()["data"][0]
        events = client.get(f"/api/stores/{store['id']}/events").json()["data"]
    written = next(e["at"] for e in events if e["kind"] == "transition" and e["status"] == status)
    took = seen - datetime.fromisoformat(written).timestamp()
    record_property("seconds from the change's commit to the screen", f"{took:.3f}")
    print(f"\n{status} was on the screen {took:.3f} s after it was written")


def add_node(api: Api, name: str) -> None:
    """Add a simulated node on which small pods find a place."""
    resources = {"cpu": "8", "memory": "8Gi", "pods": "16", "ephemeral-storage": "8Gi"}
    api.create(
        "/api/v1/nodes",
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "annotations": {NODE_ANNOTATION: "fake", "node.alpha.kubernetes.io/ttl": "0"},
                "labels": {"kubernetes.io/hostname": name, "type": "kwok"},
            },
            "status": {"allocatable": resources, "capacity": resources},
        },
    )
