"""The live bus: in one process, and across hubs through a real Redis."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from hub.live import Live, LiveEvent, SlowReader
from hub.live.bus import MAX_WAITING
from hub.live.redis import RedisLive


async def test_an_event_reaches_its_agent_only() -> None:
    async with Live() as live:
        with live.subscribe("ada") as ada, live.subscribe("ben") as ben:
            live.publish([LiveEvent("pop", {"id": "1"}, "ada"), LiveEvent("alert", {"id": "2"})])
            assert (await ada.frames() or b"").count(b"event: ") == 2
            assert b"event: pop" not in (await ben.frames() or b"")


async def test_activity_is_gathered_and_told_once() -> None:
    async with Live() as live:
        with live.subscribe("") as screen:
            for number in range(100):
                live.publish([LiveEvent("activity", {"contacts": [str(number % 3)]})])
            assert (await screen.frames() or b"").endswith(b'event: activity\ndata: {"contacts":["0","1","2"]}\n\n')


async def test_a_slow_reader_is_closed_and_does_not_grow() -> None:
    async with Live() as live:
        with live.subscribe("ada") as slow:
            live.publish([LiveEvent("alert", {"id": str(number)}) for number in range(MAX_WAITING + 1)])
            with pytest.raises(SlowReader):
                await slow.frames()


async def test_a_withdrawn_pop_that_arrives_late_is_not_shown() -> None:
    async with Live() as live:
        with live.subscribe("ada") as screen:
            live.publish([LiveEvent("pop-withdrawn", {"id": "1", "reason": "over"}, "ada")])
            live.publish([LiveEvent("pop", {"id": "1"}, "ada")])
            assert b"event: pop\n" not in (await screen.frames() or b"")


async def test_the_end_of_a_session_ends_its_streams() -> None:
    async with Live() as live:
        with live.subscribe("ada", "session") as mine, live.subscribe("ada", "other") as other:
            live.end_session("session")
            assert await mine.frames() is None
            live.publish([LiveEvent("alert", {})])
            assert await other.frames()


async def test_other_hubs_hear_it_once_and_in_order(redis_url: str) -> None:
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(RedisLive(redis_url)) for _ in range(2)]
        mine = stack.enter_context(here.subscribe("ada"))
        theirs = stack.enter_context(there.subscribe("ada"))
        await _heard(here, there)
        here.publish([LiveEvent("pop", {"id": str(number)}, "ada") for number in range(50)])
        expected = [b'data: {"id":"%d"}' % number for number in range(50)]
        for screen in (mine, theirs):
            lines: list[bytes] = []
            while len(lines) < 50:
                frames = await asyncio.wait_for(screen.frames(), 10) or b""
                lines += [line for line in frames.splitlines() if b'"id"' in line and b"probe" not in line]
            assert lines == expected


async def test_a_session_ended_here_ends_there(redis_url: str) -> None:
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(RedisLive(redis_url)) for _ in range(2)]
        theirs = stack.enter_context(there.subscribe("ada", "session"))
        await _heard(here, there)
        here.end_session("session")
        assert await asyncio.wait_for(theirs.frames(), 10) is None


async def test_without_redis_the_own_screens_still_hear() -> None:
    async with RedisLive("redis://127.0.0.1:1") as live:
        with live.subscribe("ada") as screen:
            live.publish([LiveEvent("alert", {"id": "1"}, "ada")])
            assert b"event: alert" in (await screen.frames() or b"")


async def _heard(here: RedisLive, there: RedisLive) -> None:
    """Returns once *there* reads what *here* says: its first read has begun."""
    with there.subscribe("probe") as probe:

        async def call() -> None:
            while True:
                here.publish([LiveEvent("alert", {"id": "probe"}, "probe")])
                await asyncio.sleep(0.02)

        calling = asyncio.create_task(call())
        await asyncio.wait_for(probe.frames(), 10)
        calling.cancel()


async def test_much_activity_is_told_in_one_word() -> None:
    async with Live() as live:
        with live.subscribe("") as screen:
            live.publish([LiveEvent("activity", {"contacts": [str(number) for number in range(101)]})])
            assert (await screen.frames() or b"").endswith(b'data: {"contacts":["*"]}\n\n')
