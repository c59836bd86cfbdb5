"""The Sources page in a browser: it follows what happens, shows its numbers, and everybody can use it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import Connection

from hub.live import LiveEvent
from hub.sources.lag import Measured, measured
from hub.sources.states import Said, State, say
from hub.store.schema import sources
from hub.vocabulary import Freshness
from tests.hub.web.office import Office
from tests.servers.chromium import Complaints
from tests.story.pages import Desk
from tests.story.test_looks import faults, overflow


async def reads(office: Office, done: int) -> None:
    """The mailbox of sales is read for the first time, and screens hear of it as from the supervisor."""

    def work(conn: Connection) -> None:
        began = datetime.now(UTC) - timedelta(seconds=60)
        reading = sources.update().where(sources.c.name == "sales-mail")
        conn.execute(reading.values(backfill_done=done, backfill_total=9800, backfill_began_at=began))

    await office.service.store.write(work)
    office.service.live.publish([LiveEvent("activity", {"sources": ["sales-mail"]})])


async def test_a_first_reading_moves_on_without_a_reload(office: Office, ada: Desk) -> None:
    page = ada.tab
    await reads(office, 1200)
    await page.goto("/sources")
    await expect(page.get_by_role("progressbar", name="First reading of sales-mail")).to_be_visible()
    await expect(page.get_by_text("1,200 of 9,800")).to_be_visible()
    await page.evaluate("window.same = true")
    await reads(office, 4800)

    await expect(page.get_by_text("4,800 of 9,800")).to_be_visible()
    assert await page.evaluate("window.same")


async def test_trouble_is_told_wherever_one_is(office: Office, ada: Desk) -> None:
    alert = {"kind": "source", "source": "sales-mail"}
    async with asyncio.timeout(30):
        while not office.service.live.subscriptions():  # noqa: ASYNC110  # nobody tells when a stream has come
            await asyncio.sleep(0.02)
    for state, words in (
        ("rejected", "sales-mail needs a look: see Sources."),
        ("listening", "sales-mail works again."),
    ):
        office.service.live.publish([LiveEvent("alert", alert | {"state": state}, "ada")])
        await expect(ada.tab.locator("#toasts")).to_contain_text(words)


async def test_the_last_day_opens_as_a_table(office: Office, ada: Desk) -> None:
    page = ada.tab
    await page.goto("/sources")
    await page.locator("#day-sales-mail").click()

    await expect(page.get_by_role("dialog").get_by_role("heading", name="The last day of sales-mail")).to_be_visible()
    await expect(page.get_by_role("dialog").get_by_role("row")).to_have_count(25)
    assert await faults(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_every_state_is_clean(
    browser: Browser, office: Office, complaints: Complaints, scheme: str, phone: bool
) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=2)

    def work(conn: Connection) -> None:
        say(conn, [Said("front-desk", State.WAITING, "It does not answer.", soon), Said("dropbox", State.LISTENING)])
        measured(conn, [Measured("dropbox", Freshness(312, 120.0))], datetime.now(UTC))

    await office.service.store.write(work)
    await reads(office, 1200)
    async with Desk.open(browser, office, complaints, phone=phone, color_scheme=scheme) as desk:
        page = await desk.log_in("ada")
        await page.goto("/sources")
        await expect(page.get_by_text("behind by 312 messages, catching up, 2 min")).to_be_visible()

        assert await faults(page) == []
        assert await overflow(page) == ""
