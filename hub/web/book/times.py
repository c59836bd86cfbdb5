"""What can be booked, and when: the first two steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from hub.booking.catalogue import Listed
from hub.booking.forms import route
from hub.booking.links import NotGood
from hub.booking.questions import WrongAnswers, validate
from hub.booking.types import EventType, Question
from hub.web.book import page, visitor
from hub.web.book.month import month, month_name, parts
from hub.web.book.visitor import Gate
from hub.web.keys import SERVICE
from hub.web.problems import Problem

GATE: web.AppKey[Gate] = web.AppKey("gate")
LONGEST_ASKED = timedelta(days=62)


async def everything(request: web.Request) -> web.StreamResponse:
    """All that the company offers."""
    listed = await request.app[SERVICE].event_types.listed()
    reader = visitor.reader(request)
    return page.show(
        request, "list.html", reader, heading=request.app[SERVICE].config.booking.company, types=_listed(listed)
    )


async def of_team(request: web.Request) -> web.StreamResponse:
    """What one team offers."""
    service = request.app[SERVICE]
    team = service.config.teams.get(request.match_info["team"])
    if team is None:
        raise web.HTTPNotFound
    listed = await service.event_types.listed(team.id)
    return page.show(request, "list.html", visitor.reader(request), heading=team.name, types=_listed(listed))


def _listed(found: tuple[Listed, ...]) -> list[Listed]:
    return [each for each in found if each.event_type.listed]


async def form(request: web.Request) -> web.StreamResponse:
    """Questions that lead to the event type and host that fit."""
    service = request.app[SERVICE]
    slug = request.match_info["form"]
    asks = service.event_types.forms.get(slug)
    if asks is None:
        raise web.HTTPNotFound
    reader = visitor.reader(request)
    context: dict[str, Any] = {"form": asks, "slug": slug, "given": {}, "wrong": {}, "otherwise": ""}
    if request.method == "GET":
        return page.show(request, "form.html", reader, **context)
    request.app[GATE].act(request)
    sent = await request.post()
    context["given"] = given(asks.questions, sent)
    try:
        answers = validate(asks.questions, context["given"], service.config.region)
    except WrongAnswers as error:
        return page.show(request, "form.html", reader, 422, **{**context, "wrong": error.errors})
    found = route(asks, answers)
    if found is None:
        otherwise = asks.otherwise or reader.gettext("There is no meeting for this. Please write to us.")
        return page.show(request, "form.html", reader, **{**context, "otherwise": otherwise})
    host = f"&host={found.host}" if found.host else ""
    lang = f"&lang={request.query['lang']}" if request.query.get("lang") else ""
    raise web.HTTPSeeOther(f"/book/{found.event_type}?zone={reader.timezone}{host}{lang}")


def given(questions: tuple[Question, ...], sent: MultiMapping[Any]) -> dict[str, object]:
    """What a form holds for *questions*: lists where several options may be chosen."""
    found: dict[str, object] = {}
    for question in questions:
        values = [str(value) for value in sent.getall(f"q-{question.id}", [])]
        found[question.id] = values if question.type == "choices" else values[0] if values else ""
    return found


async def by_link(request: web.Request) -> web.StreamResponse:
    """A link that one person may book with once: on to its event type."""
    secret = request.match_info["secret"]
    try:
        link = await request.app[SERVICE].links.find(secret)
    except NotGood:
        return page.show(request, "spent.html", visitor.reader(request), 410)
    raise web.HTTPSeeOther(f"/book/{link.event_type}?link={secret}")


async def choose(request: web.Request) -> web.StreamResponse:
    """The month, and the times of a day."""
    slug, event_type = await event_type_of(request)
    reader = visitor.reader(request, among=event_type.languages)
    minutes = duration(request, event_type)
    host = request.query.get("host", "")
    request.app[GATE].look(request)
    shown = await month(
        request.app[SERVICE].slots,
        reader,
        slug,
        minutes,
        wanted=request.query.get("month", ""),
        day=request.query.get("day", ""),
        host=host if host in event_type.hosts else "",
    )
    return page.show(
        request,
        "when.html",
        reader,
        slug=slug,
        type=event_type,
        minutes=minutes,
        month=shown,
        month_name=month_name(reader, shown.first),
        parts=parts(reader, shown.times),
        action=f"/book/{slug}/hold",
        moving=None,
    )


async def offered(request: web.Request) -> web.StreamResponse:
    """The free times as JSON: `from`, `until` (ISO 8601), `duration` in minutes."""
    slug, event_type = await event_type_of(request)
    request.app[GATE].look(request)
    since = moment(request.query.get("from", ""), "from") if "from" in request.query else datetime.now(UTC)
    until = moment(request.query["until"], "until") if "until" in request.query else since + timedelta(days=7)
    until = min(until, since + LONGEST_ASKED)
    host = request.query.get("host", "")
    if host and host not in event_type.hosts:
        raise Problem(422, "unknown-host", "Nobody of that name takes part in this.")
    offer = await request.app[SERVICE].slots.offered(slug, duration(request, event_type), since, until, host=host)
    document = {"slots": page.told(offer.slots)}
    if offer.next is not None:
        document["next"] = page.told([offer.next])[0]  # type: ignore[assignment]
    return page.answer(document)


async def event_type_of(request: web.Request) -> tuple[str, EventType]:
    """The event type in the address. Raises the 404."""
    slug = request.match_info["slug"]
    found = await request.app[SERVICE].event_types.get(slug)
    if found is None:
        raise web.HTTPNotFound
    return slug, found


def duration(request: web.Request, event_type: EventType) -> int:
    """The length in minutes that is asked for, or the first there is."""
    wanted = request.query.get("duration", "")
    return int(wanted) if wanted.isdigit() and int(wanted) in event_type.durations else event_type.durations[0]


def moment(text: str, name: str) -> datetime:
    """*text* as a moment with its zone. Raises `Problem` 422."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Problem(422, "no-time", f'"{name}" is no time. Write it as 2026-11-24T10:00:00+01:00.') from error
    if found.tzinfo is None:
        raise Problem(422, "no-zone", f'"{name}" does not say in which zone it is meant.')
    return found
