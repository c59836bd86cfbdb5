"""A booking is moved, or given to somebody else, or agreed to: as carefully as it was made.

The new time is taken beside the old one, the calendars are asked and written, then the change is committed and the old
time given back. What goes wrong before that leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.booking import holding, recording, rows, telling, writing
from hub.booking.confirming import (
    OTHERS_SECONDS,
    STAYS_HELD,
    Done,
    Elsewhere,
    Plan,
    about_to_write,
    claim,
    notifier,
    settle,
    stand,
    to_its_end,
    unreachable,
    untouched,
    write_all,
)
from hub.booking.holding import Block, Team
from hub.booking.means import Means
from hub.booking.rows import Row
from hub.booking.states import BOOKED, Code, Gone, Refused, State
from hub.booking.types import EventType
from hub.booking.writing import NotWritten, Unreachable
from hub.contracts import Conflict
from hub.privacy.visibility import Actor
from hub.store.schema import appointment_hosts, appointment_writes, appointments, booking_notices, bookings

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.1


async def change(
    means: Means,
    appointment_id: int,
    spec: EventType | None,
    teams: Sequence[Team],
    when: Block | None,
    *,
    actor: Actor,
    action: str,
    agreed: bool = False,
    by_invitee: bool = False,
) -> None:
    """Bring the appointment to the time *when* (None: it stays), with the first of *teams* that has time (none: they
    stay). *agreed*: a host agrees to it. Raises `Gone` (without alternatives), `Refused`."""
    stand_by = means.store.ids()
    wish = Wish(spec, tuple(teams), when, agreed, stand_by)
    plan = await _planned(means, appointment_id, wish)
    done = Done(plan.row.uid)
    try:
        wanted = holding.block(spec, plan.row.starts_at, plan.row.ends_at)
        if _needs_time(plan) and not await writing.free(means, plan.row.hosts, wanted, {plan.row.uid}):
            raise Gone
        await means.store.write(lambda conn: about_to_write(conn, plan))
        await write_all(means, plan, done)
        await _commit(means, plan, done, stand_by, actor, action, by_invitee=by_invitee)
    except (Unreachable, NotWritten) as error:
        log.warning("appointment/%s is not changed: a calendar cannot be reached", appointment_id)
        await _abandon(means, plan, done, stand_by)
        raise unreachable() from error
    except Conflict as error:
        await _abandon(means, plan, done, stand_by)
        text = "This appointment was just changed in the host's calendar. Please look again in a minute."
        raise Refused(Code.CHANGED, text) from error
    except BaseException:
        await _abandon(means, plan, done, stand_by)
        raise


@dataclass(frozen=True, slots=True)
class Wish:
    """How an appointment is to be changed; *stand_by* is the id under which its new time is taken meanwhile."""

    spec: EventType | None
    teams: tuple[Team, ...]
    when: Block | None
    agreed: bool
    stand_by: int


def _needs_time(plan: Plan) -> bool:
    moved = (plan.row.starts_at, plan.row.ends_at) != (plan.was.starts_at, plan.was.ends_at)
    return moved or set(plan.row.hosts) != set(plan.was.hosts)


async def _planned(means: Means, appointment_id: int, wish: Wish) -> Plan:
    async with asyncio.timeout(OTHERS_SECONDS):
        while True:
            try:
                return await means.store.write(lambda conn: _plan(conn, means, appointment_id, wish))
            except Elsewhere:
                await asyncio.sleep(_LOOK_SECONDS)  # another process: nobody here could tell


def _plan(conn: Connection, means: Means, appointment_id: int, wish: Wish) -> Plan:
    now = datetime.now(UTC)
    row = rows.appointment(conn, appointment_id, lock=True)
    if row is None or row.state not in BOOKED:
        raise Refused(Code.OVER, "This booking has ended.")
    if wish.agreed and row.state is not State.ASKED:
        raise Refused(Code.NOT_ASKED, "Nobody waits for an answer to this booking any more.")
    starts_at, ends_at = wish.when or (row.starts_at, row.ends_at)
    stays = Team(row.hosts, row.organizer, row.why)
    needs_time = wish.teams or wish.when is not None
    team = _take(conn, means, row, wish, wish.teams or (stays,)) if needs_time else stays
    if team is None:
        raise Gone
    target = replace(
        row,
        state=State.CONFIRMED if wish.agreed else row.state,
        starts_at=starts_at,
        ends_at=ends_at,
        sequence=row.sequence + 1,
        hosts=team.hosts,
        organizer=team.organizer,
        why=team.why,
        overlaps=False,
    )
    seats = tuple(replace(each, state=target.state) for each in rows.guests(conn, row.id, BOOKED))
    return Plan(row, target, wish.spec, seats, claim(conn, means, target, now))


def _take(conn: Connection, means: Means, row: Row, wish: Wish, teams: Sequence[Team]) -> Team | None:
    """Take the new time, for the first team that has it: of those who have the old one only what that does not
    cover."""
    now = datetime.now(UTC)
    old = holding.block(wish.spec, row.starts_at, row.ends_at)
    new = holding.block(wish.spec, *wish.when) if wish.when else old
    holding.in_turn(conn, {host for team in teams for host in team.hosts} | set(row.hosts))
    for team in teams:
        if holding.busy(conn, team.hosts, new, without=row.id):
            continue
        stays = set(row.hosts) if not row.overlaps else set()
        blocks = {host: holding.rest(new, old) if host in stays else new for host in team.hosts}
        needed = {host: block for host, block in blocks.items() if block is not None}
        if not needed:
            return team
        if holding.stand_by(conn, needed, wish.stand_by, now + STAYS_HELD, now, means.uid(wish.stand_by)):
            return team
    return None


async def _commit(
    means: Means, plan: Plan, done: Done, stand_by: int, actor: Actor, action: str, *, by_invitee: bool
) -> None:
    now = datetime.now(UTC)
    row = replace(plan.row, uid=done.uid, notifier=notifier(means, plan.row))
    moved = (row.starts_at, row.ends_at) != (plan.was.starts_at, plan.was.ends_at)
    agreed = row.state is not plan.was.state

    def work(conn: Connection) -> None:
        conn.execute(appointments.delete().where(appointments.c.id == stand_by))
        if not stand(conn, row, now):
            raise Refused(Code.OVER, "This booking has ended.")
        block = holding.block(plan.spec, row.starts_at, row.ends_at)
        conn.execute(appointment_hosts.delete().where(appointment_hosts.c.appointment_id == row.id))
        holding.insert_hosts(conn, row.id, dict.fromkeys(row.hosts, block))
        conn.execute(
            bookings.update()
            .where(bookings.c.appointment_id == row.id, bookings.c.state.in_(BOOKED))
            .values(state=row.state)
        )
        settle(conn, row, done.kept)
        drop(conn, row, now)
        seats = rows.guests(conn, row.id, BOOKED)
        if agreed:
            telling.queue(conn, means.store.ids, row, seats, "booked", now)
        elif moved or row.organizer != plan.was.organizer:
            telling.queue(conn, means.store.ids, row, seats, "moved", now)
        for seat in seats:
            audit.note(conn, means.store.ids(), actor, action, f"booking/{seat.id}", now)

    event = recording.event(means, row, plan.spec, plan.seats, now, accepted=by_invitee)
    await means.ingest.record_with(recording.SOURCE, [event], work)
    state = "confirmed" if agreed else "moved"
    means.live.publish(telling.hints(row, plan.seats, state, sorted({*row.hosts, *plan.was.hosts})))


def drop(conn: Connection, row: Row, now: datetime) -> None:
    """Whoever takes no part any more gets it out of her calendar."""
    conn.execute(
        appointment_writes.update()
        .where(appointment_writes.c.appointment_id == row.id, appointment_writes.c.agent.not_in(row.hosts))
        .values(wanted="delete", state="due", due_at=now, claimed_until=None)
    )


async def _abandon(means: Means, plan: Plan, done: Done, stand_by: int) -> None:
    """It stays as it was: what was written already is made so again by the keeper."""
    now = datetime.now(UTC)

    def work(conn: Connection) -> None:
        row = rows.appointment(conn, plan.row.id, lock=True)
        conn.execute(appointments.delete().where(appointments.c.id == stand_by))
        if row is None or (row.state in BOOKED and row.sequence == plan.row.sequence):
            return  # it was committed after all
        if done.kept or done.perhaps:  # what a calendar has seen is numbered; what comes next has a higher number
            conn.execute(
                appointments.update()
                .where(appointments.c.id == row.id)
                .values(sequence=max(row.sequence, plan.row.sequence) + 1)
            )
        untouched(conn, plan, done, now)

    await to_its_end(means, work)


def exchange(conn: Connection, one_id: int, other_id: int) -> None:
    """Two bookings of one invitee change their seats: her link leads to the other time from now on, and so do what she
    answered and what she is still to be told."""
    ids = (one_id, other_id)
    seats = {row.id: row for row in conn.execute(sa.select(bookings).where(bookings.c.id.in_(ids)).with_for_update())}
    conn.execute(bookings.update().where(bookings.c.id.in_(ids)).values(state=State.RELEASED))
    for mine, hers in (ids, ids[::-1]):
        row = seats[hers]
        conn.execute(
            bookings.update()
            .where(bookings.c.id == mine)
            .values(appointment_id=row.appointment_id, seat=row.seat, state=row.state)
        )
    for mine, values in ((one_id, {"state": "dropped"}), (other_id, {"booking_id": one_id})):
        due = sa.and_(booking_notices.c.booking_id == mine, booking_notices.c.state == "due")
        conn.execute(booking_notices.update().where(due).values(values))
