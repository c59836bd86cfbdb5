"""The calendar: a week as days beside each other, why a time is offered, and the addresses at which it is published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from aiohttp import web

from hub.booking.states import BookingView, State
from hub.calendars.freshness import CalendarState
from hub.crm.records import Unknown
from hub.web.i18n import Reader, zone
from hub.web.keys import SERVICE
from hub.web.pages import calendar_words, frame
from hub.web.pages.calendar_week import Agenda, agenda
from hub.web.pages.calls import Tab

ROWS_OF_HOUR = 4
EARLIEST, LATEST = 8, 18
LANES = 3


@dataclass(frozen=True, slots=True)
class Block:
    """Something that takes time on one day: *row* and *rows* are quarters of an hour from the first one shown, *lane*
    of *lanes* is where it stands beside what overlaps it. *kind* is `booking`, `asked`, `conflict` or `taken`."""

    kind: str
    title: str
    words: str
    starts_at: datetime
    ends_at: datetime
    href: str = ""
    private: bool = False
    row: int = 0
    rows: int = 1
    lane: int = 0
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Day:
    """One column. *whole* are the things that take all of it."""

    date: date
    today: bool
    chosen: bool
    blocks: tuple[Block, ...]
    whole: tuple[Block, ...]


def tabs(speaks: Reader) -> list[Tab]:
    """The views, in order."""
    t = speaks.gettext
    return [
        Tab("week", "/calendar", t("Week"), ""),
        Tab("bookings", "/calendar/bookings", t("Bookings"), ""),
        Tab("types", "/calendar/types", t("Event types"), ""),
        Tab("explain", "/calendar/explain", t("Why this time?"), ""),
        Tab("feeds", "/calendar/feeds", t("Published"), ""),
    ]


async def show(request: web.Request, tab: str, part: str, **context: Any) -> web.Response:
    """The page of *tab* with *part* in it, or that part alone where the page asks for it anew."""
    speaks = frame.reader(request)
    more = {"reader": speaks, "writes": frame.may_write(request), "agents": frame.agents(request), **context}
    if frame.is_fragment(request):
        return frame.fragment(request, part, **more)
    return await frame.page(
        request, "calendar/calendar.html", "calendar", tabs=tabs(speaks), tab=tab, part=part, **more
    )


def whose(request: web.Request) -> str:
    """Whose time is looked at: whom the address names, else one's own, else the first colleague's."""
    agents = frame.agents(request)
    named = request.query.get("agent", "")
    mine = frame.actor(request).agent
    return named if named in agents else mine if mine in agents else next(iter(agents), "")


def read_day(text: str, otherwise: date) -> date:
    """A day as an address has it, *otherwise* where it has none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return found if 2000 < found.year < 2100 else otherwise


async def week(request: web.Request) -> web.Response:
    """Seven days of somebody's, from Monday."""
    speaks, agent = frame.reader(request), whose(request)
    today = speaks.local(speaks.now).date()
    chosen = read_day(request.query.get("day", ""), today)
    monday = chosen - timedelta(chosen.weekday())
    begins = [datetime.combine(monday + timedelta(each), time(), zone(speaks.timezone)) for each in range(8)]
    service = request.app[SERVICE]
    reading = frame.actor(request).agent
    found = await agenda(service, reading, agent, begins[0].astimezone(UTC), begins[-1].astimezone(UTC))
    blocks = _blocks(speaks, found)
    first, last = _hours(speaks, blocks)
    days = tuple(_day(speaks, blocks, begin, end, first, last, today, chosen) for begin, end in pairwise(begins))
    return await show(
        request,
        "week",
        "calendar/_week.html",
        agent=agent,
        days=days,
        hours=range(first, last),
        monday=monday,
        sunday=monday + timedelta(6),
        before=monday - timedelta(7),
        after=monday + timedelta(7),
        yesterday=chosen - timedelta(1),
        tomorrow=chosen + timedelta(1),
        chosen=chosen,
        stale=[(each, speaks.gettext(each.why) if each.why else "") for each in found.calendars if _wrong(each)],
        connected=bool(found.calendars),
        uncounted=found.uncounted,
        nothing=not blocks,
    )


def _wrong(state: CalendarState) -> bool:
    return state.stale or bool(state.why)


def _blocks(speaks: Reader, found: Agenda) -> list[Block]:
    t = speaks.gettext
    blocks = []
    for view in found.bookings:
        kind = "conflict" if view.conflict or view.overlaps else "asked" if view.state is State.ASKED else "booking"
        words = t("conflict") if kind == "conflict" else t("asks whether you agree") if kind == "asked" else view.title
        blocks.append(Block(kind, view.name, words, view.starts_at, view.ends_at, f"/calendar/bookings/{view.id}"))
    for each in found.taken:
        blocks.append(
            Block("taken", each.title or t("busy"), each.source, each.starts_at, each.ends_at, private=each.private)
        )
    return sorted(blocks, key=lambda each: (each.starts_at, each.ends_at))


def _hours(speaks: Reader, blocks: list[Block]) -> tuple[int, int]:
    """The hours that a day begins and ends with, so that all fits in that takes less than a day."""
    first, last = EARLIEST, LATEST
    for each in blocks:
        begin, end = speaks.local(each.starts_at), speaks.local(each.ends_at)
        if each.ends_at - each.starts_at >= timedelta(hours=24):
            continue
        if begin.date() != (end - timedelta(microseconds=1)).date():
            return 0, 24
        first = min(first, begin.hour)
        last = max(last, (end.hour or 24) + bool(end.minute))
    return first, min(last, 24)


def _day(
    speaks: Reader,
    blocks: list[Block],
    begin: datetime,
    end: datetime,
    first: int,
    last: int,
    today: date,
    chosen: date,
) -> Day:
    inside = [each for each in blocks if each.starts_at < end and each.ends_at > begin]
    whole = [each for each in inside if each.starts_at <= begin and each.ends_at >= end]
    placed = []
    for each in inside:
        if each in whole:
            continue
        since = speaks.local(max(each.starts_at, begin.astimezone(UTC)))
        until = speaks.local(min(each.ends_at, end.astimezone(UTC)))
        top = (since.hour - first) * ROWS_OF_HOUR + since.minute // 15
        bottom = ((until.hour if until.date() == begin.date() else 24) - first) * ROWS_OF_HOUR + -(-until.minute // 15)
        most = (last - first) * ROWS_OF_HOUR
        top = max(0, min(top, most - 2))
        placed.append((top, max(2, min(bottom, most) - top), each))
    return Day(begin.date(), begin.date() == today, begin.date() == chosen, tuple(_beside(placed)), tuple(whole))


def _beside(placed: list[tuple[int, int, Block]]) -> list[Block]:
    """What overlaps stands beside each other, three at most."""
    done: list[Block] = []
    group: list[tuple[int, int, int, Block]] = []
    ends: list[int] = []

    def close() -> None:
        lanes = min(max((lane for *_, lane, _each in group), default=0) + 1, LANES)
        for row, rows, lane, each in group:
            done.append(_at(each, row, rows, min(lane, LANES - 1), lanes))
        group.clear()
        ends.clear()

    for row, rows, each in placed:
        if ends and row >= max(ends):
            close()
        lane = next((place for place, end in enumerate(ends) if end <= row), len(ends))
        if lane == len(ends):
            ends.append(row + rows)
        else:
            ends[lane] = row + rows
        group.append((row, rows, lane, each))
    close()
    return done


def _at(each: Block, row: int, rows: int, lane: int, lanes: int) -> Block:
    return Block(
        each.kind, each.title, each.words, each.starts_at, each.ends_at, each.href, each.private, row, rows, lane, lanes
    )


async def explain(request: web.Request) -> web.Response:
    """Why a time of an event type is offered or not."""
    service, speaks = request.app[SERVICE], frame.reader(request)
    types = await service.event_types.listed()
    slug = request.query.get("type", "")
    chosen = next((each for each in types if each.slug == slug), types[0] if types else None)
    text = request.query.get("at", "")
    local = _local(text, speaks) or (speaks.local(speaks.now) + timedelta(days=1)).replace(hour=10, minute=0)
    told, minutes = None, 0
    if chosen is not None:
        wanted = request.query.get("duration", "")
        durations = chosen.event_type.durations
        minutes = int(wanted) if wanted.isdigit() and int(wanted) in durations else durations[0]
        if text:
            try:
                at = local.replace(second=0, microsecond=0).astimezone(UTC)
                told = await service.slots.explain(chosen.slug, at, minutes, reader=frame.actor(request).agent)
            except (Unknown, ValueError):
                told = None
    agents = frame.agents(request)
    hosts = [
        (
            calendar_words.name_of(agents, host.agent),
            host.open,
            [
                (each, calendar_words.reason(speaks, each, agents))
                for each in sorted(host.reasons, key=lambda r: r.opens)
            ],
        )
        for host in (told.hosts if told else ())
    ]
    return await show(
        request,
        "explain",
        "calendar/_explain.html",
        types=types,
        chosen=chosen,
        at=local.strftime("%Y-%m-%dT%H:%M"),
        minutes=minutes,
        told=told,
        verdict=calendar_words.verdict(speaks, told) if told else "",
        hosts=hosts,
    )


def _local(text: str, speaks: Reader) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 2000 < found.year < 2100:
        return None
    return found.replace(tzinfo=zone(speaks.timezone)) if found.tzinfo is None else speaks.local(found)


async def feeds(request: web.Request) -> web.Response:
    """The secret addresses at which one's calendar is published."""
    who = frame.actor(request).agent
    found = await request.app[SERVICE].feeds.listed(who) if who else ()
    return await show(request, "feeds", "calendar/_feeds.html", feeds=found, mine=who)


def hers(view: BookingView, speaks: Reader) -> Reader | None:
    """The invitee's clock, where it shows another time than the reader's."""
    theirs = Reader(speaks.tag, view.zone or speaks.timezone, speaks.now)
    same = theirs.local(view.starts_at).utcoffset() == speaks.local(view.starts_at).utcoffset()
    return None if same else theirs
