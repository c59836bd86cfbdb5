"""The table of pops, read and written for a whole batch at once."""

from __future__ import annotations

import time
from collections.abc import Sequence

import sqlalchemy as sa

from hub.pops.states import COLUMNS, Pop
from hub.store.schema import pops
from hub.store.sets import Run, SetRead, SetWrite, among

_SELECT = sa.select(*(pops.c[name] for name in COLUMNS))
_OF_CALLS = SetRead(_SELECT.where(among(pops.c.interaction_id)))
_OF_AGENTS = SetRead(
    _SELECT.where(among(pops.c.agent), sa.text("state IN ('ringing', 'answered')")).order_by(pops.c.since)
)
_BY_ID = SetRead(_SELECT.where(among(pops.c.id)))
_IN_STATES = SetRead(_SELECT.where(among(pops.c.state)))
_UNSETTLED = sa.text(
    f"SELECT {', '.join(COLUMNS)} FROM pops WHERE state = 'waiting'"  # noqa: S608
    " OR (state IN ('ringing', 'answered') AND expires_at < :now)"
)
_ADD = SetWrite(pops, COLUMNS)
_MOVE = Run("UPDATE pops SET state = ?, mine = ?, answered_at = ?, expires_at = ?, revision = ? WHERE id = ?")
_ANEW = Run(
    "UPDATE pops SET id = ?, state = ?, mine = ?, passed_by = ?, preferred = ?, since = ?, answered_at = ?,"
    " expires_at = ?, revision = ? WHERE interaction_id = ? AND agent = ?"
)


def of_calls(conn: sa.Connection, interaction_ids: Sequence[int]) -> list[Pop]:
    """All pops of these calls."""
    return [Pop(*row) for row in _OF_CALLS(conn, interaction_ids)]


def by_id(conn: sa.Connection, ids: Sequence[int]) -> list[Pop]:
    """The pops of these ids."""
    return [Pop(*row) for row in _BY_ID(conn, ids)]


def of_agents(conn: sa.Connection, agents: Sequence[str]) -> list[Pop]:
    """What stands on the screens of *agents* now, oldest first."""
    now = time.time_ns() // 1000
    return [pop for row in _OF_AGENTS(conn, agents) if (pop := Pop(*row)).shown and pop.expires_at > now]


def on_screens(conn: sa.Connection) -> list[Pop]:
    """What stands on anybody's screen now."""
    now = time.time_ns() // 1000
    return [
        pop for row in _IN_STATES(conn, ["ringing", "answered"]) if (pop := Pop(*row)).shown and pop.expires_at > now
    ]


def unsettled(conn: sa.Connection, now: int) -> list[Pop]:
    """What time alone changes: what waits, and what should be over by *now*."""
    return [Pop(*row) for row in conn.execute(_UNSETTLED, {"now": now})]


def add(conn: sa.Connection, new: Sequence[Pop]) -> None:
    """Write new pops down."""
    _ADD(conn, [pop.row() for pop in new])


def move(conn: sa.Connection, changed: Sequence[Pop]) -> None:
    """Write down the next state of pops that keep their ids."""
    _MOVE.many(conn, [(pop.state, pop.mine, pop.answered_at, pop.expires_at, pop.revision, pop.id) for pop in changed])


def anew(conn: sa.Connection, changed: Sequence[Pop]) -> None:
    """Write down pops that come to a screen again, under ids of their own."""
    _ANEW.many(
        conn,
        [
            (
                pop.id, pop.state, pop.mine, pop.passed_by, pop.preferred, pop.since, pop.answered_at, pop.expires_at,
                pop.revision, pop.interaction_id, pop.agent,
            )
            for pop in changed
        ],
    )  # fmt: skip
