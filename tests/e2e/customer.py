"""A customer in a real browser: looks at a Medusa shop, buys, and sees the order confirmed.

Debian's Chromium, driven by Playwright. It must not know clusters: an address is all
that it is given.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.async_api import Page, async_playwright, expect

PATIENCE_MILLISECONDS: Final = 60_000
"""Longest time for one thing to appear: a node that runs everything at once is slow."""

ADDRESS: Final = {
    "E-mail": "customer@example.com",
    "First name": "Ada",
    "Last name": "Lovelace",
    "Address": "1 Analytical Way",
    "Postal code": "90210",
    "City": "Springfield",
}


@dataclass(frozen=True, slots=True)
class Bought:
    """What the customer was told after buying.

    Attributes:
        order_id: The order's id, out of the page's address.
        number: The order's number for people, without ``#``.
        total: The total as shown.
    """

    order_id: str
    number: str
    total: str


def ensure_chromium() -> str:
    """Return the path of Chromium; Debian's package is installed where it is missing."""
    found = shutil.which("chromium")
    if found is None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (("update",), ("install", "--no-install-recommends", "chromium")):
            subprocess.run(["apt-get", "-qq", "-y", *words], env=environment, check=True)
        found = shutil.which("chromium")
    assert found is not None
    return found


@asynccontextmanager
async def browser(
    *, resolve: str | None = None, any_certificate: bool = False
) -> AsyncIterator[Page]:
    """Open a page in Chromium that no other test has used.

    Args:
        resolve: Chromium's ``--host-resolver-rules``, where no name server knows the shop.
        any_certificate: Take certificates of authorities that the browser does not know.
    """
    chromium = ensure_chromium()
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    if resolve is not None:
        arguments.append(f"--host-resolver-rules={resolve}")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=arguments)
        try:
            page = await running.new_page(
                locale="en-US",
                viewport={"width": 1200, "height": 900},
                ignore_https_errors=any_certificate,
            )
            page.set_default_timeout(PATIENCE_MILLISECONDS)
            expect.set_options(timeout=PATIENCE_MILLISECONDS)
            yield page
        finally:
            await running.close()


Step = Callable[[str], AbstractAsyncContextManager[None]]
"""Takes the time of a named step."""


@asynccontextmanager
async def untimed(name: str) -> AsyncIterator[None]:
    """Take no time."""
    yield


async def buy(
    page: Page,
    url: str,
    *,
    product: str = "Canvas tote",
    step: Step = untimed,
    pictures: Path | None = None,
) -> Bought:
    """Buy one piece of a product, with manual payment.

    Args:
        page: A browser's page.
        url: Address of the shop.
        product: Title of the product.
        step: Takes the time of each step.
        pictures: Folder for a screenshot of each page; none are taken without.
    """

    async def picture(name: str) -> None:
        if pictures is not None:
            await page.screenshot(path=pictures / f"{name}.png", full_page=True)

    async with step("the front page shows the product"):
        await page.goto(url)
        await expect(page.get_by_role("link", name=product)).to_be_visible()
        await page.wait_for_load_state("networkidle")
    await picture("1-products")

    async with step("the product goes into the cart"):
        await page.get_by_role("link", name=product).click()
        await expect(page.get_by_role("heading", name=product)).to_be_visible()
        await page.get_by_text("Ink", exact=True).click()
        await page.wait_for_load_state("networkidle")
        await picture("2-product")
        await page.get_by_role("button", name="Add to cart").click()
        await expect(page.get_by_text("In your cart.")).to_be_visible()
    await page.get_by_role("link", name="View cart").click()
    await expect(page.get_by_role("heading", name="Cart", exact=True)).to_be_visible()
    await picture("3-cart")

    async with step("contact and address are accepted"):
        await page.get_by_role("link", name="Check out").click()
        for label, value in ADDRESS.items():
            await page.get_by_label(label, exact=True).fill(value)
        await picture("4-checkout")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("radio", name="Standard delivery")).to_be_checked()
        await expect(page.get_by_role("radio", name="Pay later")).to_be_checked()
    await picture("5-delivery")

    async with step("the order is accepted"):
        await page.get_by_role("button", name="Place order").click()
        await expect(page.get_by_role("heading", name="Thank you for your order")).to_be_visible()
    await picture("6-order")
    number = await page.get_by_text("is placed").locator("strong").first.inner_text()
    total = await page.locator("dd.sum").inner_text()
    return Bought(
        order_id=page.url.rstrip("/").rpartition("/")[2],
        number=number.removeprefix("#"),
        total=total,
    )


async def log_in(page: Page, url: str, email: str, password: str) -> None:
    """Log in to the shop's admin, which then shows the orders.

    Args:
        page: A browser's page.
        url: Address of the shop.
        email: Login of an admin user.
        password: Their password.
    """
    await page.goto(f"{url}/app/login")
    await page.locator("input[name=email]").fill(email)
    await page.locator("input[name=password]").fill(password)
    await page.get_by_role("button", name="Continue with Email").click()
    await page.wait_for_url("**/app/orders*")
