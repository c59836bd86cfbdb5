"""Sees to what is due: holds that expire, and calendars that do not hold yet what the store says.

What is to lie in a calendar follows from the appointment as it stands, not from what was once begun: whoever died in
the middle of anything leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.booking import holding, rows, watching, writing
from hub.booking.means import Means
from hub.booking.rows import Guest, Row, Write
from hub.booking.states import BOOKED, State
from hub.booking.writing import NotWritten
from hub.contracts import Conflict, Unavailable
from hub.courier import fault
from hub.store import Lane
from hub.store.schema import appointment_writes, appointments
from hub.vocabulary import Kept

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
WATCH_SECONDS = 5.0
"""How often at most all that is booked is compared with the timeline and the calendars."""
CLAIM = timedelta(seconds=60)
AT_ONCE = 8
_FIRST_DELAY = 5.0
_LONGEST_DELAY = 3600.0


class Keeper:
    """`async with Keeper(...)` looks every two seconds, and whenever `look` is called, until the end of the block."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._rests = asyncio.Event()
        self._versions: dict[str, int] = {}
        self._watch_at = 0.0

    async def __aenter__(self) -> Self:
        if self._means.store.dialect == "sqlite":  # whoever wrote from this store is gone
            await self._means.store.write(_forget_claims, Lane.BULK)
        self._task = asyncio.create_task(self._run(), name="bookings")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> None:
        """There may be something to do."""
        self._rests.clear()
        self._news.set()

    async def rests(self) -> None:
        """Return when it has seen to all that was due when it was last told to `look`."""
        await self._rests.wait()

    async def _run(self) -> None:
        while True:
            try:
                watches = asyncio.get_running_loop().time() >= self._watch_at
                await self.once(watches=watches)
            except Unavailable as verdict:
                log.warning("bookings: %s", verdict)
            except Exception:
                log.exception("bookings: what is due could not be seen to")
            if not self._news.is_set():
                self._rests.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            self._news.clear()

    async def once(self, *, watches: bool = True) -> None:
        """See to everything that is due now; where it *watches*, to what others changed, too."""
        now = datetime.now(UTC)
        store = self._means.store
        if await store.read(lambda conn: _expired(conn, now)):
            await store.write(lambda conn: holding.release_expired(conn, now), Lane.BULK)
        await self._write_due()
        if not watches:
            return
        self._watch_at = asyncio.get_running_loop().time() + WATCH_SECONDS
        await watching.retell(self._means)
        self._versions = await watching.conflicts(self._means, self._versions)

    async def _write_due(self) -> None:
        store = self._means.store
        while await store.read(lambda conn: _is_due(conn, datetime.now(UTC))):
            claimed = await store.write(lambda conn: _claim(conn, datetime.now(UTC)), Lane.BULK)
            if not claimed:
                return
            await asyncio.gather(*(self._settle(write) for write in claimed))

    async def _settle(self, write: Write) -> None:
        """Make one calendar what the store says."""
        means = self._means
        row, seats = await means.store.read(lambda conn: _stands(conn, write))
        wanted = row is not None and row.state in BOOKED and write.agent in row.hosts
        if write.source not in means.ways:
            await self._written(lambda conn: _failed(conn, write, "This calendar is not configured any more.", None))
            return
        try:
            if row is not None and wanted:
                kept: Kept | None = await self._put(row, seats, write)
            else:
                kept = None
                await self._delete(row, write)
        except Conflict as verdict:
            log.info("appointment/%s was changed in the calendar of %s", write.appointment_id, write.source)
            reason = str(verdict)
            await self._written(lambda conn: _failed(conn, write, reason, self._delay(write)))
            await self.recheck(write.appointment_id)
        except NotWritten as verdict:
            log.warning("appointment/%s: %s", write.appointment_id, verdict)
            reason = str(verdict)
            await self._written(lambda conn: _failed(conn, write, reason, self._delay(write)))
        except Exception as error:
            log.exception("appointment/%s cannot be written to %s", write.appointment_id, write.source)
            reason = fault(error)
            await self._written(lambda conn: _failed(conn, write, reason, self._delay(write)))
        else:
            await self._written(lambda conn: _done(conn, write, row, kept))

    async def _put(self, row: Row, seats: list[Guest], write: Write) -> Kept:
        spec = await self._means.catalogue.get(row.event_type)
        # A host whose calendar chose a name of its own keeps that.
        what = writing.written(self._means, row, spec, seats, stamp=row.changed_at)
        return await writing.put(self._means, write.source, what, write.kept)

    async def _delete(self, row: Row | None, write: Write) -> None:
        """Take it out, wherever it is."""
        kept = write.kept
        if kept is None and row is not None:
            # It may lie there unheard: written once more, it says where, and tells nobody.
            nobody = writing.nobody(replace(row, uid=write.uid or row.uid), datetime.now(UTC))
            kept = await writing.put(self._means, write.source, nobody, None)
        if kept is not None:
            await writing.delete(self._means, write.source, kept)

    async def recheck(self, appointment_id: int) -> None:
        """See whether a calendar said something of it while the hub was writing it."""
        means, now = self._means, datetime.now(UTC)
        news = await means.store.write(lambda conn: means.following.recheck(conn, appointment_id, now))
        means.live.publish(news)

    def _delay(self, write: Write) -> timedelta:
        return timedelta(seconds=min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(write.attempts, 20)))

    async def _written(self, work: Callable[[Connection], None]) -> None:
        await self._means.store.write(work, Lane.BULK)


def _expired(conn: Connection, now: datetime) -> bool:
    query = sa.select(sa.literal(1)).where(appointments.c.state == State.HELD, appointments.c.held_until < now)
    return conn.execute(query.limit(1)).first() is not None or holding.late_seats(conn, now)


def _due(now: datetime) -> sa.ColumnElement[bool]:
    """What is to be written and nobody writes. What was `doing` had somebody who died."""
    return sa.and_(
        appointment_writes.c.state.in_(("due", "doing")),
        appointment_writes.c.due_at <= now,
        sa.or_(appointment_writes.c.claimed_until.is_(None), appointment_writes.c.claimed_until <= now),
    )


def _is_due(conn: Connection, now: datetime) -> bool:
    return conn.execute(sa.select(sa.literal(1)).where(_due(now)).limit(1)).first() is not None


def _claim(conn: Connection, now: datetime) -> list[Write]:
    """What is due, each for this hub alone. What belongs to a hold that somebody may still confirm is left alone."""
    held = sa.select(appointments.c.id).where(appointments.c.state == State.HELD)
    query = (
        sa.select(appointment_writes.c.appointment_id, appointment_writes.c.agent)
        .where(_due(now), appointment_writes.c.appointment_id.not_in(held))
        .order_by(appointment_writes.c.due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    claimed: list[Write] = []
    for row in conn.execute(query).all():
        which = sa.and_(
            appointment_writes.c.appointment_id == row.appointment_id, appointment_writes.c.agent == row.agent
        )
        conn.execute(
            appointment_writes.update()
            .where(which)
            .values(state="doing", claimed_until=now + CLAIM, attempts=appointment_writes.c.attempts + 1)
        )
        claimed += rows.writes(conn, which)
    return claimed


def _forget_claims(conn: Connection) -> None:
    conn.execute(
        appointment_writes.update().where(appointment_writes.c.claimed_until.is_not(None)).values(claimed_until=None)
    )


def _stands(conn: Connection, write: Write) -> tuple[Row | None, list[Guest]]:
    return rows.appointment(conn, write.appointment_id), rows.guests(conn, write.appointment_id, BOOKED)


def _one(write: Write) -> sa.ColumnElement[bool]:
    return sa.and_(
        appointment_writes.c.appointment_id == write.appointment_id, appointment_writes.c.agent == write.agent
    )


def _done(conn: Connection, write: Write, row: Row | None, kept: Kept | None) -> None:
    """It lies there, or does not any more. Where the appointment changed meanwhile, it is due again."""
    if kept is None:
        conn.execute(appointment_writes.delete().where(_one(write)))
        return
    assert row is not None
    now = rows.appointment(conn, row.id)
    still = now is not None and (now.state, now.sequence, now.hosts) == (row.state, row.sequence, row.hosts)
    conn.execute(
        appointment_writes.update()
        .where(_one(write))
        .values(
            wanted="put",
            state="done" if still else "due",
            place=kept.place,
            provider_id=kept.provider_id,
            etag=kept.etag,
            uid=kept.uid,
            sequence=row.sequence,
            attempts=0,
            claimed_until=None,
            reason="",
        )
    )


def _failed(conn: Connection, write: Write, reason: str, delay: timedelta | None) -> None:
    """Another time, or never where *delay* is None."""
    state = "failed" if delay is None else "due"
    due_at = datetime.now(UTC) + (delay or timedelta())
    conn.execute(
        appointment_writes.update()
        .where(_one(write))
        .values(state=state, due_at=due_at, claimed_until=None, reason=reason[:500])
    )
