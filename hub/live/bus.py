"""The live bus within one process: every screen that is connected here, and what each was told."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

MAX_WAITING = 1000
ACTIVITY_SECONDS = 0.5
TOLD_AT_ONCE = 8
MAX_NAMED = 100
"""So many ids of a kind are named in one gathered event; beyond that it says "*": any may have news."""
GATHERED = frozenset(("activity", "calendar", "watch"))
"""Events that say what has news: they are told together, at most twice a second."""


class SlowReader(Exception):
    """This screen reads more slowly than things happen. It is closed, connects again, and is told the state."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """A hint for screens: `pop`, `pop-withdrawn`, `ringing`, `activity`, `calendar`, `presence` or `alert`.

    *agent* is the only agent it is for; "" is everyone. *data* must hold ids only where *agent* is "": each reader
    fetches what she may see.
    """

    type: str
    data: Mapping[str, Any]
    agent: str = ""

    def frame(self, number: int) -> bytes:
        """As a server-sent event (WHATWG HTML, 9.2) with *number* as its id."""
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, self.type.encode(), orjson.dumps(self.data))


@dataclass(slots=True, eq=False)
class Subscription:
    """One connected screen. *session* ends it when that session ends. Iterate `frames`."""

    agent: str
    session: str
    shown: dict[str, float] = field(default_factory=dict)  # pop id → when it was sent, by the monotonic clock
    withdrawn: set[str] = field(default_factory=set)
    _waiting: deque[bytes] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False
    _slow: bool = False

    def offer(self, event: LiveEvent, frame: bytes) -> None:
        """Queue *event*, unless it is a pop that was withdrawn: an id that is gone never returns."""
        if event.type == "pop":
            pop = event.data["id"]
            if pop in self.withdrawn:
                return
            self.shown[pop] = time.monotonic()
        elif event.type == "pop-withdrawn":
            self.withdrawn.add(event.data["id"])
            self.shown.pop(event.data["id"], None)
        if len(self._waiting) >= MAX_WAITING:
            self._slow = True
        else:
            self._waiting.append(frame)
        self._news.set()

    def end(self) -> None:
        """Close the stream from our side."""
        self._ended = True
        self._news.set()

    async def frames(self) -> bytes | None:
        """All that waits, joined, as soon as there is something; `None` when the stream is over.

        Raises `SlowReader` where more waited than is kept for one screen.
        """
        while not self._waiting and not self._ended and not self._slow:
            self._news.clear()
            await self._news.wait()
        if self._slow:
            raise SlowReader
        if self._ended:
            return None
        frames = b"".join(self._waiting)
        self._waiting.clear()
        return frames


class Live:
    """Delivers to the screens of this process. `RedisLive` adds those of the other hubs."""

    def __init__(self) -> None:
        self._by_agent: dict[str, set[Subscription]] = defaultdict(set)
        self._number = time.time_ns() // 1000
        self._gathered: dict[str, dict[str, set[str]]] = {}
        self._told_at = float("-inf")
        self._flush: asyncio.Task[None] | None = None
        self._hearers: dict[str, Callable[[LiveEvent], None]] = {}
        self._overhearers: dict[str, list[Callable[[LiveEvent], None]]] = defaultdict(list)

    async def __aenter__(self) -> Live:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._flush is not None:
            self._flush.cancel()
        for subscription in self.subscriptions():
            subscription.end()

    @contextmanager
    def subscribe(self, agent: str, session: str = "") -> Iterator[Subscription]:
        """A screen of *agent* ("" for one that belongs to no agent), for as long as the block runs."""
        subscription = Subscription(agent, session)
        self._by_agent[agent].add(subscription)
        try:
            yield subscription
        finally:
            self._by_agent[agent].discard(subscription)
            if not self._by_agent[agent]:
                del self._by_agent[agent]

    def subscriptions(self) -> list[Subscription]:
        """Every screen connected to this process."""
        return [subscription for group in self._by_agent.values() for subscription in group]

    async def in_turns(self) -> AsyncIterator[Subscription]:
        """Every screen connected to this process, a few at a time: a pop must not wait until hundreds of others were
        told what is less urgent."""
        for number, subscription in enumerate(self.subscriptions()):
            if number % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)
            yield subscription

    def hear(self, kind: str, hearer: Callable[[LiveEvent], None]) -> None:
        """Events of type *kind* are not for screens: of this hub and of the others, they go to *hearer*."""
        self._hearers[kind] = hearer

    def overhear(self, kind: str, hearer: Callable[[LiveEvent], None]) -> None:
        """Events of type *kind* go to *hearer*, too, of this hub and of the others, before screens are told."""
        self._overhearers[kind].append(hearer)

    def agents(self) -> list[str]:
        """The agents with a screen connected to this process."""
        return [agent for agent in self._by_agent if agent]

    def end_session(self, session: str) -> None:
        """Close every stream of *session*, here and on the other hubs."""
        self.publish([LiveEvent("session-ended", {"session": session})])

    def publish(self, events: Iterable[LiveEvent]) -> None:
        """Tell the screens. Returns at once; some types of events are gathered and told twice a second."""
        for event in events:
            if event.type in GATHERED:
                self._gather(event)
            else:
                self.deliver(event)

    def deliver(self, event: LiveEvent) -> None:
        """Queue *event* for the screens of this process it is for."""
        if event.type == "session-ended":
            for subscription in self.subscriptions():
                if subscription.session == event.data["session"]:
                    subscription.end()
            return
        if event.type in self._hearers:
            self._hearers[event.type](event)
            return
        for hearer in self._overhearers.get(event.type, ()):
            hearer(event)
        self._number += 1
        frame = event.frame(self._number)
        screens = self._by_agent.get(event.agent, ()) if event.agent else self.subscriptions()
        for subscription in screens:
            subscription.offer(event, frame)

    def tell(self, subscription: Subscription, event: LiveEvent) -> None:
        """Queue *event* for one screen only."""
        self._number += 1
        subscription.offer(event, event.frame(self._number))

    def _gather(self, event: LiveEvent) -> None:
        known = self._gathered.setdefault(event.type, {})
        for name, ids in event.data.items():
            known.setdefault(name, set()).update(ids)
        if self._flush is None:
            self._flush = asyncio.create_task(self._tell_gathered())

    async def _tell_gathered(self) -> None:
        loop = asyncio.get_running_loop()
        # The first after a while at once: a mail is on the screen when it is here.
        await asyncio.sleep(max(0.0, self._told_at + ACTIVITY_SECONDS - loop.time()))
        self._told_at = loop.time()
        self._flush = None
        gathered, self._gathered = self._gathered, {}
        for kind, known in gathered.items():
            data = {name: sorted(ids) if len(ids) <= MAX_NAMED else ["*"] for name, ids in known.items()}
            event = LiveEvent(kind, data)
            for hearer in self._overhearers.get(kind, ()):
                hearer(event)
            self._number += 1
            frame = event.frame(self._number)
            async for screen in self.in_turns():
                screen.offer(event, frame)
