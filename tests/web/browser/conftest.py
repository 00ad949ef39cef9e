"""What browser tests share: Debian's Chromium, and looks at what it shows."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright
from tests.web.live import LiveApp
from tests.web.memory import Memory, served

from .dashboard import Dashboard, Wire


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser without a window."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "there is no chromium; install it with: python tools/browser.py"
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        await started.close()


@pytest.fixture
async def quick(memory: Memory) -> AsyncIterator[str]:
    """Where an app without authentication is, on a cluster in memory, for what needs no other."""
    async with memory.started(auth="off") as app, served(app) as url:
        yield url


@pytest.fixture
async def dashboard(browser: Browser, live_app: LiveApp) -> AsyncIterator[Dashboard]:
    """The dashboard of the real app, without authentication."""
    async with Dashboard.opened(browser, live_app.url) as opened:
        yield opened


@pytest.fixture
async def wire(live_app: LiveApp) -> AsyncIterator[Wire]:
    """A way to the real app that can be cut."""
    made = Wire(live_app.url)
    async with made:
        yield made
