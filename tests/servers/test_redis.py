from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisGone

from tests.servers.redis import redis


async def test_a_published_event_reaches_a_subscriber(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client, client.pubsub() as subscription:
        await subscription.subscribe("pops")
        assert (await subscription.get_message(timeout=5))["type"] == "subscribe"
        await client.publish("pops", "ringing")
        assert (await subscription.get_message(timeout=5))["data"] == b"ringing"


@pytest.mark.parametrize("turn", [1, 2])
async def test_nothing_is_left_of_the_test_before(redis_url: str, turn: int) -> None:
    async with Redis.from_url(redis_url) as client:
        assert await client.dbsize() == 0
        await client.set("turn", turn)


async def test_a_server_can_go_away_and_come_back() -> None:
    with redis() as server:
        async with Redis.from_url(server.url) as client:
            assert await client.ping()
            await asyncio.to_thread(server.process.kill)
            with pytest.raises(RedisGone):
                await client.ping()
            await asyncio.to_thread(server.process.start)
            assert await client.ping()
