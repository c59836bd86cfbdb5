"""An administrator connects a mailbox in her browser, at a provider on another site."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from hub import config
from hub.privacy.visibility import Authority
from hub.service import Service
from hub.web.app import make_app
from tests.fakes.oauth import AuthorisationServer, authorisation_server
from tests.hub.web.office import Office
from tests.hub.web.test_connect import secrets, toml
from tests.servers.chromium import Complaints
from tests.servers.process import free_port
from tests.story.pages import Desk


@pytest.fixture
async def server() -> AsyncIterator[AuthorisationServer]:
    """An authorisation server that a browser takes for another site."""
    async with authorisation_server() as running:
        running.url = running.url.replace("127.0.0.1", "localhost")
        yield running


@pytest.fixture
async def office(tmp_path: Path, server: AuthorisationServer) -> AsyncIterator[Office]:
    """A hub that knows the address at which a browser finds it."""
    port = free_port()
    secrets(tmp_path)
    path = tmp_path / "config.toml"
    text = toml(server).replace("https://hub.example.org", f"http://127.0.0.1:{port}")
    path.write_text(text.replace("{store}", "sqlite:///hub.sqlite3"))
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(Service.open(config.load(path)))
        app = make_app(service)
        running = await stack.enter_async_context(TestServer(app, port=port))
        opened = Office(service, app, running.make_url(""), await stack.enter_async_context(AsyncExitStack()))
        await opened.login("ada", Authority.ADMIN)
        yield opened


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
async def test_to_the_provider_and_back(
    browser: Browser, office: Office, complaints: Complaints, server: AuthorisationServer, phone: bool
) -> None:
    async with Desk.open(browser, office, complaints, phone=phone) as desk:
        page = await desk.log_in("ada")
        await page.goto("/sources")
        await page.get_by_role("link", name="Permission mail").click()
        await expect(page.get_by_text("Nobody has given permission at localhost yet.")).to_be_visible()
        server.account = "bob@example.test"

        await page.get_by_role("link", name="Go on to localhost").click()

        await expect(page.get_by_role("alert")).to_contain_text("That is the wrong account")
        server.account = "alice@example.test"
        await page.get_by_role("link", name="Go on to localhost").click()
        await expect(page.get_by_role("status").filter(has_text="Connected.")).to_be_visible()
        await expect(page.get_by_text("alice@example.test gave permission at localhost on")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        violations = (await Axe().run(page)).response["violations"]
        assert [each["id"] for each in violations] == []

        await page.get_by_role("button", name="Throw the permission away").click()
        await expect(page.get_by_text("Nobody has given permission at localhost yet.")).to_be_visible()
