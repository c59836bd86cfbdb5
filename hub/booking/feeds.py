"""Calendars that the hub publishes for others: an agent's bookings as a feed, and when she is busy.

Whoever has the secret address may read it; stored is only its fingerprint. Nothing can be written through it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.accounts import fingerprint
from hub.booking import rows, writing
from hub.booking.means import Means
from hub.booking.rows import Row
from hub.booking.states import BOOKED
from hub.formats import ics
from hub.formats.digest import digest
from hub.privacy.visibility import Actor, Authority
from hub.store import Lane
from hub.store.schema import appointments, calendar_feeds
from hub.vocabulary import Appointment

Kind = Literal["bookings", "busy"]
BACK = timedelta(days=31)
AHEAD = timedelta(days=365)
"""How far a feed reaches from now, and how long a time may be that is asked for."""
BUSY_AHEAD = timedelta(days=60)
"""How far busy times reach where nobody says how far."""
MOST_FEEDS = 20
_BYTES = 32
_READ_EVERY = timedelta(hours=1)
_LONGEST = 100


class NotYours(Exception):
    """A feed shows one agent's time: she makes it, and whoever leads her."""


class TooMany(Exception):
    """An agent has so many feeds already; one must be revoked first."""


class BadSpan(ValueError):
    """No time can be meant by that. The text says why."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A published calendar. *id* names it, and opens nothing. *read_at* is when somebody last read it, to the hour."""

    id: str
    agent: str
    kind: str
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Document:
    """A calendar as it is handed out: *etag* changes when it does, *changed_at* is when its bookings last did."""

    data: bytes
    etag: str
    changed_at: datetime | None = None


class Feeds:
    """The calendars that are published of the agents of a hub."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._store = means.store

    # --- for whoever publishes them -----------------------------------------------------------------------------------

    async def make(self, agent: str, kind: Kind, actor: Actor) -> str:
        """The address of a new feed. It is shown once: nobody can find it again. Raises `NotYours`, `TooMany`."""
        if agent not in self._means.config.agents or not _may(actor, agent):
            raise NotYours(agent)
        secret, entry, now = secrets.token_urlsafe(_BYTES), self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> None:
            count = sa.select(sa.func.count()).where(calendar_feeds.c.agent == agent)
            if conn.execute(count).scalar_one() >= MOST_FEEDS:
                raise TooMany(agent)
            row = {"hash": fingerprint(secret), "agent": agent, "kind": kind, "created_at": now}
            conn.execute(calendar_feeds.insert().values(row))
            audit.note(conn, entry, actor, "calendar-feed.make", f"calendar-feed/{row['hash']}", now)

        await self._store.write(work)
        return f"{self._means.config.public_url}/calendars/{secret}.ics"

    async def listed(self, agent: str) -> tuple[Feed, ...]:
        """The feeds of an agent, the newest first."""
        query = sa.select(calendar_feeds).where(calendar_feeds.c.agent == agent)
        found = query.order_by(calendar_feeds.c.created_at.desc(), calendar_feeds.c.hash)
        return await self._store.read(lambda conn: tuple(_feed(row) for row in conn.execute(found)))

    async def revoke(self, feed_id: str, actor: Actor) -> bool:
        """From now on its address leads nowhere. False where there is none, or it is somebody else's."""
        entry, now = self._store.ids(), datetime.now(UTC)
        which = calendar_feeds.c.hash == feed_id

        def work(conn: Connection) -> bool:
            agent = conn.execute(sa.select(calendar_feeds.c.agent).where(which)).scalar()
            if agent is None or not _may(actor, agent):
                return False
            conn.execute(calendar_feeds.delete().where(which))
            audit.note(conn, entry, actor, "calendar-feed.revoke", f"calendar-feed/{feed_id}", now)
            return True

        return await self._store.write(work)

    # --- for whoever reads them ---------------------------------------------------------------------------------------

    async def find(self, secret: str) -> Feed | None:
        """The feed with that secret; None where there is none, or its agent is gone. It is noted that it is read."""
        if len(secret) > _LONGEST:
            return None
        which, now = calendar_feeds.c.hash == fingerprint(secret), datetime.now(UTC)
        row = await self._store.read(lambda conn: conn.execute(sa.select(calendar_feeds).where(which)).one_or_none())
        if row is None or row.agent not in self._means.config.agents:
            return None
        if row.read_at is None or row.read_at < now - _READ_EVERY:
            read = calendar_feeds.update().where(which).values(read_at=now)
            await self._store.write(lambda conn: conn.execute(read).rowcount, Lane.BULK)
        return _feed(row)

    async def calendar(self, feed: Feed) -> Document:
        """What lies at a feed's address: the bookings with whom they are, or when she is busy."""
        now = datetime.now(UTC)
        if feed.kind == "busy":
            return await self.busy(feed)
        found, changed_at = await self._store.read(lambda conn: self._bookings(conn, feed.agent, now))
        return Document(ics.write(found), _etag(map(repr, found)), changed_at)

    async def busy(self, feed: Feed, since: datetime | None = None, until: datetime | None = None) -> Document:
        """When the agent is busy between two times (aware), by her calendars and what is booked with her; for 60 days
        where nobody says. At most a year, and none that is further away than that. Raises `BadSpan`."""
        now = datetime.now(UTC)
        since, until = _span(since, until, now)
        means = self._means
        spans = await self._store.read(lambda conn: _booked(conn, feed.agent, since, until))
        if means.calendars is not None:
            known = await means.calendars.busy([feed.agent], since, until)
            spans = [*spans, *known[feed.agent].spans] if feed.agent in known else spans
        taken = _merged(spans, int(since.timestamp()), int(until.timestamp()))
        etag = _etag((feed.agent, since.isoformat(), until.isoformat(), repr(taken)))
        data = ics.write_busy(
            [(datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)) for begin, end in taken],
            since,
            until,
            organizer=means.mail(feed.agent),
            uid=means.uid(0).replace("0@", f"busy-{feed.id[:16]}@", 1),
            stamp=now.replace(microsecond=0),
        )
        return Document(data, etag)

    def _bookings(self, conn: Connection, agent: str, now: datetime) -> tuple[list[Appointment], datetime | None]:
        """What is booked with *agent*, and when any of that last changed."""
        hers = rows.with_host(agent)
        around = appointments.c.ends_at > now - BACK, appointments.c.starts_at < now + AHEAD
        found = rows.found(conn, hers, *around, appointments.c.state.in_(BOOKED))
        changed = sa.select(sa.func.max(appointments.c.changed_at)).where(hers, *around)
        return [self._written(conn, row) for row in found], conn.execute(changed).scalar()

    def _written(self, conn: Connection, row: Row) -> Appointment:
        listed = self._means.catalogue.find_in(conn, row.event_type)
        seats = rows.guests(conn, row.id, BOOKED)
        spec = listed.event_type if listed else None
        return writing.written(self._means, row, spec, seats, stamp=row.changed_at)


def _may(actor: Actor, agent: str) -> bool:
    return actor.agent == agent or actor.authority in (Authority.ADMIN, Authority.MANAGER)


def _feed(row: sa.Row[tuple[str, str, str, datetime, datetime | None]]) -> Feed:
    return Feed(row.hash, row.agent, row.kind, row.created_at, row.read_at)


def _span(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    if (since and since.tzinfo is None) or (until and until.tzinfo is None):
        raise BadSpan("A time must say its zone.")
    # To the hour, so that who asks again is answered "not modified".
    begin = since.astimezone(UTC) if since else now.replace(minute=0, second=0, microsecond=0)
    end = until.astimezone(UTC) if until else begin + BUSY_AHEAD
    if end <= begin:
        raise BadSpan("It ends before it begins.")
    if end - begin > AHEAD:
        raise BadSpan("At most a year can be asked for at once.")
    if begin < now - AHEAD or end > now + AHEAD + timedelta(days=1):
        raise BadSpan("This is too far away: a year back and a year ahead are known.")
    return begin.replace(microsecond=0), end.replace(microsecond=0)


def _booked(conn: Connection, agent: str, since: datetime, until: datetime) -> list[tuple[int, int]]:
    query = sa.select(appointments.c.starts_at, appointments.c.ends_at).where(
        rows.with_host(agent),
        appointments.c.state.in_(BOOKED),
        appointments.c.ends_at > since,
        appointments.c.starts_at < until,
    )
    return [(int(row.starts_at.timestamp()), int(row.ends_at.timestamp())) for row in conn.execute(query)]


def _merged(spans: Iterable[tuple[int, int]], since: int, until: int) -> Sequence[tuple[int, int]]:
    """*spans* within [*since*, *until*), in order, joined where they touch."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        begin, end = max(begin, since), min(end, until)
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _etag(said: Iterable[str]) -> str:
    return digest("\0".join(said).encode())[:32]
