"""How each source does, as the store knows it: in a word, with its cause and when it is tried again.

Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.store.schema import micros, sources
from hub.store.sets import Run, SetWrite

_MAKE = SetWrite(sources, ("name",), "ON CONFLICT DO NOTHING")
_SAY = Run("UPDATE sources SET state = ?, cause = ?, next_try_at = ? WHERE name = ? AND epoch = COALESCE(?, epoch)")


class State(StrEnum):
    """How a source does, in a word; its cause stands beside it."""

    NEW = "new"
    CONNECTING = "connecting"
    LISTENING = "listening"
    WAITING = "waiting"
    """It failed and will be tried again."""
    FAILED = "failed"
    """A bug stopped it. It will be tried again."""
    REJECTED = "rejected"
    """The provider says no. It is not tried again until somebody acts."""
    MISCONFIGURED = "misconfigured"
    """Our settings cannot be right. It is not tried again until somebody acts."""
    ELSEWHERE = "elsewhere"
    """Another hub listens. Each hub knows this for itself; the store has the listening hub's word."""
    OFF = "off"
    """The hub that listened was stopped."""

    @property
    def final(self) -> bool:
        """Whether it stays so until somebody acts."""
        return self in (State.REJECTED, State.MISCONFIGURED)


@dataclass(frozen=True, slots=True)
class Said:
    """Word of how *source* does. With an *epoch* it counts only while nobody has taken the lease since."""

    source: str
    state: State
    cause: str = ""
    next_try: datetime | None = None
    epoch: int | None = None


def make(conn: Connection, names: Sequence[str]) -> None:
    """A row for each of *names*, where there is none yet."""
    _MAKE(conn, [(name,) for name in sorted(set(names))])


def say(conn: Connection, news: Sequence[Said]) -> None:
    """Write down how sources do. Of two words about one source the later counts."""
    make(conn, [each.source for each in news])
    latest = {(each.source, each.epoch): each for each in news}
    rows = [
        (each.state.value, each.cause, micros(each.next_try) if each.next_try else None, each.source, each.epoch)
        for each in latest.values()
    ]
    _SAY.many(conn, sorted(rows, key=lambda row: row[3]))


def listed(conn: Connection) -> list[dict[str, Any]]:
    """What the store knows of every source, as JSON can say it."""
    rows = conn.execute(sa.select(sources).order_by(sources.c.name))
    return [
        {str(name): value.isoformat() if isinstance(value, datetime) else value for name, value in row._mapping.items()}
        for row in rows
    ]
