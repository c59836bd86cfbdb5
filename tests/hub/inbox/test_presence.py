"""Who is here is known at once on every hub, and forgotten by those who hear nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import orjson
import pytest

from hub.inbox.presence import Doing, Here, Presence
from hub.live import Live
from hub.live.redis import RedisLive


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    async with Live() as opened:
        yield opened


async def test_a_heartbeat_is_told_once_and_keeps_for_a_while(live: Live) -> None:
    clock = Clock()
    presence = Presence(live, clock)
    with live.subscribe("ben") as screen:
        presence.say("ada", 7, Doing.READING)
        presence.say("ada", 7, Doing.READING)
        presence.say("ada", 7, Doing.WRITING)
        frames = await screen.frames()
    assert frames is not None
    told = [orjson.loads(line[6:]) for line in frames.splitlines() if line.startswith(b"data: ")]
    assert told == [
        {"conversation": "7", "agents": [{"id": "ada", "doing": "reading"}]},
        {"conversation": "7", "agents": [{"id": "ada", "doing": "writing"}]},
    ]
    clock.now += 24
    presence.say("ben", 7, Doing.READING)
    assert presence.of([7, 8]) == {7: (Here("ada", Doing.WRITING), Here("ben", Doing.READING))}
    clock.now += 2
    assert presence.of([7]) == {7: (Here("ben", Doing.READING),)}
    assert presence.expire() == pytest.approx(23)
    presence.say("ben", 7, Doing.LEFT)
    assert presence.of([7]) == {}
    assert presence.expire() is None


async def test_who_goes_silent_is_forgotten_and_the_others_are_told(live: Live) -> None:
    async with Presence.open(live, forgotten=0.05) as presence:
        with live.subscribe("ben") as screen:
            presence.say("ada", 7, Doing.READING)
            told = b""
            async with asyncio.timeout(20):
                while b'"agents":[]' not in told:
                    told += await screen.frames() or b""


async def test_another_hub_knows_it_too(redis_url: str) -> None:
    async with RedisLive(redis_url) as here, RedisLive(redis_url) as there:
        ours, theirs = Presence(here), Presence(there)
        with there.subscribe("ben") as screen:
            frames = b""
            async with asyncio.timeout(30):
                while not frames:  # until the other hub has begun to listen
                    ours.say("ada", 7, Doing.WRITING)
                    with suppress(TimeoutError):
                        frames = await asyncio.wait_for(screen.frames(), 0.2) or b""
    assert b"event: presence" in frames
    assert b"event: present" not in frames.replace(b"event: presence", b"")
    assert theirs.of([7]) == {7: (Here("ada", Doing.WRITING),)}
