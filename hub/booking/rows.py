"""Reading appointments and bookings out of the store, inside somebody's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts as documents
from hub.booking.states import TAKES_TIME, BookingView, State, Why, Written
from hub.store.schema import (
    appointment_hosts,
    appointment_writes,
    appointments,
    booking_notices,
    bookings,
    interactions,
)
from hub.vocabulary import Kept, Meeting

GUESTS = "_guests"
"""Where further mail addresses lie among the answers: no question has such an id."""
TOLD = "live"
"""The way of a notice that only says that somebody's screen was told, so that it is told once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An appointment as it stands, without those who come."""

    id: int
    uid: str
    event_type: str
    state: State
    starts_at: datetime
    ends_at: datetime
    zone: str
    organizer: str
    sequence: int
    title: str
    place: str
    why: tuple[Why, ...]
    notifier: str
    overlaps: bool
    held_until: datetime | None
    created_at: datetime
    changed_at: datetime
    hosts: tuple[str, ...] = ()

    def at(self, starts_at: datetime, ends_at: datetime) -> Row:
        """The same at another time."""
        return replace(self, starts_at=starts_at, ends_at=ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Somebody's seat, as it stands."""

    id: int
    appointment_id: int
    seat: int
    state: State
    name: str
    mail: str
    phone: str
    zone: str
    language: str
    answers: dict[str, Any]
    contact_id: int | None
    link_id: int | None
    held_until: datetime | None

    @property
    def guests(self) -> tuple[str, ...]:
        """Further mail addresses she named."""
        return tuple(self.answers.get(GUESTS, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What is to be in one host's calendar, or lies there."""

    appointment_id: int
    agent: str
    source: str
    wanted: str
    state: str
    place: str
    provider_id: str
    etag: str
    uid: str
    sequence: int
    attempts: int
    reason: str

    @property
    def kept(self) -> Kept | None:
        """Where it lies; None where nothing was heard of it."""
        return Kept(self.place, self.provider_id, self.etag, self.uid) if self.provider_id else None


_APPOINTMENT = tuple(appointments.c[name] for name in Row.__slots__ if name != "hosts")
_GUEST = tuple(bookings.c[name] for name in Guest.__slots__)
_FACTS = sa.type_coerce(interactions.c.facts, sa.Text).label("facts")
_WRITE = tuple(appointment_writes.c[name] for name in Write.__slots__)


def appointment(conn: Connection, appointment_id: int, *, lock: bool = False) -> Row | None:
    """One appointment, with the hosts it stands with. *lock*: nobody else changes it in this transaction."""
    query = sa.select(*_APPOINTMENT).where(appointments.c.id == appointment_id)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _row(row, hosts_of(conn, [appointment_id]).get(appointment_id, ()))


def found(conn: Connection, *where: sa.ColumnElement[bool], limit: int = 5000) -> list[Row]:
    """The appointments for which all of *where* is true, the earliest first."""
    rows = conn.execute(sa.select(*_APPOINTMENT).where(*where).order_by(appointments.c.starts_at).limit(limit)).all()
    hosts = hosts_of(conn, [row.id for row in rows])
    return [_row(row, hosts.get(row.id, ())) for row in rows]


def _row(row: sa.Row[Any], hosts: Sequence[str]) -> Row:
    values = dict(row._mapping)
    return Row(**values | {"state": State(row.state), "why": tuple(row.why), "hosts": _first(row.organizer, hosts)})


def _first(organizer: str, hosts: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(hosts, key=lambda host: (host != organizer, host)))


def hosts_of(conn: Connection, ids: Collection[int]) -> dict[int, list[str]]:
    """The hosts of each of these appointments, whether they take her time still or not."""
    hosts: dict[int, list[str]] = {}
    query = sa.select(appointment_hosts.c.appointment_id, appointment_hosts.c.agent).where(
        appointment_hosts.c.appointment_id.in_(ids)
    )
    for appointment_id, agent in conn.execute(query) if ids else ():
        hosts.setdefault(appointment_id, []).append(agent)
    return hosts


def with_host(agent: str) -> sa.ColumnElement[bool]:
    """Whether that agent is a host of the current row of `appointments`, as SQL."""
    theirs = sa.select(appointment_hosts.c.appointment_id).where(appointment_hosts.c.agent == agent)
    return appointments.c.id.in_(theirs)


def guests(conn: Connection, appointment_id: int, states: Collection[State] = TAKES_TIME) -> list[Guest]:
    """The seats of an appointment that are in one of *states*, in order."""
    query = sa.select(*_GUEST).where(bookings.c.appointment_id == appointment_id, bookings.c.state.in_(states))
    return [_guest(row) for row in conn.execute(query.order_by(bookings.c.seat))]


def guest(conn: Connection, where: sa.ColumnElement[bool], *, lock: bool = False) -> Guest | None:
    """The one seat for which *where* is true."""
    query = sa.select(*_GUEST).where(where)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _guest(row)


def _guest(row: sa.Row[Any]) -> Guest:
    return Guest(**dict(row._mapping) | {"state": State(row.state), "answers": dict(row.answers)})


def writes(conn: Connection, *where: sa.ColumnElement[bool]) -> list[Write]:
    """What is to lie in hosts' calendars, where all of *where* is true."""
    return [Write(**dict(row._mapping)) for row in conn.execute(sa.select(*_WRITE).where(*where))]


# --- for pages ------------------------------------------------------------------------------------------------------


def views(
    conn: Connection, *where: sa.ColumnElement[bool], limit: int = 500, newest_first: bool = False
) -> list[BookingView]:
    """The bookings for which all of *where* (over `bookings` and `appointments`) is true, the earliest first."""
    order = appointments.c.starts_at.desc() if newest_first else appointments.c.starts_at
    rows = conn.execute(
        sa.select(bookings, *(column.label(f"a_{column.name}") for column in appointments.c))
        .join(appointments, appointments.c.id == bookings.c.appointment_id)
        .where(*where)
        .order_by(order, bookings.c.id)
        .limit(limit)
    ).all()
    ids = {row.appointment_id for row in rows}
    hosts, taken, meetings, told = hosts_of(conn, ids), _taken(conn, ids), _meetings(conn, rows), _conflicts(conn, ids)
    kept: dict[int, list[Written]] = {}
    for each in writes(conn, appointment_writes.c.appointment_id.in_(ids)) if ids else ():
        kept.setdefault(each.appointment_id, []).append(
            Written(each.agent, each.source, each.wanted, each.state, each.reason)
        )
    found = []
    for row in rows:
        interaction, facts = meetings.get(row.a_uid, (None, None))
        answered = {answer.handle: answer.attendance.value for answer in facts.answers} if facts else {}
        answers = dict(row.answers)
        found.append(
            BookingView(
                id=row.id,
                appointment_id=row.appointment_id,
                uid=row.a_uid,
                event_type=row.a_event_type,
                title=row.a_title,
                place=row.a_place,
                state=State(row.state),
                starts_at=row.a_starts_at,
                ends_at=row.a_ends_at,
                planned_in=row.a_zone,
                hosts=_first(row.a_organizer, hosts.get(row.appointment_id, ())),
                organizer=row.a_organizer,
                why=tuple(row.a_why),
                sequence=row.a_sequence,
                notifier=row.a_notifier,
                overlaps=row.a_overlaps,
                conflict=(row.appointment_id, row.a_sequence) in told,
                seat=row.seat,
                seats_taken=taken.get(row.appointment_id, 0),
                name=row.name,
                mail=row.mail,
                phone=row.phone,
                zone=row.zone,
                language=row.language,
                guests=tuple(answers.pop(GUESTS, ())),
                answers=answers,
                contact_id=row.contact_id,
                link_id=row.link_id,
                held_until=row.held_until,
                ended_by=row.ended_by,
                reason=row.reason,
                no_show=row.no_show,
                attendance=answered.get(f"mailto:{row.mail}", ""),
                interaction_id=interaction,
                calendars=tuple(kept.get(row.appointment_id, ())),
                created_at=row.created_at,
                changed_at=row.a_changed_at,
            )
        )
    return found


def _taken(conn: Connection, ids: Collection[int]) -> dict[int, int]:
    query = (
        sa.select(bookings.c.appointment_id, sa.func.count())
        .where(bookings.c.appointment_id.in_(ids), bookings.c.state.in_(TAKES_TIME))
        .group_by(bookings.c.appointment_id)
    )
    return {row[0]: row[1] for row in conn.execute(query)} if ids else {}


def _meetings(conn: Connection, rows: Sequence[sa.Row[Any]]) -> dict[str, tuple[int, Meeting | None]]:
    """The interactions of these appointments, by UID."""
    keys = {f"ical:{row.a_uid}" for row in rows}
    query = sa.select(interactions.c.key, interactions.c.id, interactions.c.kind, _FACTS)
    found: dict[str, tuple[int, Meeting | None]] = {}
    for row in conn.execute(query.where(interactions.c.key.in_(keys))) if keys else ():
        facts = documents.decode(row.kind, row.facts)
        found[row.key.removeprefix("ical:")] = row.id, facts if isinstance(facts, Meeting) else None
    return found


def _conflicts(conn: Connection, ids: Collection[int]) -> set[tuple[int, int]]:
    """The appointments that something else overlaps, each with the state of it that was told of."""
    query = (
        sa.select(bookings.c.appointment_id, booking_notices.c.sequence)
        .join(bookings, bookings.c.id == booking_notices.c.booking_id)
        .where(
            bookings.c.appointment_id.in_(ids),
            booking_notices.c.kind == "conflict",
            booking_notices.c.way == TOLD,
            booking_notices.c.state == "told",
        )
    )
    return {(row.appointment_id, row.sequence) for row in conn.execute(query)} if ids else set()
