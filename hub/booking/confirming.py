"""From a hold to a booking: the calendars are asked again and written, and only then it counts.

    begin (transaction) ─▶ ask the calendars ─▶ about to write (transaction) ─▶ write ─▶ commit (transaction)

No network within a transaction. Wherever this ends, what is left is seen to: a hold expires, and the keeper makes the
calendars what the store says (`hub.booking.keeper`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.booking import holding, links, recording, rows, telling, writing
from hub.booking.invitees import checked
from hub.booking.means import Means
from hub.booking.rows import GUESTS, Guest, Row, Write
from hub.booking.states import BOOKED, TAKES_TIME, Code, Gone, Invitee, Refused, State
from hub.booking.types import Assign, EventType
from hub.booking.writing import NotWritten, Unreachable
from hub.contracts import Conflict, Unavailable
from hub.privacy.visibility import HUB
from hub.store.schema import appointment_writes, appointments, bookings
from hub.vocabulary import Kept

log = logging.getLogger(__name__)

CLAIM = timedelta(seconds=60)
"""For so long nobody else writes this appointment into calendars. It outlasts what may be asked and written."""
STAYS_HELD = timedelta(seconds=90)
"""How long a hold lasts at least while it is being confirmed."""
OTHERS_SECONDS = 45.0
_LOOK_SECONDS = 0.1


_IN_TURN = (Assign.ROUND_ROBIN, Assign.FIXED_AND_ROTATING)


class Lapsed(Exception):
    """The hold is nobody's any more."""

    def __init__(self, row: Row) -> None:
        super().__init__(row.id)
        self.row = row


class Elsewhere(Exception):
    """Another hub is just writing this appointment."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of an appointment: how it is to stand (*row*), and whose *seats* are then taken; *was* is how
    it stands. *writes* is what lies in the hosts' calendars, or is to."""

    was: Row
    row: Row
    spec: EventType | None
    seats: tuple[Guest, ...]
    writes: tuple[Write, ...] = ()
    seat: Guest | None = None


@dataclass(slots=True)
class Done:
    """What was written: where it lies, by agent, and with whom it may have been (*perhaps*)."""

    uid: str
    kept: dict[str, Kept] = field(default_factory=dict)
    perhaps: set[str] = field(default_factory=set)


async def confirm(means: Means, fingerprint: str, invitee: Invitee) -> int:
    """Make a booking of the hold with that secret. Answers the booking's id; one that was confirmed before stays as
    it is. Raises `Gone` (without alternatives), `Refused`, `Lapsed`."""
    plan = await _begun(means, fingerprint, invitee)
    if isinstance(plan, int):
        return plan
    done = Done(plan.row.uid)
    try:
        when = holding.block(plan.spec, plan.row.starts_at, plan.row.ends_at)
        if not await writing.free(means, plan.row.hosts, when, {plan.row.uid}):
            raise Gone
        await means.store.write(lambda conn: about_to_write(conn, plan))
        await write_all(means, plan, done)
        return await _commit(means, plan, done)
    except Unreachable as error:
        log.warning("booking/%s is not kept: the calendar of %s cannot be asked", plan.seat and plan.seat.id, error)
        await abandon(means, plan, done)
        raise unreachable() from error
    except (NotWritten, Conflict) as error:
        log.warning("booking/%s is not kept: a calendar cannot be written", plan.seat and plan.seat.id)
        await abandon(means, plan, done)
        raise unreachable() from error
    except BaseException:
        await abandon(means, plan, done)
        raise


def unreachable() -> Refused:
    """Why nothing can be promised just now."""
    text = "A calendar cannot be reached just now, so this time cannot be promised. Please try again in a few minutes."
    return Refused(Code.UNREACHABLE, text)


async def _begun(means: Means, fingerprint: str, invitee: Invitee) -> Plan | int:
    """The plan, once nobody else writes this appointment; the booking's id where there is nothing to do."""
    held = await means.store.read(lambda conn: _held(conn, fingerprint))
    spec = await means.catalogue.get(held[1].event_type) if held else None
    if held and held[0].state is State.HELD and spec:
        invitee = checked(invitee, spec, means.config.region)
        await _to_the_owner(means, *held, spec, invitee)
    async with asyncio.timeout(OTHERS_SECONDS):
        while True:
            try:
                return await means.store.write(lambda conn: _begin(conn, means, fingerprint, invitee, spec))
            except Elsewhere:
                await asyncio.sleep(_LOOK_SECONDS)  # another process: nobody here could tell


def _held(conn: Connection, fingerprint: str) -> tuple[Guest, Row] | None:
    seat = rows.guest(conn, bookings.c.secret == fingerprint)
    row = rows.appointment(conn, seat.appointment_id) if seat else None
    return (seat, row) if seat and row else None


async def _to_the_owner(means: Means, seat: Guest, row: Row, spec: EventType, invitee: Invitee) -> None:
    """Now that it is known who books: where somebody else owns the contact, who could take it as well, she does."""
    asked = any(why.get("code") == "asked-for" for why in row.why)
    if not spec.owner_first or spec.assign not in _IN_TURN or spec.seats > 1 or asked or row.state is not State.HELD:
        return
    minutes = int((row.ends_at - row.starts_at).total_seconds() // 60)
    slot = await means.slots.at(row.event_type, minutes, row.starts_at, without=row.id)
    if slot is None:
        return
    choice = await means.slots.choose(row.event_type, slot, contact_id=seat.contact_id, mail=f"mailto:{invitee.mail}")
    if not any(why.get("code") == "owner" for why in choice.why):
        return
    team = holding.Team(tuple(choice.hosts), choice.organizer, tuple(choice.why))
    await means.store.write(lambda conn: holding.swap(conn, row, team, spec, datetime.now(UTC)))


def _begin(conn: Connection, means: Means, fingerprint: str, invitee: Invitee, spec: EventType | None) -> Plan | int:
    now = datetime.now(UTC)
    seat = rows.guest(conn, bookings.c.secret == fingerprint)
    if seat is None:
        raise Refused(Code.UNKNOWN_BOOKING, "There is no such booking. The link may be incomplete.")
    row = rows.appointment(conn, seat.appointment_id, lock=True)
    seat = rows.guest(conn, bookings.c.secret == fingerprint, lock=True)
    assert row is not None
    assert seat is not None
    if seat.state in BOOKED:
        return seat.id
    if seat.state is State.RELEASED:
        raise Lapsed(row)
    if seat.state is not State.HELD:
        raise Refused(Code.OVER, "This booking has ended.")
    if row.starts_at <= now:
        raise Refused(Code.PAST, "This time has passed.")
    answers = {**invitee.answers, **({GUESTS: list(invitee.guests)} if invitee.guests else {})}
    seat = replace(seat, name=invitee.name, mail=invitee.mail, phone=invitee.phone, answers=answers)
    until = now + STAYS_HELD
    if seat.held_until is not None and seat.held_until > until:
        until = seat.held_until
    conn.execute(
        bookings.update()
        .where(bookings.c.id == seat.id)
        .values(name=seat.name, mail=seat.mail, phone=seat.phone, answers=answers, held_until=until)
    )
    if row.state is State.HELD:
        conn.execute(
            appointments.update()
            .where(appointments.c.id == row.id, appointments.c.held_until < until)
            .values(held_until=until)
        )
    state = row.state if row.state in BOOKED else State.ASKED if spec and spec.approval else State.CONFIRMED
    target = replace(row, state=state, sequence=row.sequence + (row.state in BOOKED), place=_place(row, spec, invitee))
    others = [each for each in rows.guests(conn, row.id, BOOKED) if each.id != seat.id]
    return Plan(row, target, spec, (*others, seat), claim(conn, means, target, now), seat)


def _place(row: Row, spec: EventType | None, invitee: Invitee) -> str:
    """Where it takes place, where the invitee is asked for that. Of several who are called none is the place; where the
    first of several wants it stands."""
    alone = spec is not None and spec.seats == 1
    if spec is not None and spec.place.kind == "we-call":
        return invitee.phone if alone else ""
    if spec is not None and spec.place.kind == "ask":
        return invitee.place if alone or not row.place else row.place
    return row.place


def claim(conn: Connection, means: Means, row: Row, now: datetime) -> tuple[Write, ...]:
    """Nobody else writes *row* into its hosts' calendars for a while. Raises `Elsewhere` where somebody does."""
    mine = appointment_writes.c.appointment_id == row.id
    if conn.execute(sa.select(sa.literal(1)).where(mine, appointment_writes.c.claimed_until > now)).first():
        raise Elsewhere
    known = {each.agent: each for each in rows.writes(conn, mine)}
    for host in row.hosts:
        source = means.written_to(host)
        if source and host not in known:
            conn.execute(
                appointment_writes.insert().values(
                    appointment_id=row.id, agent=host, source=source, wanted="put", state="due", due_at=now + CLAIM,
                    sequence=row.sequence,
                )
            )  # fmt: skip
    conn.execute(appointment_writes.update().where(mine).values(claimed_until=now + CLAIM))
    return tuple(rows.writes(conn, mine))


def about_to_write(conn: Connection, plan: Plan) -> None:
    """From here on it may lie in calendars. Raises `Lapsed` where the time is not ours any more."""
    now = datetime.now(UTC)
    row = rows.appointment(conn, plan.row.id, lock=True)
    if row is None or row.state not in TAKES_TIME:
        raise Lapsed(plan.was)
    conn.execute(
        appointment_writes.update()
        .where(appointment_writes.c.appointment_id == plan.row.id)
        .values(
            state="doing", attempts=appointment_writes.c.attempts + 1, claimed_until=now + CLAIM, due_at=now + CLAIM
        )
    )
    # Where nobody hears of it, it is found by its UID when the calendar is read next.
    conn.execute(
        appointment_writes.update()
        .where(appointment_writes.c.appointment_id == plan.row.id, appointment_writes.c.uid == "")
        .values(uid=plan.row.uid)
    )


async def write_all(means: Means, plan: Plan, done: Done) -> None:
    """Write the appointment into its hosts' calendars, the organizer's first: some providers choose the UID.

    Raises `NotWritten`, `Conflict`; *done* then says what was written before.
    """
    writes = {each.agent: each for each in plan.writes if each.agent in plan.row.hosts and each.source in means.ways}

    async def one(write: Write) -> None:
        what = writing.written(means, replace(plan.row, uid=done.uid), plan.spec, plan.seats)
        done.perhaps.add(write.agent)
        try:
            done.kept[write.agent] = await writing.put(means, write.source, what, write.kept)
        except NotWritten as error:
            if not error.perhaps:
                done.perhaps.discard(write.agent)
            raise
        except Conflict:
            done.perhaps.discard(write.agent)
            raise

    first = writes.pop(plan.row.organizer, None)
    if first is not None:
        await one(first)
        done.uid = done.kept[first.agent].uid or done.uid
    ends = await asyncio.gather(*(one(write) for write in writes.values()), return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end


async def _commit(means: Means, plan: Plan, done: Done) -> int:
    """It counts: in one transaction the booking, its interaction, its contact and what is to be told of it."""
    assert plan.seat is not None
    seat, now = plan.seat, datetime.now(UTC)
    row = replace(plan.row, uid=done.uid, notifier=notifier(means, plan.row))

    def work(conn: Connection) -> None:
        mine = sa.and_(bookings.c.id == seat.id, bookings.c.state == State.HELD)
        took = conn.execute(bookings.update().where(mine).values(state=row.state, held_until=None)).rowcount
        if not took or not stand(conn, row, now):
            raise Lapsed(plan.was)
        if seat.link_id is not None:
            links.use(conn, seat.link_id, now)
        contact_id = recording.acquainted(conn, means, seat, row.organizer, now)
        conn.execute(bookings.update().where(bookings.c.id == seat.id).values(contact_id=contact_id))
        settle(conn, row, done.kept)
        telling.queue(conn, means.store.ids, row, [seat], "asked" if row.state is State.ASKED else "booked", now)
        audit.note(conn, means.store.ids(), HUB, f"booking.{row.state}", f"booking/{seat.id}", now)

    event = recording.event(means, row, plan.spec, plan.seats, now, accepted=True)
    await means.ingest.record_with(recording.SOURCE, [event], work)
    means.live.publish(telling.hints(row, [seat], row.state))
    return seat.id


def notifier(means: Means, row: Row) -> str:
    """Who tells the invitees of what becomes of it: the provider of the calendar it lies in, or the hub."""
    source = means.written_to(row.organizer)
    return "provider" if source and means.ways[source].notifies else "hub"


def stand(conn: Connection, row: Row, now: datetime) -> bool:
    """Write down how the appointment stands now. False where its time is not taken any more."""
    return bool(
        conn.execute(
            appointments.update()
            .where(appointments.c.id == row.id, appointments.c.state.in_(TAKES_TIME))
            .values(
                state=row.state,
                uid=row.uid,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                organizer=row.organizer,
                place=row.place,
                sequence=row.sequence,
                why=list(row.why),
                notifier=row.notifier,
                overlaps=row.overlaps,
                held_until=None,
                changed_at=now,
            )
        ).rowcount
    )


def settle(conn: Connection, row: Row, kept: Mapping[str, Kept]) -> None:
    """Write down where it lies in the calendars it was written into."""
    for agent, where in kept.items():
        conn.execute(
            appointment_writes.update()
            .where(appointment_writes.c.appointment_id == row.id, appointment_writes.c.agent == agent)
            .values(
                wanted="put",
                state="done",
                place=where.place,
                provider_id=where.provider_id,
                etag=where.etag,
                uid=where.uid,
                sequence=row.sequence,
                attempts=0,
                claimed_until=None,
                reason="",
            )
        )


async def abandon(means: Means, plan: Plan, done: Done) -> None:
    """It did not come to it: the hold is released, and what was written is taken back by the keeper. Where the store
    itself is away, the hold expires."""
    now = datetime.now(UTC)

    def work(conn: Connection) -> None:
        row = rows.appointment(conn, plan.row.id, lock=True)
        seat = rows.guest(conn, bookings.c.id == plan.seat.id, lock=True) if plan.seat else None
        if row is None or seat is None or seat.state in BOOKED:
            return  # it was committed after all
        conn.execute(
            bookings.update()
            .where(bookings.c.id == seat.id, bookings.c.state == State.HELD)
            .values(state=State.RELEASED)
        )
        untouched(conn, plan, done, now)
        if row.state is State.HELD and not rows.guests(conn, row.id):
            holding.release(conn, row.id, now)

    await to_its_end(means, work)


def untouched(conn: Connection, plan: Plan, done: Done, now: datetime) -> None:
    """Let go of the claim: what was written is made again what the store says, what was not stays as it was."""
    for write in plan.writes:
        which = sa.and_(
            appointment_writes.c.appointment_id == write.appointment_id, appointment_writes.c.agent == write.agent
        )
        if where := done.kept.get(write.agent):
            conn.execute(
                appointment_writes.update()
                .where(which)
                .values(
                    place=where.place, provider_id=where.provider_id, etag=where.etag, uid=where.uid,
                    sequence=plan.row.sequence, state="due", due_at=now, claimed_until=None,
                )
            )  # fmt: skip
        elif write.agent in done.perhaps:
            conn.execute(appointment_writes.update().where(which).values(state="due", due_at=now, claimed_until=None))
        elif write.provider_id:
            conn.execute(
                appointment_writes.update()
                .where(which)
                .values(wanted=write.wanted, state=write.state, attempts=write.attempts, claimed_until=None)
            )
        else:
            conn.execute(appointment_writes.delete().where(which))


async def to_its_end(means: Means, work: Callable[[Connection], None]) -> None:
    """Write down what did not come to pass, where the store can take it."""
    try:
        await means.store.write(work)
    except Unavailable as verdict:
        log.warning("what did not come to a booking is left to expire: %s", verdict)
