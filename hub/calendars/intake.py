"""What calendars bring, on its way into a batch: compared with what is known, understood in workers, never in the loop.

Two states of one source must not be understood at once: each is compared with the one before it, which is durable by
then (`hub.ingest`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.batch import Refused
from hub.calendars import objects
from hub.calendars.objects import Change, News, Place, Put, Stored
from hub.calendars.owners import Owners
from hub.calendars.reading import GONE, UNREADABLE, Job, Understood, understand, unreadable
from hub.formats.digest import digest
from hub.mailroom import Crashed, Mailroom
from hub.store import Store
from hub.store.schema import events
from hub.store.sets import SetRead, among
from hub.vocabulary import Copy, Event, Inventory, Item, Level, Removed, Scheduled

CHUNK = 100
SECONDS_FOR_CHUNK = 60.0
SECONDS_FOR_ONE = 20.0

_SAID = SetRead(sa.select(events.c.key, events.c.event_id).where(among(events.c.key)))


@dataclass(frozen=True, slots=True)
class Taken:
    """What an arrival amounts to: what changes in the calendars, what it tells of meetings, what cannot be read."""

    change: Change
    events: tuple[Event, ...] = ()
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store has of an arrival's places: the objects *there*, and those that have *gone* from calendars that
    were read whole, of which *emptied* lost all they had."""

    there: dict[Place, Stored]
    gone: tuple[Place, ...]
    emptied: frozenset[str]


class Intake:
    """Understands what the calendars of *owners* bring, in the workers of *mailroom*. *committed* is called when some
    of it is durable."""

    def __init__(
        self,
        store: Store,
        mailroom: Mailroom,
        owners: Owners,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.owners = owners
        self.committed: Callable[[], None] = _nobody_waits
        self._store = store
        self._mailroom = mailroom
        self._clock = clock

    def concerns(self, source: str, items: Sequence[Item]) -> bool:
        """Whether calendars are what *items* of *source* are about. What a mailbox says is removed are mails."""
        if source in self.owners.sources:
            return any(isinstance(item, Scheduled | Inventory | Removed) for item in items)
        return any(isinstance(item, Scheduled | Inventory) for item in items)

    async def take(self, source: str, items: Sequence[Item]) -> Taken:
        """What *items* of *source* amount to, everything before them being durable. Raises `Unavailable`."""
        news = News.of(items)
        known = await self._store.read(lambda conn: _known(conn, source, news))
        at = self._clock()
        wanted = [
            (place, item) for place, item in news.scheduled.items() if not _unchanged(item, known.there.get(place))
        ]
        jobs = [Job(source, item, known.there.get(place)) for place, item in wanted]
        understood = await self._understand(jobs, at)
        gone = await self._gone(source, known, understood, at)
        refused = [
            _refused(item, each.refused) for (_, item), each in zip(wanted, understood, strict=True) if each.refused
        ]
        # What is neither an event nor unreadable, such as a task, is not kept; it may have been an event before.
        dropped = [place for (place, _), each in zip(wanted, understood, strict=True) if each.put is None]
        puts = tuple(each.put for each in understood if each.put is not None)
        change = Change(puts, tuple(place for place in (*known.gone, *dropped) if place in known.there))
        told = [event for each in (*await self._again(understood, at), *gone) for event in each.events]
        return Taken(change, tuple(told), tuple(refused))

    async def still(self, source: str, items: Sequence[Item]) -> bool:
        """Whether what was put aside is what its calendar has now."""
        wanted = {(item.copy.place, item.copy.provider_id): item.raw for item in items if isinstance(item, Scheduled)}
        if not wanted:
            return True
        known = await self._store.read(lambda conn: objects.read(conn, source, wanted))
        return all(place in known and known[place].raw == raw for place, raw in wanted.items())

    async def _gone(
        self, source: str, known: _Known, understood: Sequence[Understood], at: datetime
    ) -> list[Understood]:
        """What it tells of meetings that objects lie there no more."""
        gone = [known.there[place] for place in known.gone if place in known.there and place[0] not in known.emptied]
        if not gone:
            return []
        lying = await self._store.read(lambda conn: objects.lying(conn, [each.uid for each in gone]))
        away = set(known.gone)
        elsewhere = {
            uid: self.owners.of(where).handles
            for uid, where, place, provider_id in lying
            if where != source or (place, provider_id) not in away
        }
        elsewhere |= {each.uid: self.owners.of(source).handles for each in understood if each.put is not None}
        return await self._understand(
            [Job(source, None, each, elsewhere.get(each.uid, frozenset())) for each in gone], at
        )

    async def _again(self, understood: Sequence[Understood], at: datetime) -> list[Understood]:
        """What is new in a calendar and was deleted before counts from now on: it was moved from one to another, or
        somebody thought better of it."""
        keys = sorted({event.key for each in understood for event in each.events})
        if not keys:
            return list(understood)
        said = await self._store.read(lambda conn: _SAID(conn, keys))
        deleted = {key for key, name in said if f"/{GONE}" in name}
        return [
            replace(each, events=tuple(replace(e, at=max(e.at, at)) if e.key in deleted else e for e in each.events))
            for each in understood
        ]

    async def _understand(self, jobs: Sequence[Job], at: datetime) -> list[Understood]:
        answers: list[Understood] = []
        for some in objects.slices(jobs, CHUNK):
            answers += await self._chunk(some, at, SECONDS_FOR_CHUNK)
        return answers

    async def _chunk(self, jobs: Sequence[Job], at: datetime, seconds: float) -> list[Understood]:
        try:
            return await self._mailroom.compute(understand, list(jobs), self.owners, at, seconds=seconds)
        except Crashed as error:
            if len(jobs) > 1:  # one of them did it: each gets a chance of its own
                alone = [await self._chunk([job], at, SECONDS_FOR_ONE) for job in jobs]
                return [each for answer in alone for each in answer]
            if jobs[0].now is None:
                return [Understood()]
            return [unreadable(jobs[0].now, f"the parser {error} on this event")]


def _nobody_waits() -> None:
    """Where no keeper runs, what changed is expanded when somebody asks."""


def _known(conn: Connection, source: str, news: News) -> _Known:
    gone = objects.beyond(conn, source, news.inventories)
    by_inventory = [place for place in gone if place not in news.scheduled]
    lost = [place for place, _ in by_inventory]
    emptied = {place for place, names in news.inventories.items() if not names and lost.count(place) > 1}
    away = tuple(dict.fromkeys((*news.removed, *by_inventory)))
    return _Known(objects.read(conn, source, (*news.scheduled, *away)), away, frozenset(emptied))


def _unchanged(item: Scheduled, known: Stored | None) -> bool:
    """Whether it is as we know it. What could not be read is tried again: we may know better now."""
    if known is None or known.uid.startswith(UNREADABLE):
        return False
    same = (item.expanded, item.copy.audience, item.etag) == (known.expanded, known.audience, known.etag)
    hidden = item.copy.level is Level.METADATA and not known.private
    return same and not hidden and item.raw == known.raw


def refused(put: Put, reason: str) -> Refused:
    """An object that cannot be written down, as something that can be looked at and replayed."""
    copy = Copy(put.place, put.provider_id, audience=put.audience)
    return _refused(Scheduled(copy, put.etag, put.raw, put.expanded), reason)


def _refused(item: Scheduled, reason: str) -> Refused:
    copy = item.copy
    about = {
        "place": copy.place,
        "provider_id": copy.provider_id,
        "level": copy.level,
        "audience": copy.audience,
        "etag": item.etag,
        "expanded": item.expanded,
    }
    return Refused("calendar", reason, digest(item.raw), item.raw, about)
