"""Alerts: what is open for me, why I was told, and what became of it; on Now, on a page, and one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy import Connection

from hub.alerts.desk import Alert
from hub.crm.records import Unknown
from hub.privacy.visibility import Actor, readable, sees
from hub.store.alert_tables import reminders
from hub.store.schema import interactions
from hub.vocabulary import Level
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import alert_words, frame, moments
from hub.web.pages.moments import Choice

PAGE = 50
SHOWN = 20
STATES: Mapping[str, tuple[str, ...]] = {
    "open": ("open",),
    "snoozed": ("snoozed",),
    "acknowledged": ("acknowledged",),
    "ended": ("ended", "expired"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """An alert as a page shows it; *href* is where it leads."""

    id: int
    title: str
    lines: tuple[str, ...]
    rule: str
    why: str
    severity: str
    word: str
    tone: str
    icon: str
    at: datetime
    state: str
    state_words: str
    href: str
    facts: tuple[tuple[str, str], ...]

    @property
    def open(self) -> bool:
        """Whether something can be done about it."""
        return self.state in ("open", "snoozed")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reminder that is not due yet."""

    id: int
    note: str
    title: str
    due: str
    at: datetime
    href: str


@dataclass(frozen=True, slots=True)
class Block:
    """What Now shows: what is open by severity, what was seen to today, and of what she will be reminded."""

    open: tuple[Line, ...]
    more: int
    seen: tuple[Line, ...]
    waiting: tuple[Waiting, ...]


async def block(request: web.Request, speaks: Reader) -> Block | None:
    """The alerts of who reads, None for a login that no agent belongs to."""
    who, desk = frame.actor(request), request.app[SERVICE].alerts
    if not who.agent:
        return None
    found = await desk.listed(who, speaks, ("open",), limit=200)
    found.sort(key=lambda each: (alert_words.SEVERITIES.index(each.severity), -each.id))
    midnight = speaks.local(speaks.now).replace(hour=0, minute=0, second=0, microsecond=0)
    over = await desk.listed(who, speaks, ("acknowledged", "ended", "expired", "snoozed"), limit=SHOWN)
    seen = [each for each in over if each.updated_at >= midnight]
    told = await lines(request, speaks, [*found[:SHOWN], *seen])
    waiting = await frame.read(request, lambda conn: _reminders(conn, who, speaks))
    place = min(len(found), SHOWN)
    return Block(tuple(told[:place]), len(found) - place, tuple(told[place:]), tuple(waiting))


async def lines(request: web.Request, speaks: Reader, found: Sequence[Alert]) -> list[Line]:
    """*found* in words, each with the place it leads to."""
    ids = {each.interaction_id for each in found if each.interaction_id is not None}
    talks = await frame.read(request, lambda conn: _conversations(conn, frame.actor(request), ids))
    return [_line(speaks, each, talks) for each in found]


def _line(speaks: Reader, alert: Alert, talks: Mapping[int, int]) -> Line:
    until = moments.short(speaks, alert.snoozed_until) if alert.snoozed_until else ""
    return Line(
        id=alert.id,
        title=alert.said.title,
        lines=alert.said.lines,
        rule=alert.rule,
        why=alert.said.why,
        severity=alert.severity,
        word=alert_words.severities(speaks)[alert.severity],
        tone=alert_words.tone(alert.severity),
        icon=alert_words.icon(alert.kind),
        at=alert.fact_at,
        state=alert.state,
        state_words=alert_words.state(speaks, alert, until),
        href=_place(alert, talks),
        facts=tuple(alert_words.facts(speaks, alert)),
    )


def _place(alert: Alert, talks: Mapping[int, int]) -> str:
    about = alert.about
    talk = about.get("conversation") or talks.get(alert.interaction_id or 0)
    if "booking" in about:
        return f"/calendar/bookings/{about['booking']}"
    if "subscriber" in (about.get("values") or {}):
        return "/settings/webhooks"
    if about.get("source") and alert.kind.startswith("source"):
        return f"/sources#{about['source']}"
    if alert.kind in ("mention", "spike", "silence"):
        return f"/watch?query={about['query']}" if "query" in about else "/watch"
    if talk:
        return f"/inbox/{talk}"
    return f"/contacts/{alert.contact_id}" if alert.contact_id is not None else "/alerts"


def _conversations(conn: Connection, actor: Actor, ids: set[int]) -> dict[int, int]:
    if not ids:
        return {}
    i = interactions.c
    query = sa.select(i.id, i.conversation_id).where(i.id.in_(ids), i.conversation_id.is_not(None), sees(actor) > 0)
    return {row.id: row.conversation_id for row in conn.execute(query)}


def _reminders(conn: Connection, actor: Actor, speaks: Reader) -> list[Waiting]:
    r, i = reminders.c, interactions.c
    query = (
        sa.select(r.id, r.note, r.due_at, i.title, i.conversation_id, sees(actor).label("level"))
        .join_from(reminders, interactions, i.id == r.interaction_id)
        .where(r.agent == actor.agent, r.done_at.is_(None))
        .order_by(r.due_at)
        .limit(SHOWN)
    )
    return [
        Waiting(
            row.id,
            row.note,
            row.title if readable(row.level, Level.SUBJECT) else "",
            moments.short(speaks, row.due_at),
            row.due_at,
            f"/inbox/{row.conversation_id}" if row.conversation_id else "",
        )
        for row in conn.execute(query)
    ]


# --- the pages ------------------------------------------------------------------------------------------------------


async def on_now(request: web.Request) -> web.Response:
    """The block of Now, after something has changed."""
    frame.known(request)
    speaks = frame.reader(request)
    return frame.fragment(request, "alerts/_block.html", reader=speaks, told=await block(request, speaks))


async def all_alerts(request: web.Request) -> web.Response:
    """My alerts in one state, the latest first; the list alone where the page asks for it anew."""
    who, speaks = frame.actor(request), frame.reader(request)
    state = request.query.get("state", "open")
    state = state if state in STATES else "open"
    beyond = frame.number(request.query.get("before", "")) or None
    desk = request.app[SERVICE].alerts
    found = await desk.listed(who, speaks, STATES[state], before=beyond, limit=PAGE + 1)
    told = await lines(request, speaks, found[:PAGE])
    after = found[PAGE - 1].id if len(found) > PAGE else None
    context: dict[str, Any] = {"reader": speaks, "state": state, "told": told, "after": after}
    if frame.is_fragment(request):
        return frame.fragment(request, "alerts/_list.html", **context)
    context.pop("state")
    return await frame.page(request, "alerts/alerts.html", "alerts", shown=state, states=_states(speaks), **context)


async def one(request: web.Request) -> web.Response:
    """One alert: where mails and pushes lead."""
    who, speaks = frame.actor(request), frame.reader(request)
    try:
        found = await request.app[SERVICE].alerts.get(who, speaks, frame.record_id(request))
    except Unknown as error:
        raise web.HTTPNotFound from error
    (told,) = await lines(request, speaks, [found])
    return await frame.page(request, "alerts/one.html", "alerts", reader=speaks, each=told)


async def go(request: web.Request) -> web.Response:
    """To what an alert is about."""
    who, speaks = frame.actor(request), frame.reader(request)
    try:
        found = await request.app[SERVICE].alerts.get(who, speaks, frame.record_id(request))
    except Unknown as error:
        raise web.HTTPNotFound from error
    (told,) = await lines(request, speaks, [found])
    raise web.HTTPSeeOther(told.href if told.href != "/alerts" else f"/alerts/{told.id}")


async def snooze(request: web.Request) -> web.Response:
    """The dialog that asks until when."""
    frame.writer(request)
    speaks = frame.reader(request)
    return frame.fragment(
        request,
        "alerts/_when.html",
        reader=speaks,
        alert=frame.record_id(request),
        interaction=0,
        times=_said(speaks, times(speaks)),
        soonest=_field(speaks),
    )


async def remind(request: web.Request) -> web.Response:
    """The dialog that asks when I want to be reminded of an interaction."""
    frame.writer(request)
    speaks = frame.reader(request)
    return frame.fragment(
        request,
        "alerts/_when.html",
        reader=speaks,
        alert=0,
        interaction=frame.record_id(request),
        times=_said(speaks, times(speaks)),
        soonest=_field(speaks),
    )


def times(speaks: Reader) -> list[Choice]:
    """In an hour, tomorrow morning, on Monday, in a week: soonest first, nothing twice."""
    t, now = speaks.gettext, speaks.now
    hour = (now + timedelta(hours=1)).replace(second=0, microsecond=0)
    usual = {each.label: each for each in moments.choices(speaks)}
    wanted = [usual.get(t(word)) for word in ("Tomorrow morning", "Next Monday", "In a week")]
    return [Choice(t("In an hour"), hour), *(each for each in wanted if each is not None)]


def _said(speaks: Reader, found: Sequence[Choice]) -> list[dict[str, Any]]:
    return [each.document(speaks) for each in found]


def _field(speaks: Reader) -> str:
    soon = (speaks.local(speaks.now) + timedelta(hours=2)).replace(minute=0)
    return soon.strftime("%Y-%m-%dT%H:%M")


def _states(speaks: Reader) -> dict[str, str]:
    t = speaks.gettext
    return {
        "open": t("Open"),
        "snoozed": t("Snoozed"),
        "acknowledged": t("Acknowledged"),
        "ended": t("Over"),
    }
