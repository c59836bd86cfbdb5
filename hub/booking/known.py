"""What the store knows of people's time: who is away, what is booked with whom, and which seats are left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Connection

from hub.booking.rules import Away, Own
from hub.booking.together import Group
from hub.booking.types import EventType
from hub.store.schema import EPOCH, absences, appointment_hosts, appointment_writes, appointments, bookings, micros
from hub.vocabulary import Agent

_MICROS = 1_000_000
_WEEK = 8 * 86_400
"""How much earlier and later appointments are read than is asked for: days and weeks are counted whole."""


@dataclass(frozen=True, slots=True)
class Known:
    """By agent: what is booked with her (*own*) and when she is *away*; *people* are all whose time counts. *groups*
    have seats left."""

    people: tuple[str, ...]
    own: Mapping[str, list[Own]]
    away: Mapping[str, list[Away]]
    groups: tuple[Group, ...] = ()


def live(now: datetime, table: sa.FromClause = appointments) -> sa.ColumnElement[bool]:
    """Whether an appointment, or a seat (*table* `bookings`), is taken at *now*: a hold that is over takes nothing."""
    held = (table.c.state == "held") & (table.c.held_until > now)
    return table.c.state.in_(("asked", "confirmed")) | held


def seconds(moment: datetime) -> int:
    """*moment* in seconds since 1970, rounded down."""
    return micros(moment) // _MICROS


def read(
    conn: Connection,
    slug: str,
    event: EventType,
    duration: int,
    agents: Mapping[str, Agent],
    *,
    now: datetime,
    since: int,
    until: int,
    without: int | None = None,
) -> Known:
    """What counts for *event* of *duration* minutes between *since* and *until* (seconds). *without* is an appointment
    that is being moved: it takes no time where nobody else has a seat in it."""
    away = _away(conn, agents, since - 86_400, until + 86_400)
    people = _people([host for host in event.hosts if host in agents], away)
    groups: tuple[Group, ...] = ()
    if event.seats > 1:
        groups, without = _groups(conn, slug, event, duration, now, since, until, without)
    own: defaultdict[str, list[Own]] = defaultdict(list)
    hosts = appointment_hosts
    query = (
        sa.select(
            hosts.c.agent,
            appointments.c.id,
            appointments.c.event_type,
            appointments.c.state,
            _raw(appointments.c.starts_at),
            _raw(hosts.c.blocked_from),
            _raw(hosts.c.blocked_until),
        )
        .join(appointments, appointments.c.id == hosts.c.appointment_id)
        .where(
            hosts.c.agent.in_(people),
            _raw(hosts.c.blocked_until) > (since - _WEEK) * _MICROS,
            _raw(hosts.c.blocked_from) < (until + _WEEK) * _MICROS,
            # what was moved onto another appointment excludes nothing any more, and takes her time all the same
            hosts.c.active | appointments.c.overlaps,
            live(now),
            appointments.c.id != (without or 0),
        )
        .order_by(hosts.c.blocked_from)
    )
    for agent, id, event_type, state, starts_at, begins, ends in conn.execute(query):
        blocked = (begins // _MICROS, -(-ends // _MICROS))
        own[agent].append(Own(id, event_type, state, starts_at // _MICROS, blocked))
    return Known(people, own, away, groups)


def ours(conn: Connection, agent: str, uids: Sequence[str], now: datetime) -> set[str]:
    """Which of *uids* are appointments of the hub's own that take the time of *agent*, as her calendar calls them."""
    named = sa.or_(appointments.c.uid.in_(uids), appointment_writes.c.uid.in_(uids))
    mine = (appointment_writes.c.appointment_id == appointments.c.id) & (appointment_writes.c.agent == agent)
    query = (
        sa.select(appointments.c.uid, appointment_writes.c.uid)
        .select_from(appointments.outerjoin(appointment_writes, mine))
        .where(named, live(now))
    )
    return {uid for row in conn.execute(query) for uid in row if uid}


def _away(conn: Connection, agents: Mapping[str, Agent], since: int, until: int) -> dict[str, list[Away]]:
    table = absences
    query = (
        sa.select(table.c.agent, _raw(table.c.from_at), _raw(table.c.until_at), table.c.stand_in)
        .where(_raw(table.c.until_at) > since * _MICROS, _raw(table.c.from_at) < until * _MICROS)
        .order_by(table.c.from_at, table.c.id)
    )
    found: defaultdict[str, list[Away]] = defaultdict(list)
    for agent, begins, ends, stand_in in conn.execute(query):
        if agent in agents:
            who = stand_in or agents[agent].stand_in
            away = Away(begins // _MICROS, -(-ends // _MICROS), who if who in agents else "")
            found[agent].append(away)
    return dict(found)


def _people(hosts: Iterable[str], away: Mapping[str, list[Away]]) -> tuple[str, ...]:
    """*hosts*, who stands in for them, who stands in for those, and so on."""
    found = dict.fromkeys(hosts)
    waiting = list(found)
    while waiting:
        for each in away.get(waiting.pop(), ()):
            if each.stand_in and each.stand_in not in found:
                found[each.stand_in] = None
                waiting.append(each.stand_in)
    return tuple(found)


def _groups(
    conn: Connection,
    slug: str,
    event: EventType,
    duration: int,
    now: datetime,
    since: int,
    until: int,
    without: int | None,
) -> tuple[tuple[Group, ...], int | None]:
    """The appointments with seats left; and *without*, None where others have a seat in it, so that it takes place."""
    starts, ends = _raw(appointments.c.starts_at), _raw(appointments.c.ends_at)
    query = (
        sa.select(appointments.c.id, starts, sa.func.count(bookings.c.id))
        .outerjoin(bookings, (bookings.c.appointment_id == appointments.c.id) & live(now, bookings))
        .where(
            appointments.c.event_type == slug,
            appointments.c.starts_at >= _moment(since),
            appointments.c.starts_at < _moment(until),
            ends - starts == duration * 60 * _MICROS,
            live(now),
        )
        .group_by(appointments.c.id, appointments.c.starts_at)
    )
    rows = {id: (starts_at // _MICROS, taken) for id, starts_at, taken in conn.execute(query)}
    if without is not None and without not in rows:
        others = sa.select(sa.func.count()).where(bookings.c.appointment_id == without, live(now, bookings))
        shared = conn.execute(others).scalar_one() > 1
    else:
        shared = without is not None and rows[without][1] > 1
    open_ = {id: row for id, row in rows.items() if 0 < row[1] < event.seats and id != without}
    members: defaultdict[int, list[str]] = defaultdict(list)
    named = sa.select(appointment_hosts.c.appointment_id, appointment_hosts.c.agent).where(
        appointment_hosts.c.appointment_id.in_(open_)
    )
    for id, agent in conn.execute(named):
        members[id].append(agent)
    order = {host: place for place, host in enumerate(event.hosts)}
    groups = []
    for id, (starts_at, taken) in open_.items():
        who = tuple(sorted(members[id], key=lambda agent: (order.get(agent, len(order)), agent)))
        if who:
            groups.append(Group(id, starts_at, who, event.seats - taken))
    return tuple(groups), None if shared else without


def _moment(at: int) -> datetime:
    return EPOCH.fromtimestamp(at, EPOCH.tzinfo)


def _raw(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """An instant as the database has it: microseconds."""
    return sa.type_coerce(column, BigInteger)
