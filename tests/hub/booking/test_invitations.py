"""The whole way with real servers: out by Postfix, into Dovecot, and what two libraries read in the mailbox."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from icalendar import Calendar, Event

from tests.hub.booking.desk import LI_NA, day, open_desk
from tests.servers.dovecot import DOMAIN, Dovecot
from tests.servers.mail import MailSink
from tests.servers.postfix import Postfix
from tests.servers.waiting import mails_in

BOB = replace(LI_NA, name="Bob", mail=f"bob@{DOMAIN}")


def event_of(raw: bytes, method: str) -> tuple[EmailMessage, Event]:
    """The mail, and the event in its calendar, once by each of the places where programs look for it."""
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail.get_content_type() == "multipart/mixed"
    alternative, file = mail.iter_parts()
    plain, calendar = alternative.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    assert plain.get_content_type() == "text/plain"
    assert calendar["Content-Type"] == f'text/calendar; method="{method}"; charset="UTF-8"'
    assert calendar.get_content_disposition() is None
    assert (file.get_content_type(), file.get_filename()) == ("application/ics", "invite.ics")
    assert file.get_payload(decode=True) == calendar.get_payload(decode=True)
    read = Calendar.from_ical(calendar.get_content())
    assert str(read["METHOD"]) == method
    (event,) = read.walk("VEVENT")
    return mail, event


async def test_missing_method_parameter(tmp_path: Path, dovecot: Dovecot, postfix: Postfix) -> None:
    """FIELD: Cancellation sent as METHOD:REQUEST, missing `method` parameter, UID differs from the provider's."""
    url = f"sqlite:///{tmp_path / 'hub.sqlite3'}"
    async with open_desk(url, tmp_path, MailSink(), smtp_port=postfix.port, domain=DOMAIN) as desk, desk.notices:
        secret, booked = await desk.book(day(), invitee=BOB, language="zh-Hans")
        desk.notices.look()
        await asyncio.to_thread(mails_in, dovecot, "bob", 1)
        await desk.bookings.move(secret, day(hour=10))
        desk.notices.look()
        await asyncio.to_thread(mails_in, dovecot, "bob", 2)
        await desk.bookings.cancel(secret, "病了")
        desk.notices.look()
        raws = await asyncio.to_thread(mails_in, dovecot, "bob", 3)
        to_host = await asyncio.to_thread(mails_in, dovecot, "alice", 3)
        mails, events = zip(*map(event_of, raws, ("REQUEST", "REQUEST", "CANCEL")), strict=True)
        assert [int(event["SEQUENCE"]) for event in events] == [0, 1, 2]
        assert {str(event["UID"]) for event in events} == {booked.booking.uid}
        assert {event.uid for event in desk.diary.puts} == {booked.booking.uid}
        assert [event.start for event in events] == [day(), day(hour=10), day(hour=10)]
        assert [str(event["STATUS"]) for event in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
        assert {str(event["ORGANIZER"]) for event in events} == {f"mailto:alice@{DOMAIN}"}
        assert {event["ORGANIZER"].params["SENT-BY"] for event in events} == {f"mailto:front@{DOMAIN}"}
        assert {str(event["ATTENDEE"]) for event in events} == {f"mailto:bob@{DOMAIN}"}
        body = mails[2].get_body(("plain",))
        assert body is not None
        assert "病了" in body.get_content()
        assert mails[2]["References"].split() == [mails[0]["Message-ID"], mails[1]["Message-ID"]]
        hosts = [message_from_bytes(raw, policy=policy.default) for raw in to_host]
        assert all(each["To"] == f"Ada <alice@{DOMAIN}>" for each in hosts)
        meeting = await desk.firm.rows("SELECT count(*) FROM interactions WHERE kind = 'meeting'")
        assert meeting == [(1,)]
