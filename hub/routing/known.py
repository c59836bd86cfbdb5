"""What is known when a call asks what comes next: read from local data, in one short transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import phonenumbers
import sqlalchemy as sa
from babel.languages import get_official_languages
from sqlalchemy import Connection

from hub import facts
from hub.availability import Rota, Standing, now_read, stands_in
from hub.calls.blocking import blocked
from hub.calls.consents import Purpose
from hub.config_calls import Recorded, Telephony
from hub.match import match
from hub.pops.audience import preferred
from hub.routing.engine import Known, Person
from hub.routing.plan import Plan, Strategy
from hub.store.ids import since as ids_since
from hub.store.schema import cases, consents, contacts, interactions, pops, queued_calls
from hub.vocabulary import Asked, Call, CallState, Match

SEEN = timedelta(seconds=150)
"""Who waits asks again every few seconds. A caller of whom nothing was heard for longer has hung up."""

_BUSY_DAYS = timedelta(days=1)
_OLDEST = timedelta(hours=2)
"""A call that began before does not ring any more, though nobody told of its end."""


@dataclass(frozen=True, slots=True)
class Firm:
    """What the config says of the people that calls are brought to."""

    rota: Rota = field(default_factory=Rota)
    teams: Mapping[str, Sequence[str]] = field(default_factory=dict)
    telephony: Telephony = field(default_factory=Telephony)


def read(conn: Connection, firm: Firm, plan: Plan, source: str, asked: Asked, now: datetime) -> Known:
    """What holds at *now* for a call of *source* that stands in *plan*."""
    standing = now_read(conn, firm.rota, now)
    who = match(conn, [asked.caller]).get(asked.caller, Match(asked.caller))
    contact = who.sure.contact_id if who.sure else None
    owner, told = "", {}
    if contact is not None:
        row = conn.execute(sa.select(contacts.c.owner, contacts.c.fields).where(contacts.c.id == contact)).one()
        owner, told = preferred(row.owner, firm.rota, standing), row.fields
    return Known(
        at=now,
        contact=contact,
        owner=owner,
        vip=_yes(told.get("vip")),
        open_case=contact is not None and _has_open_case(conn, contact),
        blocked=bool(blocked(conn, [asked.caller])),
        languages=_languages(told, asked.caller),
        people=_people(conn, firm.rota, standing, plan, source, asked.key, now),
        teams=firm.teams,
        hours=firm.telephony.hours,
        ahead=_ahead(conn, asked.key, now),
        recording=_may_record(conn, firm.telephony, plan, asked),
        announcement=plan.announcement,
    )


def _yes(value: Any) -> bool:
    """Whether a field of a contact says yes, in whatever way somebody wrote it."""
    return value is True or str(value).strip().casefold() in ("yes", "true", "1", "ja", "是", "y", "x")


def _has_open_case(conn: Connection, contact: int) -> bool:
    found = sa.select(cases.c.id).where(cases.c.contact_id == contact, cases.c.open).limit(1)
    return conn.execute(found).first() is not None


def _languages(fields: Mapping[str, Any], caller: str) -> tuple[str, ...]:
    """The contact's language (her field `language`), else those of the country her number is from."""
    said = str(fields.get("language") or "").strip()
    if said:
        return (said.replace("_", "-"),)
    if not caller.startswith("tel:"):
        return ()
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(caller.removeprefix("tel:")))
    except phonenumbers.NumberParseException:
        return ()
    spoken = get_official_languages(region, de_facto=True) if region else ()
    return tuple(each.replace("_", "-") for each in spoken)


def _people(
    conn: Connection, rota: Rota, standing: Mapping[str, Standing], plan: Plan, source: str, key: str, now: datetime
) -> dict[str, Person]:
    rings = _ringing(conn, rota, key, now)
    counts = any(getattr(node, "strategy", None) is Strategy.LEAST_BUSY for node in plan.nodes.values())
    load = _load(conn, now) if counts else {}
    return {
        agent.id: Person(
            id=agent.id,
            phones=tuple(phone for phone in agent.phones if ":" in phone or phone.startswith(f"{source}/")),
            free=standing[agent.id].free and agent.id not in rings,
            out=standing[agent.id].out,
            stand_in=stands_in(agent.id, standing) if standing[agent.id].out else "",
            skills=agent.skills,
            load=load.get(agent.id, 0),
        )
        for agent in rota.agents.values()
    }


def _ringing(conn: Connection, rota: Rota, key: str, now: datetime) -> set[str]:
    """Whose phone rings for another call. Screens that show a call which merely waits do not count."""
    at = {phone: agent.id for agent in rota.agents.values() for phone in (agent.id, *agent.phones)}
    alive = sa.select(sa.type_coerce(interactions.c.facts, sa.Text)).where(
        sa.text("kind = 'call' AND state <> 'ended'"),
        interactions.c.state == CallState.RINGING,
        interactions.c.occurred_at > now - _OLDEST,
        interactions.c.key != key,
    )
    calls = (facts.decode("call", text) for text in conn.execute(alive).scalars())
    legs = [leg for call in calls if isinstance(call, Call) for leg in call.legs if leg.state is CallState.RINGING]
    return {at[name] for leg in legs for name in (leg.agent, leg.phone) if name in at}


def _load(conn: Connection, now: datetime) -> dict[str, int]:
    """How many calls each agent took within a day. Ids grow with time, so that this reads no older rows."""
    took = sa.select(pops.c.agent, sa.func.count()).where(
        pops.c.id >= ids_since((now - _BUSY_DAYS).timestamp()), pops.c.mine
    )
    return dict(conn.execute(took.group_by(pops.c.agent)).tuples().all())


def _ahead(conn: Connection, key: str, now: datetime) -> dict[str, list[int]]:
    over = sa.exists().where(
        interactions.c.key == queued_calls.c.key,
        sa.or_(
            interactions.c.state == CallState.ENDED,
            sa.exists().where(pops.c.interaction_id == interactions.c.id, pops.c.state == "answered"),
        ),
    )
    waiting = sa.select(queued_calls.c.queue, sa.type_coerce(queued_calls.c.since, sa.BigInteger)).where(
        queued_calls.c.key != key, queued_calls.c.seen_at > now - SEEN, ~over
    )
    found: dict[str, list[int]] = {}
    for queue, since in conn.execute(waiting):
        found.setdefault(queue, []).append(since // 1_000_000)
    return found


def _may_record(conn: Connection, telephony: Telephony, plan: Plan, asked: Asked) -> bool:
    policy = telephony.line(asked.line).record
    if policy is Recorded.NEVER:
        return False
    said = conn.execute(
        sa.select(consents.c.given).where(consents.c.handle == asked.caller, consents.c.purpose == Purpose.RECORD)
    ).scalar_one_or_none()
    if said is False:
        return False
    return bool(plan.announcement) if policy is Recorded.ANNOUNCED else said is True


def enqueue(conn: Connection, key: str, plan: str, queue: str, caller: str, since: int, now: datetime) -> bool:
    """The caller waits in *queue* since then (seconds since 1970). True where she has just entered it."""
    seen = queued_calls.update().where(queued_calls.c.key == key, queued_calls.c.queue == queue).values(seen_at=now)
    if conn.execute(seen).rowcount:
        return False
    leave(conn, key, now)
    moment = sa.literal(since * 1_000_000, sa.BigInteger)
    values = {"key": key, "plan": plan, "queue": queue, "caller": caller, "since": moment, "seen_at": now}
    conn.execute(queued_calls.insert().values(**values))
    return True


def leave(conn: Connection, key: str, now: datetime) -> None:
    """The caller waits no more; neither do those of whom nothing was heard for long."""
    gone = sa.or_(queued_calls.c.key == key, queued_calls.c.seen_at < now - SEEN)
    conn.execute(queued_calls.delete().where(gone))


def waiting(conn: Connection, now: datetime) -> list[tuple[str, str, str, datetime]]:
    """(plan, queue, caller, since when) of who waits now, the longest first."""
    rows = conn.execute(
        sa.select(queued_calls.c.plan, queued_calls.c.queue, queued_calls.c.caller, queued_calls.c.since)
        .where(queued_calls.c.seen_at > now - SEEN)
        .order_by(queued_calls.c.since)
    )
    return [(row.plan, row.queue, row.caller, row.since) for row in rows]
