"""What has to be noticed: changes that are not on the timeline yet, and other events that came onto a booking."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.booking import recording, rows, telling
from hub.booking.choosing import Slot
from hub.booking.means import Means
from hub.booking.rows import TOLD, Guest, Row
from hub.booking.states import BOOKED, State
from hub.store.schema import appointments, booking_notices, bookings, events

log = logging.getLogger(__name__)

_LATELY = timedelta(days=2)
_AT_ONCE = 50
ENDED = (State.CANCELLED, State.DECLINED)


async def retell(means: Means) -> None:
    """Record what was changed in a calendar and is not on the timeline as the appointment stands."""
    since = datetime.now(UTC) - _LATELY
    for row, seats in await means.store.read(lambda conn: _untold(conn, since)):
        spec = await means.catalogue.get(row.event_type)
        event = recording.event(means, row, spec, seats, row.changed_at)
        await means.ingest.record(recording.SOURCE, [event], live=False)


def _untold(conn: Connection, since: datetime) -> list[tuple[Row, list[Guest]]]:
    key = sa.literal("ical:").concat(appointments.c.uid)
    word = sa.literal("booking:").concat(sa.cast(appointments.c.sequence, sa.Text)).concat(":")
    told = sa.select(sa.literal(1)).where(events.c.key == key, events.c.event_id == word.concat(appointments.c.state))
    known = sa.select(sa.literal(1)).where(events.c.key == key)
    found = rows.found(
        conn,
        appointments.c.state.in_((*BOOKED, *ENDED)),
        appointments.c.starts_at > since,
        appointments.c.changed_at > since,
        ~told.exists(),
        known.exists(),
        limit=_AT_ONCE,
    )
    return [(row, rows.guests(conn, row.id, BOOKED) or rows.guests(conn, row.id, ENDED)) for row in found]


async def conflicts(means: Means, versions: Mapping[str, int]) -> dict[str, int]:
    """Find events of others that take the time of what is booked, and tell the host, once for each. *versions* are what
    was looked at already, by agent; answers them as they are now."""
    if means.calendars is None:
        return {}
    now = datetime.now(UTC)
    coming = await means.store.read(lambda conn: _coming(conn, now))
    agents = sorted({host for row in coming for host in row.hosts})
    if not agents:
        return dict(versions)
    until = max(row.ends_at for row in coming)
    busy = await means.calendars.busy(agents, now, until)
    seen = {agent: each.version for agent, each in busy.items()}
    changed = {agent for agent, version in seen.items() if versions.get(agent) != version}
    open_ = await means.store.read(lambda conn: _told(conn, [row.id for row in coming]))
    for row in coming:
        for host in row.hosts:
            if host not in changed:
                continue
            begin, end = row.starts_at.timestamp(), row.ends_at.timestamp()
            over = [since for since, last in busy[host].spans if since < end and last > begin]
            since = datetime.fromtimestamp(min(over), UTC) if over else None
            if since is not None and (row.id, host, row.sequence, since) not in open_:
                await _tell(means, row, host, since)
            elif since is None and any(each[:2] == (row.id, host) for each in open_):
                await means.store.write(partial(_free_again, row=row, host=host))
    return seen


def _coming(conn: Connection, now: datetime) -> list[Row]:
    return rows.found(conn, appointments.c.state.in_(BOOKED), appointments.c.starts_at > now)


def _told(conn: Connection, ids: Sequence[int]) -> set[tuple[int, str, int, datetime]]:
    """The conflicts that were told and are not over: appointment, host, its sequence, and when the other began."""
    query = (
        sa.select(
            bookings.c.appointment_id,
            booking_notices.c.recipient,
            booking_notices.c.sequence,
            booking_notices.c.due_at,
        )
        .join(bookings, bookings.c.id == booking_notices.c.booking_id)
        .where(bookings.c.appointment_id.in_(ids), *_STILL)
    )
    return {(row.appointment_id, row.recipient, row.sequence, row.due_at) for row in conn.execute(query)}


async def _tell(means: Means, row: Row, host: str, since: datetime) -> None:
    """Tell *host* that something begins at *since* that takes her time, and which times she could propose."""
    minutes = int((row.ends_at - row.starts_at).total_seconds() // 60)
    spec = await means.catalogue.get(row.event_type)
    near: Sequence[Slot] = ()
    if spec is not None and minutes in spec.durations:
        near = await means.slots.nearest(row.event_type, minutes, row.starts_at, without=row.id)

    def work(conn: Connection) -> list[Guest]:
        seats = rows.guests(conn, row.id, BOOKED)
        return [
            seat for seat in seats if telling.once(conn, means.store.ids, seat, "conflict", host, row.sequence, since)
        ]

    fresh = await means.store.write(work)
    proposals = [slot.starts_at.isoformat() for slot in near]
    means.live.publish(telling.hints(row, fresh, "conflict", [host], proposals=proposals))


def _free_again(conn: Connection, row: Row, host: str) -> None:
    mine = sa.select(bookings.c.id).where(bookings.c.appointment_id == row.id)
    conn.execute(
        booking_notices.update()
        .where(booking_notices.c.booking_id.in_(mine), booking_notices.c.recipient == host, *_STILL)
        .values(state="over")
    )


_STILL = (
    booking_notices.c.kind == "conflict",
    booking_notices.c.way == TOLD,
    booking_notices.c.state == "told",
)
