"""What the gate asks of the store and of the config. Functions take a connection and run inside somebody's
transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.calls.consents import Purpose
from hub.config import Config
from hub.dialing.gate import Rules
from hub.dialing.states import State
from hub.store.schema import call_keys, consents, dials, identities, interactions, pops
from hub.vocabulary import CallState

_CALLING = timedelta(minutes=5)
"""A call that we place rings no longer than this: if nothing more was heard of it, nobody talks."""


def rules_of(config: Config) -> Rules:
    """What *config* says of calling. The holidays are those of the hours that calls are worked in."""
    calls = config.telephony.calls
    hours = config.telephony.hours.get(calls.hours)
    return Rules(
        zone=ZoneInfo(config.timezone),
        region=config.region,
        allowed=calls.allowed,
        quiet_days=calls.quiet_days,
        holidays=hours.holidays if hours else frozenset(),
        consent_regions=calls.consent_regions,
        ours=frozenset(handle for source in config.sources.values() for handle in source.ours),
    )


def agreed(conn: Connection, callee: str) -> bool | None:
    """What the callee said of being called; None where nobody asked."""
    given = sa.select(consents.c.given).where(consents.c.handle == callee, consents.c.purpose == Purpose.CALL)
    return conn.execute(given).scalar_one_or_none()


def calls_since(conn: Connection, callee: str, since: datetime) -> int:
    """How many calls to *callee* were placed, or perhaps placed, since then."""
    placed = dials.c.state.in_((State.WANTED, State.PLACED, State.PERHAPS))
    wanted = sa.select(sa.func.count()).where(dials.c.callee == callee, dials.c.at >= since, placed)
    return int(conn.execute(wanted).scalar_one())


def talking(conn: Connection, agent: str, now: datetime, besides: Collection[int] = ()) -> bool:
    """Whether *agent* is on a call: one that she took, or one that she has just begun (*besides* are dials that do not
    count)."""
    took = sa.select(pops.c.id).where(
        pops.c.agent == agent, pops.c.state == "answered", pops.c.mine, pops.c.expires_at > now
    )
    if conn.execute(took.limit(1)).first() is not None:
        return True
    key = sa.func.coalesce(call_keys.c.into_key, dials.c.key)
    began = (
        sa.select(dials.c.state, dials.c.at, interactions.c.state.label("call"))
        .join(call_keys, call_keys.c.key == dials.c.key, isouter=True)
        .join(interactions, sa.and_(interactions.c.key == key, dials.c.key != ""), isouter=True)
        .where(
            dials.c.agent == agent,
            dials.c.at > now - timedelta(days=1),
            dials.c.state.in_((State.WANTED, State.PLACED)),
            dials.c.id.not_in(list(besides)),
        )
    )
    for row in conn.execute(began):
        if row.call and CallState(row.call).taken:
            return True
        if row.call != CallState.ENDED and row.at > now - _CALLING:
            return True
    return False


def number_of(conn: Connection, contact_id: int) -> str:
    """The number at which a contact is called: one that is hers alone before a shared one, and a confirmed one first;
    "" where she has none."""
    numbers = (
        sa.select(identities.c.handle)
        .where(identities.c.contact_id == contact_id, identities.c.handle.like("tel:%"))
        .order_by(
            identities.c.strength != "personal",
            identities.c.confirmed_at.is_(None),
            identities.c.learned_at,
            identities.c.handle,
        )
        .limit(1)
    )
    return conn.execute(numbers).scalar_one_or_none() or ""
