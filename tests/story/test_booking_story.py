"""A customer books, moves and cancels, and her host moves the meeting in his own calendar program: after each step the
host's calendar on a real CalDAV server, the customer's mailbox behind a real mail server, the booking page and the
timeline say the same. `hub serve` runs as its users start it."""

from __future__ import annotations

import asyncio
import email
import email.policy
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import caldav
import icalendar
import pytest
from playwright.async_api import Browser, Page, expect

from tests.faults.hub_process import HubProcess, hub_process
from tests.servers.chromium import Complaints
from tests.servers.dovecot import PASSWORDS, Dovecot
from tests.servers.postfix import Postfix
from tests.servers.radicale import PASSWORDS as CALENDAR_PASSWORDS
from tests.servers.radicale import CalendarServer, radicale
from tests.servers.waiting import SECONDS, mails_in
from tests.servers.xandikos import xandikos

SERVERS = {"radicale": radicale, "xandikos": xandikos}
CONFIG = """
[booking]
mails_from = "office-mail"
company = "Lamps & Co."

[sources.office-mail]
provider = "imap"
ours = ["mailto:alice@example.test"]
host = "127.0.0.1"
port = {imap_port}
security = "none"
username = "alice"
password = "env:MAIL_PASSWORD"
smtp_host = "127.0.0.1"
smtp_port = {smtp_port}
smtp_security = "none"
smtp_auth = "none"

[sources.alice-calendar]
provider = "caldav"
agents = ["alice"]
url = "{calendar_url}"
username = "alice"
password = "env:CALENDAR_PASSWORD"
calendars = ["work"]
write_to = "work"
poll_seconds = 1

[agents.alice]
name = "Alice"
handles = ["mailto:alice@example.test"]

[event_types.intro]
title = "First talk"
durations = [30]
hosts = ["alice"]
notice = 0
place = {{ kind = "address", value = "Lampenstraße 1" }}
"""


@dataclass(frozen=True, slots=True)
class World:
    """The hub, and what lies outside of it."""

    hub: HubProcess
    calendar: CalendarServer
    path: str
    token: str

    def events(self) -> list[icalendar.Event]:
        """What Alice's calendar program sees."""
        client = caldav.DAVClient(
            url=self.calendar.url + self.path, username="alice", password=CALENDAR_PASSWORDS["alice"]
        )
        with client:
            calendar = client.calendar(url=self.path)
            return [event for each in calendar.events() for event in each.icalendar_instance.walk("VEVENT")]

    def move(self, uid: str, later: timedelta) -> None:
        """Alice drags the meeting to another time in her calendar program."""
        client = caldav.DAVClient(
            url=self.calendar.url + self.path, username="alice", password=CALENDAR_PASSWORDS["alice"]
        )
        with client:
            event = client.calendar(url=self.path).event_by_uid(uid)
            with event.edit_icalendar_instance() as whole:
                for each in whole.walk("VEVENT"):
                    each["DTSTART"].dt += later
                    each["DTEND"].dt += later
            event.save()

    async def timeline(self) -> list[dict[str, Any]]:
        """The meetings on Bob's timeline."""
        async with self.hub.client(self.token) as api:
            async with api.get("/api/v1/contacts", params={"handle": "mailto:bob@example.test"}) as answer:
                (contact,) = (await answer.json())["items"]
            async with api.get(f"/api/v1/contacts/{contact['id']}/timeline") as answer:
                items: list[dict[str, Any]] = (await answer.json())["items"]
        return [each for each in items if each["kind"] == "meeting"]


@pytest.fixture(params=SERVERS)
async def world(
    request: pytest.FixtureRequest, tmp_path: Path, dovecot: Dovecot, postfix: Postfix
) -> AsyncIterator[World]:
    """A hub whose only agent has a calendar and a mailbox on real servers."""
    server: AbstractContextManager[CalendarServer] = SERVERS[request.param]()
    with server as calendar:
        path = calendar.make("work", name="work")
        config = CONFIG.format(imap_port=dovecot.imap_port, smtp_port=postfix.port, calendar_url=calendar.url)
        environ = {"MAIL_PASSWORD": PASSWORDS["alice"], "CALENDAR_PASSWORD": CALENDAR_PASSWORDS["alice"]}
        async with hub_process(tmp_path, config, environ=environ) as hub:
            yield World(hub, calendar, path, await hub.token("test"))


async def until_free(world: World) -> None:
    """Until Alice's calendar was read: before that nothing is offered."""
    async with world.hub.client() as client, asyncio.timeout(60):
        while True:
            async with client.get("/book/intro/slots") as answer:
                if (await answer.json())["slots"]:
                    return
            await asyncio.sleep(0.2)  # nobody outside is told of it


def mails(dovecot: Dovecot, number: int) -> list[tuple[EmailMessage, icalendar.Calendar]]:
    """Bob's mails, as soon as there are so many, each with its invitation as a mail program reads it."""
    found = []
    for raw in mails_in(dovecot, "bob", number):
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        (part,) = [
            each for each in mail.walk() if each.get_content_type() == "text/calendar" and not each.get_filename()
        ]
        calendar = icalendar.Calendar.from_ical(part.get_payload(decode=True))
        assert part.get_param("method") == str(calendar["METHOD"])
        found.append((mail, calendar))
    return found


async def shown(page: Page) -> datetime:
    """The time that the booking page says, UTC."""
    return datetime.fromisoformat(str(await page.locator(".pairs time").get_attribute("datetime"))).astimezone(UTC)


async def agree(
    world: World, dovecot: Dovecot, page: Page, number: int, *, cancelled: bool = False
) -> tuple[str, datetime]:
    """That the mail of that *number*, the calendar, the page and the timeline say the same: its UID, and when it is."""
    _, invitation = (await asyncio.to_thread(mails, dovecot, number))[-1]
    (told,) = invitation.walk("VEVENT")
    assert str(invitation["METHOD"]) == ("CANCEL" if cancelled else "REQUEST")
    starts_at = told["DTSTART"].dt.astimezone(UTC)
    if cancelled:
        assert await asyncio.to_thread(world.events) == []
        await expect(page.get_by_role("heading", level=1)).to_have_text("This meeting is cancelled")
    else:
        (kept,) = await asyncio.to_thread(world.events)
        assert (str(kept["UID"]), kept["DTSTART"].dt.astimezone(UTC)) == (str(told["UID"]), starts_at)
        assert kept["SEQUENCE"] == told["SEQUENCE"]
        assert await shown(page) == starts_at
    deadline = time.monotonic() + SECONDS
    while True:
        (meeting,) = await world.timeline()
        if (datetime.fromisoformat(meeting["occurred_at"]), bool(meeting.get("cancelled"))) == (starts_at, cancelled):
            break
        assert time.monotonic() < deadline, meeting
        await asyncio.sleep(0.1)
    assert meeting["key"] == f"ical:{told['UID']}"
    return str(told["UID"]), starts_at


async def test_booked_moved_moved_there_and_cancelled(
    world: World, dovecot: Dovecot, browser: Browser, complaints: Complaints
) -> None:
    await until_free(world)
    context = await browser.new_context(locale="en-GB", base_url=world.hub.url, timezone_id="Asia/Shanghai")
    context.on("page", complaints.listen)
    page = await context.new_page()
    await page.goto("/book/intro")
    await expect(page.locator("#zone")).to_have_value("Asia/Shanghai")
    await page.locator("a.day").last.click()
    await expect(page.locator("a.day").last).to_have_attribute("aria-current", "date")
    await page.locator(".times button").nth(2).click()
    await page.locator("#name").fill("Bob")
    await page.locator("#mail").fill("bob@example.test")
    await page.get_by_role("button", name="Book").click()
    await expect(page.locator(".notice.well")).to_be_visible()
    uid, first = await agree(world, dovecot, page, 1)

    await page.get_by_role("link", name="Choose another time").click()
    await page.locator("a.day").last.click()
    await expect(page.locator("a.day").last).to_have_attribute("aria-current", "date")
    await page.locator(".times button").nth(6).click()
    await expect(page.locator(".notice.well")).to_be_visible()
    assert await shown(page) != first
    same, second = await agree(world, dovecot, page, 2)
    assert (same, second != first) == (uid, True)

    await asyncio.to_thread(world.move, uid, timedelta(hours=1, minutes=10))
    await asyncio.to_thread(mails, dovecot, 3)
    await page.reload()
    same, third = await agree(world, dovecot, page, 3)
    assert (same, third) == (uid, second + timedelta(hours=1, minutes=10))

    await page.get_by_role("link", name="Cancel the meeting").click()
    await page.get_by_role("button", name="Cancel the meeting").click()
    await asyncio.to_thread(mails, dovecot, 4)
    same, _ = await agree(world, dovecot, page, 4, cancelled=True)
    assert same == uid
    sequences = [calendar.walk("VEVENT")[0]["SEQUENCE"] for _, calendar in await asyncio.to_thread(mails, dovecot, 4)]
    assert sequences == sorted(set(sequences))
    await context.close()
