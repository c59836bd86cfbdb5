"""A call centre of 200 agents for ten minutes, in one: no pop late, none left ringing, none lost.

Calls come as they do at four fifths of what the agents can take. Each rings an agent who is free; most are taken, some
ring a second phone when nobody answers the first, some callers give up. The hub is told by signed callbacks, and every
agent's screen is watched: each ringing phone must be on it within a second, and nothing may stand there at the end.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from tests.bench.calls import Clock, Exchange, Line, Screen
from tests.bench.office import AGENTS, Office, digits, leg, office, phone, whole

MINUTES = 10.0
FASTER = 10.0
LATE = 1.0
RINGS, TALKS, RESTS = 8.0, 150.0, 30.0
"""Seconds that a phone rings, a talk takes, and an agent rests after it, on average."""

_POP = re.compile(rb'"id":"(\d+)"')
_CALLER = re.compile(rb"49301\d{8}")


@dataclass(slots=True)
class Watched:
    """What all screens were told. *wanted* is when each (caller, agent) began to ring; *took* the seconds until it was
    on her screen; *standing* what is on screens now."""

    wanted: dict[tuple[bytes, int], float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    standing: dict[bytes, int] = field(default_factory=dict)


class Desk(Screen):
    """One agent's screen, watched."""

    def __init__(self, request: bytes, agent: int, watched: Watched) -> None:
        super().__init__(request, Clock())
        self._agent = agent
        self._watched = watched

    def event(self, frame: bytes) -> None:
        """A pop, or its end."""
        found = _POP.search(frame)
        if found is None:
            return
        if b"event: pop\n" in frame:
            self._watched.standing[found[1]] = self._agent
            caller = _CALLER.search(frame)
            began = self._watched.wanted.pop((caller[0], self._agent), None) if caller else None
            if began is not None:
                self._watched.took.append(time.perf_counter() - began)
        elif b"event: pop-withdrawn\n" in frame:
            self._watched.standing.pop(found[1], None)


@dataclass(frozen=True, slots=True)
class Told:
    """At *at* seconds the hub is told *fields*; *rings* is the agent whose phone begins to ring by it."""

    at: float
    fields: Callable[[], dict[str, str]]
    caller: bytes
    rings: int | None = None


def day(seconds: float, chance: random.Random) -> tuple[list[Told], int]:
    """What happens in so many seconds, in its order, and how many calls it is."""
    rate = 0.8 * AGENTS / (RINGS + TALKS + RESTS)
    free = [(0.0, agent) for agent in range(AGENTS)]
    heapq.heapify(free)
    told: list[Told] = []
    at, contact = 0.0, 0
    while (at := at + chance.expovariate(rate)) < seconds:
        contact += 1
        told += _call(at, contact, free, chance)
    return sorted(told, key=lambda each: each.at), contact


def _call(at: float, contact: int, free: list[tuple[float, int]], chance: random.Random) -> list[Told]:
    caller = digits(contact).encode()
    told = [Told(at, lambda: whole(contact, "ringing", 0), caller)]
    now, sequence = at + 0.5, 0
    for attempt in range(2):
        since, agent = heapq.heappop(free)
        now = max(now, since)
        rang = chance.uniform(0.5, 1.5) * RINGS
        told.append(Told(now, _leg(contact, attempt, agent, "ringing", 1), caller, agent))
        luck = chance.random()
        if luck < 0.75 or attempt:
            talked = chance.expovariate(1 / TALKS)
            told.append(Told(now + rang, _leg(contact, attempt, agent, "in-progress", 2), caller))
            now += rang + talked
            told.append(Told(now, _leg(contact, attempt, agent, "completed", 3), caller))
            heapq.heappush(free, (now + RESTS, agent))
            break
        status = "no-answer" if luck < 0.9 else "canceled"
        now += rang
        told.append(Told(now, _leg(contact, attempt, agent, status, 2), caller))
        heapq.heappush(free, (now + 1, agent))
        if status == "canceled":
            break
    told.append(Told(now + 0.5, lambda: whole(contact, "completed", sequence + 1), caller))
    return told


def _leg(contact: int, attempt: int, agent: int, status: str, sequence: int) -> Callable[[], dict[str, str]]:
    number = {"To": phone(agent), "Called": phone(agent), "CallSid": f"CA{contact:030d}{attempt}c"}
    return lambda: {**leg(contact, status, sequence), **number}


def run() -> str:
    """What was told, how late the latest pop was, and what is left."""
    with (
        tempfile.TemporaryDirectory() as folder,
        office(Path(folder)) as hub,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        told, calls = day(MINUTES * 60, random.Random(4))
        watched, refused = loop.run(_played(hub, told))
        with sqlite3.connect(f"file:{Path(folder) / 'hub.sqlite3'}?mode=ro", uri=True) as store:
            (kept,) = store.execute("SELECT count(*) FROM interactions WHERE kind = 'call'").fetchone()
            (over,) = store.execute("SELECT count(*) FROM interactions WHERE state = 'ended'").fetchone()
    late = sum(seconds > LATE for seconds in watched.took)
    rings = sum(each.rings is not None for each in told)
    found = {
        "pops late": late,
        "pops that never came": len(watched.wanted),
        "pops left on a screen": len(watched.standing),
        "posts refused": refused,
        "calls lost": calls - kept,
        "calls not over": kept - over,
    }
    verdict = "met" if not any(found.values()) else "NOT met"
    return "\n".join(
        [
            f"  {calls} calls, {rings} ringing phones, {len(told)} events in {MINUTES * 60 / FASTER:.0f} s",
            f"  the latest pop came after {max(watched.took, default=0) * 1e3:.0f} ms",
            *(f"  {what:<28} {count}" for what, count in found.items()),
            f"  goal: none of these  {verdict}",
        ]
    )


async def _played(hub: Office, told: Sequence[Told]) -> tuple[Watched, int]:
    loop = asyncio.get_running_loop()
    watched, exchange = Watched(), Exchange(Clock())
    screens: list[Screen] = []
    for agent, request in enumerate(hub.screens):
        _, screen = await loop.create_connection(
            lambda r=request, a=agent: Desk(r, a, watched),  # type: ignore[misc]
            "127.0.0.1",
            hub.port,
        )
        screens.append(screen)
    await asyncio.gather(*(screen.ready for screen in screens))
    for _ in range(32):
        await loop.create_connection(lambda: Line(exchange), "127.0.0.1", hub.port)
    begin = loop.time() + 0.5
    for each in told:
        await asyncio.sleep(begin + each.at / FASTER - loop.time())
        if each.rings is not None:
            watched.wanted[each.caller, each.rings] = time.perf_counter()
        exchange.post(hub.request(each.fields()), None)
    await asyncio.sleep(3)
    for connection in (*screens, *exchange.lines):
        connection.transport.close()  # type: ignore[attr-defined]
    return watched, exchange.clock.refused
