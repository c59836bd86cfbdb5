"""Makes and keeps what is expanded out of calendars: when the events of one UID take their owner's time.

A row of `calendar_busy` is old where `until` says so: because an object of the UID changed, because the zone, the time
zone database or our own code did (`made_by`), or because time has gone on. What does not recur is expanded for good.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from hub.calendars.expanding import FOREVER, Expanded, Group, expanded, made_with
from hub.calendars.objects import slices
from hub.calendars.owners import Owners
from hub.calendars.reading import UNREADABLE, meetings_of
from hub.formats.digest import stable_id
from hub.store.schema import calendar_busy, calendar_objects, calendar_versions, micros
from hub.store.sets import Run

BACK = timedelta(days=35)
"""So far back recurring events are kept expanded: a page looks at last month, and what began while the hub was down is
caught up with for 30 days."""
AHEAD = timedelta(days=396)
"""13 months."""
RENEW = timedelta(days=392)
"""What reaches less far is expanded anew, by and by."""
NEEDED = timedelta(days=380)
"""What reaches less far is expanded before anybody uses it."""
CATCH_UP = timedelta(days=30)
CHUNK = 50

_b, _o = calendar_busy.c, calendar_objects.c
_SAVE = Run(
    "UPDATE calendar_busy SET made_by = ?, since = ?, until = ?, times = ?, refused = ?, begins_at = ?"
    " WHERE source = ? AND place = ? AND uid = ?"
)


class Name(NamedTuple):
    """The events of one UID in one calendar."""

    source: str
    place: str
    uid: str


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be expanded, and of which state of its objects (*state*)."""

    name: Name
    state: str
    group: Group


def old(conn: Connection, owners: Owners, now: datetime, limit: int, *, least: timedelta = RENEW) -> list[Name]:
    """At most *limit* of what is to be made: what does not reach as far as *least* from *now*, the oldest first. Only
    calendars that are configured count."""
    rows = conn.execute(
        sa.select(_b.source, _b.place, _b.uid)
        .where(_b.until < now + least, _b.source.in_(sorted(owners.sources)))
        .order_by(_b.until)
        .limit(limit)
    )
    return [Name(*row) for row in rows]


def age(conn: Connection, owners: Owners) -> None:
    """Make old what was made in other circumstances than today's: the zone of its owner, her addresses, the time zone
    database, our own code. A row for everything that has none yet."""
    for source, owner in sorted(owners.sources.items()):
        this = (_b.source == source) & (_b.until > datetime.fromtimestamp(0, UTC))
        other = this & (sa.func.substr(_b.made_by, 1, len(made_with(owner))) != made_with(owner))
        conn.execute(calendar_busy.update().where(other).values(made_by="", until=datetime.fromtimestamp(0, UTC)))
        missing = (
            sa.select(_o.source, _o.place, _o.uid, sa.func.min(_o.changed_at).label("begins_at"))
            .where(_o.source == source)
            .where(~sa.exists().where(_b.source == _o.source, _b.place == _o.place, _b.uid == _o.uid))
            .group_by(_o.source, _o.place, _o.uid)
        )
        for row in conn.execute(missing).all():
            conn.execute(
                calendar_busy.insert().values(
                    source=row.source, place=row.place, uid=row.uid, made_by="", times=b"",
                    since=datetime.fromtimestamp(0, UTC), until=datetime.fromtimestamp(0, UTC),
                    begins_at=row.begins_at,
                )
            )  # fmt: skip


def objects_of(conn: Connection, names: Iterable[Name]) -> dict[Name, list[Row[*tuple[Any, ...]]]]:
    """The objects of each of *names*, in the order of their provider's ids."""
    found: dict[Name, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for (source, place), uids in _by_calendar(names).items():
        for some in slices(uids, 500):
            here = (_o.source == source) & (_o.place == place) & _o.uid.in_(some)
            for row in conn.execute(sa.select(calendar_objects).where(here).order_by(_o.provider_id)):
                found[Name(source, place, row.uid)].append(row)
    return found


def work(conn: Connection, owners: Owners, names: Sequence[Name], now: datetime) -> list[Work]:
    """What is needed to expand *names*, from the store; nothing for what somebody has expanded meanwhile."""
    begins: dict[Name, datetime | None] = {}
    for (source, place), uids in _by_calendar(names).items():
        circumstances = made_with(owners.of(source))
        for some in slices(uids, 500):
            here = (_b.source == source) & (_b.place == place) & _b.uid.in_(some)
            for row in conn.execute(sa.select(_b.uid, _b.begins_at, _b.until, _b.made_by).where(here)):
                if row.until < now + RENEW or not row.made_by.startswith(circumstances):
                    begins[Name(source, place, row.uid)] = row.begins_at
    objects = objects_of(conn, begins)
    found = []
    for name, rows in objects.items():
        begun = max(min(begins[name] or now, now), now - CATCH_UP)
        told = tuple((bytes(row.raw), row.expanded, row.private) for row in rows)
        found.append(Work(name, _state(rows), Group(told, name.uid, begun, now - BACK, now + AHEAD)))
    return found


def save(conn: Connection, owners: Owners, done: Sequence[tuple[Work, Expanded]]) -> list[Name]:
    """Keep what was *done*, where it is of the state that its objects are in. Answers what is not."""
    sources = sorted({each.name.source for each, _ in done})
    # Whoever changes objects holds this row until that is committed (`hub.calendars.objects.changed`).
    conn.execute(sa.select(calendar_versions.c.source).where(calendar_versions.c.source.in_(sources))
                 .order_by(calendar_versions.c.source).with_for_update()).all()  # fmt: skip
    states = _states(conn, [each.name for each, _ in done])
    current = [(each, made) for each, made in done if states.get(each.name) == each.state]
    _SAVE.many(
        conn,
        [
            (
                f"{made_with(owners.of(each.name.source))}{each.state}",
                micros(made.since),
                micros(FOREVER if made.until is None else made.until),
                made.times,
                made.refused,
                None if made.begins_at is None else micros(made.begins_at),
                *each.name,
            )
            for each, made in current
        ],
    )
    kept = {each.name for each, _ in current}
    return [each.name for each, _ in done if each.name not in kept]


def _states(conn: Connection, names: Iterable[Name]) -> dict[Name, str]:
    found: dict[Name, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for (source, place), uids in _by_calendar(names).items():
        for some in slices(uids, 500):
            here = (_o.source == source) & (_o.place == place) & _o.uid.in_(some)
            rows = sa.select(_o.uid, _o.provider_id, _o.changed_at).where(here).order_by(_o.provider_id)
            for row in conn.execute(rows):
                found[Name(source, place, row.uid)].append(row)
    return {name: _state(rows) for name, rows in found.items()}


def _state(rows: Iterable[Row[*tuple[Any, ...]]]) -> str:
    """Names the state of objects: it changes with every one of them."""
    return stable_id(*(field for row in rows for field in (row.provider_id, row.changed_at)))


def _by_calendar(names: Iterable[Name]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        found[name.source, name.place].append(name.uid)
    return found


def compute(works: Sequence[Work], owners: Owners) -> list[Expanded]:
    """What *works* amount to: pure, for workers."""
    return [_compute(each.name.source, each.group, owners) for each in works]


def _compute(source: str, group: Group, owners: Owners) -> Expanded:
    owner = owners.of(source)
    if group.uid.startswith(UNREADABLE):
        return Expanded(b"", group.since, group.until, "it cannot be read")
    return expanded(group, owner, meetings_of(group.objects, owner, owners))
