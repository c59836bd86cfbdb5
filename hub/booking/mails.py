"""A notice as the letter it becomes: to whom, on what, in which words, with which calendar beside them.

Invitations are written as RFC 5546 and RFC 6047 have it: a REQUEST for what is booked and again, with a higher
SEQUENCE, for what is moved; a CANCEL for what is cancelled. The UID is the one under which it stands in the calendar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.booking import words, writing
from hub.booking.means import Means
from hub.booking.reminders import HOST, REMINDER
from hub.booking.rows import Guest, Row
from hub.booking.states import State
from hub.booking.types import EventType
from hub.booking.words import Facts
from hub.formats import handles, ics
from hub.letters.compose import Invitation, Person
from hub.letters.system import Dispatch, Notice, Way
from hub.letters.wanted import CannotSend
from hub.store.schema import booking_notices, bookings, logins
from hub.vocabulary import Attendee, Channel
from hub.web.i18n import Reader, chosen

REQUESTS = frozenset(("booked", "moved"))
_CHANNELS = {"sms": Channel.SMS}


@dataclass(frozen=True, slots=True)
class Due:
    """A notice that is to be given now."""

    id: int
    booking_id: int
    kind: str
    way: str
    recipient: str
    sequence: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class About:
    """What a notice is about, as it stands."""

    row: Row
    seat: Guest
    spec: EventType | None


def notice(conn: Connection, means: Means, dispatch: Dispatch, due: Due, about: About) -> Notice:
    """The letter that *due* becomes. Raises `CannotSend` where there is nobody to send it, or to send it to."""
    if due.way == HOST:
        return _to_host(conn, means, _way(means, dispatch, Channel.EMAIL), due, about)
    channel = _CHANNELS.get(due.way, Channel.EMAIL)
    way = _way(means, dispatch, channel)
    seat, invitee = about.seat, due.recipient == f"mailto:{about.seat.mail}" or channel is Channel.SMS
    language = chosen(seat.language, seat.language, means.config.languages)
    reader, facts = Reader.at(language, seat.zone), _facts(conn, means, about, invitee=invitee)
    to = Person(due.recipient, seat.name if invitee else "")
    if channel is Channel.SMS:
        return Notice(
            way=way, channel=channel, to=to, about="", agent=about.row.organizer,
            text=words.reminder_text(reader, facts),
        )  # fmt: skip
    said = words.to_invitee(reader, due.kind, facts if invitee else replace(facts, name=""))
    return Notice(
        way=way,
        channel=channel,
        to=to,
        about=f"booking:{seat.id}",
        agent=about.row.organizer,
        subject=said.subject,
        text=said.text,
        invitation=_invitation(conn, means, way, due, about, invitee=invitee),
    )


def _way(means: Means, dispatch: Dispatch, channel: Channel) -> Way:
    booking = means.config.booking
    if channel is Channel.SMS:
        found = dispatch.way(channel, booking.texts_from) if booking.texts_from else None
        missing = "No source sends texts for bookings: set texts_from in [booking]."
    else:
        found = dispatch.way(channel, booking.mails_from)
        missing = "No source can send mail: give one an SMTP server, or set mails_from in [booking]."
    if found is None:
        raise CannotSend("no-sender", missing)
    return found


def _to_host(conn: Connection, means: Means, way: Way, due: Due, about: About) -> Notice:
    agent = means.config.agents.get(due.recipient)
    handle = next((each for each in (agent.handles if agent else ()) if each.startswith("mailto:")), "")
    if agent is None or not handle:
        raise CannotSend("no-recipient", "This host has no mail address.")
    login = conn.execute(
        sa.select(logins.c.language, logins.c.timezone).where(logins.c.agent == agent.id, ~logins.c.disabled).limit(1)
    ).one_or_none()
    language = chosen(login.language if login else "", "", means.config.languages)
    zone = (login.timezone if login else "") or means.config.zone(agent.id).key
    facts = replace(
        _facts(conn, means, about, invitee=True),
        mail=about.seat.mail,
        phone=_phone(means, about.seat.phone),
        notes=writing.text(about.spec, [replace(about.seat, phone="")]),
        page=f"{means.config.public_url}/calendar/bookings/{about.seat.id}",
        link="",
    )
    said = words.to_host(Reader.at(language, zone), due.kind, facts)
    return Notice(
        way=way,
        channel=Channel.EMAIL,
        to=Person(handle, agent.name),
        about=f"booking:{about.seat.id}:hosts",
        subject=said.subject,
        text=said.text,
    )


def _facts(conn: Connection, means: Means, about: About, *, invitee: bool) -> Facts:
    """What is said of a booking. Only the invitee gets the address where it is changed; whom she brings does not. Of
    those who have a seat each is called at her own number."""
    row, seat, spec = about.row, about.seat, about.spec
    ended = _ended(conn, seat) if seat.state in (State.CANCELLED, State.DECLINED) else ("", "")
    return Facts(
        title=row.title,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        hosts=tuple(means.name(host) for host in row.hosts),
        name=seat.name,
        place_kind=spec.place.kind if spec else "",
        place=_phone(means, seat.phone) if spec and spec.place.kind == "we-call" else row.place,
        link=means.link(seat.id) if invitee else "",
        again=f"{means.config.public_url}/book/{row.event_type}" if spec is not None else "",
        payment_url=spec.payment_url if spec and invitee else "",
        company=means.config.booking.company,
        asked=row.state is State.ASKED,
        by_invitee=ended[0] == "invitee" and invitee,
        reason=ended[1],
    )


def _phone(means: Means, typed: str) -> str:
    known = handles.phone(typed, means.config.region) if typed else None
    return handles.display(known) if known else typed


def _ended(conn: Connection, seat: Guest) -> tuple[str, str]:
    """By whom it was ended, and why."""
    row = conn.execute(sa.select(bookings.c.ended_by, bookings.c.reason).where(bookings.c.id == seat.id)).one()
    return row.ended_by, row.reason


def _invitation(
    conn: Connection, means: Means, way: Way, due: Due, about: About, *, invitee: bool
) -> Invitation | None:
    """The calendar that goes with a notice. Where the provider tells the invited, they have it from there."""
    row = about.row
    if row.notifier == "provider" or due.kind == REMINDER:
        return None
    if due.kind in REQUESTS and row.state is State.CONFIRMED:
        method = "REQUEST"
    elif due.kind == "cancelled" and _was_invited(conn, about.seat.id, due.recipient):
        method = "CANCEL"
    else:
        return None
    what = writing.written(means, row, about.spec, _alone(about.seat), stamp=row.changed_at)
    what = replace(
        what,
        organizer=what.organizer or Attendee(way.sender, means.name(row.organizer)),
        cancelled=method == "CANCEL",
        tentative=False,
        place=about.seat.phone if about.spec and about.spec.place.kind == "we-call" else row.place,
        url=means.link(about.seat.id) if invitee else "",
    )
    return Invitation(ics.write([what], method, sent_by=way.sender), method)


def _alone(seat: Guest) -> Sequence[Guest]:
    """Of an appointment with several seats nobody is told who else comes."""
    return [replace(seat, state=State.CONFIRMED)]


def _was_invited(conn: Connection, booking_id: int, recipient: str) -> bool:
    """Whether she got an invitation that can be taken back."""
    query = sa.select(sa.literal(1)).where(
        booking_notices.c.booking_id == booking_id,
        booking_notices.c.recipient == recipient,
        booking_notices.c.kind == "booked",
    )
    return conn.execute(query.limit(1)).first() is not None
