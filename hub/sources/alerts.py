"""One alert for each episode of trouble with a source, and word of its end: what is said once is heard.

An episode that a hub which stopped had begun is ended by the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.facts import Fact, FactKind
from hub.alerts.whom import administrators
from hub.contracts import Unavailable
from hub.live import Live, LiveEvent
from hub.sources.states import State
from hub.store import Store
from hub.store.alert_tables import alerts

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0

BEHIND = "behind"
LOST = "lost"
"""What an alert says beside a `State`: we do not keep up, or a test mail did not come back."""

Happened = Callable[[Sequence[Fact]], Awaitable[None]]
"""Raises alerts (`hub.alerts.desk.Alerts.happened`)."""

_TROUBLES = {BEHIND: BEHIND, LOST: "canary"}
_KINDS = (FactKind.SOURCE_LAG.value, FactKind.SOURCE_SILENT.value)


class Alerts:
    """Tells the administrators' screens: live event `alert`, {kind: "source", source, state}; and *happened*, by whose
    rules people are told on other ways.

    An episode begins with the first trouble of a source and ends when all of it is over. Within it a second alert
    comes only where somebody must act now and nobody was told so.
    """

    def __init__(self, store: Store, live: Live | None, happened: Happened | None = None) -> None:
        self._store = store
        self._live = live
        self._happened = happened
        self._open: dict[str, dict[str, str]] = defaultdict(dict)
        self._acts: set[str] = set()
        self._well: set[tuple[str, str]] | None = set()  # while it is not known what was open before
        self._news: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._telling = asyncio.create_task(self._tell(), name="source alerts")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._telling.cancel()
        await asyncio.gather(self._telling, return_exceptions=True)

    def trouble(self, source: str, kind: str, state: str, cause: str = "") -> None:
        """*source* has trouble of this *kind* ("connection", "behind", "canary"). A *cause* goes to the log, too."""
        first = not self._open[source]
        self._open[source][kind] = state
        final = state in (State.REJECTED, State.MISCONFIGURED)
        if not first and not (final and source not in self._acts):
            return
        if final:
            self._acts.add(source)
        if cause:  # else the keeper has said it already
            log.warning("source %s is %s: %s", source, state, cause)
        self._news.put_nowait((source, state))

    def over(self, source: str, kind: str) -> None:
        """That trouble is over, if there was any."""
        if self._well is not None:
            self._well.add((source, kind))
        episode = self._open.get(source)
        if not episode or episode.pop(kind, None) is None or episode:
            return
        del self._open[source]
        self._acts.discard(source)
        log.info("source %s is well again", source)
        self._news.put_nowait((source, State.LISTENING.value))

    async def _known(self) -> None:
        """Learn which episodes are open, however long the store is away."""
        while True:
            try:
                found = await self._store.read(_still_open)
            except Unavailable:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            for source, state in found:
                trouble = _TROUBLES.get(state, "connection")
                if self._well is not None and (source, trouble) in self._well:
                    self._news.put_nowait((source, State.LISTENING.value))
                else:
                    self._open[source].setdefault(trouble, state)
            self._well = None
            return

    async def _tell(self) -> None:
        await self._known()
        while True:
            source, state = await self._news.get()
            try:
                agents = await self._store.read(administrators)
                if self._happened is not None:
                    await self._happened([_fact(source, state)])
            except Unavailable:
                continue  # the store's own trouble; the page shows both
            if self._live is None:
                continue
            data = {"kind": "source", "source": source, "state": state}
            self._live.publish(LiveEvent("alert", data, agent) for agent in agents)


def _fact(source: str, state: str) -> Fact:
    """All trouble of a source is one episode."""
    return Fact(
        kind=FactKind.SOURCE_LAG if state == BEHIND else FactKind.SOURCE_SILENT,
        key=f"source/{source}",
        at=datetime.now(UTC),
        source=source,
        values={"state": str(state)},
        ended=state == State.LISTENING,
    )


def _still_open(conn: Connection) -> list[tuple[str, str]]:
    """The sources of which an episode is open, and the state that it was told with."""
    query = sa.select(alerts.c.about).where(alerts.c.kind.in_(_KINDS), alerts.c.ended_at.is_(None))
    found = [row.about for row in conn.execute(query)]
    return [(about.get("source", ""), about.get("values", {}).get("state", "")) for about in found]
