"""What `hub booking` asks the running hub for: what can be booked and when, what is booked, and booking for somebody.

Whoever runs a command leads everybody: she may change every booking. Titles of private events stay their owners'.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hub.booking.bookings import Filter
from hub.booking.catalogue import Listed
from hub.booking.rules import Reason
from hub.booking.states import BookingView, Code, Gone, Invitee, Refused
from hub.booking.types import EventType
from hub.crm.records import Unknown
from hub.operation import Failure, Operation, Progress
from hub.privacy.visibility import HUB
from hub.registry import nearest
from hub.web.i18n import Reader, zone, zones
from hub.web.pages import calendar_words

if TYPE_CHECKING:
    from hub.service import Service

MOST_LISTED = 500

_WRONG = {
    "missing": "is missing",
    "too-long": "is too long",
    "no-mail": "is no mail address",
    "no-phone": "is no phone number: begin it with + and the country code",
    "no-yes-no": "is neither yes nor no",
    "no-number": "is no number",
    "no-date": "is no date: write it as 2026-12-24",
    "unknown": "is nothing that is asked",
}
"""What is wrong with an answer, by its code (`hub.booking.questions.WrongAnswers`)."""
_FIELDS = ("name", "mail", "phone", "place")


async def types_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """`booking.types`: what can be booked, by title."""
    config = service.config
    return [
        {
            "slug": each.slug,
            "title": each.event_type.title,
            "durations": list(each.event_type.durations),
            "hosts": list(each.event_type.hosts),
            "url": f"{config.public_url}/book/{each.slug}",
            "in_file": each.in_file,
        }
        for each in await service.event_types.listed()
    ]


async def slots_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`booking.slots`: slug, from ("" now), days, duration (0 the first), host, zone ("" the hub's) → title, duration,
    zone, slots (starts_at in that zone, seats_left), stale (hosts), next."""
    found = await _event_type(service, args["slug"])
    duration = _duration(found, args["duration"])
    if args["host"]:
        _one_of(args["host"], found.event_type.hosts, f'"{found.slug}" has no host')
    name = args["zone"] or service.config.timezone
    _one_of(name, zones(), "There is no time zone", listing=False)
    since = _moment(args["from"], service.config.timezone) if args["from"] else datetime.now(UTC)
    until = since + timedelta(days=args["days"])
    offer = await service.slots.offered(found.slug, duration, since, until, host=args["host"])
    return {
        "title": found.event_type.title,
        "duration": duration,
        "zone": name,
        "slots": [{"starts_at": _local(each.starts_at, name), "seats_left": each.seats_left} for each in offer.slots],
        "stale": list(offer.stale),
        "next": _local(offer.next.starts_at, name) if offer.next else "",
    }


async def explain_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`booking.explain`: slug, at, duration (0 the first) → at, open, hosts (name, open, reasons: text, opens, source,
    fresh)."""
    config = service.config
    found = await _event_type(service, args["slug"])
    duration, at = _duration(found, args["duration"]), _moment(args["at"], config.timezone)
    told = await service.slots.explain(found.slug, at, duration, reader="")
    speaks = Reader.at("en", config.timezone)

    def said(why: Reason) -> dict[str, Any]:
        return {
            "text": calendar_words.reason(speaks, why, config.agents),
            "opens": why.opens,
            "source": why.source,
            "fresh": speaks.ago(why.current_at) if why.current_at else "",
        }

    return {
        "at": _local(at, config.timezone),
        "open": told.open,
        "hosts": [
            {
                "name": calendar_words.name_of(config.agents, host.agent),
                "open": host.open,
                "reasons": [said(each) for each in host.reasons],
            }
            for host in told.hosts
        ],
    }


async def list_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """`booking.list`: host ("" all), days → what is booked from now on, in order of time, `MOST_LISTED` at most."""
    if args["host"]:
        _one_of(args["host"], service.config.agents, "There is no agent")
    now = datetime.now(UTC)
    until = now + timedelta(days=args["days"])
    found = await service.bookings.listed(Filter(since=now, until=until, host=args["host"], limit=MOST_LISTED))
    return [_shown(service, each) for each in found]


async def book_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`booking.book`: slug, at, duration (0 the first), host, zone ("" the hub's), name, mail, phone, place, answers →
    the booking."""
    config = service.config
    found = await _event_type(service, args["slug"])
    duration, at = _duration(found, args["duration"]), _moment(args["at"], config.timezone)
    if args["host"]:
        _one_of(args["host"], found.event_type.hosts, f'"{found.slug}" has no host')
    _one_of(args["zone"] or config.timezone, zones(), "There is no time zone", listing=False)
    invitee = Invitee(
        name=args["name"], mail=args["mail"], phone=args["phone"], place=args["place"], answers=args["answers"]
    )
    with _failures(service, at, found.event_type):
        held = await service.bookings.hold(
            found.slug, at, duration, zone=args["zone"] or config.timezone, host=args["host"], actor=HUB
        )
        try:
            booked = await service.bookings.confirm(held.secret, invitee)
        except Refused:
            await service.bookings.cancel(held.secret)
            raise
    return _shown(service, booked.booking)


async def move_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`booking.move`: id, at → the booking."""
    at = _moment(args["at"], service.config.timezone)
    with _failures(service, at, which=args["id"]):
        return _shown(service, await service.bookings.move(int(args["id"]), at, actor=HUB))


async def cancel_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`booking.cancel`: id, reason → the booking."""
    with _failures(service, which=args["id"]):
        return _shown(service, await service.bookings.cancel(int(args["id"]), args["reason"], actor=HUB))


async def link_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`booking.link`: slug, contact ("" whoever has it), days → url."""
    found = await _event_type(service, args["slug"])
    contact = int(args["contact"]) if args["contact"] else None
    try:
        with _failures(service):
            return {"url": await service.links.make(found.slug, contact, args["days"], HUB)}
    except Unknown as error:
        raise Failure(f"There is no contact {contact}. Its id stands in the address of its page.") from error


async def _event_type(service: Service, slug: str) -> Listed:
    every = {each.slug: each for each in await service.event_types.listed()}
    if not every:
        raise Failure("Nothing can be booked yet. Make an event type on the page, or write [event_types.<slug>].")
    _one_of(slug, every, "There is no event type")
    return every[slug]


def _one_of(name: str, known: Iterable[str], absent: str, *, listing: bool = True) -> None:
    """Raises a `Failure` that begins with *absent* where *name* is not *known*."""
    known = sorted(known)
    if name in known:
        return
    guess = nearest(name, known)
    there = f"There are: {', '.join(known) or 'none'}." if listing else "Write it as Europe/Berlin."
    raise Failure(f'{absent} "{name}". ' + (f'Did you mean "{guess}"?' if guess else there))


def _duration(found: Listed, minutes: int) -> int:
    known = found.event_type.durations
    if minutes and minutes not in known:
        lengths = " or ".join(str(each) for each in known)
        raise Failure(f'"{found.slug}" is booked for {lengths} minutes, not for {minutes}.')
    return minutes or known[0]


def _moment(text: str, timezone: str) -> datetime:
    """The time that *text* names; without an offset it is the hub's own clock."""
    try:
        written = datetime.fromisoformat(text)
        moment = (written if written.tzinfo else written.replace(tzinfo=zone(timezone))).astimezone(UTC)
        back = moment.astimezone(written.tzinfo or zone(timezone))
    except (ValueError, OverflowError) as error:
        raise Failure(f'"{text}" is no time. Write it as 2026-12-24T10:00.') from error
    if back.replace(tzinfo=None) != written.replace(tzinfo=None):
        raise Failure(f"{text} does not exist in {timezone}: clocks are put forward then.")
    if not 2000 <= moment.year < 3000:
        raise Failure(f"{text} is too far away.")
    return moment


def _local(moment: datetime, timezone: str) -> str:
    return moment.astimezone(zone(timezone)).isoformat(timespec="minutes")


def _typed(moment: datetime, timezone: str) -> str:
    """As it may be typed again."""
    return f"{moment.astimezone(zone(timezone)):%Y-%m-%dT%H:%M}"


@contextmanager
def _failures(
    service: Service, at: datetime | None = None, asked: EventType | None = None, which: str = ""
) -> Generator[None]:
    """What booking refuses, as one line that says what to do. *at* is the time that is wanted, *asked* what can be
    answered, *which* the id of the booking."""
    try:
        yield
    except Gone as error:
        clock = service.config.timezone
        near = ", ".join(_typed(each.starts_at, clock) for each in error.alternatives)
        cure = f"The nearest that are: {near}." if near else "No other time is offered."
        raise Failure(f"{_typed(at, clock) if at else 'This time'} is not free ({clock}). {cure}") from error
    except Refused as error:
        if error.code is Code.UNKNOWN_BOOKING:
            raise Failure(f"There is no booking {which}. To see what is booked: hub booking list") from error
        if error.code is Code.BAD_ANSWERS:
            wrong = "; ".join(_wrong(field, code, asked) for field, code in error.fields.items())
            raise Failure(f"Nothing is booked: {wrong}.") from error
        raise Failure(error.text) from error


def _wrong(field: str, code: str, asked: EventType | None) -> str:
    question = next((each for each in asked.questions if each.id == field), None) if asked else None
    option = f"--{field}" if field in _FIELDS and question is None else f"--answer {field}="
    if question and question.options and code in ("no-option", "missing"):
        return f"{option} takes one of: {', '.join(question.options)}"
    label = f" ({question.label})" if question else ""
    return f"{option}{label} {_WRONG.get(code, 'cannot be read')}"


def _shown(service: Service, view: BookingView) -> dict[str, Any]:
    clock = service.config.timezone
    return {
        "id": str(view.id),
        "event_type": view.event_type,
        "title": view.title,
        "state": view.state.value,
        "conflict": view.conflict or view.overlaps,
        "starts_at": _local(view.starts_at, clock),
        "ends_at": _local(view.ends_at, clock),
        "hosts": list(view.hosts),
        "with": [calendar_words.name_of(service.config.agents, each) for each in view.hosts],
        "name": view.name,
        "mail": view.mail,
        "phone": view.phone,
        "contact": str(view.contact_id) if view.contact_id else None,
    }


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "booking.types": types_operation,
        "booking.slots": slots_operation,
        "booking.explain": explain_operation,
        "booking.list": list_operation,
        "booking.book": book_operation,
        "booking.move": move_operation,
        "booking.cancel": cancel_operation,
        "booking.link": link_operation,
    }
)
