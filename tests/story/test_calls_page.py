"""The page of the calls, and calling from the hub: what lives, who is called back, what is heard, whom one dials."""

from __future__ import annotations

import io
import math
import struct
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from sqlalchemy import Connection

from hub import Call, Recording, Transcript
from hub.calls.recordings import rows
from hub.calls.recordings.policy import State
from hub.privacy.visibility import Authority
from hub.store.schema import recordings
from tests.fakes.dialer import POINTS, Switchboard, switchboard
from tests.hub.third_party import install
from tests.hub.web.office import Office, open_office
from tests.servers.chromium import Complaints
from tests.story import firm
from tests.story.firm import LI_NA, past_call, rings
from tests.story.pages import Desk, Pop, Timeline
from tests.story.test_looks import faults, overflow

VIEWS = ("", "/live", "/missed", "/recordings", "/lists", "/plans")
SAID = "Hello, it is about the lamps for the lobby. Please call me back."
CALLER = {"from": "+8613800138000"}

TOML = (
    firm.TOML.replace('provider = "calls"', 'provider = "switchboard"\nurl = "{url}"', 1)
    + """
[calls]
call_from = "00:00"
call_to = "24:00"
quiet_days = []
dispositions = ["Done", "Call again", "Wrong number"]

[lines."tel:+4930123450"]
name = "Front desk"
record = "consent"
voicemail = true

[hours.office]
mon = "09:00-18:00"
tue = "09:00-18:00"
wed = "09:00-18:00"
thu = "09:00-18:00"
fri = "09:00-18:00"

[plans.front]
start = "open"

[plans.front.nodes.open]
kind = "hours"
hours = "office"
open = "who"
closed = "box"

[plans.front.nodes.who]
kind = "route"
rules = [{ when = "owner", then = "hers" }]
otherwise = "menu"

[plans.front.nodes.hers]
kind = "ring"
owner = true
seconds = 20
then = "menu"

[plans.front.nodes.menu]
kind = "menu"
say = "For sales press 1, for service press 2."
choices = { 1 = "sales", 2 = "service" }
otherwise = "service"

[plans.front.nodes.sales]
kind = "ring"
team = "sales"
strategy = "in-turn"
then = "box"

[plans.front.nodes.service]
kind = "ring"
agents = ["ben"]
then = "box"

[plans.front.nodes.box]
kind = "voicemail"
say = "Please leave a message."
"""
)


@pytest.fixture
async def board() -> AsyncIterator[Switchboard]:
    """The phone system at the front desk, which places calls."""
    async with switchboard() as opened:
        yield opened


@pytest.fixture
async def office(tmp_path: Path, board: Switchboard, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    """The lamp maker's hub, with a phone system that calls and records."""
    install(tmp_path, monkeypatch, POINTS)
    toml = TOML.replace("{url}", board.url)
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, toml) as opened:
        await firm.fill(opened.service, datetime.now(UTC))
        await opened.login("ada", Authority.ADMIN, "ada")
        await opened.login("ben", Authority.AGENT, "ben")
        yield opened


def tone() -> bytes:
    """Two seconds of a soft tone, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 6))) for n in range(16_000)))
    return file.getvalue()


async def sounds(office: Office) -> None:
    """Li Na left a message an hour ago, and it was fetched."""
    service, at = office.service, datetime.now(UTC) - timedelta(hours=1)
    [event] = past_call("voice", at, LI_NA, missed=True)
    assert isinstance(event.facts, Call)
    left = replace(
        event.facts,
        recordings=(Recording(id="m1", voicemail=True, seconds=2),),
        transcripts=(Transcript(id="t1", text=SAID, recording="m1"),),
    )
    await service.ingest.record("front-desk", [replace(event, facts=left)])
    data = tone()
    name = sha256(data).hexdigest()
    service.store.blobs.settle(name, data)

    def fetched(conn: Connection) -> bool:
        conn.execute(recordings.update().values(state=State.WAITING, reason=""))
        waiting = conn.execute(recordings.select()).one()
        return rows.settle(conn, service.store.blobs, waiting.id, "audio/wav", name, data)

    assert await service.store.write(fetched)


def row(page: Page, text: str) -> Locator:
    """The first line of a view that holds *text*."""
    return page.locator("#calls .row").filter(has_text=text).first


async def test_one_of_eight_tabs_answers_and_it_is_withdrawn_in_all(office: Office, ada: Desk, ben: Desk) -> None:
    tabs = [ada.tab, *[await ada.new_tab(f"/calls{view}") for view in VIEWS], ben.tab]
    await rings(office, "e1", **CALLER)
    for tab in tabs:
        await Pop(tab).shows("李娜")
    await rings(office, "e1", "answered", agent="ben", **CALLER)
    for tab in tabs:
        await Pop(tab).gone()
    await expect(Pop(ben.tab).current).to_be_visible()
    await expect(Pop(ada.tab).current).to_have_count(0)


async def test_what_came_of_a_call_and_the_next_step_are_kept(office: Office, ada: Desk) -> None:
    page, pop = ada.tab, Pop(ada.tab)
    await rings(office, "w1", **CALLER)
    await pop.shows("李娜")
    await rings(office, "w1", "answered", agent="ada", **CALLER)
    await expect(pop.current).to_be_visible()
    await pop.card.get_by_text("Call again").click()
    await page.goto("/contacts")
    await expect(pop.card.get_by_label("Call again")).to_be_checked()
    await rings(office, "w1", "ended", **CALLER)
    await expect(pop.over).to_contain_text("until the next call")
    await pop.card.get_by_label("Next step").fill("Send the revised offer")
    await pop.card.get_by_role("combobox", name="When").select_option(index=1)
    await pop.card.get_by_label("Next step").press("Control+Enter")
    await expect(pop.over).to_have_count(0)
    await page.goto("/")
    promised = page.locator(".task").filter(has_text="Send the revised offer")
    await expect(promised).to_contain_text("李娜")
    await promised.focus()
    await page.keyboard.press("x")
    await expect(page.locator(".task")).to_have_count(0)
    await page.goto("/calls")
    entry = page.locator(".entry").first
    await entry.locator("summary").click()
    await expect(entry).to_contain_text("Call again (Ada Brandt)")


async def test_a_missed_call_is_returned_from_the_ledger_and_leaves_it(
    office: Office, board: Switchboard, ada: Desk
) -> None:
    page = ada.tab
    await page.goto("/calls/missed")
    line = row(page, "Éloïse Garnier")
    await line.get_by_role("button", name="Take it").click()
    await expect(row(page, "Éloïse Garnier")).to_contain_text("you")
    await row(page, "Éloïse Garnier").focus()
    await page.keyboard.press("b")
    await expect(page.get_by_role("dialog")).to_contain_text("Your phone rings first")
    placed = await board.dialled()
    assert placed.callee == "tel:+33142345678"
    await page.keyboard.press("Escape")
    for event in ("ringing", "answered", "ended"):
        await rings(office, placed.call, event, **{"from": "21", "to": "+33142345678"})
    await expect(row(page, "Éloïse Garnier")).to_have_count(0)
    await page.get_by_role("link", name="Returned", exact=True).click()
    await expect(row(page, "Éloïse Garnier")).to_contain_text("reached by phone")


async def test_a_refused_call_says_why_and_may_be_placed_with_a_reason(
    office: Office, board: Switchboard, ada: Desk
) -> None:
    page = ada.tab
    rules = office.service.dialing.rules
    office.service.dialing.rules = replace(rules, quiet_days=frozenset(range(7)))
    await page.goto("/contacts")
    await page.get_by_role("link", name="Sofia Rossi").click()
    number = page.locator(".handles a[href^='tel:']").first
    await number.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("This call was not placed.")
    await expect(dialog).to_contain_text("Nobody is called on")
    assert board.placed == []
    await dialog.get_by_label("Why call all the same?").fill("She asked for it")
    await dialog.get_by_role("button", name="Call anyway").click()
    await expect(dialog).to_contain_text("Your phone rings first")
    assert (await board.dialled()).callee == "tel:+390255501234"


async def test_a_message_is_heard_on_the_timeline_with_what_was_said(office: Office, ada: Desk) -> None:
    await sounds(office)
    page = ada.tab
    await page.goto("/calls/recordings")
    line = row(page, "李娜")
    await expect(line).to_contain_text(SAID)
    seconds = await line.locator("audio").evaluate(
        "(audio) => new Promise((heard) => { audio.onloadedmetadata = () => heard(audio.duration); audio.load(); })"
    )
    assert seconds == 2
    await page.goto("/contacts")
    await page.get_by_role("link", name="李娜").click()
    entry = Timeline(page).entries.filter(has_text="left a message").first
    await entry.locator("summary").click()
    await expect(entry.locator("audio")).to_be_visible()
    await expect(entry).to_contain_text(SAID)


async def test_who_does_not_want_to_be_disturbed_says_so_in_the_frame(office: Office, ada: Desk, ben: Desk) -> None:
    await ben.tab.goto("/calls/live")
    await ada.tab.keyboard.press("v")
    await ada.tab.get_by_text("Do not disturb").first.click()
    await ada.tab.get_by_label("Note for colleagues").fill("Writing the offer")
    await ada.tab.get_by_role("button", name="Save").click()
    await expect(ada.tab.locator("[data-standing-words]")).to_have_text("Do not disturb")
    await expect(ben.tab.locator("#colleagues")).to_contain_text("Writing the offer")


async def test_a_call_on_another_phone_and_a_list_are_written_down(office: Office, ada: Desk) -> None:
    page = ada.tab
    await page.goto("/calls")
    await page.keyboard.press("l")
    await page.get_by_label("Their number").fill("030 12398765")
    await page.get_by_label("Minutes talked").fill("7")
    await page.get_by_role("dialog").get_by_label("Note").fill("Said yes to the lobby")
    await page.get_by_role("button", name="Log it").click()
    await expect(page.locator(".entry").first).to_contain_text("answered 7:00")
    await expect(page.locator(".entry").first).to_contain_text("Martha Vogel")
    await page.goto("/calls/lists")
    await page.get_by_role("button", name="New list").click()
    await page.get_by_label("What it is for").fill("New prices")
    await page.get_by_label("Numbers").fill("+390255501234;Sofia Rossi\n+33142345678;Éloïse Garnier")
    await page.get_by_role("button", name="Make the list").click()
    await expect(page.locator("#calls")).to_contain_text("0 of 2")
    await row(page, "Sofia Rossi").get_by_role("button", name="Skip").click()
    await expect(row(page, "Sofia Rossi")).to_contain_text("left out")


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_every_view_of_the_calls_is_clean(
    browser: Browser, office: Office, complaints: Complaints, phone: bool
) -> None:
    await sounds(office)
    async with Desk.open(browser, office, complaints, phone=phone, color_scheme="dark" if phone else "light") as desk:
        page = await desk.log_in("ada")
        await rings(office, "v1", "answered", agent="ben", **{"from": "+493012398765"})
        wrong, wide = [], []
        for view in VIEWS:
            await page.goto(f"/calls{view}")
            wrong += await faults(page)
            wide.append(await overflow(page))
        await page.get_by_label("Keys pressed").fill("2")
        await page.get_by_role("button", name="Try it").click()
        await expect(page.locator(".steps li").first).to_be_visible()
        await page.goto("/calls")
        await page.get_by_role("button", name="Log a call").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert [*wrong, *await faults(page)] == []
        assert "".join(wide) == ""
