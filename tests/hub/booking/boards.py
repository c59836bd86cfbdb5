"""Hosts, their hours and what takes their time, in few words; and what a board of them offers, as clocks show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.booking.openings import hours_of, openings
from hub.booking.rules import Away, Length, Own, Week, person
from hub.booking.together import Board, Group
from hub.booking.types import EventType
from hub.hours import Hours, read_spans

BERLIN = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True)
class State:
    """How fresh a calendar is."""

    source: str
    current_at: datetime | None = None
    stale: bool = False
    why: str = ""


@dataclass(frozen=True)
class Busy:
    """What lies in somebody's calendars."""

    spans: tuple[tuple[int, int], ...] = ()
    calendars: tuple[State, ...] = ()
    version: int = 1


@dataclass(frozen=True)
class Event:
    """One event in a calendar, as its reader may see it."""

    starts_at: datetime
    ends_at: datetime
    title: str
    source: str
    private: bool = False
    uid: str = "dentist"
    current_at: datetime | None = None


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> int:
    """The second at which the clock in *zone* shows *text*."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp())


def week(text: str = "09:00-17:00", zone: ZoneInfo = BERLIN, **days: str) -> Hours:
    """Hours that are the same on all days but for those named (`sun="10:00-12:00"`)."""
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return Hours("office", zone, [read_spans(days.get(name, text)) for name in names])


def event(hosts: Sequence[str] = ("ada",), **more: Any) -> EventType:
    """An event type without notice."""
    return EventType.model_validate({"title": "Talk", "hosts": tuple(hosts), "notice": 0, **more})


def board(
    of: EventType,
    since: int,
    until: int,
    *,
    hours: Hours | Mapping[str, Hours] | None = None,
    busy: Mapping[str, Busy] | None = None,
    own: Mapping[str, Sequence[Own]] | None = None,
    away: Mapping[str, Sequence[Away]] | None = None,
    groups: Sequence[Group] = (),
    now: int | None = None,
    host: str = "",
    others: Sequence[str] = (),
    slug: str = "talk",
) -> Board:
    """The board of an event type between two moments; *others* are people who may stand in."""
    length = Length(of.durations[0] * 60, of.buffer_before * 60, of.buffer_after * 60)
    people = {}
    for agent in (*of.hosts, *others):
        its = hours.get(agent) if isinstance(hours, Mapping) else hours
        its = hours_of(of, its or week())
        people[agent] = person(
            of,
            slug,
            length,
            agent,
            Week(its, openings(its, since, until), its.zone),
            busy=(busy or {}).get(agent, Busy()),
            own=(own or {}).get(agent, ()),
            away=(away or {}).get(agent, ()),
            now=since if now is None else now,
            since=since,
            until=until,
        )
    return Board(of, length, people, groups, since, until, host)


def clock(times: Mapping[int, Any] | Sequence[int], zone: ZoneInfo = BERLIN) -> list[str]:
    """The moments as the clock in *zone* shows them, with its distance to UTC: `09:00+01:00`."""
    return [
        datetime.fromtimestamp(each, UTC).astimezone(zone).isoformat()[11:16] + _ahead(each, zone) for each in times
    ]


def _ahead(moment: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(moment, zone).isoformat()[19:25]


def hours_only(times: Mapping[int, Any] | Sequence[int], zone: ZoneInfo = BERLIN) -> list[str]:
    """The moments as the clock in *zone* shows them: `09:00`."""
    return [each[:5] for each in clock(times, zone)]
