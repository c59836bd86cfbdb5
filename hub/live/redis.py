"""The live bus across several hubs: one Redis stream that each of them writes and reads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Iterable
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from hub.live.bus import GATHERED, Live, LiveEvent

log = logging.getLogger(__name__)

STREAM = "hub:live"
KEEP = 10_000
BLOCK_MILLISECONDS = 5_000
MAX_UNSENT = 10_000


class RedisLive(Live):
    """As `Live`, and every event goes to the other hubs too. Losing Redis loses hints, never state: the screens of
    other hubs then follow within a second, by what SQL says."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._redis: Any = Redis.from_url(  # its stubs know neither streams nor decoded answers
            url, socket_timeout=BLOCK_MILLISECONDS / 1000 + 5, decode_responses=True
        )
        self._node = secrets.token_hex(4)
        self._unsent: asyncio.Queue[LiveEvent] = asyncio.Queue(MAX_UNSENT)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> RedisLive:
        await super().__aenter__()
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._receive())]
        return self

    async def __aexit__(self, *exc: object) -> None:
        pending = set(self._tasks)
        while pending:  # a cancellation that meets an answer of redis is swallowed by its client, so it is repeated
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=0.1)
        await self._redis.aclose()
        await super().__aexit__(*exc)

    def publish(self, events: Iterable[LiveEvent]) -> None:
        """Tell the screens here at once, and the other hubs as fast as Redis takes it."""
        for event in events:
            super().publish([event])
            with contextlib.suppress(asyncio.QueueFull):  # hints only: state in SQL makes up for it
                self._unsent.put_nowait(event)

    async def _send(self) -> None:
        while True:
            batch = [await self._unsent.get()]
            while not self._unsent.empty():
                batch.append(self._unsent.get_nowait())
            try:
                async with self._redis.pipeline(transaction=False) as pipe:
                    for event in batch:
                        fields = {"node": self._node, "type": event.type, "agent": event.agent}
                        pipe.xadd(STREAM, {**fields, "data": orjson.dumps(event.data)}, maxlen=KEEP, approximate=True)
                    await pipe.execute()
            except (RedisError, OSError) as error:
                log.warning("live events did not reach redis: %s", error)
                await asyncio.sleep(0.5)

    async def _receive(self) -> None:
        last = "$"
        down = False
        while True:
            try:
                if last == "$":  # a fixed place to go on from: "$" anew at each read would skip what came between
                    newest = await self._redis.xrevrange(STREAM, count=1)
                    last = newest[0][0] if newest else "0-0"
                for _, entries in await self._redis.xread({STREAM: last}, count=500, block=BLOCK_MILLISECONDS) or ():
                    for entry, fields in entries:
                        last = entry
                        if fields["node"] != self._node:
                            self._take(fields)
                down = False
            except (RedisError, OSError) as error:
                if not down:
                    log.warning("live events of other hubs cannot be read from redis: %s", error)
                down = True
                last = "$"
                await asyncio.sleep(0.5)

    def _take(self, fields: dict[str, str]) -> None:
        event = LiveEvent(fields["type"], orjson.loads(fields["data"]), fields["agent"])
        if event.type in GATHERED:
            self._gather(event)
        else:
            self.deliver(event)
