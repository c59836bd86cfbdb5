"""Headless Chromium, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.servers.process import program

PACKAGE = "chromium"
# Without these the browser looks for its maker's servers at every start, which a closed network refuses.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A running browser with an empty profile."""
    executable = program("chromium", package=PACKAGE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable,
            args=QUIET,
            # The sandbox needs an ordinary user.
            chromium_sandbox=os.geteuid() != 0,
        )
        async with browser:
            yield browser


class Complaints:
    """What a page's scripts threw and what its Content-Security-Policy refused, in the order heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def listen(self, page: Page) -> None:
        """Hear what *page* complains about from now on."""
        page.on("pageerror", lambda error: self.heard.append(f"{page.url}: {error}"))
        page.on("console", self._console)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            self.heard.append(message.text)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser of this test's own."""
    async with chromium() as running:
        yield running


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A blank page of 1280 by 720 in English.

    The test fails at its end when a script threw or the Content-Security-Policy refused something, in this page or in
    one of the same context that it opened.
    """
    context = await browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-GB")
    complaints = Complaints()
    context.on("page", complaints.listen)
    opened = await context.new_page()
    yield opened
    await context.close()
    assert complaints.heard == []
