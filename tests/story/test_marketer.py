"""A marketer at her browser: what is said of the brand is found, told of, answered and counted.

The brand is one of which people really wrote, in recorded reviews: `tests/data/mentions`. The stream in which they come
has frames in the shape of those that the public Jetstream sent: `connectors/bluesky/recordings`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from hub import Mention, Participant, Role, facts
from hub.store import Store
from hub.store.mention_tables import posts
from tests.fakes.jetstream import Jetstream, jetstream
from tests.fakes.slack import ANN, APP_TOKEN, BOT, BOT_TOKEN, SECRET, TEAM, Slack, slack
from tests.faults.hub_process import HubProcess, hub_process, until
from tests.servers.chromium import Complaints
from tests.servers.synapse import Person, Synapse, synapse
from tests.story.pages import DESKTOP, PHONE, Inbox
from tests.story.test_looks import faults, overflow

ROOT = Path(__file__).parents[2]
REVIEWS = ROOT / "tests/data/mentions/vader_amazonReviewSnippets_open.tsv"
TWEETS = ROOT / "tests/data/mentions/vader_tweets_open.tsv"
FRAMES = ROOT / "connectors/bluesky/recordings/jetstream_v1.scrubbed.jsonl"
SHOTS = os.environ.get("SHOTS", "")
"""Where to keep what the pages look like, for people to look at."""

PASSWORD = "lamps and 200 pendants"
WEEKS, HOURS, AN_HOUR = 4, 2, 2
"""For so many weeks there was so much talk of the brand in this hour, and in the next, which may begin meanwhile."""

CONFIG = """
[inbox]
undo_seconds = 1

[sources.bluesky]
provider = "bluesky"
jetstreams = ["{stream}"]
profiles = "{profiles}"

[sources.workspace]
provider = "slack"
workspace = "{team}"
bot = "{bot}"
signing_secret = "env:SLACK_SIGNING"
app_token = "env:SLACK_APP"
bot_token = "env:SLACK_BOT"
api_url = "{slack}"

[sources.community]
provider = "matrix"
homeserver = "{homeserver}"
user = "{user}"
access_token = "env:MATRIX"
accept = "listed"
accept_from = ["hub.test"]
public = ["{room}"]

[agents.mia]
name = "Mia Rossi"
handles = ["slack:{team}/{mia}"]
"""


def lines(path: Path) -> list[str]:
    """The texts of a table of `tests/data/mentions`."""
    return [line.split("\t")[2] for line in path.read_text("utf-8").splitlines()[1:]]


OURS = [text for text in lines(REVIEWS) if re.search(r"\bapex\b", text, re.IGNORECASE)]
USUAL, BURST = OURS[: WEEKS * HOURS * AN_HOUR], OURS[WEEKS * HOURS * AN_HOUR :]
OTHERS = lines(TWEETS)[:60]


async def heard_before(folder: Path) -> None:
    """The hub has listened for a month: a little talk of the brand in this hour of the week, and other talk."""
    now = datetime.now(UTC)
    when = [now - timedelta(weeks=week + 1, hours=-hour) for week in range(WEEKS) for hour in range(HOURS)] * AN_HOUR
    told = list(zip(USUAL, when, strict=True))
    told += [(text, now - timedelta(hours=11 * place + 5)) for place, text in enumerate(lines(TWEETS)[60:120])]
    rows = [
        {
            "key": f"at:at://did:plc:before/app.bsky.feed.post/{place}",
            "source": "bluesky",
            "author": "did:plc:before",
            "heard_at": at,
            "weight": 1.0,
            "facts": json.loads(facts.encode(_post(text, at))),
        }
        for place, (text, at) in enumerate(told)
    ]
    async with Store.open(f"sqlite:///{folder / 'hub.sqlite3'}") as store:
        await store.write(lambda conn: conn.execute(posts.insert(), rows))


def _post(text: str, at: datetime) -> Mention:
    author = Participant("did:plc:before", Role.SENDER, "Somebody")
    return Mention(participants=(author,), text=text, posted_at=at, site="bsky.app", language="en")


def replay(stream: Jetstream, texts: Sequence[str]) -> None:
    """The recording comes again, with a post for each of *texts*, all within one second."""
    frames = [json.loads(line) for line in FRAMES.read_text("utf-8").splitlines()]
    shape = next(each for each in frames if each.get("commit", {}).get("collection") == "app.bsky.feed.post")
    record = {name: value for name, value in shape["commit"]["record"].items() if name != "reply"}
    second = datetime.now(UTC).replace(microsecond=0)
    for place, text in enumerate(texts):
        did = f"did:plc:{place:024}"
        stream.people[did] = {"handle": f"u{place}.example", "displayName": f"Person {place}", "followersCount": 10}
        said = {**record, "text": text, "createdAt": second.isoformat()}
        frames.append({**shape, "did": did, "commit": {**shape["commit"], "rkey": f"3k{place}", "record": said}})
    for place, frame in enumerate(frames):
        stream.tell({**frame, "time_us": int(second.timestamp()) * 1_000_000 + place})


@pytest.fixture(scope="module")
def homeserver() -> Iterator[Synapse]:
    """A running Synapse."""
    with synapse() as running:
        yield running


@asynccontextmanager
async def signed_in(browser: Browser, hub: HubProcess, complaints: Complaints, **options: Any) -> AsyncIterator[Page]:
    """Mia at a browser, in which nothing else is open."""
    context = await browser.new_context(locale="en-GB", base_url=hub.url, reduced_motion="reduce", **options)
    context.on("page", complaints.listen)
    page = await context.new_page()
    await page.goto("/login?next=/watch")
    await page.get_by_label("Name").fill("mia")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Watch", level=1)).to_be_visible()
    yield page
    await context.close()


async def look(page: Page, name: str, width: int = 1440) -> None:
    """It reads well and fits; with `SHOTS` a picture is kept."""
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/marketer-{name}-{width}.png")
    assert await faults(page) == []
    assert await overflow(page) == ""


def cards(page: Page) -> Locator:
    """The alerts that have come up over *page*."""
    return page.locator("#told > .told-card")


def watched(page: Page) -> Locator:
    """The queries beside the mentions."""
    return page.get_by_role("region", name="Queries")


async def test_a_marketer_watches_is_told_of_a_spike_answers_and_counts(
    tmp_path: Path, homeserver: Synapse, browser: Browser, complaints: Complaints
) -> None:
    us, li_na = homeserver.person("brand"), homeserver.person("lina")
    li_na.called("Li Na")
    room = li_na.room(us.user, preset="public_chat")
    await heard_before(tmp_path)
    async with jetstream() as stream, slack() as workspace:
        config = CONFIG.format(
            stream=stream.url, profiles=stream.url.replace("ws", "http", 1), team=TEAM, bot=BOT, slack=workspace.url,
            homeserver=homeserver.url, user=us.user, room=room, mia=ANN,
        )  # fmt: skip
        secrets = {"SLACK_SIGNING": SECRET, "SLACK_APP": APP_TOKEN, "SLACK_BOT": BOT_TOKEN, "MATRIX": us.token}
        async with hub_process(tmp_path, config, environ=secrets) as hub:
            await hub.login("mia", PASSWORD, role="marketer", agent="mia")
            async with signed_in(browser, hub, complaints, viewport=DESKTOP) as page:
                await she_writes_a_query(page)
                await she_is_told_of_the_spike_once(page, stream, workspace)
                await she_answers(page, li_na, room)
                await she_reads_the_charts(page)
            async with signed_in(
                browser, hub, complaints, viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="dark"
            ) as phone:
                await everything_fits_her_phone(phone)
        assert workspace.faults == []


async def she_writes_a_query(page: Page) -> None:
    """The preview says what it would have caught in the last 30 days."""
    await page.get_by_role("link", name="New query").click()
    await page.get_by_label("Name").fill("Apex")
    await page.get_by_label("What to watch for").fill("apex -legends")
    tried = page.locator("#tried-query")
    await expect(tried).to_contain_text(f"{len(USUAL)} posts in the last 30 days")
    await expect(tried.locator(".sample > li")).to_have_count(len(USUAL))
    await look(page, "query")
    await page.get_by_role("button", name="Save").click()
    await expect(watched(page).get_by_role("link", name="Apex")).to_have_attribute("aria-current", "true")


async def she_is_told_of_the_spike_once(page: Page, stream: Jetstream, workspace: Slack) -> None:
    """On screen and in Slack, however often the stream says it; and where she acknowledges it, it goes."""
    replay(stream, [*BURST, *OTHERS])
    await expect(cards(page)).to_contain_text("Apex: far more mentions than usual", timeout=90_000)
    await workspace.until(lambda: workspace.told(ANN))
    stream.repeats = timedelta(hours=1)
    await stream.cut()
    await until(lambda: len(stream.asked) > 1)
    stream.post("did:plc:last", "3klast", "The last one that speaks of Apex")
    await page.get_by_role("button", name=f"{len(BURST) + 1} new").click()
    await expect(page.locator("#mentions > [data-mention]")).to_have_count(len(BURST) + 1)
    await look(page, "spike")
    await expect(cards(page)).to_have_count(1)
    await expect(cards(page)).to_contain_text(f" in an hour, usually {AN_HOUR}")
    (told,) = workspace.told(ANN)
    assert told["text"].startswith("Apex: far more mentions than usual\n")
    await workspace.press(ANN, "Acknowledge")
    await expect(cards(page)).to_have_count(0)
    await workspace.until(lambda: "edited" in workspace.told(ANN)[0])
    assert len(workspace.told(ANN)) == 1


async def she_answers(page: Page, customer: Person, room: str) -> None:
    """Somebody asks in a public room, and has her answer below it."""
    asked = await asyncio.to_thread(customer.say, room, "Does the new Apex player read burned discs?")
    await page.get_by_role("button", name="1 new").click()
    line = page.locator("#mentions > li").filter(has_text="burned discs")
    await line.get_by_role("link").click()
    await expect(page.get_by_role("article", name="Mention by Li Na")).to_contain_text("burned discs")
    await look(page, "post")
    await page.get_by_role("button", name="Answer").click()
    inbox = Inbox(page)
    await inbox.field.fill("It does, since this spring.")
    await look(page, "answer")
    await page.get_by_role("button", name="Send", exact=True).click()
    await until(lambda: len(customer.messages(room)) == 2)
    answer = (await asyncio.to_thread(customer.messages, room))[-1]["content"]
    assert answer["body"] == "It does, since this spring."
    assert answer["m.relates_to"]["event_id"] == asked
    sent = page.locator("#answers .bubble.ours").filter(has_text="since this spring")
    await expect(sent).to_contain_text("Sent")
    await look(page, "answered")


async def she_reads_the_charts(page: Page) -> None:
    """All that was said, the spike among it."""
    await page.goto("/watch")
    await expect(watched(page)).to_contain_text("Spike")
    await watched(page).get_by_role("link", name="Apex").click()
    await page.get_by_role("link", name="Charts").click()
    share = page.get_by_role("table").filter(has_text="Followers")
    await expect(share.get_by_role("row", name="Apex")).to_contain_text(str(len(BURST) + 2))
    await expect(page.locator("rect.episode.spike").first).to_be_visible()
    await look(page, "charts")


async def everything_fits_her_phone(page: Page) -> None:
    """What she saw at her desk."""
    await look(page, "list", 390)
    await page.locator("#mentions > li").first.get_by_role("link").click()
    await expect(page.get_by_role("article", name="Mention by Li Na")).to_be_visible()
    await look(page, "post", 390)
    for name, path in (
        ("query", "/watch/queries/new"),
        ("charts", "/watch/charts"),
        ("alerts", "/alerts?state=acknowledged"),
    ):
        await page.goto(path)
        await look(page, name, 390)
