"""People are told of their bookings: once, in their language and zone, with the right calendar beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from icalendar import Event
from sqlalchemy import Connection

from hub.booking import rows, telling
from hub.booking.states import State
from hub.service import Service
from hub.store.schema import bookings
from tests.fakes import texter as fake
from tests.fakes.texter import Texter
from tests.hub.booking.desk import EVE, LI_NA, Desk, day, invitation, open_desk
from tests.hub.letters.firm import ADA
from tests.hub.third_party import install
from tests.servers.mail import MailSink, Received

both = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def texter() -> AsyncIterator[Texter]:
    """Who sends our texts."""
    async with fake.texter() as running:
        yield running


@pytest.fixture
async def desk(
    url: str, tmp_path: Path, mail_sink: MailSink, texter: Texter, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    """A desk that texts, too."""
    (tmp_path / "plugins").mkdir()
    install(tmp_path / "plugins", monkeypatch, fake.POINTS)
    async with open_desk(url, tmp_path, mail_sink, texter.url) as opened:
        yield opened


def event_of(mail: Received, method: str) -> Event:
    """The one event in a mail whose calendar has *method*, in its object and at its part."""
    calendar, parameter = invitation(mail)
    assert (str(calendar["METHOD"]), parameter) == (method, method)
    (event,) = calendar.walk("VEVENT")
    return event


def text(mail: Received) -> str:
    """What people read of it."""
    body = mail.message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@both
async def test_cancellation_sent_as_method_request(desk: Desk) -> None:
    """FIELD: Cancellation sent as METHOD:REQUEST; missing `method` parameter; UID differs from the provider's."""
    secret, booked = await desk.book(day())
    invited, to_host = await desk.tell(2)
    await desk.bookings.move(secret, day(hour=10))
    moved, _ = await desk.tell(2)
    await desk.bookings.cancel(secret, "ill")
    cancelled, _ = await desk.tell(2)
    for number, mail in enumerate((invited, moved)):
        event = event_of(mail, "REQUEST")
        assert (str(event["UID"]), int(event["SEQUENCE"])) == (booked.booking.uid, number)
        assert event.start == day(hour=9 + number)
        assert str(event["STATUS"]) == "CONFIRMED"
        assert str(event["ORGANIZER"]) == "mailto:ada@example.org"
        assert event["ORGANIZER"].params["SENT-BY"] == "mailto:bookings@example.org"
        assert str(event["ATTENDEE"]) == "mailto:li.na@customer.example"
    event = event_of(cancelled, "CANCEL")
    assert (str(event["UID"]), int(event["SEQUENCE"]), str(event["STATUS"])) == (booked.booking.uid, 2, "CANCELLED")
    assert [event.uid for event in desk.diary.puts] == [booked.booking.uid] * 2
    assert invited.message["From"] == "Ada at Example <bookings@example.org>"
    assert invited.message["To"] == "Li Na <li.na@customer.example>"
    assert invited.message["Auto-Submitted"] == "auto-generated"
    assert moved.message["In-Reply-To"] == invited.message["Message-ID"]
    assert f"https://hub.example.org/booking/{secret}" in text(invited)
    assert "https://meet.example/" in text(invited)
    assert "Reason: ill" in text(cancelled)
    assert to_host.recipients == ("ada@example.org",)
    assert "+49 170 1234567" in text(to_host)


async def test_what_was_told_stands_on_the_timeline(desk: Desk) -> None:
    secret, booked = await desk.book(day())
    await desk.tell(2)
    await desk.bookings.cancel(secret)
    await desk.tell(2)
    told = await desk.firm.rows(
        "SELECT i.kind, i.direction FROM activities a JOIN interactions i ON i.id = a.interaction_id"
        " WHERE a.contact_id = :contact ORDER BY i.kind",
        contact=(await desk.bookings.get(booked.booking.id)).contact_id,
    )
    assert told == [("meeting", told[0][1]), ("message", "outbound"), ("message", "outbound")]
    states = await desk.firm.rows("SELECT DISTINCT state FROM letter_recipients")
    assert states == [("sent",)]
    letters = await desk.firm.rows(
        "SELECT count(DISTINCT l.conversation_id) FROM letters l JOIN letter_recipients r ON r.letter_id = l.id"
        " WHERE r.handle = 'mailto:li.na@customer.example'"
    )
    assert letters == [(1,)]


@pytest.mark.parametrize(
    ("language", "zone", "said"),
    [
        ("zh-Hans", "Asia/Shanghai", "16:00"),
        ("zh-Hant", "America/New_York", "03:00"),
        ("tlh", "Asia/Kolkata", "13:30–14:00 (Kolkata)"),
    ],
)
async def test_times_are_told_in_the_invitees_zone_and_language(
    desk: Desk, language: str, zone: str, said: str
) -> None:
    winter = day(days=1).replace(month=1, day=15) + timedelta(days=366)
    at = winter.replace(hour=8)
    held = await desk.bookings.hold("careful", at, 30, zone=zone, language=language)
    await desk.bookings.confirm(held.secret, LI_NA)
    invited, to_host = await desk.tell(2)
    assert said in text(invited)
    assert str(at.year) in invited.message["Subject"]
    if language.startswith("zh"):
        assert f"{at.year}年1月{at.day}日" in text(invited)
        assert {"zh-Hans": "上海", "zh-Hant": "紐約"}[language] in text(invited)
    assert "09:00–09:30 (Berlin)" in text(to_host)


async def test_reminders_come_at_their_times_by_mail_and_text(desk: Desk, texter: Texter) -> None:
    _, booked = await desk.book(day())
    await desk.tell(2)
    due = [(kind, way) for kind, way, state in await desk.notices_of("kind", "way", "state") if state == "due"]
    assert due == [("reminder", "mail"), ("reminder", "sms"), ("reminder", "mail"), ("follow-up", "mail")]
    desk.now = day() - timedelta(days=1)
    (reminder,) = await desk.tell(1)
    assert reminder.message["Subject"].startswith("Reminder: Introduction")
    assert [part.get_content_type() for part in reminder.message.walk()] == ["text/plain"]
    desk.now = day() - timedelta(minutes=59)
    await desk.tell(0)
    (sent,) = texter.taken
    assert (sent["to"], sent["from"], sent["channel"]) == ("tel:+491701234567", "tel:+4930123456", "sms")
    assert sent["text"].startswith("Reminder: Introduction with Ada, ")
    assert sent["text"].endswith(desk.bookings.link(booked.booking.id))
    desk.now = booked.booking.ends_at + timedelta(hours=1, minutes=1)
    (after,) = await desk.tell(1)  # the reminder of half an hour before it is late: nobody gets it any more
    assert after.message["Subject"].startswith("Thank you")
    await desk.tell(0)


async def test_a_late_reminder_comes_before_the_meeting_or_never(desk: Desk, texter: Texter) -> None:
    await desk.book(day())
    await desk.tell(2)
    desk.now = day() - timedelta(minutes=5)
    (reminder,) = await desk.tell(1)  # of two by mail that are late, one
    assert "Reminder" in reminder.message["Subject"]
    assert len(texter.taken) == 1
    await desk.book(day(hour=15), invitee=EVE)
    desk.now = None
    await desk.tell(2)
    desk.now = day(hour=15) + timedelta(minutes=1)
    assert [mail.message["Subject"] for mail in await desk.tell(1) if "Thank you" not in mail.message["Subject"]] == []


@both
async def test_reminders_move_with_the_booking_and_end_with_it(desk: Desk, texter: Texter) -> None:
    secret, _ = await desk.book(day())
    await desk.tell(2)
    await desk.bookings.move(secret, day(days=5))
    await desk.tell(2)
    desk.now = day() - timedelta(minutes=20)
    await desk.tell(0)
    await desk.bookings.move(secret, day())  # back, after its reminders were dropped
    desk.now = None
    await desk.tell(2)
    desk.now = day() - timedelta(hours=1)
    await desk.tell(1)
    assert len(texter.taken) == 1
    await desk.bookings.cancel(secret)
    await desk.tell(2)
    desk.now = day(days=9)
    await desk.tell(0)
    assert len(texter.taken) == 1


async def test_who_did_not_come_is_not_thanked(desk: Desk) -> None:
    _, booked = await desk.book(day())
    await desk.tell(2)
    sql = "UPDATE bookings SET no_show = :yes WHERE id = :id"
    await desk.firm.execute(sql, yes=True, id=booked.booking.id)
    desk.now = booked.booking.ends_at + timedelta(hours=2)
    await desk.tell(0)


async def test_what_is_asked_for_is_no_invitation_until_a_host_agrees(desk: Desk) -> None:
    _, booked = await desk.book(day(), "careful")
    asked, to_host = await desk.tell(2)
    assert [each for each in asked.message.walk() if each.get_content_type() == "text/calendar"] == []
    assert "asks for" in to_host.message["Subject"]
    assert f"https://hub.example.org/calendar/bookings/{booked.booking.id}" in text(to_host)
    assert await desk.notices_of("kind") == [("asked",)] * 2
    await desk.bookings.agree(booked.booking.id, actor=ADA)
    agreed, _ = await desk.tell(2)
    assert int(event_of(agreed, "REQUEST")["SEQUENCE"]) == 1
    _, other = await desk.book(day(hour=12), "careful", EVE)
    await desk.tell(2)
    await desk.bookings.decline(other.booking.id, "on leave", actor=ADA)
    (declined,) = await desk.tell(1)
    assert "Reason: on leave" in text(declined)


async def test_what_happened_quickly_is_told_once(desk: Desk) -> None:
    secret, _ = await desk.book(day())
    await desk.bookings.move(secret, day(hour=10))
    await desk.bookings.move(secret, day(hour=11))
    invited, to_host = await desk.tell(2)
    event = event_of(invited, "REQUEST")
    assert (int(event["SEQUENCE"]), event.start) == (2, day(hour=11))
    assert [mail.message["Subject"].split(":")[0] for mail in (invited, to_host)] == ["Booked", "Booked"]


async def test_nobody_hears_who_else_comes(desk: Desk) -> None:
    first, _ = await desk.book(day(), "course")
    _, other = await desk.book(day(), "course", EVE)
    mails = await desk.tell(4)
    for mail in mails[:2]:
        event = event_of(mail, "REQUEST")
        assert str(event["ATTENDEE"]) == f"mailto:{mail.recipients[0]}"
        said = text(mail) + event.to_ical().decode()
        assert ("Eve" in said, "+491717654321" in said) == ((mail.recipients == ("eve@customer.example",)),) * 2
    await desk.bookings.cancel(first)
    cancelled, _ = await desk.tell(2)
    assert cancelled.recipients == ("li.na@customer.example",)
    assert str(event_of(cancelled, "CANCEL")["ATTENDEE"]) == "mailto:li.na@customer.example"
    assert (await desk.bookings.get(other.booking.id)).state is State.CONFIRMED


async def test_guests_are_told_and_cannot_change_it(desk: Desk) -> None:
    secret, _ = await desk.book(day(), invitee=replace(LI_NA, guests=("eve@customer.example",)))
    by_recipient = {mail.recipients[0]: mail for mail in await desk.tell(3)}
    assert secret in text(by_recipient["li.na@customer.example"])
    eve = by_recipient["eve@customer.example"]
    assert secret not in text(eve)
    assert secret not in event_of(eve, "REQUEST").to_ical().decode().replace("\r\n ", "")


async def test_one_notifier(desk: Desk) -> None:
    """FIELD: One sync, 700 invitation mails: where the provider tells the invited, the hub does not. Reminders it
    sends."""
    desk.diary.tells = True
    secret, booked = await desk.book(day())
    (to_host,) = await desk.tell(1)
    assert to_host.recipients == ("ada@example.org",)
    desk.now = day() - timedelta(days=1)
    (reminder,) = await desk.tell(1)
    assert reminder.recipients == ("li.na@customer.example",)
    desk.now = None
    await desk.bookings.cancel(secret)
    (to_host,) = await desk.tell(1)
    assert to_host.recipients == ("ada@example.org",)
    assert booked.booking.notifier == "provider"


async def test_why_nobody_was_told_is_known(desk: Desk) -> None:
    await desk.firm.execute(
        "INSERT INTO undeliverable (handle, reason, diagnostic, at) VALUES (:handle, 'unknown-user', '', 0)",
        handle="mailto:li.na@customer.example",
    )
    await desk.book(day(), "careful")
    (to_host,) = await desk.tell(1)
    assert to_host.recipients == ("ada@example.org",)
    failed = [row for row in await desk.notices_of("state", "reason", "recipient") if row[0] == "failed"]
    assert failed == [("failed", "unknown-user", "mailto:li.na@customer.example")]


async def test_a_number_that_asked_for_no_texts_gets_none(desk: Desk, texter: Texter) -> None:
    await desk.firm.execute(
        "INSERT INTO undeliverable (handle, reason, diagnostic, at) VALUES (:handle, 'unsubscribed', '', 0)",
        handle="tel:+491701234567",
    )
    await desk.book(day())
    await desk.tell(2)
    desk.now = day() - timedelta(minutes=59)
    await desk.tell(1)
    assert texter.taken == []
    assert ("sms", "failed", "unsubscribed") in await desk.notices_of("way", "state", "reason")


async def test_a_host_hears_of_a_conflict_once(desk: Desk) -> None:
    _, booked = await desk.book(day(), "careful")
    await desk.tell(2)
    store = desk.service.store

    def conflicts(conn: Connection) -> bool:
        seat = rows.guest(conn, bookings.c.id == booked.booking.id)
        assert seat is not None
        return telling.once(conn, store.ids, seat, "conflict", "ada", 0, day())

    assert [await store.write(conflicts) for _ in range(2)] == [True, False]
    (mail,) = await desk.tell(1)
    assert mail.recipients == ("ada@example.org",)
    assert mail.message["Subject"].startswith("Conflict: Consultation with Li Na, ")


async def test_a_host_hears_that_it_is_hers_no_more(desk: Desk) -> None:
    _, booked = await desk.book(day())
    await desk.tell(2)
    await desk.bookings.reassign(booked.booking.id, "ben", actor=ADA)
    moved, to_ada = await desk.tell(2)
    assert str(to_ada.message["Subject"]).startswith("Given to Ben: Introduction with Li Na, ")
    event = event_of(moved, "REQUEST")
    assert str(event["ORGANIZER"]) == "mailto:bookings@example.org"  # Ben has no address of his own
    assert "SENT-BY" not in event["ORGANIZER"].params
    assert ("host", "failed", "This host has no mail address.") in await desk.notices_of("way", "state", "reason")


async def test_several_hubs_tell_each_thing_once(postgres_url: str, tmp_path: Path, mail_sink: MailSink) -> None:
    async with open_desk(postgres_url, tmp_path, mail_sink) as desk, Service.open(desk.service.config) as other:
        for hour in range(6, 14):
            await desk.book(day(hour=hour))
        beside = replace(desk.means, store=other.store, ingest=other.ingest)
        await asyncio.gather(desk.notices.once(), desk.keeper(beside).once(), desk.keeper(beside).once())
        await desk.left()
        assert len(mail_sink.taken) == 16
        assert await desk.firm.rows(
            "SELECT count(*), count(DISTINCT letter_id) FROM booking_notices WHERE state = 'sent'"
        ) == [(16, 16)]
