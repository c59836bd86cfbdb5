"""Is an agent ready for the next call of her list? Nothing is dialled while she is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.availability import Rota, now_read
from hub.dialing.known import talking
from hub.dialing.states import EntryState
from hub.store.schema import call_keys, dial_entries, dials, interactions, pops, wrap_ups


class Ready(Protocol):
    """Says whether an agent is ready."""

    def ready(self, conn: Connection, agent: str, now: datetime) -> bool:
        """Whether *agent* may be given a call at *now*."""


class Readiness:
    """She is available (`hub.availability`), no phone of hers rings, she is on no call, and has had *wrap_up* seconds
    after the one before, unless she was done earlier."""

    def __init__(self, rota: Rota, wrap_up: float) -> None:
        self._rota = rota
        self._wrap_up = timedelta(seconds=wrap_up)

    def ready(self, conn: Connection, agent: str, now: datetime) -> bool:
        """See the class."""
        standing = now_read(conn, self._rota, now, [agent]).get(agent)
        return (
            standing is not None
            and standing.free
            and not _rings(conn, agent, now)
            and not talking(conn, agent, now)
            and not self._has_just_talked(conn, agent, now)
        )

    def _has_just_talked(self, conn: Connection, agent: str, now: datetime) -> bool:
        """Whether somebody was reached a moment ago and nobody opened a wrap-up for it, which would say when it ends:
        the time passes all the same."""
        key = sa.func.coalesce(call_keys.c.into_key, dials.c.key)
        opened = sa.and_(wrap_ups.c.interaction_id == interactions.c.id, wrap_ups.c.agent == dials.c.agent)
        reached = (
            sa.select(dial_entries.c.id)
            .join(dials, dials.c.id == dial_entries.c.dial_id)
            .join(call_keys, call_keys.c.key == dials.c.key, isouter=True)
            .join(interactions, interactions.c.key == key)
            .join(wrap_ups, opened, isouter=True)
            .where(
                dials.c.agent == agent,
                dials.c.at > now - timedelta(days=1),
                dial_entries.c.state == EntryState.REACHED,
                dial_entries.c.changed_at > now - self._wrap_up,
                wrap_ups.c.interaction_id.is_(None),
            )
        )
        return conn.execute(reached.limit(1)).first() is not None


def _rings(conn: Connection, agent: str, now: datetime) -> bool:
    ringing = sa.select(pops.c.id).where(pops.c.agent == agent, pops.c.state == "ringing", pops.c.expires_at > now)
    return conn.execute(ringing.limit(1)).first() is not None
