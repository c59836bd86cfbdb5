"""Tells whoever is to call back that she is late."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self

from hub.calls import missed
from hub.contracts import Unavailable
from hub.live import Live, LiveEvent
from hub.store import Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0


class Overdue:
    """`async with Overdue(...)` looks every few seconds and alerts once: the owner's screens, or where nobody owns the
    call, those of *agents*. Live event `missed`, {interaction, owner, state: "overdue"}."""

    def __init__(self, store: Store, live: Live, agents: Sequence[str], look: float = LOOK_SECONDS) -> None:
        self._store = store
        self._live = live
        self._agents = tuple(agents)
        self._look = look

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="overdue calls")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """One look."""
        now = datetime.now(UTC)
        if not await self._store.read(lambda conn: missed.any_overdue(conn, now)):
            return
        for interaction_id, owner in await self._store.write(lambda conn: missed.overdue(conn, now)):
            data = {"interaction": str(interaction_id), "owner": owner, "state": "overdue"}
            self._live.publish(LiveEvent("missed", data, agent) for agent in ((owner,) if owner else self._agents))

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.warning("nobody can be told of overdue calls: %s", error)
            await asyncio.sleep(self._look)
