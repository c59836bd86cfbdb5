"""What is said about the lamps: a query is written and tried, what it finds is worked through, and counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from hub import Channel, Event, Mention, Participant, Role
from hub.letters import letters
from hub.mentions.listing import Filter, MentionView
from hub.privacy.visibility import HUB, Authority
from hub.store.mention_tables import mention_episodes
from tests.hub.web.office import PASSWORD, Office, open_office
from tests.servers.chromium import Complaints
from tests.story import firm
from tests.story.pages import Desk
from tests.story.test_looks import faults, overflow

TOML = (
    firm.TOML
    + """
[sources.social]
provider = "mastodon"
server = "https://social.example"
token = "env:PBX_TOKEN"
ours = ["acct:lumen@social.example"]

[sources.press]
provider = "feed"
urls = ["https://press.example/feed"]

[agents.mia]
name = "Mia Sommer"
handles = ["mailto:mia@lumen.example"]
"""
)
PRAISE = "I love my Lumen lamp, the best thing I have bought this year, thank you all"
BLAME = "My Lumen lamp broke after two days. Terrible quality, I am very disappointed and want my money back"
CHATTER = "A lumen is a unit of light, said the physics teacher in the quiz"


def said(key: str, text: str, who: str = "Lina Okoye", hours: float = 1, id: str = "1", **more: Any) -> Event:
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
    return Event(key=f"mastodon:social.example/{key}", id=id, channel=Channel.SOCIAL, at=at, facts=facts)


async def heard(office: Office) -> None:
    """Three people speak of lumens, and a newspaper does."""
    events = [
        said("1", PRAISE, reach=1200, language="en", addressed=True),
        said("2", BLAME, "Tomas Rey", 5, reach=80, language="en"),
        said("3", CHATTER, "Quiz Corner", 30, reach=9, language="en"),
    ]
    await office.service.ingest.record("social", events)
    facts = Mention(
        participants=(Participant("", Role.SENDER, "Press"),),
        text="A Lumen in a shop window",
        url="https://press.example/1",
        posted_at=datetime.now(UTC) - timedelta(hours=2),
        site="press.example",
    )
    news = Event(key="feed:1", id="1", channel=Channel.WEB, at=datetime.now(UTC), facts=facts)
    await office.service.ingest.record("press", [news])


def line(page: Page, text: str) -> Locator:
    """The line of the list that holds *text*."""
    return page.locator("#mentions > li").filter(has_text=text)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """The lamp maker's hub; Mia does its marketing."""
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, TOML) as opened:
        await firm.fill(opened.service, datetime.now(UTC))
        await opened.login("mia", Authority.MARKETER, "mia")
        yield opened


async def found(office: Office, text: str) -> MentionView:
    """The mention with these words, as the hub has it."""
    (one,) = [each for each in (await office.service.watch.listed(HUB, Filter())).items if text in each.text]
    return one


async def she_writes_a_query(office: Office, page: Page) -> int:
    """She sees where it is wrong, and what it would have found."""
    await page.get_by_role("link", name="New query").click()
    await page.get_by_label("Name").fill("Our name")
    await page.get_by_label("What to watch for").fill("lumen (quiz")
    await expect(page.locator("#tried-query .bad")).to_contain_text("(")
    await page.get_by_label("What to watch for").fill("lumen")
    await expect(page.locator("#tried-query")).to_contain_text("in the last")
    await expect(page.locator("#tried-query mark").first).to_have_text("lumen")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("link", name="Our name")).to_have_attribute("aria-current", "true")
    (made,) = [each for each in await office.service.watch.queries() if each.name == "Our name"]
    assert (made.text, made.agents) == ("lumen", ("mia",))
    return made.id


async def she_corrects(office: Office, page: Page) -> None:
    """How it feels and which language it is; her word stands."""
    await line(page, "money back").get_by_role("link").click()
    opened = page.get_by_role("article", name="Tomas Rey")
    await expect(opened.locator(".words mark")).to_have_text("Lumen")
    await expect(opened).to_contain_text("negative")
    await expect(line(page, "money back")).to_contain_text("negative 8")
    await opened.get_by_label("Correct the feeling").select_option("neutral")
    await expect(opened).to_contain_text("as Mia Sommer said")
    await opened.get_by_label("Correct the language").select_option(label="Dutch")
    await expect(opened.locator(".words p")).to_have_attribute("lang", "nl")
    await page.reload()
    await expect(opened.get_by_label("Correct the feeling")).to_have_value("neutral")
    await expect(opened.get_by_label("Correct the language")).to_have_value("nl")
    view = await found(office, "money back")
    assert (view.sentiment, view.language, view.corrected_by) == ("neutral", "nl", "mia")


async def she_answers(office: Office, page: Page) -> None:
    """From where she reads it, and takes it back once; where a source only reads, she knows beforehand."""
    conversation = (await found(office, "money back")).conversation_id
    await page.keyboard.press("r")
    field = page.get_by_role("textbox", name="Your answer")
    await field.fill("Sorry! We send you another one.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#answers .letter")).to_contain_text("another one")
    await page.get_by_role("button", name="Undo").click()
    await expect(field).to_have_value("Sorry! We send you another one.")
    await expect(page.locator("#answers .letter")).to_have_count(0)
    await field.fill("Sorry! A new one is on its way.")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator("#answers .letter")).to_contain_text("on its way")
    assert f"/watch/{(await found(office, 'money back')).id}" in page.url
    sent = await office.service.store.read(lambda conn: letters.of(conn, conversation))
    assert [(each.source, each.agent) for each in sent if each.state != "cancelled"] == [("social", "mia")]
    await line(page, "shop window").get_by_role("link").click()
    notice = page.locator("[data-no-answer]")
    await expect(notice).to_contain_text("cannot be answered from here")
    await expect(notice.get_by_role("link")).to_have_attribute("href", "https://press.example/1")
    await expect(page.get_by_role("button", name="Answer", exact=False)).to_have_count(0)
    await page.keyboard.press("r")
    await expect(notice).to_be_focused()


async def she_says_who_it_is(office: Office, page: Page) -> None:
    """The author is somebody we know, and it is about her deal; neither has to stay."""
    await line(page, "thank you all").get_by_role("link").click()
    opened = page.get_by_role("article", name="Lina Okoye")
    await opened.get_by_role("button", name="Find the contact").click()
    await page.get_by_role("combobox", name="Who is the author?").fill("李娜")
    await page.get_by_role("option", name="李娜").click()
    await expect(opened.get_by_role("link", name="李娜")).to_be_visible()
    await opened.get_by_role("button", name="Link a deal or case").click()
    await page.get_by_role("dialog").get_by_role("option").first.click()
    await expect(page.locator("#toasts")).to_contain_text("Linked")
    view = await found(office, "thank you all")
    assert (view.deal_id or view.case_id) is not None
    await opened.get_by_role("button", name="It is not them").click()
    await expect(opened.get_by_role("button", name="Find the contact")).to_be_visible()
    assert (await found(office, "thank you all")).contacts == ()
    await page.get_by_role("button", name="Undo").click()
    await expect(opened.get_by_role("link", name="李娜")).to_be_visible()
    assert [each.sure for each in (await found(office, "thank you all")).contacts] == [True]


async def she_leaves_out_and_is_done(office: Office, page: Page, query: int) -> None:
    """What is irrelevant changes the query where she wants that, and several are done at once."""
    await line(page, "quiz").get_by_role("link").click()
    await expect(page.get_by_role("article")).to_contain_text("Quiz Corner")
    await page.keyboard.press("x")
    await expect(line(page, "quiz")).to_have_count(0)
    await page.get_by_role("button", name="Change the query").first.click()
    await expect(page.locator("#toasts")).to_contain_text("leaves them out")
    assert (await office.service.watch.query(query)).text != "lumen"
    await page.keyboard.press("z")
    await expect(page.locator("#toasts .with-undo")).to_have_count(0)
    await page.locator("#mentions input").first.check()
    await page.locator("#mentions input").nth(1).check()
    await page.get_by_role("toolbar").get_by_role("button", name="Done").click()
    await expect(page.locator("#mentions .dot.new")).to_have_count(1)
    await page.goto("/watch?state=done")
    await expect(page.locator("#mentions mark")).to_have_count(2)
    await page.goto("/watch")
    await page.locator(".filters-menu > summary").click()
    await page.get_by_label("Only what names us").check()
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.locator("#mentions > li")).to_have_count(1)
    await expect(page.locator("#mentions > li")).to_contain_text("names us")


async def its_author_changes_it_and_takes_it_down(office: Office, page: Page) -> None:
    """What is read is what she says now; what she took down is gone, and is not answered."""
    one = await found(office, "money back")
    await office.service.ingest.record(
        "social", [said("2", "My lamp works again", "Tomas Rey", 4, edited_at=datetime.now(UTC), id="2")]
    )
    await page.goto(f"/watch/{one.id}")
    await expect(page.locator(".words")).to_contain_text("works again")
    await expect(page.locator(".words")).to_contain_text("Edited")
    await expect(page.get_by_role("article", name="Tomas Rey")).to_contain_text("no longer, since it was edited")
    await office.service.ingest.record("social", [said("2", "", "Tomas Rey", 3, deleted=True, id="2/deleted")])
    await page.reload()
    await expect(page.locator(".words")).to_contain_text("taken down by its author")
    await expect(page.locator("[data-no-answer]")).to_contain_text("nothing to answer")


async def the_query_is_changed_by_two_and_archived(office: Office, page: Page, query: int) -> None:
    """Nobody's change is overwritten; what was found stays."""
    await page.goto(f"/watch/queries/{query}")
    before = await office.service.watch.query(query)
    values = {"name": "Our good name", "text": before.text, "agents": before.agents, "enabled": True}
    changed = await office.service.watch.change(HUB, query, before.version, **values)
    await page.get_by_label("Name").fill("Mine")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert").filter(has_text="Somebody else has changed")).to_be_visible()
    assert await office.service.watch.query(query) == changed
    await page.reload()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Archive").click()
    await expect(page.get_by_role("heading", name="Watch", level=1)).to_be_visible()
    await expect(page.get_by_role("link", name="Our good name")).to_have_count(0)
    await expect(page.locator("#mentions > li").first).to_contain_text("Lumen")


async def test_a_marketer_works_through_what_is_said(browser: Browser, office: Office, complaints: Complaints) -> None:
    await office.service.watch.make(HUB, "Torches", "torch", [])
    await office.service.ingest.record("social", [said("0", "What is a lumen?", "Ana Silva", 40)])
    async with Desk.open(browser, office, complaints) as desk:
        page = await desk.log_in("mia")
        await page.goto("/watch")
        query = await she_writes_a_query(office, page)
        await page.goto("/watch")
        await heard(office)
        await page.get_by_role("button", name="4 new").click()
        await expect(page.locator("#mentions > li")).to_have_count(4)
        await she_corrects(office, page)
        await she_answers(office, page)
        await she_says_who_it_is(office, page)
        await she_leaves_out_and_is_done(office, page, query)
        await its_author_changes_it_and_takes_it_down(office, page)
        await the_query_is_changed_by_two_and_archived(office, page, query)


LOOKS = (("en-GB", 1440, "light"), ("zh-CN", 390, "dark"), ("en-GB", 320, "light"))


async def test_every_page_of_watch_is_clean_and_the_charts_tell_what_was_unusual(
    browser: Browser, office: Office, complaints: Complaints
) -> None:
    query = await office.service.watch.make(HUB, "Our name", "lumen", ["mia"])
    await office.service.watch.make(HUB, "Their name", "candela", [])
    await heard(office)
    now = datetime.now(UTC)
    times = {"spike": (now - timedelta(days=3), now - timedelta(days=2)), "silence": (now - timedelta(hours=2), None)}
    rows = [
        {"id": place, "query_id": query.id, "kind": kind, "began_at": began, "ended_at": ended, "usual": 2, "seen": 9}
        | {"peak": 9 if kind == "spike" else 0}
        for place, (kind, (began, ended)) in enumerate(times.items(), 1)
    ]
    await office.service.store.write(lambda conn: conn.execute(mention_episodes.insert(), rows))
    one, wrong, wide = (await found(office, "money back")).id, [], []
    for locale, width, scheme in LOOKS:
        looks = {"phone": width < 1000, "color_scheme": scheme, "viewport": {"width": width, "height": 844}}
        async with Desk.open(browser, office, complaints, locale=locale, **looks) as desk:
            page = await desk.new_tab("/login?next=/watch")
            await page.locator("[name=name]").fill("mia")
            await page.locator("[name=password]").fill(PASSWORD)
            await page.keyboard.press("Enter")
            await expect(page.locator("#mentions > li")).to_have_count(4)
            for path in ("", f"/{one}", f"/queries/{query.id}", "/charts"):
                await page.goto(f"/watch{path}")
                if path == f"/{one}":
                    await page.keyboard.press("r")
                    await expect(page.locator("#answers textarea[name=text]")).to_be_focused()
                if "queries" in path:
                    await expect(page.locator("#tried-query mark").first).to_be_visible()
                wrong += await faults(page)
                if await page.evaluate("document.documentElement.scrollWidth") > width:
                    wide.append(f"{page.url} at {width}: {await overflow(page)}")
            await expect(page.locator("rect.episode.spike")).to_have_count(2)
            if locale == "en-GB":
                unusual = page.get_by_role("list", name="What was unusual").get_by_role("listitem")
                await expect(unusual.nth(0)).to_contain_text("Our name: since")
                await expect(unusual.nth(1)).to_contain_text("9 an hour, usual are 2")
                share = page.get_by_role("table").filter(has_text="Followers")
                await expect(share.get_by_role("row", name="Our name")).to_contain_text("100 %")
                await page.locator("label.toggle", has_text="Our name").click()
                await page.get_by_role("button", name="Show").click()
                await expect(share.get_by_role("row")).to_have_count(2)
                await expect(share.get_by_role("row", name="Their name")).to_contain_text("0 %")
    assert wrong == []
    assert wide == []
