"""Ends the calls whose end was never heard: the phone system went away, or lost the event.

Such an end is a guess, and marked so (`Call.presumed`): it is the time of the last word on the call, and whatever is
said of the call later replaces it (`hub.calls.fold`).
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.contracts import Unavailable
from hub.ingest import Ingest
from hub.store import Store
from hub.store.schema import events, interactions, moment
from hub.vocabulary import Call, CallState, Channel, Event

log = logging.getLogger(__name__)

SOURCE = "hub"
"""Who presumes."""

LOOK_SECONDS = 60.0
RINGING = timedelta(minutes=10)
"""No phone rings for longer than this without a word."""
WAITING = timedelta(hours=1)
"""Nor does anybody wait in a queue."""
_AT_ONCE = 100
_LAST = 2**31 - 1  # of what is told of the same moment
_TAKEN = [state for state in CallState if state.taken]
_ALIVE = sa.text("kind = 'call' AND state <> 'ended'")  # as in the index, which is of these alone


class Closing:
    """`async with Closing(...)` looks once a minute until the end of the block. A call that somebody took is closed
    when nothing was heard of it for so many *hours*, one that rings or waits much earlier."""

    def __init__(self, store: Store, ingest: Ingest, hours: float, look: float = LOOK_SECONDS) -> None:
        self._store = store
        self._ingest = ingest
        self._taken = timedelta(hours=hours)
        self._look = look

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run(), name="calls without an end")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look(datetime.now(UTC))
            except Unavailable as error:
                log.warning("calls without an end cannot be closed: %s", error)
            await asyncio.sleep(self._look)

    async def look(self, now: datetime) -> int:
        """One look at *now*, in UTC. Answers how many calls it closed."""
        closed = 0
        while silent := await self._store.read(lambda conn: self._silent(conn, now)):
            await self._ingest.record(SOURCE, [_presumed(key, last, now) for key, last in silent], live=False)
            closed += len(silent)
            if len(silent) < _AT_ONCE:
                break
        if closed:
            log.warning("calls whose end was never heard are taken to be over: %d", closed)
        return closed

    def _silent(self, conn: Connection, now: datetime) -> list[tuple[str, int]]:
        """(key, when it was last told of in the provider's time) of calls of which nothing was heard for too long."""
        heard = interactions.c.recorded_at
        taken = interactions.c.state.in_(_TAKEN)
        waits = interactions.c.state == CallState.QUEUED
        silent = sa.or_(
            sa.and_(taken, heard < now - self._taken),
            sa.and_(waits, heard < now - WAITING),
            sa.and_(~taken, ~waits, heard < now - RINGING),
        )
        keys = sa.select(interactions.c.key).where(_ALIVE, silent).order_by(interactions.c.occurred_at).limit(_AT_ONCE)
        last = sa.func.max(sa.type_coerce(events.c.at, sa.BigInteger))
        told = sa.select(events.c.key, last).where(events.c.key.in_(keys)).group_by(events.c.key)
        return [(key, at) for key, at in conn.execute(told)]


def _presumed(key: str, last: int, now: datetime) -> Event:
    """The end of a call that was told of at *last* for the last time. Where that is beyond *now*, by a clock that is
    fast, the end is no earlier."""
    return Event(
        key=key,
        id=f"presumed-{last}",
        channel=Channel.VOICE,
        at=max(now, moment(last)),
        order=_LAST,
        facts=Call(state=CallState.ENDED, ended_at=moment(last), presumed=True),
    )
