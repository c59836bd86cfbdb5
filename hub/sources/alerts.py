"""One alert for each episode of trouble with a source, and word of its end: what is said once is heard."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from typing import Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.contracts import Unavailable
from hub.live import Live, LiveEvent
from hub.privacy.visibility import Authority
from hub.sources.states import State
from hub.store import Store
from hub.store.schema import logins

log = logging.getLogger(__name__)

BEHIND = "behind"
LOST = "lost"
"""What an alert says beside a `State`: we do not keep up, or a test mail did not come back."""


class Alerts:
    """Tells the administrators' screens: live event `alert`, {kind: "source", source, state}.

    An episode begins with the first trouble of a source and ends when all of it is over. Within it a second alert
    comes only where somebody must act now and nobody was told so.
    """

    def __init__(self, store: Store, live: Live | None) -> None:
        self._store = store
        self._live = live
        self._open: dict[str, dict[str, str]] = defaultdict(dict)
        self._acts: set[str] = set()
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
        episode = self._open.get(source)
        if not episode or episode.pop(kind, None) is None or episode:
            return
        del self._open[source]
        self._acts.discard(source)
        log.info("source %s is well again", source)
        self._news.put_nowait((source, State.LISTENING.value))

    async def _tell(self) -> None:
        while True:
            source, state = await self._news.get()
            if self._live is None:
                continue
            try:
                agents = await self._store.read(_administrators)
            except Unavailable:
                continue  # the store's own trouble; the page shows both
            data = {"kind": "source", "source": source, "state": state}
            self._live.publish(LiveEvent("alert", data, agent) for agent in agents)


def _administrators(conn: Connection) -> list[str]:
    """The agents who may act."""
    may = sa.and_(logins.c.role == Authority.ADMIN.value, logins.c.agent != "", logins.c.disabled.is_(False))
    return list(conn.execute(sa.select(logins.c.agent).where(may).distinct()).scalars())
