"""Webhooks for programs: who subscribes, how that does, and what was sent to them. For administrators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from hub.alerts.subscribers.rows import EVENTS, Subscriber
from hub.courier import Status
from hub.privacy.visibility import Scope
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import frame

OVERLAP = timedelta(hours=24)
"""For so long the secret before the last one signs, too."""

SHOWN = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """A subscriber in words: *tone* goes with *words*, *cause* says more; until *old_until* the old secret signs,
    too."""

    id: int
    url: str
    label: str
    events: tuple[str, ...]
    enabled: bool
    version: int
    words: str
    tone: str
    cause: str
    old_until: datetime | None
    made: datetime


async def subscribers(request: web.Request) -> web.Response:
    """Everybody who subscribes; the list alone where the page asks for it anew."""
    _administrator(request)
    speaks, desk = frame.reader(request), request.app[SERVICE].subscribers
    statuses = desk.statuses()
    shown = [_shown(speaks, each, statuses.get(each.id)) for each in await desk.listed()]
    context: dict[str, Any] = {"reader": speaks, "subscribers": shown, "events": _events(speaks)}
    if frame.is_fragment(request):
        return frame.fragment(request, "alerts/_subscribers.html", **context)
    return await frame.page(request, "alerts/subscribers.html", "settings", **context)


async def new(request: web.Request) -> web.Response:
    """The form of a new one, in a dialog."""
    _administrator(request)
    speaks = frame.reader(request)
    return frame.fragment(request, "alerts/_subscriber.html", reader=speaks, events=_events(speaks))


async def attempts(request: web.Request) -> web.Response:
    """What was sent to one, the latest first."""
    _administrator(request)
    speaks, number = frame.reader(request), frame.record_id(request)
    desk = request.app[SERVICE].subscribers
    if await desk.one(number) is None:
        raise web.HTTPNotFound
    beyond = frame.number(request.query.get("before", "")) or None
    found = await desk.attempts(number, beyond, SHOWN + 1)
    after = found[SHOWN - 1].id if len(found) > SHOWN else None
    return frame.fragment(
        request,
        "alerts/_attempts.html",
        reader=speaks,
        id=number,
        attempts=found[:SHOWN],
        after=after,
        types=_events(speaks) | {"test": speaks.gettext("a trial")},
    )


def _administrator(request: web.Request) -> None:
    if not frame.actor(request).may(Scope.ADMIN):
        raise web.HTTPForbidden


def _shown(speaks: Reader, one: Subscriber, status: Status | None) -> Shown:
    t, cause = speaks.gettext, one.reason
    if not one.enabled:
        words, tone = (t("switched off by the hub") if one.reason else t("off")), ("late" if one.reason else "")
    elif one.failing_since is not None:
        words, tone = t("takes nothing since %s") % speaks.ago(one.failing_since), "late"
        cause = cause or (status.cause if status else "")
    else:
        words, tone = t("works"), "well"
    rolled = one.rolled_at
    return Shown(
        id=one.id,
        url=one.url,
        label=one.label,
        events=tuple(one.events),
        enabled=one.enabled,
        version=one.version,
        words=words,
        tone=tone,
        cause=cause or "",
        old_until=rolled + OVERLAP if rolled is not None and rolled + OVERLAP > speaks.now else None,
        made=one.created_at,
    )


def _events(speaks: Reader) -> dict[str, str]:
    t = speaks.gettext
    words = {
        "alert.opened": t("an alert is new"),
        "alert.acknowledged": t("somebody sees to it"),
        "alert.ended": t("it is over"),
    }
    return {name: words.get(name, name) for name in EVENTS}
