"""Who reads or writes in which conversation, right now. It lives in memory and in the live events, never in SQL.

Screens say every ten seconds what their agent does, and are forgotten after twenty-five. What one hub hears, the
others hear over Redis; each forgets by its own clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from hub.live import Live, LiveEvent

HEARTBEAT_SECONDS = 10.0
FORGOTTEN_SECONDS = 25.0
MOST = 50_000
"""So many (conversation, agent) pairs are kept at most."""


class Doing(StrEnum):
    """What an agent does in a conversation."""

    READING = "reading"
    WRITING = "writing"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Here:
    """An agent, and what she does."""

    agent: str
    doing: Doing


class Presence:
    """Open with `Presence.open(live)`. *clock* is monotonic, in seconds."""

    def __init__(
        self, live: Live, clock: Callable[[], float] = time.monotonic, forgotten: float = FORGOTTEN_SECONDS
    ) -> None:
        self._live = live
        self._clock = clock
        self._forgotten = forgotten
        self._here: dict[int, dict[str, tuple[Doing, float]]] = {}
        self._count = 0
        self._arrived = asyncio.Event()
        live.hear("present", self._heard)

    @classmethod
    @asynccontextmanager
    async def open(cls, live: Live, forgotten: float = FORGOTTEN_SECONDS) -> AsyncGenerator[Presence]:
        """A `Presence` that forgets by itself who has gone silent for *forgotten* seconds."""
        presence = cls(live, forgotten=forgotten)
        forgetting = asyncio.create_task(presence._forget(), name="presence")
        try:
            yield presence
        finally:
            forgetting.cancel()
            await asyncio.gather(forgetting, return_exceptions=True)

    def say(self, agent: str, conversation: int, doing: Doing) -> None:
        """*agent* does this in *conversation*, or has left it. Screens are told `presence` where that is news."""
        self._live.publish(
            [LiveEvent("present", {"conversation": str(conversation), "agent": agent, "doing": doing.value})]
        )

    def of(self, conversations: Collection[int]) -> dict[int, tuple[Here, ...]]:
        """Who is in each of *conversations*, by agent; those in which nobody is are left out."""
        return {each: here for each in conversations if (here := self._in(each))}

    def expire(self) -> float | None:
        """Forget who has been silent for too long. Answers in how many seconds the next one would be, None where
        nobody is anywhere."""
        now, next_one = self._clock(), None
        for conversation, agents in list(self._here.items()):
            silent = [agent for agent, (_, at) in agents.items() if now - at >= self._forgotten]
            for agent in silent:
                self._drop(conversation, agent)
            if silent:
                self._tell(conversation)
            for _, at in agents.values():
                left = at + self._forgotten - now
                next_one = left if next_one is None else min(next_one, left)
        return next_one

    def _in(self, conversation: int) -> tuple[Here, ...]:
        now = self._clock()
        return tuple(
            Here(agent, doing)
            for agent, (doing, at) in sorted(self._here.get(conversation, {}).items())
            if now - at < self._forgotten
        )

    def _heard(self, event: LiveEvent) -> None:
        """A word of a screen, of this hub or of another."""
        conversation, agent, doing = int(event.data["conversation"]), event.data["agent"], Doing(event.data["doing"])
        known = self._here.get(conversation, {}).get(agent)
        if doing is Doing.LEFT:
            if known is None:
                return
            self._drop(conversation, agent)
        else:
            if known is None:
                if self._count >= MOST:
                    return
                self._count += 1
            self._here.setdefault(conversation, {})[agent] = (doing, self._clock())
            self._arrived.set()
        if known is None or known[0] is not doing:
            self._tell(conversation)

    def _drop(self, conversation: int, agent: str) -> None:
        agents = self._here[conversation]
        del agents[agent]
        self._count -= 1
        if not agents:
            del self._here[conversation]

    def _tell(self, conversation: int) -> None:
        agents = [{"id": each.agent, "doing": each.doing.value} for each in self._in(conversation)]
        self._live.deliver(LiveEvent("presence", {"conversation": str(conversation), "agents": agents}))

    async def _forget(self) -> None:
        while True:
            wait = self.expire()
            self._arrived.clear()
            if wait is None:
                await self._arrived.wait()
            else:
                await asyncio.sleep(max(0.01, wait))
