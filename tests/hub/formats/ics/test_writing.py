"""What we write into calendars and mails, read again: by us from the rules alone, and by a real Radicale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.formats import ics
from tests.hub.formats import DATA
from tests.hub.formats.ics import utc
from tests.servers.radicale import CalendarServer, radicale

ZONES = (
    "Europe/Berlin", "Europe/London", "America/New_York", "America/Santiago", "America/Sao_Paulo", "Asia/Shanghai",
    "Asia/Kolkata", "Australia/Sydney", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Chatham", "UTC",
)  # fmt: skip
DAYS = ((2026, 1, 15), (2026, 7, 15), (2026, 3, 8), (2026, 3, 29), (2026, 4, 5), (2026, 10, 4), (2026, 10, 25),
        (2026, 11, 1), (2027, 8, 1))  # fmt: skip
"""Summer and winter, the days on which the clocks of these zones change, and the next year."""

ADA = ics.Attendee("mailto:ada@example.com", "Ada Lovelace")
LI = ics.Attendee("mailto:li@example.org", "Li, Na; \u674e\u5a1c")
TALK = ics.Appointment(
    uid="7@hub.example.com",
    sequence=2,
    stamp=utc(2026, 1, 2, 3, 4, 5),
    starts_at=utc(2026, 7, 15, 8),
    ends_at=utc(2026, 7, 15, 8, 30),
    zone="Europe/Berlin",
    title="Gr\u00fc\u00dfe; und, mehr " + "\U0001f600" * 30,
    text="Zeile 1\nZeile 2",
    place="https://meet.example.com/a?b=c,d",
    url="https://hub.example.com/booking/secret",
    organizer=ADA,
    attendees=(LI,),
)


def _at(zone: str, day: tuple[int, int, int], hour: int) -> ics.Appointment:
    begins = datetime(*day, hour, 30, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    name = f"{zone.replace('/', '-')}-{day[0]}{day[1]:02}{day[2]:02}-{hour}"
    return replace(TALK, uid=name, zone=zone, starts_at=begins, ends_at=begins + timedelta(hours=1))


@pytest.mark.parametrize("zone", ZONES)
def test_the_rules_that_we_write_are_the_law_of_the_zone(zone: str) -> None:
    for day in DAYS:
        for hour in (1, 3, 12):
            said = _at(zone, day, hour)
            # Under a name that nobody knows only the rules tell the time.
            raw = (
                ics.write([said])
                .replace(f"TZID:{zone}".encode(), b"TZID:Law")
                .replace(f"TZID={zone}".encode(), b"TZID=Law")
            )
            (read,) = ics.events(raw)
            assert (read.start, read.end, read.zone) == (said.starts_at, said.ends_at, "UTC" if zone == "UTC" else "")


@pytest.mark.parametrize(("zone", "rules"), [("Europe/Berlin", 2), ("America/New_York", 2), ("Asia/Kolkata", 0)])
def test_a_law_that_is_a_yearly_rule_is_written_as_one(zone: str, rules: int) -> None:
    raw = ics.write([replace(TALK, zone=zone)])
    assert (raw.count(b"RRULE:FREQ=YEARLY"), raw.count(b"RDATE")) == (rules, 0)


@pytest.fixture(scope="module")
def server() -> Iterator[CalendarServer]:
    with radicale() as running:
        yield running


def test_what_we_write_is_at_its_hour_in_radicale(server: CalendarServer) -> None:
    place = server.make("law")
    written = [_at(zone, day, 12) for zone in ZONES for day in DAYS[1:8:3]]
    for each in written:
        server.put(f"{place}{each.uid}.ics", ics.write([each]))
    for begins in sorted({each.starts_at for each in written}):
        for second, there in ((begins - timedelta(seconds=1), False), (begins, True)):
            expected = {each.uid for each in written if each.starts_at <= second < each.ends_at}
            assert _found(server, place, second) == expected, second
            assert any(each.starts_at == begins for each in written if each.uid in expected) is there


def _found(server: CalendarServer, place: str, moment: datetime) -> set[str]:
    """The UIDs of what Radicale thinks takes place in that second."""
    window = f'start="{moment:%Y%m%dT%H%M%SZ}" end="{moment + timedelta(seconds=1):%Y%m%dT%H%M%SZ}"'
    query = (
        '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/></D:prop>'
        '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
        f"<C:time-range {window}/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
    )
    status, _, body = server.ask("REPORT", place, query, Depth="1")
    assert status == 207, body
    return {part.rpartition("/")[2] for part in body.decode().split(".ics</href>")[:-1]}


def test_what_is_written_is_read_again() -> None:
    raw = ics.write([TALK, replace(TALK, uid="8@hub.example.com", cancelled=True)], "REQUEST")
    assert raw.count(b"BEGIN:VTIMEZONE") == 1
    first, second = ics.events(raw)
    assert (first.uid, first.sequence, first.dtstamp, first.method) == (TALK.uid, 2, TALK.stamp, "REQUEST")
    assert (first.start, first.end, first.zone) == (TALK.starts_at, TALK.ends_at, "Europe/Berlin")
    assert (first.summary, first.description, first.location, first.url) == (
        TALK.title,
        TALK.text,
        TALK.place,
        TALK.url,
    )
    assert first.organizer == ADA
    assert first.attendees == (replace(LI, status="NEEDS-ACTION", role="REQ-PARTICIPANT", rsvp=True),)
    assert (first.status, first.transparency, second.status) == ("CONFIRMED", "OPAQUE", "CANCELLED")


def test_lines_are_folded_at_75_octets_and_no_letter_is_cut() -> None:
    lines = ics.write([TALK]).split(b"\r\n")
    assert lines[-1] == b""
    for line in lines:
        assert len(line) <= 75
        assert b"\n" not in line
        line.decode()
    assert any(line.startswith(b" ") for line in lines)


def test_a_method_is_for_mails_and_an_agent_for_servers() -> None:
    assert b"METHOD" not in ics.write([TALK])
    assert b"\r\nMETHOD:CANCEL\r\n" in ics.write([TALK], "CANCEL")
    assert b"SCHEDULE-AGENT" not in ics.write([TALK])
    assert ics.write([TALK], agent="CLIENT").replace(b"\r\n ", b"").count(b"SCHEDULE-AGENT=CLIENT") == 1
    assert b"VALARM" not in ics.write([TALK])


def test_busy_times_are_written_and_read_again() -> None:
    spans = ((utc(2026, 3, 10, 9), utc(2026, 3, 10, 10)), (utc(2026, 3, 11, 9), utc(2026, 3, 11, 9, 30)))
    raw = ics.write_busy(
        spans, utc(2026, 3, 1), utc(2026, 4, 1), organizer="mailto:ada@example.com", uid="1", stamp=utc(2026, 1, 1)
    )
    assert raw.count(b"FREEBUSY;FBTYPE=BUSY:") == 2
    assert {b"DTSTART:20260301T000000Z", b"DTEND:20260401T000000Z", b"UID:1"} <= set(raw.split(b"\r\n"))
    assert ics.read_busy(raw) == spans


def test_all_kinds_of_busy_are_read_but_what_is_free() -> None:
    raw = (DATA / "calendar/synthetic/freebusy/freebusy-reply.ics").read_bytes()
    expected = tuple(
        (utc(2026, 3, 10, hour), utc(2026, 3, 10, hour) + timedelta(minutes=minutes))
        for hour, minutes in ((9, 60), (13, 60), (15, 30))
    )
    assert ics.read_busy(raw) == expected
    free = raw.replace(b"FBTYPE=BUSY-TENTATIVE", b"FBTYPE=FREE")
    assert ics.read_busy(free) == expected[:2]
    with pytest.raises(ics.Unreadable):
        ics.read_busy(b"hello")
