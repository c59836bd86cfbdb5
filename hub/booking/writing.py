"""The hosts' calendars: asked whether a time is still free, and written into. Nothing here holds a transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.booking.holding import Block
from hub.booking.means import Means
from hub.booking.rows import Guest, Row
from hub.booking.states import BOOKED, State
from hub.booking.types import EventType
from hub.contracts import Misconfigured, Rejected, Unavailable, Unsupported
from hub.courier import fault, line
from hub.store.schema import appointment_hosts, appointment_writes, appointments
from hub.vocabulary import Appointment, Attendee, Busy, Kept

log = logging.getLogger(__name__)

ASK_SECONDS = 8.0
WRITE_SECONDS = 12.0
"""How long a calendar may take to answer while somebody waits."""


class Unreachable(Exception):
    """A host's calendar cannot be asked, or what is known of it is too old: *source*, and why as one line."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"{source}: {why}")
        self.source = source
        self.why = why


class NotWritten(Exception):
    """A calendar did not take it: *why* as one line. *perhaps*: no answer came, so that it may lie there."""

    def __init__(self, why: str, *, perhaps: bool) -> None:
        super().__init__(why)
        self.perhaps = perhaps


@dataclass(frozen=True, slots=True)
class Ours:
    """What the hub itself has put into calendars around a time: the UIDs, and for each agent the times."""

    uids: frozenset[str]
    times: Mapping[str, tuple[Block, ...]]


def ours(conn: Connection, agents: Collection[str], when: Block) -> Ours:
    """What of the hub's own lies in the calendars of *agents* around *when*."""
    rows = conn.execute(
        sa.select(
            appointment_writes.c.agent,
            appointments.c.uid,
            appointment_writes.c.uid.label("kept"),
            appointments.c.starts_at,
            appointments.c.ends_at,
        )
        .join(appointments, appointments.c.id == appointment_writes.c.appointment_id)
        .join(
            appointment_hosts,
            sa.and_(
                appointment_hosts.c.appointment_id == appointments.c.id,
                appointment_hosts.c.agent == appointment_writes.c.agent,
            ),
        )
        .where(
            appointment_writes.c.agent.in_(agents),
            appointment_writes.c.provider_id != "",
            appointments.c.state.in_(BOOKED),
            appointments.c.starts_at < when[1],
            appointments.c.ends_at > when[0],
        )
    ).all()
    times: dict[str, list[Block]] = {}
    for row in rows:
        times.setdefault(row.agent, []).append((row.starts_at, row.ends_at))
    uids = frozenset(uid for row in rows for uid in (row.uid, row.kept) if uid)
    return Ours(uids, {agent: tuple(sorted(some)) for agent, some in times.items()})


async def free(means: Means, agents: Sequence[str], when: Block, uids: Collection[str] = ()) -> bool:
    """Whether nothing in the calendars of *agents* takes any of *when*, as they are at this moment; *uids* are what is
    being written. Asks each calendar that can be asked, and believes what the hub has of the others.

    Raises `Unreachable` where one cannot be asked, or what is known of it is old.
    """
    mine = await means.store.read(lambda conn: ours(conn, agents, when))
    asked = sorted({source for agent in agents for source in means.sources_of(agent) if source in means.ways})
    known = await means.calendars.busy(list(agents), *when) if means.calendars else {}
    for agent in agents:
        for calendar in known[agent].calendars if agent in known else ():
            if calendar.stale and calendar.source not in asked:
                raise Unreachable(calendar.source, calendar.why)
        for since, until in known[agent].spans if agent in known else ():
            if since < when[1].timestamp() and until > when[0].timestamp():
                return False
    told = await asyncio.gather(*(_asked(means, source, when) for source in asked))
    skipped = mine.uids | frozenset(uids)
    for source, spans in zip(asked, told, strict=True):
        hosts = [agent for agent in agents if source in means.sources_of(agent)]
        there = sorted(time for agent in hosts for time in mine.times.get(agent, ()))
        for span in spans:
            if not (span.uid and span.uid in skipped) and _takes(span, when, there):
                return False
    return True


async def _asked(means: Means, source: str, when: Block) -> Sequence[Busy]:
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await means.ways[source].busy(*when)
    except TimeoutError as error:
        raise Unreachable(source, f"no answer within {ASK_SECONDS:g} seconds") from error
    except (Unavailable, Rejected, Misconfigured, Unsupported) as verdict:
        raise Unreachable(source, line(str(verdict))) from verdict
    except Exception as error:
        log.exception("the calendar of %s cannot be asked", source)
        raise Unreachable(source, fault(error)) from error


def _takes(span: Busy, when: Block, written: Sequence[Block]) -> bool:
    """Whether *span* takes any of *when* beyond what we have *written* there, of which it may be the sum: some
    providers say no UID, and join what touches."""
    since, until = max(span.starts_at, when[0]), min(span.ends_at, when[1])
    for begin, end in () if span.uid else written:
        if begin <= since < end:
            since = end
    return since < until


async def put(means: Means, source: str, what: Appointment, kept: Kept | None) -> Kept:
    """Write *what* into a calendar of *source*. Raises `NotWritten`, and `Conflict` where it was changed there."""
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            return await means.ways[source].put(what, kept)
    except TimeoutError as error:
        raise NotWritten(f"{source} did not answer within {WRITE_SECONDS:g} seconds", perhaps=True) from error
    except (Unavailable, Rejected, Misconfigured, Unsupported) as verdict:
        raise NotWritten(line(str(verdict)), perhaps=False) from verdict


async def delete(means: Means, source: str, kept: Kept) -> None:
    """Take it out of the calendar. Raises as `put`."""
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await means.ways[source].delete(kept)
    except TimeoutError as error:
        raise NotWritten(f"{source} did not answer within {WRITE_SECONDS:g} seconds", perhaps=True) from error
    except (Unavailable, Rejected, Misconfigured, Unsupported) as verdict:
        raise NotWritten(line(str(verdict)), perhaps=False) from verdict


def written(
    means: Means, row: Row, spec: EventType | None, guests: Sequence[Guest], *, stamp: datetime | None = None
) -> Appointment:
    """An appointment as it is written into a calendar. *guests* are the seats that are taken."""
    invited = [
        *(_agent(means, host) for host in row.hosts if host != row.organizer),
        *(Attendee(f"mailto:{each.mail}", each.name, _status(each.state)) for each in guests if each.mail),
        *(Attendee(f"mailto:{mail}") for each in guests for mail in each.guests),
    ]
    return Appointment(
        uid=row.uid,
        sequence=row.sequence,
        stamp=stamp or datetime.now(UTC),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        zone=row.zone,
        title=titled(row, guests),
        text=text(spec, guests),
        place=row.place,
        url=means.link(guests[0].id) if len(guests) == 1 and (spec is None or spec.seats == 1) else "",
        organizer=_agent(means, row.organizer),
        attendees=tuple(each for each in invited if each is not None),
        tentative=row.state is not State.CONFIRMED,
    )


def nobody(row: Row, stamp: datetime) -> Appointment:
    """The same without anybody who could be told of it: written to learn where a lost attempt lies, to be deleted."""
    return Appointment(
        uid=row.uid,
        sequence=row.sequence,
        stamp=stamp,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        zone=row.zone,
        title=row.title,
        tentative=True,
    )


def titled(row: Row, guests: Sequence[Guest]) -> str:
    """What it is called in a calendar: with the invitee's name, where there is one."""
    return f"{row.title}: {guests[0].name}" if len(guests) == 1 and guests[0].name else row.title


def text(spec: EventType | None, guests: Sequence[Guest]) -> str:
    """What the invitees answered, a line for each question that got an answer."""
    if spec is None:
        return ""
    lines = []
    for each in guests:
        said = [
            f"{question.label}: {_said(each.answers[question.id])}"
            for question in spec.questions
            if each.answers.get(question.id) not in (None, "", [], ())
        ]
        if each.phone:
            said.append(each.phone)
        if said and len(guests) > 1:
            lines.append(f"{each.name}:")
        lines += said
    return "\n".join(lines)


def _said(answer: object) -> str:
    return ", ".join(map(str, answer)) if isinstance(answer, list | tuple) else str(answer)


def _status(state: State) -> str:
    return "ACCEPTED" if state is State.CONFIRMED else "NEEDS-ACTION"


def _agent(means: Means, agent: str) -> Attendee | None:
    handle = means.mail(agent)
    return Attendee(handle, means.name(agent), "ACCEPTED", "") if handle else None
