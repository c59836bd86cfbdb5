"""The time that agents' calendars take: kept in memory as it was read, until a version says that it changed.

Whatever is asked for, one read of the store says whether what is kept still holds, on any number of hubs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.calendars import objects
from hub.calendars.expanding import FOREVER, made_with
from hub.calendars.freshness import CalendarState, Seen, seen
from hub.calendars.making import NEEDED, Name
from hub.calendars.owners import Owners
from hub.calendars.packing import merged, numbers, span
from hub.store.schema import (
    appointment_hosts,
    appointment_writes,
    appointments,
    calendar_busy,
    micros,
)
from hub.store.sets import SetRead, among

KEPT = timedelta(hours=1)
"""What is kept in memory is read again after so long: time goes on, and what is expanded with it."""
_DAY = timedelta(days=1)
_ACTIVE = ("held", "asked", "confirmed")

_OURS = SetRead(sa.select(appointments.c.uid).where(among(appointments.c.uid)))
_WRITTEN = SetRead(sa.select(appointment_writes.c.uid).where(among(appointment_writes.c.uid)))
_ROWS = SetRead(
    sa.select(
        calendar_busy.c.source,
        calendar_busy.c.place,
        calendar_busy.c.uid,
        calendar_busy.c.made_by,
        calendar_busy.c.until,
        calendar_busy.c.times,
        calendar_busy.c.refused,
    ).where(among(calendar_busy.c.source))
)


@dataclass(frozen=True, slots=True)
class AgentBusy:
    """When an agent is busy by her calendars: *spans* in seconds since 1970 (UTC, end exclusive), merged and in order,
    without what the hub itself booked. *version* grows with every change. *calendars* are how her calendars do: where
    one is stale, *spans* are not to be relied on. What lies beyond the months that are expanded counts as busy."""

    spans: tuple[tuple[int, int], ...]
    version: int
    calendars: tuple[CalendarState, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the store says when somebody asks: the versions and states of sources, and the UIDs of active appointments
    of agents."""

    versions: Mapping[str, int]
    seen: Mapping[str, Seen]
    active: Mapping[str, frozenset[str]]


@dataclass(slots=True, eq=False)
class Kept:
    """The busy time of one source's calendars as it was read: *times* by `hub.calendars.packing`, and *apart* those of
    UIDs under which the hub booked something. *lacks* are not expanded yet, *refused* cannot be."""

    version: int
    read_at: datetime
    until: int
    times: array[int]
    apart: dict[str, array[int]]
    lacks: list[Name]
    refused: bool


@dataclass(slots=True)
class Merged:
    """The busy time of an agent, all her calendars together."""

    of: tuple[object, ...]
    starts: array[int]
    ends: array[int]

    def within(self, since: int, until: int) -> tuple[tuple[int, int], ...]:
        """What of it lies in [*since*, *until*), as it is: the first and last may reach beyond."""
        first = bisect_right(self.ends, since)
        last = bisect_left(self.starts, until)
        return tuple(zip(self.starts[first:last], self.ends[first:last], strict=True))


def ask(conn: Connection, owners: Owners, agents: Collection[str], since: datetime) -> Asked:
    """What the store says now of the calendars of *agents*, from *since* on."""
    names = sorted({source for agent in agents for source in owners.calendars_of(agent)})
    if not names:
        return Asked({}, {}, {})
    mine = sa.select(appointment_hosts.c.agent, appointments.c.uid, appointment_writes.c.uid.label("kept")).select_from(
        appointment_hosts.join(appointments, appointments.c.id == appointment_hosts.c.appointment_id).outerjoin(
            appointment_writes,
            sa.and_(
                appointment_writes.c.appointment_id == appointments.c.id,
                appointment_writes.c.agent == appointment_hosts.c.agent,
            ),
        )
    )
    mine = mine.where(
        appointment_hosts.c.agent.in_(sorted(agents)),
        appointment_hosts.c.blocked_until > since - _DAY,
        appointments.c.state.in_(_ACTIVE),
    )
    active: dict[str, set[str]] = defaultdict(set)
    for agent, uid, kept in conn.execute(mine):
        active[agent].update(each for each in (uid, kept) if each)
    return Asked(
        objects.versions(conn, names), seen(conn, names), {agent: frozenset(uids) for agent, uids in active.items()}
    )


def read(conn: Connection, owners: Owners, names: Sequence[str], now: datetime) -> dict[str, Kept]:
    """The busy time of the sources *names*, as it is expanded in the store."""
    versions = objects.versions(conn, names)  # first: what is changed meanwhile is read again the next time
    least = micros(now + NEEDED)
    rows = _ROWS(conn, sorted(names))
    uids = sorted({row[2] for row in rows})
    ours = {uid for (uid,) in (*_OURS(conn, uids), *_WRITTEN(conn, uids))}
    kept = {name: Kept(versions[name], now, micros(FOREVER) // 1_000_000, array("q"), {}, [], False) for name in names}
    circumstances = {name: made_with(owners.of(name)) for name in names}
    for source, place, uid, made_by, until, times, refused in rows:
        mine = kept[source]
        if until < least or not made_by.startswith(circumstances[source]):
            mine.lacks.append(Name(source, place, uid))
            continue
        mine.until = min(mine.until, until // 1_000_000)
        mine.refused = mine.refused or bool(refused)
        spans = numbers(bytes(times))
        if uid in ours:
            mine.apart.setdefault(uid, array("q")).extend(spans)
        else:
            mine.times.extend(spans)
    return kept


def merge(kept: Iterable[Kept], active: frozenset[str]) -> Merged:
    """The time of *kept* together, without what belongs to the appointments *active*."""
    times = array("q")
    for each in kept:
        times += each.times
        for uid, spans in each.apart.items():
            if uid not in active:
                times += spans
    return Merged((), *merged(times))


def within(times: bytes, since: int, until: int) -> list[tuple[int, int]]:
    """The spans of *times* that touch [*since*, *until*)."""
    return [each for each in map(span, numbers(times)) if each[0] < until and each[1] > since]
