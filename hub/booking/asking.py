"""From what somebody asks for to a time that is held for her."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import available_timezones

import sqlalchemy as sa

from hub.accounts import fingerprint
from hub.booking import holding, links
from hub.booking.choosing import Slot
from hub.booking.holding import Team, Wish
from hub.booking.means import Means
from hub.booking.states import Code, Gone, Held, Refused, Why
from hub.booking.types import EventType
from hub.store import Lane

TRIES = 5
"""How often it is decided anew who takes it, where others were quicker."""
FURTHEST = timedelta(days=400)
_TOKEN_BYTES = 9


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: see `Bookings.hold`."""

    slug: str
    starts_at: datetime
    duration: int
    zone: str
    language: str
    host: str
    link: str


async def hold(means: Means, asked: Asked) -> Held:
    """Hold it. Raises `Gone` with the nearest times that are free, and `Refused`."""
    slug, duration = asked.slug, asked.duration
    spec = await means.catalogue.get(slug)
    if spec is None:
        raise Refused(Code.UNKNOWN_TYPE, "There is nothing to be booked under this address.")
    now = datetime.now(UTC)
    _check(spec, asked, now)
    starts_at = asked.starts_at.astimezone(UTC)
    link_id, contact_id = await _link(means, asked.link, slug, now) if asked.link else (None, None)
    for _ in range(TRIES):
        slot = await means.slots.at(slug, duration, starts_at, host=asked.host)
        if slot is None:
            break
        booking_id = means.store.ids()
        secret = means.secrets.of(booking_id)
        those = await teams(means, slug, slot, contact_id)
        wish = Wish(
            slug=slug,
            spec=spec,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=duration),
            teams=those,
            zone=asked.zone,
            planned_in=means.config.zone(those[0].organizer).key,
            language=asked.language or means.config.languages[0],
            place=_place(spec),
            secret=fingerprint(secret),
            link_id=link_id,
            contact_id=contact_id,
            held_until=now + timedelta(minutes=means.config.booking.hold_minutes),
        )
        if await _took(means, wish, booking_id):
            return Held(
                booking_id=booking_id,
                secret=secret,
                held_until=wish.held_until,
                starts_at=wish.starts_at,
                ends_at=wish.ends_at,
            )
    raise Gone(await means.slots.nearest(slug, duration, starts_at, host=asked.host))


async def teams(means: Means, slug: str, slot: Slot, contact_id: int | None) -> list[Team]:
    """Who may take the slot: who should, then the others who could."""
    choice = await means.slots.choose(slug, slot, contact_id=contact_id)
    first = Team(tuple(choice.hosts), choice.organizer, tuple(choice.why))
    others = [hosts for hosts in slot.hosts if set(hosts) != set(first.hosts)]
    return [first, *(Team(hosts, _organizer(hosts, first), (_others_taken(hosts),)) for hosts in others)]


async def _took(means: Means, wish: Wish, booking_id: int) -> bool:
    appointment_id = means.store.ids()
    uid = means.uid(appointment_id)
    try:
        return await means.store.write(
            lambda conn: holding.hold(conn, wish, appointment_id, booking_id, uid, datetime.now(UTC)), Lane.PEOPLE
        )
    except sa.exc.IntegrityError as error:
        if not holding.overlaps(error):
            raise
        return False


async def _link(means: Means, secret: str, slug: str, now: datetime) -> tuple[int, int | None]:
    """The one-time link with that secret, and whom it was made for. Raises `links.NotGood`."""
    link = await means.store.read(lambda conn: links.read(conn, secret, slug, now))
    return link.id, link.contact_id


def _check(spec: EventType, asked: Asked, now: datetime) -> None:
    if asked.starts_at.tzinfo is None:
        raise Refused(Code.NO_ZONE, "This time does not say in which zone it is meant.")
    if asked.zone not in _zones():
        raise Refused(Code.UNKNOWN_ZONE, f'There is no time zone "{asked.zone[:64]}".')
    if asked.duration not in spec.durations:
        raise Refused(Code.UNKNOWN_DURATION, f"It cannot be booked for {asked.duration} minutes.")
    if asked.host and asked.host not in spec.hosts:
        raise Refused(Code.UNKNOWN_HOST, "Nobody of that name takes part in this.")
    if asked.starts_at <= now:
        raise Refused(Code.PAST, "This time has passed.")
    if asked.starts_at > now + FURTHEST:
        raise Refused(Code.TOO_FAR, "This time is too far away.")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _place(spec: EventType) -> str:
    if spec.place.kind == "video":
        return spec.place.value.replace("{uid}", secrets.token_urlsafe(_TOKEN_BYTES))
    return spec.place.value


def _organizer(hosts: Sequence[str], first: Team) -> str:
    return first.organizer if first.organizer in hosts else hosts[0]


def _others_taken(hosts: Sequence[str]) -> Why:
    return {"code": "others-taken", "agents": ", ".join(hosts)}
