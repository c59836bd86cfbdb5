"""Rules: of what who is told; those of the file, those that every hub has, and those made here, with a dry run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from aiohttp import web
from pydantic import ValidationError
from sqlalchemy import Connection

from hub.alerts.desk import Refused
from hub.alerts.dry_run import DryRun, Would
from hub.alerts.rules import DAYS, Rule, RuleTable, takes
from hub.crm.records import Unknown
from hub.privacy.visibility import Actor, Authority, readable, sees
from hub.store.mention_tables import watch_queries
from hub.store.schema import contacts, deals, interactions
from hub.vocabulary import Channel, Level
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import alert_words, frame

DAYS_BACK = 30
HIGH = 64
"""Pixels of the highest bar."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A rule in words."""

    id: int | None
    name: str
    kind: str
    icon: str
    origin: str
    origin_words: str
    enabled: bool
    version: int
    severity: str
    severity_word: str
    tone: str
    who: str
    more: tuple[str, ...]
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the dry run: *high* and *top* in pixels."""

    day: date
    said: str
    count: int
    high: int
    top: int
    left: int


@dataclass(frozen=True, slots=True)
class Past:
    """An alert of the dry run in words."""

    at: datetime
    said: str
    title: str
    href: str
    agents: str


async def rules(request: web.Request) -> web.Response:
    """All rules; the list alone where the page asks for it anew."""
    frame.known(request)
    speaks = frame.reader(request)
    found = [_shown(request, speaks, each) for each in await request.app[SERVICE].alerts.rules()]
    context: dict[str, Any] = {"reader": speaks, "rules": found, "may": _may(request)}
    if frame.is_fragment(request):
        return frame.fragment(request, "alerts/_rules.html", **context)
    return await frame.page(request, "alerts/rules.html", "settings", **context)


async def edit(request: web.Request) -> web.Response:
    """The editor of a rule of the page, or of a new one: `like` names one to begin with."""
    _writer(request)
    speaks, desk = frame.reader(request), request.app[SERVICE].alerts
    rule = None
    if "id" in request.match_info:
        try:
            rule = await desk.rule(frame.record_id(request))
        except Unknown as error:
            raise web.HTTPNotFound from error
    like = desk.book.named(request.query.get("like", "")) if rule is None else None
    table = rule.table if rule else like.table if like else RuleTable(kind="message")
    return await frame.page(
        request,
        "alerts/rule.html",
        "settings",
        rule=rule,
        name=rule.name if rule else like.name if like and like.origin == "built-in" else "",
        **await _form(request, speaks, table),
    )


async def conditions(request: web.Request) -> web.Response:
    """The conditions of a `kind`, and nothing that it does not take."""
    _writer(request)
    speaks, name = frame.reader(request), request.query.get("kind", "")
    if name not in alert_words.kinds(speaks):
        raise web.HTTPNotFound
    table = RuleTable.model_validate({"kind": name})
    return frame.fragment(request, "alerts/_conditions.html", **await _form(request, speaks, table))


async def tried(request: web.Request) -> web.Response:
    """What a rule would have raised in the last 30 days, as it stands in the editor (JSON)."""
    _writer(request)
    speaks, t = frame.reader(request), frame.reader(request).gettext
    try:
        given = orjson.loads(await request.read())
        if not isinstance(given, dict):
            raise Refused("rule", t("This is no rule."))
        found = await request.app[SERVICE].alerts.dry_run(given, DAYS_BACK)
    except (orjson.JSONDecodeError, ValidationError, Refused) as error:
        return frame.fragment(request, "_wrong.html", 422, wrong=_wrong(error))
    who = frame.actor(request)
    would = await frame.read(request, lambda conn: _would(conn, who, speaks, found.alerts, _names(request)))
    return frame.fragment(
        request, "alerts/_tried.html", reader=speaks, found=found, would=would, bars=_bars(speaks, found)
    )


async def _form(request: web.Request, speaks: Reader, table: RuleTable) -> dict[str, Any]:
    """What the editor chooses from."""
    service = request.app[SERVICE]
    config = service.config
    found = await frame.read(request, lambda conn: _choices(conn, table))
    reached = [each.way for agent in config.agents for each in await service.ways.of(agent)] if config.agents else []
    ways = {
        way.kind if way.kind == "push" else way.name: alert_words.way(speaks, way.kind, way.label) for way in reached
    }
    return {
        "reader": speaks,
        "table": table,
        "takes": takes(table.kind),
        "kinds": alert_words.kinds(speaks),
        "severities": alert_words.severities(speaks),
        "usual": Rule(name="usual", table=RuleTable(kind=table.kind)).severity,
        "days": DAYS.get(table.kind, 0),
        "who": _everybody(request, speaks),
        "agents": {id: agent.name for id, agent in config.agents.items()},
        "sources": sorted(config.sources),
        "channels": _channels(speaks),
        "ways": ways | {"push": speaks.gettext("Push")},
        "sentiments": _sentiments(speaks),
        "states": _states(speaks),
        **found,
    }


def _choices(conn: Connection, table: RuleTable) -> dict[str, Any]:
    """The stages, queries and people there are."""
    stages = conn.scalars(sa.select(deals.c.stage).distinct().where(deals.c.stage != "").order_by(deals.c.stage)).all()
    q = watch_queries.c
    queries = conn.execute(sa.select(q.id, q.name).where(q.archived_at.is_(None)).order_by(q.name)).all()
    ids = [int(each) for each in table.contacts if each.isascii() and each.isdigit()]
    people = conn.execute(sa.select(contacts.c.id, contacts.c.name).where(contacts.c.id.in_(ids))) if ids else ()
    return {
        "stages": sorted({*stages, *table.stages}),
        "queries": {str(row.id): row.name for row in queries},
        "people": {str(row.id): row.name for row in people},
    }


# --- in words -------------------------------------------------------------------------------------------------------


def _shown(request: web.Request, speaks: Reader, rule: Rule) -> Shown:
    table, names = rule.table, _everybody(request, speaks)
    return Shown(
        id=rule.id,
        name=rule.name,
        kind=alert_words.kind(speaks, table.kind),
        icon=alert_words.icon(table.kind),
        origin=rule.origin,
        origin_words=alert_words.origin(speaks, rule.origin),
        enabled=table.enabled,
        version=rule.version,
        severity=rule.severity,
        severity_word=alert_words.severities(speaks)[rule.severity],
        tone=alert_words.tone(rule.severity),
        who=", ".join(names.get(each, each) for each in table.who),
        more=tuple(_conditions(speaks, rule, names)),
        document=table.model_dump(mode="json", exclude_defaults=True) | {"kind": table.kind},
    )


def _conditions(speaks: Reader, rule: Rule, names: Mapping[str, str]) -> list[str]:
    t, table = speaks.gettext, rule.table
    found = [t("whose contact somebody looks after")] if table.owned else []
    if table.deal_at_least is not None:
        found.append(t("with a deal of at least %s") % speaks.number(table.deal_at_least))
    if table.field:
        found.append(f"{table.field}: {', '.join(table.values)}" if table.values else table.field)
    if rule.days:
        found.append(speaks.ngettext("after %(num)s day", "after %(num)s days", rule.days) % {"num": rule.days})
    if table.reach_at_least is not None:
        found.append(t("with a reach of at least %s") % speaks.number(table.reach_at_least))
    counted = (
        (table.contacts, t("%s contacts")),
        (table.companies, t("%s companies")),
        (table.queries, t("%s queries")),
    )
    found += [said % speaks.number(len(some)) for some, said in counted if some]
    words = _sentiments(speaks) | _states(speaks) | _channels(speaks)
    for some in (table.channels, table.sources, table.stages, table.sentiments, table.states):
        if some:
            found.append(", ".join(words.get(each, each) for each in some))
    if table.escalate_minutes:
        to = names.get(table.escalate_to) or t("a stand-in")
        found.append(t("after %(minutes)s min told to %(who)s, too") % {"minutes": table.escalate_minutes, "who": to})
    return found


def _would(
    conn: Connection, actor: Actor, speaks: Reader, found: Sequence[Would], names: Mapping[str, str]
) -> list[Past]:
    ids = {each.interaction_id for each in found} - {None}
    people = {each.contact_id for each in found} - {None}
    i, c = interactions.c, contacts.c
    rows = conn.execute(
        sa.select(i.id, i.title, i.conversation_id, sees(actor).label("level")).where(i.id.in_(ids), sees(actor) > 0)
    )
    about = {row.id: row for row in rows} if ids else {}
    said = {row.id: row.name for row in conn.execute(sa.select(c.id, c.name).where(c.id.in_(people)))} if people else {}
    shown = []
    for each in found:
        row = about.get(each.interaction_id)
        href = f"/inbox/{row.conversation_id}" if row is not None and row.conversation_id else ""
        if not href and each.contact_id is not None:
            href = f"/contacts/{each.contact_id}"
        title = row.title if row is not None and readable(row.level, Level.SUBJECT) else ""
        name = said.get(each.contact_id or 0) or speaks.gettext("Somebody unknown")
        shown.append(Past(each.at, name, title, href, ", ".join(names.get(one, one) for one in each.agents)))
    return shown


def _bars(speaks: Reader, found: DryRun) -> list[Bar]:
    most = max(found.by_day.values(), default=0)
    first = found.since.date() + timedelta(days=1)
    bars = []
    for place in range(DAYS_BACK):
        day = first + timedelta(days=place)
        count = found.by_day.get(day, 0)
        high = max(2, round(HIGH * count / most)) if count else 0
        bars.append(Bar(day, speaks.weekday(day), count, high, HIGH - high, place * 20))
    return bars


def _wrong(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{error.field}: {error}" if isinstance(error, Refused) else str(error)


def _names(request: web.Request) -> dict[str, str]:
    return {id: agent.name for id, agent in frame.agents(request).items()}


def _everybody(request: web.Request, speaks: Reader) -> dict[str, str]:
    config = request.app[SERVICE].config
    usual = {name: alert_words.who(speaks, name, {}, {}) for name in ("concerned", "admins", "everyone")}
    teams = {f"team:{name}": team.name or name for name, team in config.teams.items()}
    return usual | teams | _names(request)


def _channels(speaks: Reader) -> dict[str, str]:
    t = speaks.gettext
    words = {"email": t("Mail"), "sms": t("SMS"), "chat": t("Chat"), "web": t("Web"), "social": t("Social")}
    return {each.value: words[each.value] for each in Channel if each.value in words}


def _sentiments(speaks: Reader) -> dict[str, str]:
    t = speaks.gettext
    return {"positive": t("positive"), "neutral": t("neutral"), "negative": t("negative"), "unclear": t("unclear")}


def _states(speaks: Reader) -> dict[str, str]:
    t = speaks.gettext
    return {"booked": t("booked"), "moved": t("moved"), "cancelled": t("cancelled")}


def _may(request: web.Request) -> bool:
    return frame.actor(request).authority in (Authority.ADMIN, Authority.MANAGER)


def _writer(request: web.Request) -> None:
    if not _may(request):
        raise web.HTTPForbidden
