"""The dashboard as a person uses it, and the network between them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, expect

import plan

SCREENSHOTS: Final = plan.OUTPUT / "screenshots"
AXE: Final = plan.ROOT / plan.DASHBOARD / "node_modules" / "axe-core" / "axe.min.js"

PATIENCE_MS: Final = 120_000
"""Milliseconds after which something that does not come true fails the test."""

expect.set_options(timeout=PATIENCE_MS)

_EXPECTED = re.compile(r"Failed to load resource|net::ERR_")
"""What browsers write of answers that tests ask for on purpose."""

_REST: Final = """() => Promise.all(
    document.getAnimations()
        .filter(each => each.effect.getTiming().iterations !== Infinity)
        .map(each => each.finished.catch(() => null))
)"""
"""Waits until what moves and comes to an end has come to its end."""


class Dashboard:
    """One open page.

    Args:
        page: The page.
        url: Where the app is.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._listen)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        browser: Browser,
        url: str,
        *,
        path: str = "/",
        scheme: Literal["light", "dark"] = "light",
        width: int = 1280,
    ) -> AsyncIterator[Self]:
        """Open the dashboard in a browser's profile of its own; nothing may go wrong in it."""
        context = await browser.new_context(
            viewport={"width": width, "height": 860},
            color_scheme=scheme,
            locale="en-GB",
            timezone_id="UTC",
        )
        context.set_default_timeout(PATIENCE_MS)
        dashboard = cls(await context.new_page(), url)
        await dashboard.page.goto(url + path)
        # A page that was loaded anew would not have it any more.
        await dashboard.page.evaluate("window.sameVisit = true")
        yield dashboard
        assert dashboard.errors == []
        await context.close()

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not _EXPECTED.search(message.text):
            self.errors.append(message.text)

    # -- looking ----------------------------------------------------------------

    def card(self, name: str) -> Locator:
        return self.page.get_by_role("article", name=name, exact=True)

    def badge(self, name: str) -> Locator:
        return self.card(name).locator("header [data-status]")

    async def shows(self, name: str, status: str) -> None:
        """Wait until a store's badge says so, in a page that was never loaded anew."""
        await expect(self.badge(name)).to_have_attribute("data-status", status)
        assert await self.page.evaluate("window.sameVisit === true")

    async def look(self, name: str, *, full: bool = False) -> None:
        """Keep a picture, and have axe look at the page for what keeps people out."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.evaluate(_REST)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full)
        await self.page.evaluate(AXE.read_text())
        found: dict[str, Any] = await self.page.evaluate("axe.run()")
        violations = [
            f"{each['id']} ({each['impact']}): {node['html'][:200]}"
            for each in found["violations"]
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ]
        assert not violations, f"axe at {name}:\n" + "\n".join(violations)

    async def seen_at(self, name: str, status: str) -> None:
        """Have the page note when a badge comes to say so, see ``noted``."""
        await self.page.evaluate(
            """([name, status]) => {
                const look = () => {
                    for (const card of document.querySelectorAll('article')) {
                        const badge = card.querySelector('header [data-status]');
                        if (card.querySelector('h2').textContent === name
                            && badge.dataset.status === status && !window.noted) {
                            window.noted = Date.now();
                        }
                    }
                };
                new MutationObserver(look).observe(
                    document.body, {subtree: true, childList: true, attributes: true});
            }""",
            [name, status],
        )

    async def noted(self) -> float:
        """Return when that was, in seconds since the epoch."""
        return float(await self.page.evaluate("window.noted")) / 1000

    # -- doing ------------------------------------------------------------------

    async def open_create(self, type_: str) -> Locator:
        await self.page.get_by_role("button", name="New store").first.click()
        dialog = self.page.get_by_role("dialog", name="New store")
        await dialog.get_by_role("radio", name=type_, exact=True).click()
        return dialog

    async def create(self, name: str, type_: str) -> None:
        dialog = await self.open_create(type_)
        await dialog.get_by_label("Name", exact=True).first.fill(name)
        await dialog.get_by_role("button", name="Create store").click()
        await expect(dialog).to_be_hidden()
        await expect(self.card(name)).to_be_visible()

    async def delete(self, name: str) -> None:
        await self.card(name).get_by_role("button", name=f"Delete {name}").click()
        dialog = self.page.get_by_role("dialog", name=f"Delete {name}?")
        await expect(dialog.get_by_role("button", name="Delete store")).to_be_disabled()
        await dialog.get_by_role("textbox").fill(name)
        await dialog.get_by_role("button", name="Delete store").click()
        await expect(dialog).to_be_hidden()


class Wire:
    """A way through this machine to the app, that can be cut and mended.

    Args:
        target: Where the app is.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Let connections through, at the same address as before."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        if self._server is not None:
            self._server.close()
            for writer in [*self._open]:
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        ends = {writer, back}
        self._open |= ends
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, back))
                pumps.create_task(_pump(there, writer))
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass  # cut, by the test or by one of the two
        finally:
            self._open -= ends
            for end in ends:
                end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65536):
        writer.write(part)
        await writer.drain()
    writer.close()
