"""One booking, by its invitee: it is held, made, seen, moved and cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping

from hub.booking.states import BOOKED, BookingView, Code, Gone, Invitee, Refused, State
from hub.booking.types import EventType
from hub.formats import ics
from hub.web import i18n
from hub.web.book import page, visitor
from hub.web.book.month import month, month_name, parts
from hub.web.book.times import GATE, event_type_of, given, moment
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import calendar_words
from hub.web.problems import FieldError, Problem

_STATUS = {Code.UNKNOWN_TYPE: 404, Code.UNKNOWN_BOOKING: 404, Code.LINK: 410, Code.UNREACHABLE: 503, Code.OVER: 410}
HONEYPOT = "website"
"""A field that people do not see: who fills it in is a machine."""


async def hold(request: web.Request) -> web.StreamResponse:
    """Keep a time for whoever chose it, while she fills in the form."""
    request.app[GATE].act(request)
    slug, event_type = await event_type_of(request)
    sent = await _sent(request)
    reader = _reader(request, sent, event_type)
    minutes = _minutes(sent, event_type)
    starts_at = moment(str(sent.get("at", "")), "at")
    host = str(sent.get("host", ""))
    link = str(sent.get("link", ""))
    try:
        held = await request.app[SERVICE].bookings.hold(
            slug, starts_at, minutes, zone=reader.timezone, language=reader.tag, host=host, link=link
        )
    except Gone as error:
        return _gone(request, reader, error, slug, event_type, minutes, f"/book/{slug}/hold", sent=sent)
    except Refused as error:
        return _refused(request, reader, error)
    if _is_json(request):
        document = {
            "booking": held.secret,
            "url": f"{request.app[SERVICE].config.public_url}/booking/{held.secret}",
            "held_until": held.held_until.isoformat(),
            "starts_at": held.starts_at.isoformat(),
            "ends_at": held.ends_at.isoformat(),
        }
        return page.answer(document, 201)
    raise web.HTTPSeeOther(f"/booking/{held.secret}{_along(request, sent)}")


async def see(request: web.Request) -> web.StreamResponse:
    """The booking as it stands: the form where it is held, else what came of it."""
    booking, event_type, reader = await _booking(request)
    return _seen(request, booking, event_type, reader)


def _seen(
    request: web.Request,
    booking: BookingView,
    event_type: EventType | None,
    reader: Reader,
    status: int = 200,
    wrong: Mapping[str, str] | None = None,
    sent: Mapping[str, Any] | None = None,
) -> web.Response:
    secret = request.match_info["secret"]
    context: dict[str, Any] = {"booking": booking, "type": event_type, "secret": secret}
    if booking.state is State.HELD and booking.held_until and booking.held_until > datetime.now(UTC):
        words = {field: calendar_words.wrong(reader, code) for field, code in (wrong or {}).items()}
        return page.show(request, "who.html", reader, status, sent=sent or {}, **context, wrong=words, trap=HONEYPOT)
    if booking.state in BOOKED:
        agents = request.app[SERVICE].config.agents
        hosts = [agents[host].name if host in agents else host for host in booking.hosts]
        over = booking.ends_at <= datetime.now(UTC)
        return page.show(request, "done.html", reader, status, **context, hosts=hosts, over=over)
    return page.show(request, "ended.html", reader, 410 if status == 200 else status, **context)


async def confirm(request: web.Request) -> web.StreamResponse:
    """Make the booking."""
    gate = request.app[GATE]
    gate.act(request)
    booking, event_type, reader = await _booking(request)
    sent = await _sent(request)
    service = request.app[SERVICE]
    if sent.get(HONEYPOT):
        raise Problem(422, "spam", "This was filled in by a machine.")
    mail = str(sent.get("mail", "")).strip()
    if visitor.refused_domain(service.config.booking, mail):
        return _wrong(request, booking, event_type, reader, {"mail": "refused-mail"}, sent)
    gate.book(mail.lower())
    answers = sent.get("answers")
    if isinstance(sent, MultiMapping) and event_type is not None:
        answers = given(event_type.questions, sent)
    invitee = Invitee(
        name=str(sent.get("name", "")),
        mail=mail,
        phone=str(sent.get("phone", "")),
        place=str(sent.get("place", "")),
        answers=answers if isinstance(answers, dict) else {},
    )
    try:
        booked = await service.bookings.confirm(request.match_info["secret"], invitee)
    except Gone as error:
        slug = booking.event_type
        minutes = int((booking.ends_at - booking.starts_at).total_seconds() // 60)
        return _gone(request, reader, error, slug, event_type, minutes, f"/book/{slug}/hold")
    except Refused as error:
        if error.code is Code.BAD_ANSWERS:
            return _wrong(request, booking, event_type, reader, error.fields, sent)
        return _refused(request, reader, error)
    if _is_json(request):
        url = f"{service.config.public_url}/booking/{request.match_info['secret']}"
        return page.answer({"state": booked.state.value, "url": url})
    raise web.HTTPSeeOther(f"/booking/{request.match_info['secret']}{_along(request, sent)}")


async def move(request: web.Request) -> web.StreamResponse:
    """Choose another time for it."""
    booking, event_type, reader = await _booking(request)
    if booking.state not in BOOKED or event_type is None:
        return _seen(request, booking, event_type, reader)
    secret = request.match_info["secret"]
    minutes = int((booking.ends_at - booking.starts_at).total_seconds() // 60)
    action = f"/booking/{secret}/move"
    if request.method == "POST":
        request.app[GATE].act(request)
        sent = await _sent(request)
        try:
            await request.app[SERVICE].bookings.move(secret, moment(str(sent.get("at", "")), "at"))
        except Gone as error:
            return _gone(request, reader, error, booking.event_type, event_type, minutes, action, booking)
        except Refused as error:
            return _refused(request, reader, error)
        if _is_json(request):
            return page.answer({"state": "confirmed"})
        raise web.HTTPSeeOther(f"/booking/{secret}{_along(request, sent)}")
    request.app[GATE].look(request)
    shown = await month(
        request.app[SERVICE].slots,
        reader,
        booking.event_type,
        minutes,
        wanted=request.query.get("month", ""),
        day=request.query.get("day", ""),
        without=booking.appointment_id,
    )
    return page.show(
        request,
        "when.html",
        reader,
        slug=booking.event_type,
        type=event_type,
        minutes=minutes,
        month=shown,
        month_name=month_name(reader, shown.first),
        parts=parts(reader, shown.times),
        action=action,
        moving=booking,
    )


async def cancel(request: web.Request) -> web.StreamResponse:
    """Cancel it, after a question."""
    booking, event_type, reader = await _booking(request)
    secret = request.match_info["secret"]
    if booking.state not in (*BOOKED, State.HELD):
        return _seen(request, booking, event_type, reader)
    if request.method == "GET":
        return page.show(request, "cancel.html", reader, booking=booking, type=event_type, secret=secret)
    request.app[GATE].act(request)
    sent = await _sent(request)
    held = booking.state is State.HELD
    try:
        await request.app[SERVICE].bookings.cancel(secret, str(sent.get("reason", "")))
    except Refused as error:
        return _refused(request, reader, error)
    if _is_json(request):
        return page.answer({"state": "cancelled"})
    if held:
        raise web.HTTPSeeOther(f"/book/{booking.event_type}{_along(request, sent)}")
    raise web.HTTPSeeOther(f"/booking/{secret}{_along(request, sent)}")


async def calendar(request: web.Request) -> web.StreamResponse:
    """The booking for the invitee's own calendar."""
    booking, _, _ = await _booking(request)
    if booking.state not in BOOKED:
        raise web.HTTPNotFound
    service = request.app[SERVICE]
    event = ics.Appointment(
        uid=booking.uid,
        sequence=booking.sequence,
        stamp=booking.changed_at,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        zone=booking.zone,
        title=booking.title,
        place=booking.place,
        url=f"{service.config.public_url}/booking/{request.match_info['secret']}",
        tentative=booking.state is State.ASKED,
    )
    return web.Response(
        body=ics.write([event]),
        headers={
            "Content-Type": "text/calendar; charset=utf-8",
            "Content-Disposition": 'attachment; filename="booking.ics"',
        },
    )


# --- what the others share ------------------------------------------------------------------------------------------


async def _booking(request: web.Request) -> tuple[BookingView, EventType | None, Reader]:
    service = request.app[SERVICE]
    booking = await service.bookings.find(request.match_info["secret"])
    if booking is None:
        raise web.HTTPNotFound
    event_type = await service.event_types.get(booking.event_type)
    among = event_type.languages if event_type else ()
    return booking, event_type, visitor.reader(request, zone=booking.zone, language=booking.language, among=among)


async def _sent(request: web.Request) -> Mapping[str, Any]:
    """What was sent, as a form or as JSON. Raises `Problem` 400."""
    if not _is_json(request):
        return await request.post()
    try:
        document = await request.json()
    except ValueError as error:
        raise Problem(400, "not-json", "This is no JSON.") from error
    if not isinstance(document, dict):
        raise Problem(400, "not-json", "Send an object.")
    return document


def _is_json(request: web.Request) -> bool:
    return request.content_type == "application/json"


def _reader(request: web.Request, sent: Mapping[str, Any], event_type: EventType) -> Reader:
    """The reader as her form says; one zone that does not exist is told so, and not guessed at."""
    language, zone = str(sent.get("lang", "")), str(sent.get("zone", ""))
    if zone and zone not in i18n.zones():
        raise Problem(422, "unknown-zone", f'There is no time zone "{zone[:64]}".')
    return visitor.reader(request, zone=zone, language=language, among=event_type.languages)


def _along(request: web.Request, sent: Mapping[str, Any]) -> str:
    """What the next page's address carries on."""
    said = {name: str(sent.get(name) or request.query.get(name, "")) for name in ("zone", "lang", "embed")}
    chosen = {name: value for name, value in said.items() if value}
    return f"?{urlencode(chosen)}" if chosen else ""


def _minutes(sent: Mapping[str, Any], event_type: EventType) -> int:
    text = str(sent.get("duration", ""))
    if not text:
        return event_type.durations[0]
    if not text.isdigit() or int(text) not in event_type.durations:
        raise Problem(422, "unknown-duration", f"It cannot be booked for {text[:20]} minutes.")
    return int(text)


def _gone(
    request: web.Request,
    reader: Reader,
    error: Gone,
    slug: str,
    event_type: EventType | None,
    minutes: int,
    action: str,
    moving: BookingView | None = None,
    sent: Mapping[str, Any] = MappingProxyType({}),
) -> web.Response:
    """The time went to somebody else: the nearest others."""
    if _is_json(request):
        raise Problem(409, "gone", "This time is not free any more.", alternatives=page.told(error.alternatives))
    return page.show(
        request,
        "gone.html",
        reader,
        409,
        sent=sent,
        slug=slug,
        type=event_type,
        minutes=minutes,
        alternatives=error.alternatives,
        action=action,
        moving=moving,
    )


def _refused(request: web.Request, reader: Reader, error: Refused) -> web.Response:
    status = _STATUS.get(error.code, 422)
    if _is_json(request):
        raise Problem(status, error.code.value, error.text)
    if error.code is Code.LINK:
        return page.show(request, "spent.html", reader, status)
    return page.show(request, "refused.html", reader, status, words=_reason(reader, error))


def _wrong(
    request: web.Request,
    booking: BookingView,
    event_type: EventType | None,
    reader: Reader,
    fields: Mapping[str, str],
    sent: Mapping[str, Any],
) -> web.Response:
    if _is_json(request):
        errors = [FieldError(field, calendar_words.wrong(reader, code)) for field, code in fields.items()]
        raise Problem(422, "bad-answers", "Something in the form is missing or cannot be read.", errors=errors)
    return _seen(request, booking, event_type, reader, 422, fields, sent)


def _reason(reader: Reader, error: Refused) -> str:
    t = reader.gettext
    return {
        Code.UNREACHABLE: t("A calendar cannot be reached just now, so this time cannot be promised. Try again soon."),
        Code.PAST: t("This time has passed."),
        Code.TOO_FAR: t("This time is too far away."),
        Code.OVER: t("This booking has ended."),
        Code.UNKNOWN_BOOKING: t("There is no such booking. The link may be incomplete."),
    }.get(error.code, error.text)
