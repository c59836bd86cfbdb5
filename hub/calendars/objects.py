"""What lies in the calendars, as the store keeps it: written where it changed, inside the transaction that records.

An object is known by its source, its calendar (`place`) and the provider's id. Whatever touches the objects of a UID in
a calendar makes what was expanded of them old (`hub.calendars.making`) and raises the version of its source, which
everybody looks at who keeps anything computed from it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.calendars.owners import Owners
from hub.live import LiveEvent
from hub.store.schema import calendar_busy, calendar_objects, calendar_versions, micros, sources
from hub.store.sets import Run, SetWrite
from hub.vocabulary import Inventory, Item, Removed, Scheduled

Place = tuple[str, str]
"""Where an object lies in its source: the calendar, and the provider's id."""

Follow = Callable[[Connection, str, Sequence[str], datetime], list[LiveEvent]]
"""Told in the transaction that, in a source's calendars, the objects of these UIDs are not what they were."""

T = TypeVar("T")
_AT_ONCE = 500
_STAMP = re.compile(rb"^DTSTAMP[;:][^\r\n]*\r?\n", re.MULTILINE)
_c = calendar_objects.c

_PUT = SetWrite(
    calendar_objects,
    ("id", "source", "place", "provider_id", "uid", "etag", "title", "audience", "private", "expanded", "raw",
     "changed_at"),
    "ON CONFLICT (source, place, provider_id) DO UPDATE SET uid = excluded.uid, etag = excluded.etag,"
    " title = excluded.title, audience = excluded.audience, private = excluded.private,"
    " expanded = excluded.expanded, raw = excluded.raw, changed_at = excluded.changed_at",
)  # fmt: skip
_ETAG = Run("UPDATE calendar_objects SET etag = ? WHERE source = ? AND place = ? AND provider_id = ?")
_GONE = Run("DELETE FROM calendar_objects WHERE source = ? AND place = ? AND provider_id = ?")
_VERSION = Run(
    "INSERT INTO calendar_versions (source, version) VALUES (?, 1)"
    " ON CONFLICT (source) DO UPDATE SET version = calendar_versions.version + 1"
)
_OLD = Run(
    "INSERT INTO calendar_busy (source, place, uid, made_by, since, until, times, refused, begins_at)"
    " VALUES (?, ?, ?, '', 0, 0, ?, '', ?)"
    " ON CONFLICT (source, place, uid) DO UPDATE SET made_by = '', until = 0"
)
_EMPTY = Run(
    "DELETE FROM calendar_busy WHERE source = ? AND place = ? AND uid = ? AND NOT EXISTS (SELECT 1 FROM"
    " calendar_objects AS o WHERE o.source = calendar_busy.source AND o.place = calendar_busy.place"
    " AND o.uid = calendar_busy.uid)"
)


class Stored(NamedTuple):
    """An object as it is in the store. *changed_at* is in microseconds."""

    place: str
    provider_id: str
    uid: str
    etag: str
    private: bool
    expanded: bool
    audience: str
    raw: bytes
    changed_at: int


@dataclass(frozen=True, slots=True)
class Put:
    """An object as it lies in its calendar now, understood. *title* is that of the series, or of the only event."""

    place: str
    provider_id: str
    uid: str
    etag: str
    title: str
    audience: str
    private: bool
    expanded: bool
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """What one arrival makes of the calendars of its source: objects to keep, and places where none lies any more."""

    puts: tuple[Put, ...] = ()
    gone: tuple[Place, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.puts or self.gone)

    @property
    def size(self) -> int:
        """Bytes of iCalendar in it."""
        return sum(len(put.raw) for put in self.puts)

    def halves(self) -> tuple[Change, Change]:
        """It in two parts, the smaller the fewer things it holds."""
        if self.gone and self.puts:
            return replace(self, gone=()), replace(self, puts=())
        half = len(self) // 2
        if self.puts:
            return Change(self.puts[:half]), Change(self.puts[half:])
        return Change(gone=self.gone[:half]), Change(gone=self.gone[half:])

    def __len__(self) -> int:
        return len(self.puts) + len(self.gone)


@dataclass(slots=True)
class News:
    """What an arrival says when it is read to its end: of what was said of one place, the last word counts."""

    scheduled: dict[Place, Scheduled] = field(default_factory=dict)
    removed: set[Place] = field(default_factory=set)
    inventories: dict[str, frozenset[str]] = field(default_factory=dict)
    """By calendar: all that can still lie in it, what came after the inventory included."""

    @classmethod
    def of(cls, items: Iterable[Item]) -> News:
        """What *items* say of calendars, in their order."""
        news = cls()
        for item in items:
            if isinstance(item, Scheduled):
                news._put(item)
            elif isinstance(item, Removed):
                place = (item.place, item.provider_id)
                news.scheduled.pop(place, None)
                news.removed.add(place)
            elif isinstance(item, Inventory):
                news._only(item)
        return news

    def _put(self, item: Scheduled) -> None:
        calendar, name = place = (item.copy.place, item.copy.provider_id)
        self.removed.discard(place)
        self.scheduled[place] = item
        if calendar in self.inventories:
            self.inventories[calendar] |= {name}

    def _only(self, item: Inventory) -> None:
        for place in [each for each in self.scheduled if each[0] == item.place and each[1] not in item.provider_ids]:
            del self.scheduled[place]
            self.removed.add(place)
        self.inventories[item.place] = self.inventories.get(item.place, item.provider_ids) & item.provider_ids


def read(conn: Connection, source: str, places: Iterable[Place]) -> dict[Place, Stored]:
    """The objects that lie at *places* of *source*, where there are any."""
    ids: dict[str, list[str]] = defaultdict(list)
    for place, provider_id in places:
        ids[place].append(provider_id)
    found = {}
    for place, names in ids.items():
        for some in slices(sorted(set(names)), _AT_ONCE):
            here = (_c.source == source) & (_c.place == place) & _c.provider_id.in_(some)
            for row in conn.execute(sa.select(*_STORED).where(here)):
                found[row.place, row.provider_id] = Stored(*row)._replace(raw=bytes(row.raw))
    return found


def beyond(conn: Connection, source: str, inventories: dict[str, frozenset[str]]) -> list[Place]:
    """What the store has in these calendars and their inventories have not."""
    gone = []
    for place, names in inventories.items():
        known = conn.scalars(sa.select(_c.provider_id).where(_c.source == source, _c.place == place))
        gone += [(place, name) for name in known if name not in names]
    return gone


def lying(conn: Connection, uids: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """(uid, source, place, provider id) of everything that has one of *uids*, in any calendar."""
    found: list[tuple[str, str, str, str]] = []
    for some in slices(sorted(set(uids)), _AT_ONCE):
        rows = conn.execute(sa.select(_c.uid, _c.source, _c.place, _c.provider_id).where(_c.uid.in_(some)))
        found += [(row.uid, row.source, row.place, row.provider_id) for row in rows]
    return found


def nobody_follows(conn: Connection, source: str, uids: Sequence[str], now: datetime) -> list[LiveEvent]:
    """Where nothing is booked, nothing follows what calendars hold."""
    return []


def changed(
    conn: Connection, source: str, change: Change, owners: Owners, new_id: Callable[[], int], follows: Follow
) -> list[LiveEvent]:
    """Write *change* down in the caller's transaction, and answer what to tell the screens: live event `calendar`,
    {agents: whose time it may take}. What is the same as before changes nothing, raises no version and is no news."""
    if not change:
        return []
    known = read(conn, source, [*((put.place, put.provider_id) for put in change.puts), *change.gone])
    puts = []
    for put in change.puts:
        was = known.get((put.place, put.provider_id))
        if was is None or not _same(put, was):
            puts.append(put)
        elif was.etag != put.etag:
            _ETAG(conn, put.etag, source, put.place, put.provider_id)
    gone = [known[place] for place in dict.fromkeys(change.gone) if place in known]
    if not puts and not gone:
        return []
    _VERSION(conn, source)  # first: whoever saves what was made of the old state waits for us here
    now = datetime.now(UTC)
    at = micros(now)
    _PUT(
        conn,
        [
            (new_id(), source, put.place, put.provider_id, put.uid, put.etag, put.title, put.audience, put.private,
             put.expanded, put.raw, at)
            for put in puts
        ],
    )  # fmt: skip
    _GONE.many(conn, [(source, each.place, each.provider_id) for each in gone])
    touched = {(put.place, put.uid) for put in puts} | {(each.place, each.uid) for each in gone}
    renamed = [known[put.place, put.provider_id] for put in puts if (put.place, put.provider_id) in known]
    touched |= {(each.place, each.uid) for each in renamed}
    ordered = sorted(touched)
    _OLD.many(conn, [(source, place, uid, b"", at) for place, uid in ordered])
    left = {(each.place, each.uid) for each in (*gone, *renamed)}
    _EMPTY.many(conn, [(source, place, uid) for place, uid in sorted(left)])
    told = follows(conn, source, sorted({uid for _, uid in touched}), now)
    return [*told, LiveEvent("calendar", {"agents": list(owners.of(source).agents)})]


def versions(conn: Connection, sources: Iterable[str]) -> dict[str, int]:
    """The version of each of *sources*, 0 where nothing was ever read from it."""
    names = list(sources)
    found = dict.fromkeys(names, 0)
    rows = conn.execute(sa.select(calendar_versions).where(calendar_versions.c.source.in_(names)))
    found.update({row.source: row.version for row in rows})
    return found


def forget_others(conn: Connection, owners: Owners, now: datetime) -> list[str]:
    """Forget what was read from sources that the config file does not name any more, and to which no other hub listens
    at *now*. Where one is named again, it is read from the beginning. Answers which they were."""
    known = set(conn.scalars(sa.select(_c.source).distinct())) - owners.named - owners.sources.keys()
    held = conn.scalars(
        sa.select(sources.c.name).where(sources.c.name.in_(sorted(known)), sources.c.leased_until > now)
    )
    gone = sorted(known - set(held))
    for source in gone:
        _VERSION(conn, source)
        for table in (calendar_objects, calendar_busy):
            conn.execute(table.delete().where(table.c.source == source))
        conn.execute(sources.update().where(sources.c.name == source).values(cursor=None))
    return gone


def slices(many: Sequence[T], most: int) -> Iterable[Sequence[T]]:
    """*many* in pieces of at most *most*."""
    return (many[start : start + most] for start in range(0, len(many), most))


_STORED = (
    _c.place, _c.provider_id, _c.uid, _c.etag, _c.private, _c.expanded, _c.audience, _c.raw,
    sa.type_coerce(_c.changed_at, sa.BigInteger).label("changed_at"),
)  # fmt: skip


def same_text(one: bytes, other: bytes) -> bool:
    """Whether two states of an object say the same: some providers stamp everything anew each time they are asked."""
    return one == other or _STAMP.sub(b"", one) == _STAMP.sub(b"", other)


def _same(put: Put, known: Stored) -> bool:
    """Whether nothing that anybody computes or shows is new about it."""
    return (put.uid, put.private, put.expanded, put.audience) == (
        known.uid, known.private, known.expanded, known.audience,
    ) and same_text(put.raw, known.raw)  # fmt: skip
