"""How well a calendar is known: whether what the hub has of it is what lies there now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.sources.states import State
from hub.store.schema import sources

NEVER_READ = "Nothing was read from this calendar yet."
REFUSED = "The provider refuses us: its permission or password is not valid any more."
WRONG = "This calendar cannot work as it is configured."
OLD = "It is longer ago than its limit that all of this calendar was known."
UNEXPANDED = "What was read from this calendar is still being worked out."
UNCOUNTED = "Some of its events cannot be counted: they recur too often, or cannot be read."
REASONS = (NEVER_READ, REFUSED, WRONG, OLD, UNEXPANDED, UNCOUNTED)
"""All that `CalendarState.why` may say."""


@dataclass(frozen=True, slots=True)
class CalendarState:
    """How a source of calendars does: since when (UTC) we may not have all of it, None where nothing was read yet.
    *stale*: it is not to be relied on, so that no time is offered. *why* says so in one line (one of `REASONS`, in
    English, for translation); it may also say of one that is not stale what is not right with it."""

    source: str
    current_at: datetime | None
    stale: bool
    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the store knows of a source."""

    state: str
    current_at: datetime | None


def seen(conn: Connection, names: Sequence[str]) -> dict[str, Seen]:
    """What the store knows of the sources *names*."""
    rows = conn.execute(
        sa.select(sources.c.name, sources.c.state, sources.c.current_at).where(sources.c.name.in_(names))
    )
    return {row.name: Seen(row.state, row.current_at) for row in rows}


def state_of(
    source: str, known: Mapping[str, Seen], limit: timedelta, now: datetime, *, refused: bool
) -> CalendarState:
    """How *source* does at *now*. *limit* is how old what we have of it may be; *refused*: some of its events do not
    count."""
    found = known.get(source)
    current_at = found.current_at if found else None
    if found and found.state == State.REJECTED:
        return CalendarState(source, current_at, True, REFUSED)
    if found and found.state == State.MISCONFIGURED:
        return CalendarState(source, current_at, True, WRONG)
    if current_at is None:
        return CalendarState(source, None, True, NEVER_READ)
    if current_at < now - limit:
        return CalendarState(source, current_at, True, OLD)
    return CalendarState(source, current_at, False, UNCOUNTED if refused else "")
