"""Who takes a booking: the owner of the contact, then whoever had the fewest for her weight; and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.booking.known import live
from hub.booking.together import Members
from hub.booking.types import Assign, EventType
from hub.match import match
from hub.store.schema import EPOCH, appointment_hosts, appointments, contacts

COUNTED = timedelta(days=30)
"""For how long a booking counts against whoever took it."""

Why = Mapping[str, str | int]
"""One reason for a choice, as JSON: its `code`, and what pages put into its words.

`joins`: {appointment, left}, it takes place already. `only`: {agent}, the event type's only host. `all`: {agents}.
`fixed`: {agents}, who always take part. `asked-for`: {agent}. `owner`: {agent, contact}. `only-free`: {agent}, nobody
else is free then. `fewest`: {agent, taken, of, weight}, she had *taken* of the *of* that were booked in 30 days, the
fewest for her weight. `longest-ago`: {agent, taken, of, last}, of those who had as few she waits longest (*last* is ISO
8601 in UTC, "" for never). `first`: {agent, taken, of}, they are equal in all, and hers is the first name.
`stands-in`: {agent, for, until (ISO 8601 in UTC)}.
"""


@dataclass(frozen=True, slots=True)
class StandIn:
    """*agent* takes the place of *host*, who is absent *until* then."""

    agent: str
    host: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that is offered (UTC), with the sets of *hosts* that could take it. *seats_left* are those of the
    appointment it *joins* (its id), or all where it would be a new one. *stand_ins* are the people among the hosts who
    take the place of somebody absent; *asked_for* is the host to whom the sets were narrowed down, "" for all."""

    starts_at: datetime
    ends_at: datetime
    hosts: tuple[Members, ...]
    seats_left: int = 1
    joins: int | None = None
    stand_ins: tuple[StandIn, ...] = ()
    asked_for: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who takes a booking (*hosts*), the one of them in whose name it is, and *why*."""

    hosts: Members
    organizer: str
    why: tuple[Why, ...]


def choose(
    conn: Connection,
    slug: str,
    event: EventType,
    slot: Slot,
    *,
    now: datetime,
    contact_id: int | None = None,
    mail: str = "",
    without: int | None = None,
) -> Choice:
    """Who takes *slot*, by what is true inside the transaction of *conn*. The contact is known by her id, or by her
    *mail* (a handle, `mailto:…`). *without* is an appointment that does not count, because it is being moved. Raises
    `ValueError` where the slot has no hosts."""
    if not slot.hosts:
        raise ValueError("nobody could take this slot")
    owner, contact = _owner(conn, contact_id, mail) if event.owner_first else ("", 0)
    if slot.joins is not None:
        hosts, why = slot.hosts[0], [_code("joins", appointment=slot.joins, left=slot.seats_left)]
    elif event.assign is Assign.COLLECTIVE:
        hosts = slot.hosts[0]
        why = [_code("all", agents=", ".join(hosts))]
    elif event.assign is Assign.ONE:
        hosts = slot.hosts[0]
        why = [_code("only", agent=event.hosts[0])]
    else:
        hosts, why = _in_turn(conn, slug, event, slot, now, owner, contact, without)
    why += _standing_in(event, slot, hosts, owner)
    return Choice(hosts, owner if owner in hosts else hosts[0], tuple(why))


def _in_turn(
    conn: Connection,
    slug: str,
    event: EventType,
    slot: Slot,
    now: datetime,
    owner: str,
    contact: int,
    without: int | None,
) -> tuple[Members, list[Why]]:
    """The set whose turn it is."""
    why: list[Why] = [_code("fixed", agents=", ".join(event.fixed))] if event.fixed else []
    left = sorted(slot.hosts)
    asked = slot.asked_for
    wishes = [(asked, _code("asked-for", agent=asked)), (owner, _code("owner", agent=owner, contact=contact))]
    for wished, code in wishes:
        wanted = [each for each in left if wished and _takes_part(slot, each, wished)]
        if wanted and wished not in event.fixed:
            left = wanted
            why.append(code)
            break
    if len(slot.hosts) == 1 and len(why) == bool(event.fixed):
        why.append(_code("only-free", agent=left[0][-1]))
    elif len(left) > 1:
        chosen, fair = _fairest(conn, slug, event, slot, left, now, without)
        left = [chosen]
        why.append(fair)
    return left[0], why


def _fairest(
    conn: Connection,
    slug: str,
    event: EventType,
    slot: Slot,
    candidates: Sequence[Members],
    now: datetime,
    without: int | None,
) -> tuple[Members, Why]:
    counts = (
        (appointments.c.event_type == slug)
        & (appointments.c.created_at > now - COUNTED)
        & live(now)
        & (appointments.c.id != (without or 0))
    )
    of = conn.execute(sa.select(sa.func.count()).select_from(appointments).where(counts)).scalar_one()
    query = (
        sa.select(appointment_hosts.c.agent, sa.func.count(), sa.func.max(appointments.c.created_at))
        .join(appointments, appointments.c.id == appointment_hosts.c.appointment_id)
        .where(counts)
        .group_by(appointment_hosts.c.agent)
    )
    known = {agent: (taken, last) for agent, taken, last in conn.execute(query)}

    def rank(members: Members) -> tuple[Fraction, datetime, str]:
        agent = members[-1]  # those who always take part come first
        taken, last = known.get(agent, (0, EPOCH))
        return Fraction(taken, _weight(event, slot, agent)), last, agent

    ranked = sorted((rank(members), members) for members in candidates)
    (ratio, last, agent), members = ranked[0]
    facts: dict[str, str | int] = {"agent": agent, "taken": known.get(agent, (0, EPOCH))[0], "of": of}
    other = ranked[1][0]
    if ratio < other[0]:
        return members, _code("fewest", **facts, weight=_weight(event, slot, agent))
    if last < other[1]:
        return members, _code("longest-ago", **facts, last="" if last == EPOCH else last.isoformat())
    return members, _code("first", **facts)


def _owner(conn: Connection, contact_id: int | None, mail: str) -> tuple[str, int]:
    """The agent who owns the contact, and which contact that is; "" where nobody does."""
    if contact_id is None and mail:
        candidates = match(conn, [mail])[mail].candidates
        contact_id = candidates[0].contact_id if candidates else None
    if contact_id is None:
        return "", 0
    owner = conn.execute(sa.select(contacts.c.owner).where(contacts.c.id == contact_id)).scalar()
    return owner or "", contact_id


def _takes_part(slot: Slot, members: Members, agent: str) -> bool:
    """Whether *agent* is in the set, or somebody who stands in for her."""
    return agent in members or any(each.host == agent and each.agent in members for each in slot.stand_ins)


def _weight(event: EventType, slot: Slot, agent: str) -> int:
    """How often she takes her turn: a stand-in as often as whom she stands in for."""
    if agent in event.hosts:
        return event.weights.get(agent, 1)
    return next((event.weights.get(each.host, 1) for each in slot.stand_ins if each.agent == agent), 1)


def _standing_in(event: EventType, slot: Slot, hosts: Members, owner: str) -> list[Why]:
    return [
        _code("stands-in", agent=each.agent, until=each.until.isoformat(), **{"for": each.host})
        for each in slot.stand_ins
        if each.agent in hosts and each.host not in hosts and (each.agent not in event.hosts or each.host == owner)
    ]


def _code(code: str, **facts: str | int) -> Why:
    return {"code": code, **facts}
