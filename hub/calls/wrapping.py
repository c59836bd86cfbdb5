"""Wrap-up: the time after a call in which an agent says what came of it, and is not offered the next one.

It begins with the transaction that learns that her phone's part in the call is over, and ends by itself at *ends_at*;
what came of the call may still be said later. Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.live import LiveEvent
from hub.privacy.visibility import Actor
from hub.store.schema import micros, moment, notes, wrap_ups
from hub.store.sets import SetWrite

_COLUMNS = ("interaction_id", "agent", "state", "began_at", "ends_at")
_OPEN = SetWrite(
    wrap_ups,
    _COLUMNS,
    "ON CONFLICT (interaction_id, agent) DO UPDATE SET state = excluded.state, ends_at = excluded.ends_at,"
    " done_at = NULL",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUp:
    """What *agent* says of a call. *state* is `open` until *ends_at* (UTC), or until she is done; *disposition* one of
    the config's `dispositions`, "" where she has not said it; *notes* are hers on the call, oldest first."""

    interaction_id: int
    agent: str
    state: str
    disposition: str
    began_at: datetime
    ends_at: datetime
    done_at: datetime | None
    notes: tuple[str, ...] = ()

    @property
    def news(self) -> LiveEvent:
        """The live event that tells her screens of it."""
        data = {
            "interaction": str(self.interaction_id),
            "agent": self.agent,
            "state": self.state,
            "ends_at": self.ends_at.isoformat(timespec="milliseconds"),
        }
        return LiveEvent("wrap-up", data, self.agent)


def begin(conn: Connection, over: Sequence[tuple[int, str]], now: int, seconds: int) -> list[WrapUp]:
    """Open the wrap-up of each (interaction, agent) whose part in the call is *over*, for *seconds*; 0 is never.
    Who talks in the same call a second time wraps up a second time. Answers what runs now. *now* is microseconds since
    1970."""
    if not over or not seconds:
        return []
    new = sorted(set(over))
    ends_at = now + seconds * 1_000_000
    _OPEN(conn, [(interaction_id, agent, "open", now, ends_at) for interaction_id, agent in new])
    return [
        WrapUp(
            interaction_id=interaction_id,
            agent=agent,
            state="open",
            disposition="",
            began_at=moment(now),
            ends_at=moment(ends_at),
            done_at=None,
        )
        for interaction_id, agent in new
    ]


def one(conn: Connection, interaction_id: int, agent: str) -> WrapUp | None:
    """The wrap-up of *agent* for that call, None where she had none."""
    rows = _wrap_ups(conn, wrap_ups.c.interaction_id == interaction_id, wrap_ups.c.agent == agent)
    return rows[0] if rows else None


def of_agent(conn: Connection, agent: str) -> list[WrapUp]:
    """The wrap-ups that run for *agent*, oldest first."""
    return _wrap_ups(conn, wrap_ups.c.agent == agent, wrap_ups.c.state == "open")


def of_calls(conn: Connection, interaction_ids: Collection[int]) -> list[WrapUp]:
    """What was said of these calls, by whomever: for timelines."""
    return _wrap_ups(conn, wrap_ups.c.interaction_id.in_(list(interaction_ids)))


def change(
    conn: Connection,
    wrap_up: WrapUp,
    now: datetime,
    *,
    disposition: str | None = None,
    done: bool = False,
    more_seconds: int = 0,
) -> WrapUp:
    """Say what came of it, be done, or take more time. What is over stays over."""
    values: dict[str, Any] = {}
    if disposition is not None:
        values["disposition"] = disposition
    if wrap_up.state == "open" and done:
        values |= {"state": "done", "done_at": now, "ends_at": min(now, wrap_up.ends_at)}
    elif wrap_up.state == "open" and more_seconds:
        values["ends_at"] = max(now, wrap_up.ends_at) + timedelta(seconds=more_seconds)
    if values:
        here = (wrap_ups.c.interaction_id == wrap_up.interaction_id, wrap_ups.c.agent == wrap_up.agent)
        conn.execute(wrap_ups.update().where(*here).values(**values))
    found = one(conn, wrap_up.interaction_id, wrap_up.agent)
    return found or wrap_up


def note(
    conn: Connection, actor: Actor, note_id: int, entry: int, interaction_id: int, text: str, now: datetime
) -> None:
    """Add a note of *actor*'s to the call."""
    author = actor.agent or actor.name
    conn.execute(
        notes.insert().values(id=note_id, interaction_id=interaction_id, author=author, text=text, written_at=now)
    )
    audit.note(conn, entry, actor, "note.create", f"interaction/{interaction_id}", now)


def any_late(conn: Connection, now: datetime) -> bool:
    """Whether there is one whose time is over and that nobody ended."""
    return conn.execute(sa.select(wrap_ups.c.interaction_id).where(_late(now)).limit(1)).first() is not None


def _late(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(wrap_ups.c.state == "open", sa.type_coerce(wrap_ups.c.ends_at, sa.BigInteger) <= micros(now))


def end(conn: Connection, now: datetime) -> list[WrapUp]:
    """End those whose time is over, and answer them."""
    ended = wrap_ups.update().where(_late(now)).values(state="done", done_at=now)
    return [_wrap_up(row, ()) for row in conn.execute(ended.returning(*wrap_ups.c)).all()]


def _wrap_ups(conn: Connection, *which: sa.ColumnElement[bool]) -> list[WrapUp]:
    rows = conn.execute(sa.select(wrap_ups).where(*which).order_by(wrap_ups.c.began_at, wrap_ups.c.agent)).all()
    if not rows:
        return []
    said = conn.execute(
        sa.select(notes.c.interaction_id, notes.c.author, notes.c.text)
        .where(notes.c.interaction_id.in_([row.interaction_id for row in rows]))
        .order_by(notes.c.id)
    ).all()
    return [
        _wrap_up(row, tuple(text for id, author, text in said if (id, author) == (row.interaction_id, row.agent)))
        for row in rows
    ]


def _wrap_up(row: sa.Row[Any], said: tuple[str, ...]) -> WrapUp:
    return WrapUp(
        interaction_id=row.interaction_id,
        agent=row.agent,
        state=row.state,
        disposition=row.disposition,
        began_at=row.began_at,
        ends_at=row.ends_at,
        done_at=row.done_at,
        notes=said,
    )
