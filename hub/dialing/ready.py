"""Is an agent ready for the next call of her list? Nothing is dialled while she is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.config import Config
from hub.dialing.known import talking
from hub.dialing.states import EntryState
from hub.store.schema import absences, availability, call_keys, dial_entries, dials, interactions, pops, wrap_ups


class Ready(Protocol):
    """Says whether an agent is ready."""

    def ready(self, conn: Connection, agent: str, now: datetime) -> bool:
        """Whether *agent* may be given a call at *now*."""


class Readiness:
    """She is here and available, within her hours, no phone of hers rings, she is on no call, and has finished with the
    one before."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._wrap_up = timedelta(seconds=config.telephony.calls.wrap_up_seconds)

    def ready(self, conn: Connection, agent: str, now: datetime) -> bool:
        """See the class."""
        return (
            self._within_hours(agent, now)
            and not _away(conn, agent, now)
            and not _rings(conn, agent, now)
            and not talking(conn, agent, now)
            and not self._wraps_up(conn, agent, now)
        )

    def _within_hours(self, agent_id: str, now: datetime) -> bool:
        agent = self._config.agents.get(agent_id)
        hours = self._config.telephony.hours.get(agent.hours) if agent else None
        return hours is None or hours.open_at(now)

    def _wraps_up(self, conn: Connection, agent: str, now: datetime) -> bool:
        open_ = sa.select(wrap_ups.c.interaction_id).where(
            wrap_ups.c.agent == agent, wrap_ups.c.state == "open", wrap_ups.c.ends_at > now
        )
        if conn.execute(open_.limit(1)).first() is not None:
            return True
        # Where nobody opened a wrap-up for a call of the list, the time for it passes all the same.
        key = sa.func.coalesce(call_keys.c.into_key, dials.c.key)
        closed = sa.and_(wrap_ups.c.interaction_id == interactions.c.id, wrap_ups.c.agent == dials.c.agent)
        reached = (
            sa.select(dial_entries.c.id)
            .join(dials, dials.c.id == dial_entries.c.dial_id)
            .join(call_keys, call_keys.c.key == dials.c.key, isouter=True)
            .join(interactions, interactions.c.key == key)
            .join(wrap_ups, closed, isouter=True)
            .where(
                dials.c.agent == agent,
                dials.c.at > now - timedelta(days=1),
                dial_entries.c.state == EntryState.REACHED,
                dial_entries.c.changed_at > now - self._wrap_up,
                wrap_ups.c.interaction_id.is_(None),
            )
        )
        return conn.execute(reached.limit(1)).first() is not None


def _away(conn: Connection, agent: str, now: datetime) -> bool:
    said = sa.select(availability.c.agent).where(
        availability.c.agent == agent,
        availability.c.state != "available",
        sa.or_(availability.c.until.is_(None), availability.c.until > now),
    )
    out = sa.select(absences.c.id).where(
        absences.c.agent == agent, absences.c.from_at <= now, absences.c.until_at > now
    )
    return any(conn.execute(each.limit(1)).first() is not None for each in (said, out))


def _rings(conn: Connection, agent: str, now: datetime) -> bool:
    ringing = sa.select(pops.c.id).where(pops.c.agent == agent, pops.c.state == "ringing", pops.c.expires_at > now)
    return conn.execute(ringing.limit(1)).first() is not None
