"""Sources: how each channel does in words, with cause and cure; and the quarantine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy import Connection

from hub import audit
from hub.config import Config
from hub.privacy.visibility import Actor, Scope
from hub.quarantine import Held, NotHeld, one
from hub.quarantine import listed as quarantined
from hub.sources import State
from hub.store.schema import interactions, quarantine, refusals, sources
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import frame

RED = (State.REJECTED.value, State.MISCONFIGURED.value, State.FAILED.value)
HELD = 50
SHOWN_BYTES = 20_000
HOURS = 24


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the table. *tone* is "late", "waiting", "well" or ""; *activity* counts items by hour, oldest first."""

    name: str
    provider: str
    state: str
    words: str
    tone: str
    cause: str
    cure: str
    last: datetime | None
    items: int
    refused: int
    refused_why: str
    held: int
    activity: tuple[int, ...]
    url: str


async def all_sources(request: web.Request) -> web.Response:
    """The table, and what lies in quarantine for those who may look at it."""
    who, speaks = frame.actor(request), frame.reader(request)
    config = request.app[SERVICE].config

    def work(conn: Connection) -> tuple[list[Source], list[Held]]:
        return listed(conn, config, speaks), quarantined(conn, limit=HELD) if who.may(Scope.ADMIN) else []

    found, kept = await frame.read(request, work)
    context: dict[str, Any] = {"sources": found, "held": kept, "admin": who.may(Scope.ADMIN)}
    if frame.is_fragment(request):
        return frame.fragment(request, "sources/_table.html", reader=speaks, **context)
    return await frame.page(request, "sources/sources.html", "sources", reader=speaks, **context)


def listed(conn: Connection, config: Config, speaks: Reader) -> list[Source]:
    """Every source of the config, with what the store knows of it; those that need somebody first."""
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
    hours = _by_hour(conn, speaks.now)
    broken = {problem.source: problem for problem in config.problems if problem.source}
    found = []
    for name in [*config.sources, *(name for name in broken if name not in config.sources)]:
        row, known = rows.get(name), config.sources.get(name)
        problem = broken.get(name)
        state = State.MISCONFIGURED.value if problem else (row.state if row else State.NEW.value)
        words, tone = said(speaks, state, row)
        cause = str(problem) if problem else (row.cause if row else "")
        found.append(
            Source(
                name=name,
                provider=known.provider if known else "",
                state=state,
                words=words,
                tone=tone,
                cause=cause,
                cure=cure(speaks, state),
                last=row.last_item_at if row else None,
                items=row.items if row else 0,
                refused=int(refused[name].total) if name in refused else 0,
                refused_why=refused[name].reason if name in refused else "",
                held=kept.get(name, 0),
                activity=tuple(hours.get(name, {}).get(hour, 0) for hour in range(HOURS)),
                url=config.webhook_url(name) if known and known.offers.webhook else "",
            )
        )
    return sorted(found, key=lambda source: (source.state not in RED, source.name))


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


def said(speaks: Reader, state: str, row: sa.Row[tuple[object, ...]] | None) -> tuple[str, str]:
    """A state in words, and its tone."""
    t = speaks.gettext
    behind = row.behind_messages if row else None
    if state == State.NEW and row is not None and row.last_item_at is not None:
        return t("listening"), "well"  # a webhook has nothing to connect to: what it brought proves it
    if state == State.LISTENING:
        if behind:
            words = speaks.ngettext(
                "behind by %(count)s message, catching up", "behind by %(count)s messages, catching up", behind
            ) % {"count": speaks.number(behind)}
            return words, "waiting"
        if row is not None and row.measured_at is not None:
            return t("up to date, measured %s") % speaks.ago(row.measured_at), "well"
        return t("listening"), "well"
    return {
        State.NEW.value: (t("waits for its first message"), ""),
        State.CONNECTING.value: (t("connecting"), "waiting"),
        State.WAITING.value: (t("cannot be reached, trying again"), "waiting"),
        State.FAILED.value: (t("stopped by an error of ours, trying again"), "late"),
        State.REJECTED.value: (t("the provider refuses us"), "late"),
        State.MISCONFIGURED.value: (t("cannot work as it is configured"), "late"),
        State.ELSEWHERE.value: (t("another hub listens"), "well"),
        State.OFF.value: (t("switched off"), ""),
    }.get(state, (state, ""))


def cure(speaks: Reader, state: str) -> str:
    """What to do about it, "" where nothing needs to be done."""
    t = speaks.gettext
    return {
        State.REJECTED.value: t("Renew the password or the permission, then restart the hub."),
        State.MISCONFIGURED.value: t("Correct it in the config file, run “hub check”, then restart the hub."),
        State.WAITING.value: t("Nothing to do unless it lasts: the hub goes on trying and loses nothing."),
        State.FAILED.value: t("Look into the log, and tell whoever looks after the hub."),
    }.get(state, "")


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


def needs_admin(who: Actor) -> None:
    """403 for everybody but administrators."""
    if not who.may(Scope.ADMIN):
        raise web.HTTPForbidden
