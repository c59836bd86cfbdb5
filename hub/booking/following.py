"""A booking follows the calendar: moved there it is moved here, deleted there it is cancelled here.

What is told is what a host did in the organizer's calendar. Our own writes come back this way too, and change nothing:
they say what the store says. Another host's copy is made again what the appointment says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.booking import holding, rows, telling
from hub.booking.catalogue import Catalogue
from hub.booking.rows import Guest, Row, Write
from hub.booking.states import BOOKED, State
from hub.config import Config
from hub.formats.errors import Unreadable
from hub.formats.ics import IcsEvent, events
from hub.live import LiveEvent
from hub.privacy.visibility import HUB
from hub.store.schema import appointment_hosts, appointment_writes, appointments, bookings, calendar_objects

log = logging.getLogger(__name__)

GONE = "deleted there"
"""Why a write has no place any more: somebody deleted it while the hub wrote."""


@dataclass(frozen=True, slots=True)
class Lies:
    """What lies in a calendar under an appointment's UID."""

    place: str
    provider_id: str
    etag: str
    said: IcsEvent | None


@dataclass(frozen=True, slots=True)
class Following:
    """Told in the transaction that records what changed in calendars (`hub.calendars.objects.Follow`)."""

    config: Config
    catalogue: Catalogue
    new_id: Callable[[], int]

    def __call__(self, conn: Connection, source: str, uids: Sequence[str], now: datetime) -> list[LiveEvent]:
        """In the calendars of *source* the objects of these UIDs are not what they were."""
        news: list[LiveEvent] = []
        for start in range(0, len(uids), 500):
            some = uids[start : start + 500]
            known = rows.writes(conn, appointment_writes.c.source == source, appointment_writes.c.uid.in_(some))
            for write in known:
                news += self._look(conn, write, now)
        return news

    def recheck(self, conn: Connection, appointment_id: int, now: datetime) -> list[LiveEvent]:
        """Look again at what was told while the hub itself wrote the appointment, and was left for later."""
        news: list[LiveEvent] = []
        for write in rows.writes(conn, appointment_writes.c.appointment_id == appointment_id):
            if write.reason == GONE or _lies(conn, write, self._zone(write.agent)) is not None:
                news += self._look(conn, write, now)
        return news

    def _zone(self, agent: str) -> ZoneInfo:
        return self.config.zone(agent)

    def _look(self, conn: Connection, write: Write, now: datetime) -> list[LiveEvent]:
        row = rows.appointment(conn, write.appointment_id, lock=True)
        lies = _lies(conn, write, self._zone(write.agent))
        if row is None:
            return []
        if _claimed(conn, write, now):
            if lies is None:
                _update(conn, write, place="", provider_id="", etag="", reason=GONE)
            return []
        older = lies is not None and lies.said is not None and lies.said.sequence < write.sequence
        if older:
            return []  # it was read before the hub wrote it
        if row.state not in BOOKED:
            if lies is not None:  # it is about to be deleted, as it is now
                _update(conn, write, place=lies.place, provider_id=lies.provider_id, etag=lies.etag, due_at=now)
            return []
        if write.agent != row.organizer:
            return self._another_copy(conn, row, write, lies, now)
        if lies is None or (lies.said is not None and lies.said.status == "CANCELLED"):
            return self._cancel(conn, row, now)
        if lies.said is None:
            return []
        sequence = max(write.sequence, lies.said.sequence)
        _update(
            conn, write, place=lies.place, provider_id=lies.provider_id, etag=lies.etag, sequence=sequence, reason=""
        )
        news = self._declined(conn, row, lies.said)
        if write.state != "done":
            return news  # it is about to be written anew
        starts_at = lies.said.start or row.starts_at
        ends_at = lies.said.end or starts_at + (row.ends_at - row.starts_at)
        if (starts_at, ends_at) != (row.starts_at, row.ends_at) and ends_at > starts_at:
            news += self._move(conn, row.at(starts_at, ends_at), sequence, now)
        return news

    def _another_copy(
        self, conn: Connection, row: Row, write: Write, lies: Lies | None, now: datetime
    ) -> list[LiveEvent]:
        """A host who is not the organizer changed her copy: it is made again what the appointment says. Where she
        deleted it, the organizer is told."""
        if lies is None:
            _update(conn, write, place="", provider_id="", etag="", state="failed", reason=GONE)
            return telling.hints(row, rows.guests(conn, row.id, BOOKED), "host-left", [row.organizer])
        said = lies.said
        same = said is not None and (said.start, said.end) == (row.starts_at, row.ends_at)
        if write.state == "done":
            state = "done" if same else "due"
            _update(
                conn, write, place=lies.place, provider_id=lies.provider_id, etag=lies.etag, state=state, due_at=now
            )
        return []

    def _move(self, conn: Connection, row: Row, sequence: int, now: datetime) -> list[LiveEvent]:
        """It was moved there. Where the hub has promised that time to somebody else, both stand, and it is said."""
        known = self.catalogue.find_in(conn, row.event_type)
        when = holding.block(known.event_type if known else None, row.starts_at, row.ends_at)
        holding.in_turn(conn, row.hosts)
        holding.release_expired(conn, now, row.hosts)
        taken = holding.busy(conn, row.hosts, when, without=row.id)
        # Her calendar program has numbered it anew, or it is for us to do so (RFC 5546, 2.1.4).
        numbered = sequence if sequence > row.sequence else row.sequence + 1
        row = replace(row, sequence=numbered, overlaps=taken)
        conn.execute(
            appointments.update()
            .where(appointments.c.id == row.id)
            .values(starts_at=row.starts_at, ends_at=row.ends_at, sequence=row.sequence, overlaps=taken, changed_at=now)
        )
        conn.execute(
            appointment_hosts.update()
            .where(appointment_hosts.c.appointment_id == row.id)
            .values(blocked_from=when[0], blocked_until=when[1], active=not taken)
        )
        conn.execute(
            appointment_writes.update()
            .where(appointment_writes.c.appointment_id == row.id, appointment_writes.c.agent != row.organizer)
            .values(state="due", due_at=now)
        )
        seats = rows.guests(conn, row.id, BOOKED)
        telling.queue(conn, self.new_id, row, seats, "moved", now)
        self._noted(conn, seats, "booking.moved-in-calendar", now)
        return telling.hints(row, seats, "overlaps" if taken else "moved")

    def _cancel(self, conn: Connection, row: Row, now: datetime) -> list[LiveEvent]:
        """It was deleted or cancelled there."""
        seats = rows.guests(conn, row.id, BOOKED)
        row = replace(row, sequence=row.sequence + 1, state=State.CANCELLED)
        conn.execute(
            appointments.update()
            .where(appointments.c.id == row.id)
            .values(state=row.state, sequence=row.sequence, changed_at=now)
        )
        conn.execute(
            bookings.update()
            .where(bookings.c.appointment_id == row.id, bookings.c.state.in_(BOOKED))
            .values(state=row.state, ended_by="calendar")
        )
        holding.give_back(conn, row.id)
        holding.unwrite(conn, row.id, now)
        telling.queue(conn, self.new_id, row, seats, "cancelled", now)
        self._noted(conn, seats, "booking.cancelled-in-calendar", now)
        return telling.hints(row, seats, "cancelled")

    def _declined(self, conn: Connection, row: Row, said: IcsEvent) -> list[LiveEvent]:
        """An invitee who declined in her own calendar: the host is told once, and decides."""
        declined = {each.address.lower() for each in said.attendees if each.status == "DECLINED"}
        seats = [seat for seat in rows.guests(conn, row.id, BOOKED) if f"mailto:{seat.mail}".lower() in declined]
        news: list[LiveEvent] = []
        for seat in seats:
            if telling.once(conn, self.new_id, seat, "declined", row.organizer, row.sequence, telling.BEGINNING):
                news += telling.hints(row, [seat], "declined-by-invitee")
        return news

    def _noted(self, conn: Connection, seats: Iterable[Guest], action: str, now: datetime) -> None:
        for seat in seats:
            audit.note(conn, self.new_id(), HUB, action, f"booking/{seat.id}", now)


def _lies(conn: Connection, write: Write, zone: ZoneInfo) -> Lies | None:
    """What lies under the write's UID in its source: where it was written, or wherever else it was put since."""
    query = sa.select(
        calendar_objects.c.place, calendar_objects.c.provider_id, calendar_objects.c.etag, calendar_objects.c.raw
    ).where(calendar_objects.c.source == write.source, calendar_objects.c.uid == write.uid)
    found = conn.execute(query).all()
    if not found:
        return None
    best = min(found, key=lambda row: (row.provider_id != write.provider_id, row.place != write.place, row.provider_id))
    try:
        said = next((each for each in events(bytes(best.raw), zone) if each.recurrence_id is None), None)
    except Unreadable:
        said = None
    return Lies(best.place, best.provider_id, best.etag, said)


def _claimed(conn: Connection, write: Write, now: datetime) -> bool:
    claimed = sa.select(sa.literal(1)).where(_one(write), appointment_writes.c.claimed_until > now)
    return conn.execute(claimed).first() is not None


def _one(write: Write) -> sa.ColumnElement[bool]:
    return sa.and_(
        appointment_writes.c.appointment_id == write.appointment_id, appointment_writes.c.agent == write.agent
    )


def _update(conn: Connection, write: Write, **values: object) -> None:
    conn.execute(appointment_writes.update().where(_one(write)).values(**values))
