"""What is said about the lamps: a query is written and tried, what it finds is worked through, and counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from hub import Channel, Event, Mention, Participant, Role
from hub.privacy.visibility import HUB
from tests.hub.web.office import Office
from tests.servers.chromium import Complaints
from tests.story.pages import Desk
from tests.story.test_looks import faults, overflow

PRAISE = "I love my Lumen lamp, the best thing I have bought this year, thank you all"
BLAME = "My Lumen lamp broke after two days. Terrible quality, I am very disappointed and want my money back"
CHATTER = "A lumen is a unit of light, said the physics teacher in the quiz"


def said(key: str, text: str, who: str = "Lina Okoye", hours: float = 1, **more: Any) -> Event:
    """A post by *who*, so many *hours* ago."""
    at = datetime.now(UTC) - timedelta(hours=hours)
    handle = f"acct:{who.split()[0].lower()}@social.example"
    facts = Mention(
        participants=(Participant(handle, Role.SENDER, who),),
        text=text,
        url=f"https://social.example/{key}",
        author_url=f"https://social.example/@{who.split()[0].lower()}",
        posted_at=at,
        site="social.example",
        **more,
    )
    return Event(key=f"mastodon:social.example/{key}", id="1", channel=Channel.SOCIAL, at=at, facts=facts)


async def heard(office: Office) -> None:
    """Three people speak of lumens."""
    events = [
        said("1", PRAISE, reach=1200, language="en"),
        said("2", BLAME, "Tomas Rey", 5, reach=80, language="en"),
        said("3", CHATTER, "Quiz Corner", 30, reach=9, language="en"),
    ]
    await office.service.ingest.record("social", events)


def line(page: Page, text: str) -> Locator:
    """The line of the list that holds *text*."""
    return page.locator("#mentions > li").filter(has_text=text)


async def test_a_query_is_written_with_its_preview_and_its_error_at_its_place(office: Office, ada: Desk) -> None:
    await office.service.watch.make(HUB, "Light", "light", [])
    await heard(office)
    page = ada.tab
    await page.goto("/watch")
    await page.get_by_role("link", name="New query").click()
    await page.get_by_label("Name").fill("Our name")
    await page.get_by_label("What to watch for").fill("lumen (quiz")
    await expect(page.locator("#tried-query .bad")).to_be_visible()
    assert "(" in await page.locator("#tried-query .bad").inner_text()
    await page.get_by_label("What to watch for").fill("lumen")
    await expect(page.locator("#tried-query")).to_contain_text("in the last")
    await expect(page.locator("#tried-query mark").first).to_have_text("lumen")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("link", name="Our name")).to_have_attribute("aria-current", "true")
    assert [(each.name, each.text) for each in await office.service.watch.queries()][1] == ("Our name", "lumen")


async def test_mentions_arrive_are_corrected_left_out_and_done(office: Office, ada: Desk) -> None:
    query = await office.service.watch.make(HUB, "Our name", "lumen", ["ada"])
    page = ada.tab
    await page.goto("/watch")
    await heard(office)
    await page.get_by_role("button", name="3 new").click()
    await expect(page.locator("#mentions mark")).to_have_count(3)
    await line(page, "money back").get_by_role("link").click()
    opened = page.get_by_role("article")
    await expect(opened.locator(".words mark")).to_have_text("Lumen")
    await expect(opened).to_contain_text("negative")
    await opened.get_by_label("Correct the feeling").select_option("neutral")
    await expect(opened).to_contain_text("as Ada Brandt said")
    await page.reload()
    await expect(opened.get_by_label("Correct the feeling")).to_have_value("neutral")

    await line(page, "quiz").get_by_role("link").click()
    await expect(opened).to_contain_text("Quiz Corner")
    await page.keyboard.press("x")
    await expect(line(page, "quiz")).to_have_count(0)
    await page.get_by_role("button", name="Change the query").first.click()
    await expect(page.locator("#toasts")).to_contain_text("leaves them out")
    assert (await office.service.watch.query(query.id)).text != "lumen"
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator("#toasts .with-undo")).to_have_count(0)

    await page.locator("#mentions input").first.check()
    await page.locator("#mentions input").nth(1).check()
    await page.get_by_role("toolbar").get_by_role("button", name="Done").click()
    await expect(page.locator("#mentions .dot.new")).to_have_count(0)
    await page.goto("/watch?state=done")
    await expect(page.locator("#mentions mark")).to_have_count(2)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_every_page_of_watch_is_clean(
    browser: Browser, office: Office, complaints: Complaints, phone: bool
) -> None:
    query = await office.service.watch.make(HUB, "Our name", "lumen", ["ada"])
    await heard(office)
    async with Desk.open(browser, office, complaints, phone=phone, color_scheme="dark" if phone else "light") as desk:
        page = await desk.log_in("ada")
        await page.goto("/watch")
        found = await page.locator("#mentions > li").first.get_attribute("data-mention")
        wrong, wide = [], []
        for path in ("", f"/{found}", f"/queries/{query.id}", "/charts"):
            await page.goto(f"/watch{path}")
            if "queries" in path:
                await expect(page.locator("#tried-query mark").first).to_be_visible()
            wrong += await faults(page)
            wide.append(await overflow(page))
        await expect(page.get_by_role("table")).to_contain_text("Our name")
        assert wrong == []
        assert "".join(wide) == ""
