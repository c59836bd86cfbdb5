"""Short ways to say what lies in calendars: Ada's and Ben's, in Berlin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from hub import Copy, Scheduled
from hub.calendars import Owner, Owners
from hub.vocabulary import Item
from tests.hub.core import NEVER, OURS, Core

OWNERS = Owners(
    {
        "ada-calendar": Owner(
            ("ada",), frozenset(["mailto:ada@example.org", "mailto:ada@home.example"]), "Europe/Berlin"
        ),
        "ben-calendar": Owner(("ben",), frozenset(["mailto:ben@example.org"]), "Europe/Berlin"),
    },
    OURS.handles,
    frozenset(["example.org"]),
    NEVER,
    "DE",
    "Europe/Berlin",
)
ADA = "ORGANIZER;CN=Ada:mailto:ada@example.org"
BEN = "ATTENDEE;CN=Ben;PARTSTAT=ACCEPTED:mailto:ben@example.org"
LI = "ATTENDEE;CN=Li Na;PARTSTAT=NEEDS-ACTION:mailto:li.na@customer.example"
ON_SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""For what is the same on every database."""


def today() -> datetime:
    """Midnight of this day, UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def at(days: float, hour: int = 0, minute: int = 0) -> datetime:
    """A time so many *days* from today, UTC."""
    return today() + timedelta(days=days, hours=hour, minutes=minute)


def stamp(moment: datetime) -> str:
    """As iCalendar writes it, UTC."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def vevent(uid: str, start: datetime, *lines: str, minutes: int = 60, written: datetime | None = None) -> str:
    """One VEVENT, with more *lines*."""
    body = [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{stamp(written or at(-1))}",
        f"DTSTART:{stamp(start)}",
        f"DTEND:{stamp(start + timedelta(minutes=minutes))}",
        *lines,
        "END:VEVENT",
    ]
    return "\r\n".join(body)


def ics(*events: str) -> bytes:
    """A calendar object of *events*."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//hub//tests//EN"]
    return "\r\n".join([*head, *events, "END:VCALENDAR", ""]).encode()


def scheduled(
    name: str, raw: bytes, *, etag: str = "", place: str = "/ada/", expanded: bool = False, audience: str = ""
) -> Scheduled:
    """An object *name* of the calendar *place*."""
    return Scheduled(Copy(place, f"{place}{name}.ics", audience=audience), etag or f'"{hash(raw)}"', raw, expanded)


async def spans(core: Core, agent: str, days: int = 14) -> list[tuple[datetime, datetime]]:
    """When *agent* is busy from today on."""
    found = (await core.calendars.busy([agent], today(), today() + timedelta(days=days)))[agent]
    return [(datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)) for begin, end in found.spans]


async def bring(core: Core, *items: Item, source: str = "ada-calendar", live: bool = True) -> None:
    """What a calendar source says."""
    await core.ingest.record(source, items, live=live)


async def current(core: Core, *sources: str, minutes_ago: float = 0) -> None:
    """We have all of *sources*, as measured so long ago."""
    measured = int((datetime.now(UTC) - timedelta(minutes=minutes_ago)).timestamp() * 1_000_000)

    def work(conn: Connection) -> None:
        for name in sources:
            sql = (
                "INSERT INTO sources (name, state, current_at) VALUES (:name, 'listening', :at)"
                " ON CONFLICT (name) DO UPDATE SET current_at = excluded.current_at, state = excluded.state"
            )
            conn.execute(sa.text(sql), {"name": name, "at": measured})

    await core.store.write(work)


async def meetings(core: Core) -> Sequence[tuple[str, str, int]]:
    """(key, title, revision) of every meeting, by key."""
    sql = "SELECT key, title, revision FROM interactions WHERE kind = 'meeting' ORDER BY key"
    return [(key, title, revision) for key, title, revision in await core.rows(sql)]
