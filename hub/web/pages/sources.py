"""Sources: how each channel does in words, with cause and cure; its last day; and the quarantine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy import Connection

from hub import audit
from hub.config import Config
from hub.privacy.visibility import Actor, Scope
from hub.quarantine import Held, NotHeld, one
from hub.quarantine import listed as quarantined
from hub.sources import State
from hub.sources.canary import flights
from hub.sources.habits import Habits, Week
from hub.sources.lag import last_day
from hub.sources.reading import Progress, progress
from hub.store.schema import interactions, quarantine, refusals, sources
from hub.visitors.suspicion import Reason
from hub.web.i18n import Reader
from hub.web.keys import SERVICE, SUPERVISOR
from hub.web.pages import frame, source_words
from hub.web.pages.source_words import Known

RED = (State.REJECTED.value, State.MISCONFIGURED.value, State.FAILED.value)
HELD = 50
SHOWN_BYTES = 20_000
HOURS = 24
SHOWN = 100
TONES = {"late": 0, "waiting": 1}

HABITS: web.AppKey[Habits] = web.AppKey("habits")


class Hour(NamedTuple):
    """One hour of the last day: how much came in, and by how many messages we were behind at most (`None` where
    nobody measured)."""

    items: int
    behind: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the table. *tone* is "late", "waiting", "well" or ""; *day* are its last hours, oldest first."""

    name: str
    provider: str
    state: str
    words: str
    tone: str
    cause: str
    cure: str
    hint: str
    test_mail: str
    reading: Progress | None
    reads: str
    last: datetime | None
    items: int
    refused: int
    refused_why: str
    held: int
    day: tuple[Hour, ...]
    url: str
    retry: bool
    permission: bool

    @property
    def came(self) -> int:
        """How much came in within the day."""
        return sum(hour.items for hour in self.day)

    @property
    def late_hours(self) -> int:
        """In how many hours of it we were behind."""
        return sum(1 for hour in self.day if hour.behind)

    @property
    def furthest(self) -> int:
        """By how many messages, at most."""
        return max((hour.behind or 0 for hour in self.day), default=0)


@dataclass(frozen=True, slots=True)
class Sum:
    """All sources in three numbers."""

    all: int
    late: int
    waiting: int


async def all_sources(request: web.Request) -> web.Response:
    """The table, and what lies in quarantine for those who may look at it."""
    who, speaks = frame.actor(request), frame.reader(request)
    config = request.app[SERVICE].config
    week = await request.app[HABITS].week()
    wanted = request.query.get("q", "").strip().lower()

    def work(conn: Connection) -> tuple[list[Source], list[Held]]:
        held = quarantined(conn, limit=HELD) if who.may(Scope.ADMIN) else []
        return listed(conn, config, speaks, week, days=True), held

    every, kept = await frame.read(request, work)
    visitors = request.app[SERVICE].visitors
    suspected = await visitors.leads.suspected() if visitors.fronts and frame.may_write(request) else []
    tones = [source.tone for source in every]
    found = [source for source in every if wanted in source.name.lower() or wanted in source.cause.lower()]
    shown = found if "all" in request.query else found[:SHOWN]
    context: dict[str, Any] = {
        "sources": shown,
        "more": len(found) - len(shown),
        "q": wanted,
        "sum": Sum(len(every), tones.count("late"), tones.count("waiting")),
        "held": kept,
        "leads": suspected,
        "why_held": {reason: source_words.suspicion(speaks, reason) for reason in Reason},
        "admin": who.may(Scope.ADMIN),
        "everything": "all" in request.query,
    }
    if frame.is_fragment(request):
        return frame.fragment(request, "sources/_table.html", reader=speaks, **context)
    return await frame.page(request, "sources/sources.html", "sources", reader=speaks, **context)


def listed(
    conn: Connection, config: Config, speaks: Reader, week: Week | None = None, *, days: bool = False
) -> list[Source]:
    """Every source of the config, with what the store knows of it; those that need somebody first. *week* tells which
    are unusually quiet; without *days* their last day is left out."""
    rows = {row.name: row for row in conn.execute(sa.select(sources))}
    refused = {
        row.source: row
        for row in conn.execute(
            sa.select(
                refusals.c.source,
                sa.func.sum(refusals.c.count).label("total"),
                sa.func.max(refusals.c.reason).label("reason"),
            ).group_by(refusals.c.source)
        )
    }
    waiting = sa.select(quarantine.c.source, sa.func.count()).where(quarantine.c.state == "open")
    counted = conn.execute(waiting.group_by(quarantine.c.source))
    kept = {str(row[0]): int(row[1]) for row in counted}
    hours = _by_hour(conn, speaks.now) if days else {}
    lags = last_day(conn, speaks.now - timedelta(hours=HOURS + 1)) if days else {}
    flying = flights(conn)
    broken = {problem.source: problem for problem in config.problems if problem.source}
    found = []
    for name in [*config.sources, *(name for name in broken if name not in config.sources)]:
        row, source = rows.get(name), config.sources.get(name)
        problem, flight = broken.get(name), flying.get(name)
        if source is None or not source.canary_minutes:
            flight = None
        known = _known(row, State.MISCONFIGURED.value if problem else "")
        reading = _reading(row, known, speaks.now)
        permission = bool(source and source.oauth)
        words, tone = source_words.said(speaks, known, reading, flight, permission=permission)
        quiet = week.quiet(name, known.last_item_at, speaks.now) if week else None
        lost = flight.cause if flight and known.state == State.LISTENING else ""
        found.append(
            Source(
                name=name,
                provider=source.provider if source else "",
                state=known.state,
                words=words,
                tone=tone,
                cause=str(problem) if problem else (row.cause if row else "") or lost,
                cure=source_words.cure(speaks, known.state, config=problem is not None, permission=permission),
                hint=source_words.hint(speaks, quiet) if known.state == State.LISTENING and not reading else "",
                test_mail=source_words.round_trip(speaks, flight),
                reading=reading,
                reads=source_words.reads(speaks, reading) if reading else "",
                last=known.last_item_at,
                items=row.items if row else 0,
                refused=int(refused[name].total) if name in refused else 0,
                refused_why=refused[name].reason if name in refused else "",
                held=kept.get(name, 0),
                day=_day(hours.get(name, {}), lags.get(name, ()), speaks.now) if days else (),
                url=config.webhook_url(name) if source and source.offers.webhook else "",
                retry=problem is None and known.state in (*RED, State.WAITING.value),
                permission=permission,
            )
        )
    return sorted(found, key=lambda source: (source.state not in RED, TONES.get(source.tone, 2), source.name))


def _known(row: sa.Row[*tuple[Any, ...]] | None, state: str) -> Known:
    if row is None:
        return Known(state or State.NEW.value)
    return Known(
        state or row.state,
        row.behind_messages,
        row.behind_seconds,
        row.measured_at,
        row.last_item_at,
        row.next_try_at,
    )


def _reading(row: sa.Row[*tuple[Any, ...]] | None, known: Known, now: datetime) -> Progress | None:
    if row is None:
        return None
    going = known.state == State.LISTENING
    return progress(row.backfill_done, row.backfill_total, row.backfill_began_at, now, reads=going)


def _day(came: Mapping[int, int], lags: Sequence[tuple[datetime, int]], now: datetime) -> tuple[Hour, ...]:
    """The last 24 hours. What was measured stands until the next measurement."""
    behind: dict[int, int] = {}
    start = now - timedelta(hours=HOURS)
    ends = [*(at for at, _ in lags[1:]), now]
    for (at, messages), end in zip(lags, ends, strict=False):
        first, last = int((at - start) / timedelta(hours=1)), int((end - start) / timedelta(hours=1))
        for hour in range(max(0, first), min(HOURS - 1, last) + 1):
            behind[hour] = max(behind.get(hour, 0), messages)
    return tuple(Hour(came.get(hour, 0), behind.get(hour)) for hour in range(HOURS))


def _by_hour(conn: Connection, now: datetime) -> dict[str, dict[int, int]]:
    """What each source brought in each of the last 24 hours, counted from the oldest."""
    start = now - timedelta(hours=HOURS)
    since = sa.type_coerce(interactions.c.occurred_at, sa.BigInteger)
    first = sa.cast(sa.bindparam("start", start, interactions.c.occurred_at.type), sa.BigInteger)
    hour = ((since - first) // sa.literal(3_600_000_000, sa.BigInteger)).label("hour")
    rows = conn.execute(
        sa.select(interactions.c.source, sa.cast(hour, sa.Integer).label("hour"), sa.func.count().label("number"))
        .where(interactions.c.occurred_at >= start, interactions.c.occurred_at <= now)
        .group_by(interactions.c.source, sa.cast(hour, sa.Integer))
    )
    found: dict[str, dict[int, int]] = {}
    for row in rows:
        found.setdefault(row.source, {})[min(int(row.hour), HOURS - 1)] = row.number
    return found


async def last_day_of(request: web.Request) -> web.Response:
    """The dialog with the last day of one source, hour by hour."""
    frame.known(request)
    speaks, config, name = frame.reader(request), request.app[SERVICE].config, request.match_info["name"]
    every = await frame.read(request, lambda conn: listed(conn, config, speaks, days=True))
    found = [each for each in every if each.name == name]
    if not found:
        raise web.HTTPNotFound
    start = speaks.now - timedelta(hours=HOURS)
    hours = [(start + timedelta(hours=place), hour) for place, hour in enumerate(found[0].day)]
    return frame.fragment(request, "sources/_day.html", reader=speaks, it=found[0], hours=hours[::-1])


async def retry(request: web.Request) -> web.Response:
    """Try a source at once, and show the table."""
    who, supervisor, name = frame.actor(request), request.app[SUPERVISOR], request.match_info["name"]
    needs_admin(who)
    t = frame.reader(request).gettext
    if supervisor is None or not supervisor.retry(name):
        raise web.HTTPNotFound
    service = request.app[SERVICE]
    service.letters.resume(name)
    entry, now = service.store.ids(), datetime.now(UTC)
    await service.store.write(lambda conn: audit.note(conn, entry, who, "source.retry", f"source/{name}", now))
    response = await all_sources(request)
    response.headers["HX-Trigger"] = json.dumps({"said": t("Trying %s now.") % name})
    return response


async def show_held(request: web.Request) -> web.Response:
    """The dialog with the bytes of one thing in quarantine."""
    needs_admin(frame.actor(request))
    store = request.app[SERVICE].store
    held_id = frame.record_id(request)

    def work(conn: Connection) -> tuple[Held, bytes]:
        held = one(conn, held_id)
        return held, store.blobs.read(conn, held.blob) or b""

    try:
        held, raw = await frame.read(request, work)
    except NotHeld as error:
        raise web.HTTPNotFound from error
    shown = raw[:SHOWN_BYTES].decode("utf-8", "backslashreplace").replace("\x00", "␀")
    return frame.fragment(request, "sources/_held.html", it=held, raw=shown, cut=len(raw) > SHOWN_BYTES)


async def replay(request: web.Request) -> web.Response:
    """Try to understand it again, and show the table as it stands then."""
    who, service = frame.actor(request), request.app[SERVICE]
    needs_admin(who)
    held_id, entry, now = frame.record_id(request), service.store.ids(), datetime.now(UTC)
    try:
        await frame.read(request, lambda conn: one(conn, held_id))
    except NotHeld as error:
        raise web.HTTPNotFound from error
    why = await service.ingest.replay(held_id)
    await service.store.write(
        lambda conn: audit.note(conn, entry, who, "quarantine.replay", f"quarantine/{held_id}", now)
    )
    t = frame.reader(request).gettext
    response = await all_sources(request)
    told = t("Still not understood: %s") % why if why else t("Understood now, and recorded.")
    response.headers["HX-Trigger"] = json.dumps({"said": told})
    return response


async def decide_lead(request: web.Request) -> web.Response:
    """Release or discard a lead that looks like spam, and show the table as it stands then."""
    who, leads = frame.writer(request), request.app[SERVICE].visitors.leads
    release = request.match_info["deed"] == "release"
    done = await (leads.release if release else leads.discard)(who, frame.record_id(request))
    t = frame.reader(request).gettext
    response = await all_sources(request)
    told = t("It stands in the inbox now.") if release else t("Nothing of it is kept.")
    response.headers["HX-Trigger"] = json.dumps({"said": told if done else t("Somebody else has seen to it already.")})
    return response


def needs_admin(who: Actor) -> None:
    """403 for everybody but administrators."""
    if not who.may(Scope.ADMIN):
        raise web.HTTPForbidden
