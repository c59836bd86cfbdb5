from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

import hub
from connectors.caldav.settings import CaldavSettings
from tests.contracts.connector import setup
from tests.servers.radicale import CalendarServer, radicale
from tests.servers.xandikos import xandikos

SERVERS = {"radicale": radicale, "xandikos": xandikos}
SETUP = setup("work-calendar", ours=("mailto:alice@example.test",))

_numbers = count(1)


@pytest.fixture(scope="module", params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[CalendarServer]:
    """Each of the servers in turn; one for all tests of a module."""
    with SERVERS[request.param]() as running:
        yield running


@pytest.fixture
def calendar(server: CalendarServer) -> str:
    """The address of a new calendar of alice."""
    return server.make(f"work-{next(_numbers)}")


def settings(port: int, **changed: object) -> CaldavSettings:
    """Settings for alice's calendars on a server on *port*."""
    given = {"url": f"http://127.0.0.1:{port}/", "username": "alice", "password": "secret-a", "poll_seconds": 1}
    return CaldavSettings.model_validate({**given, **changed})


def event(uid: str, *lines: str, start: str = "20261201T100000Z", end: str = "20261201T110000Z") -> str:
    """An event as another program writes it."""
    head = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Calendar//EN", "BEGIN:VEVENT")
    body = (f"UID:{uid}", "DTSTAMP:20261120T090000Z", f"DTSTART:{start}", f"DTEND:{end}", *lines)
    return "\r\n".join((*head, *body, "END:VEVENT", "END:VCALENDAR", ""))


def uid(item: hub.Item) -> str:
    """The UID of a scheduled item."""
    assert isinstance(item, hub.Scheduled)
    return next(line[4:] for line in item.raw.decode().splitlines() if line.startswith("UID:"))


def uids(arrivals: list[hub.Arrival]) -> list[str]:
    """The UIDs of all that is scheduled in *arrivals*."""
    return [uid(item) for arrival in arrivals for item in arrival.items if isinstance(item, hub.Scheduled)]


def fill(server: CalendarServer, calendar: str, number: int) -> list[str]:
    """The calendar holds *number* events and nothing else, `event-000` and so on. Answers their addresses. A Radicale
    takes them all at once."""
    names = [f"event-{each:03}" for each in range(number)]
    whole = event("first").split("BEGIN:VEVENT")[0]
    texts = ("BEGIN:VEVENT" + event(name).split("BEGIN:VEVENT")[1].split("END:VCALENDAR")[0] for name in names)
    status, _, said = server.ask(
        "PUT", calendar, f"{whole}{''.join(texts)}END:VCALENDAR\r\n", Content_Type="text/calendar"
    )
    assert status == 201, said
    return [f"{calendar}{name}.ics" for name in names]
