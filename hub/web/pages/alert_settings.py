"""How I am told of alerts: quiet hours, digests, by which ways of what, and this browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from hub.alerts.timing import Preferences
from hub.alerts.ways.desk import WayView
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import alert_words, frame
from hub.web.pages.settings import browser


@dataclass(frozen=True, slots=True)
class Column:
    """A way as a column of the table: *names* are what settings may call it, *name* is what this page writes. *on*:
    for which severities she is told by it. Without *works* it cannot tell her now."""

    name: str
    word: str
    label: str
    names: frozenset[str]
    on: frozenset[str]
    works: bool


@dataclass(frozen=True, slots=True)
class Mine:
    """One of her ways. *failed* is the last time it did not work, where it has not worked since."""

    id: str
    name: str
    word: str
    label: str
    mine: bool
    enabled: bool
    off: bool
    sent_at: datetime | None
    failed_at: datetime | None
    reason: str


async def mine(request: web.Request) -> web.Response:
    """The page."""
    who, speaks, service = frame.actor(request), frame.reader(request), request.app[SERVICE]
    settings, version = await service.alerts.settings(who.agent)
    found = await service.ways.of(who.agent) if who.agent else []
    rules = await service.alerts.rules()
    columns = _columns(speaks, settings, found)
    known = frozenset().union(*(each.names for each in columns))
    words = alert_words.severities(speaks)
    return await frame.page(
        request,
        "alerts/settings.html",
        "settings",
        reader=speaks,
        settings=settings,
        version=version,
        columns=columns,
        kept={name: [each for each in settings.wanted(name) if each not in known] for name in words},
        severities=words,
        tones={name: alert_words.tone(name) for name in words},
        ways=[_way(speaks, settings, each) for each in found],
        rules=[each for each in rules if each.table.enabled or each.name in settings.muted],
        kinds=alert_words.kinds(speaks),
        days=alert_words.weekdays(speaks),
        zone=service.config.zone(who.agent).key if who.agent else speaks.timezone,
        browser_name=browser(request.headers.get("User-Agent", "")),
        push_on=service.ways.reach.enabled("push"),
    )


def _columns(speaks: Reader, settings: Preferences, found: Sequence[WayView]) -> list[Column]:
    """Push is one column for all browsers, and is there before the first of them is."""
    columns: list[Column] = []
    for each in found:
        way = each.way
        if way.kind == "push":
            continue
        label = way.label if way.kind in ("mail", "sms") else ""
        columns.append(_column(speaks, settings, way.name, way.kind, way.label, label, works=way.enabled))
    phones = sum(each.way.kind == "push" for each in found)
    label = speaks.ngettext("%(num)s browser", "%(num)s browsers", phones) % {"num": phones}
    columns.append(_column(speaks, settings, "push", "push", "", label, works=phones > 0))
    return columns


def _column(
    speaks: Reader, settings: Preferences, name: str, kind: str, said: str, label: str, *, works: bool
) -> Column:
    names = frozenset((name, kind))
    on = frozenset(each for each in alert_words.SEVERITIES if not names.isdisjoint(settings.wanted(each)))
    return Column(name, alert_words.way(speaks, kind, said), label, names, on, works)


def _way(speaks: Reader, settings: Preferences, view: WayView) -> Mine:
    way = view.way
    failed = view.failed_at if view.failed_at and (view.sent_at is None or view.failed_at > view.sent_at) else None
    return Mine(
        id=way.id,
        name=way.name,
        word=alert_words.way(speaks, way.kind, way.label),
        label=way.label if way.kind in ("mail", "sms", "push") else "",
        mine=way.way_id is not None,
        enabled=way.enabled,
        off=not {way.name, way.kind, way.id}.isdisjoint(settings.off),
        sent_at=view.sent_at,
        failed_at=failed,
        reason=view.reason if failed else "",
    )
