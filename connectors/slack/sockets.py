"""Socket Mode: WebSockets over which Slack tells what it would else send to an address of ours.

https://docs.slack.dev/apis/events-api/using-socket-mode. slack-sdk's own client acknowledges and reconnects by itself;
here nothing may be acknowledged before it is durable, and a connection that ends is the hub's to open again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

import hub
from connectors.slack.web import CONNECT_SECONDS, Web

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 20.0
LARGEST = 4 << 20
WAITING = 1000
"""Frames that may wait to be read before Slack has to wait, too."""

_Socket = aiohttp.ClientWebSocketResponse


@dataclass(frozen=True, slots=True)
class Envelope:
    """Something that Slack wants acknowledged on *socket* under *id*."""

    id: str
    kind: str
    payload: Mapping[str, Any]
    socket: _Socket


class Sockets:
    """The connections of one app. There is one, and while Slack changes it for another there are two."""

    def __init__(self, web: Web, *, plain: bool) -> None:
        self._web = web
        self._plain = plain
        self._frames: asyncio.Queue[tuple[_Socket, Mapping[str, Any] | None]] = asyncio.Queue(WAITING)
        self._readers: dict[_Socket, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Open one, and wait until Slack says hello. Raises `Rejected`, `Unavailable`."""
        url = str((await self._web.ask("apps.connections.open", app=True)).get("url"))
        if urlsplit(url).scheme not in (("wss", "ws") if self._plain else ("wss",)):
            raise hub.Unavailable("Slack names an address for Socket Mode that is not encrypted")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await self._web.session.ws_connect(url, heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST)
                hello = _said(await socket.receive())
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise hub.Unavailable(f"Slack's Socket Mode cannot be reached ({type(error).__name__})") from None
        if hello is None or hello.get("type") != "hello":
            await socket.close()
            raise hub.Unavailable("Slack's Socket Mode did not say hello")
        self._readers[socket] = asyncio.create_task(self._read(socket), name="slack-socket")

    async def next(self, seconds: float | None) -> Envelope | None:
        """What comes next; None after *seconds*. Raises `Rejected` where Socket Mode was switched off, `Unavailable`
        where no connection is left."""
        while True:
            try:
                if seconds is not None and seconds <= 0:
                    socket, said = self._frames.get_nowait()
                else:
                    async with asyncio.timeout(seconds):
                        socket, said = await self._frames.get()
            except (TimeoutError, asyncio.QueueEmpty):
                return None
            if said is None:
                self._readers.pop(socket, None)
                if not self._readers:
                    raise hub.Unavailable("Slack closed the connection")
            elif said.get("type") == "disconnect":
                await self._change(str(said.get("reason")))
            elif isinstance(id := said.get("envelope_id"), str):
                payload = said.get("payload")
                return Envelope(id, str(said.get("type")), payload if isinstance(payload, dict) else {}, socket)

    async def acknowledge(self, envelope: Envelope) -> None:
        """Tell Slack that it is ours now. Where the connection has gone Slack says it again on another."""
        try:
            await envelope.socket.send_json({"envelope_id": envelope.id})
        except (aiohttp.ClientError, OSError):
            logger.debug("a connection closed before %s was acknowledged", envelope.id)

    async def close(self) -> None:
        """Close them all."""
        readers, self._readers = self._readers, {}
        for reader in readers.values():
            reader.cancel()
        await asyncio.gather(*readers.values(), return_exceptions=True)
        for socket in readers:
            await socket.close()

    async def _change(self, reason: str) -> None:
        """Slack is going to close a connection: the next is open before it does. What still comes on the old one is
        heard."""
        if reason == "link_disabled":
            raise hub.Rejected("Socket Mode was switched off for this app at Slack")
        old = list(self._readers)[:-1]
        await self.open()
        for socket in old:
            await socket.close()

    async def _read(self, socket: _Socket) -> None:
        async for message in socket:
            said = _said(message)
            if said is not None:
                await self._frames.put((socket, said))
        await self._frames.put((socket, None))


def _said(message: aiohttp.WSMessage) -> Mapping[str, Any] | None:
    """The JSON object in a frame; None for every other frame."""
    if message.type is not aiohttp.WSMsgType.TEXT:
        return None
    try:
        said = orjson.loads(message.data)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) else None
