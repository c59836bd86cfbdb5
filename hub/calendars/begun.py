"""Occurrences of a series become interactions of their own when they begin, each once, whatever ends the hub meanwhile.

`calendar_busy.begins_at` is when the next one begins that was not told of. It moves on after what began is durable, and
what is told twice changes nothing: its event has the same id each time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.calendars import making
from hub.calendars.expanding import Group, occurrences
from hub.calendars.making import Name
from hub.calendars.owners import Owners
from hub.calendars.reading import instance_of, meetings_of
from hub.fold import Told, occurred_at
from hub.formats import ics
from hub.ingest import Ingest
from hub.mailroom import Crashed, Mailroom
from hub.store import Lane, Store
from hub.store.schema import calendar_busy, micros
from hub.store.sets import Run
from hub.vocabulary import Copy, Event

log = logging.getLogger(__name__)

AT_ONCE = 50
SECONDS = 60.0

_NEXT = Run(
    "UPDATE calendar_busy SET begins_at = ? WHERE source = ? AND place = ? AND uid = ? AND begins_at = ? AND until > 0"
)


@dataclass(frozen=True, slots=True)
class Due:
    """A series of which something began: its objects, and *since* when that was not told of. *copies* say where they
    lie and who may read them, in the order of the group's objects."""

    name: Name
    group: Group
    copies: tuple[Copy, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """What began, in order, and when the next one does."""

    events: tuple[Event, ...] = ()
    begins_at: datetime | None = None


async def record(store: Store, mailroom: Mailroom, ingest: Ingest, owners: Owners, now: datetime) -> int:
    """Record what has begun until *now*, UTC, and was not recorded. Answers how many occurrences that were."""
    told = 0
    while due := await store.read(lambda conn: _due(conn, owners, now)):
        try:
            found = await mailroom.compute(begun, due, owners, now, seconds=SECONDS)
        except Crashed as error:
            log.warning("occurrences that began cannot be told of: the worker %s", error)
            return told
        events = sorted(
            (
                (occurred_at(event.facts, [Told("", event)]), place, event)
                for place, each in enumerate(found)
                for event in each.events
            ),
            key=lambda each: each[:2],
        )
        for _, place, event in events:
            await ingest.record(due[place].name.source, [event], live=False)
        told += len(events)
        rows = [
            (None if each.begins_at is None else micros(each.begins_at), *one.name, micros(one.since))
            for one, each in zip(due, found, strict=True)
        ]
        await store.write(lambda conn: _NEXT.many(conn, rows), Lane.BULK)  # noqa: B023
        if len(due) < AT_ONCE:
            break
    return told


def _due(conn: Connection, owners: Owners, now: datetime) -> list[Due]:
    b = calendar_busy.c
    rows = conn.execute(
        sa.select(b.source, b.place, b.uid, b.begins_at)
        .where(b.begins_at <= now, b.until > now, b.source.in_(sorted(owners.sources)))
        .order_by(b.begins_at)
        .limit(AT_ONCE)
    ).all()
    since = {Name(row.source, row.place, row.uid): row.begins_at for row in rows}
    found = making.objects_of(conn, list(since))
    return [
        Due(
            name,
            Group(tuple((bytes(o.raw), o.expanded, o.private) for o in found[name]), name.uid, since[name],
                  max(since[name], now - making.CATCH_UP), now + making.AHEAD),
            tuple(Copy(o.place, o.provider_id, audience=o.audience) for o in found[name]),
            since[name],
        )
        for name in since
        if name in found
    ]  # fmt: skip


def begun(due: Sequence[Due], owners: Owners, now: datetime) -> list[Begun]:
    """What of each of *due* has begun until *now*: pure, for workers."""
    return [_begun(each, owners, now) for each in due]


def _begun(due: Due, owners: Owners, now: datetime) -> Begun:
    owner = owners.of(due.name.source)
    meetings = meetings_of(due.group.objects, owner, owners)
    objects = [(raw, told) for raw, told, _ in due.group.objects]
    window = int(due.group.since.timestamp()), int(due.group.until.timestamp())
    try:
        found = sorted(each for each in occurrences(objects, owner, *window) if each.starts >= window[0])
    except ics.Unreadable:
        return Begun()
    found = [each for each in found if meetings.begins(each)]
    second = int(now.timestamp())
    to_come = [each.starts for each in found if each.starts > second]
    events = []
    for each in found:
        if each.starts > second:
            continue
        event = instance_of(due.group.objects, due.copies, each, owner, owners)
        if event is not None:
            events.append(replace(event, id=f"begun/{due.name.source}/{due.name.place}"))
    return Begun(tuple(events), datetime.fromtimestamp(min(to_come), UTC) if to_come else None)
