"""A browser opens one stream, however many tabs it has."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, expect

from tests.hub.web.office import Office
from tests.servers.chromium import Complaints
from tests.story.firm import rings
from tests.story.pages import Desk, Pop
from tests.story.test_pop import LI_NA

WITHOUT_SHARED_WORKER = "delete window.SharedWorker;"


async def streams(office: Office, number: int) -> None:
    """Wait until *number* streams are open."""
    async with asyncio.timeout(30):
        while len(office.service.live.subscriptions()) != number:  # noqa: ASYNC110  # nobody tells when a stream has gone
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("shared_worker", [True, False], ids=["shared worker", "leading tab"])
async def test_eight_tabs_share_one_stream(
    browser: Browser, office: Office, complaints: Complaints, shared_worker: bool
) -> None:
    async with Desk.open(browser, office, complaints) as desk:
        if not shared_worker:
            await desk.context.add_init_script(WITHOUT_SHARED_WORKER)
        await desk.log_in("ada")
        tabs = [desk.tab, *[await desk.new_tab(path) for path in ("/inbox", "/contacts", "/calls", "/sources") * 2][:7]]
        assert len(tabs) == 8
        await streams(office, 1)
        await rings(office, "c1", **LI_NA)
        for tab in tabs:
            await Pop(tab).shows("李娜")
        assert len(office.service.live.subscriptions()) == 1
        await tabs[0].close()
        await Pop(tabs[5]).button("Dismiss").click()
        for tab in tabs[1:]:
            await Pop(tab).gone()
        await streams(office, 1)


async def test_the_stream_goes_with_the_last_tab(office: Office, ada: Desk) -> None:
    await ada.new_tab("/inbox")
    await streams(office, 1)
    for tab in list(ada.context.pages):
        await tab.close()
    await streams(office, 0)


async def test_ending_the_session_signs_every_tab_out(office: Office, ada: Desk) -> None:
    other = await ada.new_tab("/inbox")
    await streams(office, 1)
    await ada.tab.goto("/settings")
    await ada.tab.get_by_role("button", name="Sign out").click()
    await expect(ada.tab.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(other.locator("#offline")).to_contain_text("You are signed out.")
    await streams(office, 0)
