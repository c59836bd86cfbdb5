"""Taking a host's time, and giving it back: the part of the promise that the database itself keeps.

No two active rows of one agent in `appointment_hosts` ever overlap (see the migration). What is done here runs in
short transactions, and two that concern the same agents follow one another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.booking.rows import Row
from hub.booking.states import BOOKED, TAKES_TIME, State, Why
from hub.booking.types import EventType
from hub.store.schema import appointment_hosts, appointment_writes, appointments, bookings

OVERLAP = "appointment_hosts_overlap"
"""How both databases call what they refuse."""

Block = tuple[datetime, datetime]
"""Time that is taken, the end exclusive, UTC."""


@dataclass(frozen=True, slots=True)
class Team:
    """Who takes an appointment together, in whose name (*organizer*), and *why* they were chosen."""

    hosts: tuple[str, ...]
    organizer: str
    why: tuple[Why, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A seat that is to be held: at the first of *teams* that is free, or in an appointment of the same time that has
    a seat left. *secret* is a fingerprint."""

    slug: str
    spec: EventType
    starts_at: datetime
    ends_at: datetime
    teams: Sequence[Team]
    zone: str
    planned_in: str
    language: str
    place: str
    secret: str
    link_id: int | None
    contact_id: int | None
    held_until: datetime


def block(spec: EventType | None, starts_at: datetime, ends_at: datetime) -> Block:
    """The time that an appointment takes, its buffers included."""
    if spec is None:
        return starts_at, ends_at
    return starts_at - timedelta(minutes=spec.buffer_before), ends_at + timedelta(minutes=spec.buffer_after)


def overlaps(error: sa.exc.DBAPIError) -> bool:
    """Whether the database refused because an agent's time is taken."""
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return constraint == OVERLAP or (constraint is None and str(error.orig) == OVERLAP)


def in_turn(conn: Connection, agents: Iterable[str]) -> None:
    """Whoever takes time of one of *agents* waits here for the others who do. SQLite has one writer; on PostgreSQL two
    who insert what excludes one another at the same moment would find a deadlock, a second later."""
    if conn.dialect.name == "postgresql":
        for agent in sorted(set(agents)):
            number = int.from_bytes(hashlib.sha256(f"booking\0{agent}".encode()).digest()[:8]) >> 1
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def busy(conn: Connection, agents: Collection[str], when: Block, *, without: int = 0) -> bool:
    """Whether one of *agents* has no time for another appointment than *without*."""
    query = sa.select(sa.literal(1)).where(
        appointment_hosts.c.agent.in_(agents),
        appointment_hosts.c.active,
        appointment_hosts.c.blocked_from < when[1],
        appointment_hosts.c.blocked_until > when[0],
        appointment_hosts.c.appointment_id != without,
    )
    return conn.execute(query.limit(1)).first() is not None


def hold(conn: Connection, wish: Wish, new_id: int, booking_id: int, uid: str, now: datetime) -> bool:
    """Hold a seat under *booking_id*. False where nobody has time any more."""
    agents = {host for team in wish.teams for host in team.hosts}
    in_turn(conn, agents)
    release_expired(conn, now, agents)
    if wish.spec.seats > 1 and _join(conn, wish, booking_id, now):
        return True
    when = block(wish.spec, wish.starts_at, wish.ends_at)
    for team in wish.teams:
        if busy(conn, team.hosts, when):
            continue
        insert_appointment(conn, wish, team, new_id, uid, now)
        insert_hosts(conn, new_id, dict.fromkeys(team.hosts, when))
        _insert_seat(conn, wish, booking_id, new_id, 1, now)
        return True
    return False


def insert_appointment(conn: Connection, wish: Wish, team: Team, new_id: int, uid: str, now: datetime) -> None:
    """A held appointment, whose hosts are inserted next."""
    conn.execute(
        appointments.insert().values(
            id=new_id,
            uid=uid,
            event_type=wish.slug,
            state=State.HELD,
            starts_at=wish.starts_at,
            ends_at=wish.ends_at,
            zone=wish.planned_in,
            organizer=team.organizer,
            title=wish.spec.title,
            place=wish.place,
            why=list(team.why),
            held_until=wish.held_until,
            created_at=now,
            changed_at=now,
        )
    )


def insert_hosts(conn: Connection, appointment_id: int, blocks: Mapping[str, Block]) -> None:
    """Take the time of these agents. Raises what `overlaps` tells where it is taken."""
    conn.execute(
        appointment_hosts.insert(),
        [
            {
                "appointment_id": appointment_id,
                "agent": agent,
                "blocked_from": when[0],
                "blocked_until": when[1],
                "active": True,
            }
            for agent, when in sorted(blocks.items())
        ],
    )


def _join(conn: Connection, wish: Wish, booking_id: int, now: datetime) -> bool:
    """Take a seat that is left at this time."""
    there = conn.execute(
        sa.select(appointments.c.id)
        .where(
            appointments.c.event_type == wish.slug,
            appointments.c.starts_at == wish.starts_at,
            appointments.c.ends_at == wish.ends_at,
            appointments.c.state.in_(TAKES_TIME),
        )
        .order_by(appointments.c.id)
        .with_for_update()
    ).scalars()
    for appointment_id in there.all():
        _release_seats(conn, bookings.c.appointment_id == appointment_id, now)
        taken = set(
            conn.execute(
                sa.select(bookings.c.seat).where(
                    bookings.c.appointment_id == appointment_id, bookings.c.state.in_(TAKES_TIME)
                )
            ).scalars()
        )
        free = next((seat for seat in range(1, wish.spec.seats + 1) if seat not in taken), None)
        if free is None:
            continue
        _insert_seat(conn, wish, booking_id, appointment_id, free, now)
        conn.execute(
            appointments.update()
            .where(
                appointments.c.id == appointment_id,
                appointments.c.state == State.HELD,
                appointments.c.held_until < wish.held_until,
            )
            .values(held_until=wish.held_until)
        )
        return True
    return False


def _insert_seat(conn: Connection, wish: Wish, booking_id: int, appointment_id: int, seat: int, now: datetime) -> None:
    conn.execute(
        bookings.insert().values(
            id=booking_id,
            appointment_id=appointment_id,
            seat=seat,
            state=State.HELD,
            zone=wish.zone,
            language=wish.language,
            contact_id=wish.contact_id,
            link_id=wish.link_id,
            secret=wish.secret,
            held_until=wish.held_until,
            created_at=now,
        )
    )


def _release_seats(conn: Connection, which: sa.ColumnElement[bool], now: datetime) -> int:
    return conn.execute(
        bookings.update()
        .where(which, bookings.c.state == State.HELD, bookings.c.held_until < now)
        .values(state=State.RELEASED)
    ).rowcount


def release_expired(conn: Connection, now: datetime, agents: Collection[str] | None = None, limit: int = 500) -> int:
    """Release what was held and never booked: of *agents*, or of everybody. Answers how much that was."""
    expired = sa.select(appointments.c.id).where(appointments.c.state == State.HELD, appointments.c.held_until < now)
    if agents is not None:
        expired = expired.join(appointment_hosts, appointment_hosts.c.appointment_id == appointments.c.id).where(
            appointment_hosts.c.agent.in_(agents), appointment_hosts.c.active
        )
    ids = sorted(set(conn.execute(expired.limit(limit)).scalars()))
    for appointment_id in ids:
        release(conn, appointment_id, now)
    seats = 0
    if agents is None:  # those of an appointment to which others come are nobody else's hurry
        late = sa.select(appointments.c.id).where(appointments.c.state.in_(BOOKED))
        seats = _release_seats(conn, bookings.c.appointment_id.in_(late), now)
    return len(ids) + seats


def late_seats(conn: Connection, now: datetime) -> bool:
    """Whether a seat of an appointment that others come to was held for too long."""
    late = sa.select(sa.literal(1)).where(bookings.c.state == State.HELD, bookings.c.held_until < now)
    return conn.execute(late.limit(1)).first() is not None


def release(conn: Connection, appointment_id: int, now: datetime) -> bool:
    """Give back the time of a held appointment and have deleted what was written into calendars for it. False where it
    is not held any more."""
    still = sa.and_(appointments.c.id == appointment_id, appointments.c.state == State.HELD)
    if not conn.execute(
        appointments.update().where(still).values(state=State.RELEASED, held_until=None, changed_at=now)
    ).rowcount:
        return False
    conn.execute(
        bookings.update()
        .where(bookings.c.appointment_id == appointment_id, bookings.c.state == State.HELD)
        .values(state=State.RELEASED)
    )
    give_back(conn, appointment_id)
    unwrite(conn, appointment_id, now)
    return True


def swap(conn: Connection, row: Row, team: Team, spec: EventType, now: datetime) -> bool:
    """Have *team* hold what others hold. False where it is not held any more, or they have no time."""
    in_turn(conn, {*row.hosts, *team.hosts})
    when = block(spec, row.starts_at, row.ends_at)
    still = sa.and_(appointments.c.id == row.id, appointments.c.state == State.HELD)
    if (
        busy(conn, team.hosts, when, without=row.id)
        or not conn.execute(
            appointments.update().where(still).values(organizer=team.organizer, why=list(team.why), changed_at=now)
        ).rowcount
    ):
        return False
    conn.execute(appointment_hosts.delete().where(appointment_hosts.c.appointment_id == row.id))
    insert_hosts(conn, row.id, dict.fromkeys(team.hosts, when))
    return True


def give_back(conn: Connection, appointment_id: int) -> None:
    """The hosts' time is free again."""
    conn.execute(
        appointment_hosts.update().where(appointment_hosts.c.appointment_id == appointment_id).values(active=False)
    )


def unwrite(conn: Connection, appointment_id: int, now: datetime) -> None:
    """Have the appointment deleted wherever it was written, or may have been; what was not even tried is forgotten.
    Whoever is just writing it is waited for."""
    mine = appointment_writes.c.appointment_id == appointment_id
    conn.execute(
        appointment_writes.delete().where(
            mine, appointment_writes.c.state == "due", appointment_writes.c.provider_id == "",
            appointment_writes.c.attempts == 0,
        )
    )  # fmt: skip
    conn.execute(appointment_writes.update().where(mine).values(wanted="delete", state="due", due_at=now))


def rest(new: Block, old: Block) -> Block | None:
    """What *new* takes beyond *old*, None where that is nothing. Of blocks where one lies within the other it is too
    much: all of what is longer."""
    if new[0] >= old[1] or new[1] <= old[0]:
        return new
    if new[0] < old[0] and new[1] > old[1]:
        return new
    if new[1] > old[1]:
        return old[1], new[1]
    if new[0] < old[0]:
        return new[0], old[0]
    return None


def stand_by(
    conn: Connection, blocks: Mapping[str, Block], new_id: int, until: datetime, now: datetime, uid: str
) -> bool:
    """Take time to which an appointment is about to be moved, under an id of its own that expires. False where it is
    taken. A plain hold of no event type: nobody joins it."""
    in_turn(conn, blocks)
    release_expired(conn, now, list(blocks))
    if any(busy(conn, [agent], when) for agent, when in blocks.items()):
        return False
    first = min(when[0] for when in blocks.values())
    last = max(when[1] for when in blocks.values())
    conn.execute(
        appointments.insert().values(
            id=new_id,
            uid=uid,
            event_type="",
            state=State.HELD,
            starts_at=first,
            ends_at=last,
            zone="UTC",
            organizer=min(blocks),
            title="",
            held_until=until,
            created_at=now,
            changed_at=now,
        )
    )
    insert_hosts(conn, new_id, blocks)
    return True
