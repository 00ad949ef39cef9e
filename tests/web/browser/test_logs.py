"""The logs of a store in the dashboard; the cluster is in memory, for simulated pods write none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Literal

import pytest
from playwright.async_api import Browser, expect
from tests.web.memory import Memory

from storeorch import LogLine

from .dashboard import Dashboard

HOSTILE: Final = "\x1b[31m<img src=x onerror=alert(1)>\x1b[0m " + "w" * 400
LINES: Final = 900


class Containers:
    """One that has written a lot, and writes what it is told to."""

    def __init__(self) -> None:
        self.next: asyncio.Queue[str] = asyncio.Queue()

    async def logs(
        self, _: str, *, follow: bool = False, tail: int = 100
    ) -> AsyncIterator[LogLine]:
        for number in range(LINES)[-tail:]:
            text = HOSTILE if number % 10 == 0 else f"line {number} of those that were written"
            yield LogLine("wordpress-7d9c5b5f6-x2x4z", "wordpress", text)
        yield LogLine("mysql-0", "mysql", "ready for connections")
        while follow:
            yield LogLine("mysql-0", "mysql", await self.next.get())


@pytest.fixture
def containers(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> Containers:
    found = Containers()
    monkeypatch.setattr(memory.cluster, "logs", found.logs)
    return found


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
async def test_they_are_seen_as_they_are_written(
    browser: Browser,
    quick: str,
    containers: Containers,
    scheme: Literal["light", "dark"],
    width: int,
) -> None:
    async with Dashboard.opened(browser, quick, scheme=scheme, width=width) as dashboard:
        page = dashboard.page
        await dashboard.create("my-store", "Sample")
        await dashboard.shows("my-store", "ready")
        await dashboard.card("my-store").get_by_role("link", name="my-store", exact=True).click()
        await page.get_by_role("tab", name="Logs").click()
        log = page.get_by_role("log")
        await log.scroll_into_view_if_needed()
        await expect(log.get_by_text("ready for connections")).to_be_in_viewport()
        await containers.next.put("later")
        await expect(log.get_by_text("later")).to_be_in_viewport()
        assert await log.locator("img").count() == 0
        await dashboard.look(f"logs-{scheme}", full=True)

        await log.focus()
        await page.keyboard.press("Home")
        await expect(log.get_by_text("line 701 of")).to_be_in_viewport()
        await containers.next.put("latest")
        await expect(log.get_by_text("latest")).not_to_be_in_viewport()
        await expect(log.get_by_text("line 701 of")).to_be_in_viewport()
        assert not await wider_than_the_screen(dashboard)

        await page.get_by_role("combobox", name="Container").click()
        await page.get_by_role("option", name="mysql-0/mysql").click()
        await expect(log).to_have_text("ready for connectionslaterlatest")
        await dashboard.look(f"logs-of-one-{scheme}", full=True)


async def wider_than_the_screen(dashboard: Dashboard) -> bool:
    found: bool = await dashboard.page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return found
