"""Every public post of Bluesky, over Jetstream; or only what names our account."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from yarl import URL

import hub
from connectors.bluesky.account import Account
from connectors.bluesky.frames import PATHS, PROTOCOLS, Ended, NotAFrame, Said, micros, moment, query, read
from connectors.bluesky.noticed import Noticed
from connectors.bluesky.posts import Us, news
from connectors.bluesky.progress import REWIND, Progress
from connectors.bluesky.settings import BlueskySettings

logger = logging.getLogger(__name__)

BATCH = 500
BATCH_SECONDS = 0.25
"""An arrival is told once so many posts are heard, or so long after the first of them."""

OVERLAP = 10_000_000
"""Microseconds by which another instance is asked from before: each has a clock of its own."""

NEWS = timedelta(hours=1)
"""What is older when it is heard is no news: nobody is alerted of it."""

STALE_SECONDS = 30.0
LARGEST = 1 << 20
"""Bytes of a frame: larger ones are not asked for."""


class Connector(hub.Connector):
    """Posts, reposts, deletions, and accounts that go. The stream filters nothing but sorts of records, so that the
    whole of it is heard; it comes at least once, and the hub knows repetitions by their ids.

    An instance that cannot be reached gives way to the next of `jetstreams`, which is asked from a little before.
    """

    Settings = BlueskySettings

    def __init__(self, settings: BlueskySettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._heard: tuple[float, int] | None = None

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what is said after *cursor*. The first reading begins `look_back_minutes` ago, and is not live."""
        account = Account(self._settings, self._source) if self._settings.identifier else None
        try:
            if account is not None:
                await account.sign_in()
            if account is not None and not self._settings.stream:
                async for arrival in Noticed(self._settings, account).listen(cursor):
                    yield arrival
                return
            us = Us(account.did if account else "", self._settings.app_url)
            async for arrival in self._stream(self._progress(cursor), us):
                yield arrival
        finally:
            self._heard = None
            if account is not None:
                await account.close()

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How far behind the stream's own time we are. Nobody counts what is beyond the cursor."""
        if self._heard is not None:
            looked, at = self._heard
            behind = time.time() - at / 1e6 if at else time.monotonic() - looked
            return hub.Freshness(0, 0.0) if behind < STALE_SECONDS else hub.Freshness(None, behind)
        if self._settings.identifier:
            account = Account(self._settings, self._source)
            try:
                await account.sign_in()
            finally:
                await account.close()
        if self._settings.stream:
            async with self._opened(self._settings.jetstreams[0], None):
                pass
        return hub.Freshness(None, None)

    async def _stream(self, progress: Progress, us: Us) -> AsyncGenerator[hub.Arrival, None]:
        began = micros(datetime.now(UTC))
        if not progress.micros:
            progress.micros = began - self._settings.look_back_minutes * 60_000_000
            progress.since = began
        host, socket = await self._any(progress)
        if host != progress.host:
            # Its numbers, its clock and its order are its own.
            progress.host, progress.seq = host, 0
        self._heard = (time.monotonic(), 0)
        try:
            while True:
                some = await self._batch(socket)
                fresh = [said for said in some if not progress.knows(said)]
                for live, told in _apart(fresh, progress.since):
                    progress.note(told)
                    items = [item for said in told if (item := news(said, us)) is not None]
                    if items:
                        yield hub.Arrival(tuple(items), str(progress), live=live)
                if some:
                    self._heard = (time.monotonic(), progress.micros)
        finally:
            await socket.close()

    async def _any(self, progress: Progress) -> tuple[str, _Socket]:
        """A stream of the instance that was heard last, else of the first that answers. Raises as the last did."""
        hosts = list(self._settings.jetstreams)
        hosts.sort(key=lambda host: host != progress.host)
        for host in hosts:
            try:
                return host, await self._begin(host, progress)
            except hub.Unavailable as verdict:
                if host == hosts[-1]:
                    raise
                logger.info("%s: %s; the next one is asked", self._source, verdict)
        raise AssertionError("the settings name an instance")

    async def _begin(self, host: str, progress: Progress) -> _Socket:
        same = host == progress.host
        at = progress.micros - (REWIND if same else OVERLAP)
        after = progress.seq + 1 if same and progress.seq and self._settings.wire == "v2" else at
        socket = _Socket(host, self._settings)
        try:
            await socket.open(after)
        except _TooOld:
            # What the instance has forgotten cannot be heard any more; by time it begins with the oldest that it has.
            logger.warning("%s: %s no longer has all that was missed", self._source, socket.name)
            await socket.open(at)
        return socket

    async def _batch(self, socket: _Socket) -> list[Said]:
        """What comes within a moment after the next frame. Raises `Unavailable`."""
        some: list[Said] = []
        said = await socket.next(self._settings.silence_seconds)
        loop = asyncio.get_running_loop()
        until = loop.time() + BATCH_SECONDS
        while True:
            if said is not None:
                some.append(said)
            left = until - loop.time()
            if len(some) >= BATCH or left <= 0:
                return some
            try:
                said = await socket.next(left)
            except _Silent:
                return some
            except hub.Unavailable:
                if some:  # the next call says so again
                    return some
                raise

    @asynccontextmanager
    async def _opened(self, host: str, cursor: int | None) -> AsyncGenerator[_Socket]:
        socket = _Socket(host, self._settings)
        await socket.open(cursor)
        try:
            yield socket
        finally:
            await socket.close()

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except (ValueError, KeyError, TypeError):
            logger.warning("%s: the cursor cannot be read, so the stream is read from a while ago", self._source)
            return Progress()


def _apart(some: list[Said], since: int) -> list[tuple[bool, list[Said]]]:
    """What is news, and before it what is not."""
    now = micros(datetime.now(UTC) - NEWS)
    old = [said for said in some if said.micros < max(since, now)]
    return [(False, old), (True, [said for said in some if said.micros >= max(since, now)])]


class _Silent(hub.Unavailable):
    """Nothing came in the time that was given."""


class _TooOld(Exception):
    """The server no longer has what was asked for."""


class _Socket:
    """One stream of one instance."""

    def __init__(self, host: str, settings: BlueskySettings) -> None:
        self.name = urlsplit(host).hostname or host
        self._host = host
        self._wire = settings.wire
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def open(self, cursor: int | None) -> None:
        """Begin after *cursor*. Raises `Unavailable`, `Misconfigured`, `_TooOld`."""
        await self.close()
        url = f"{self._host}{PATHS[self._wire]}?{urlencode(query(self._wire, cursor))}&maxMessageSizeBytes={LARGEST}"
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        try:
            self._socket = await self._session.ws_connect(
                URL(url, encoded=True),
                protocols=PROTOCOLS[self._wire],
                max_msg_size=2 * LARGEST,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                # The second wire format takes any frame of ours for a reason to hang up.
                heartbeat=30.0 if self._wire == "v1" else None,
            )
        except aiohttp.WSServerHandshakeError as error:
            await self.close()
            if error.status == 400 and self._wire == "v2" and cursor is not None and cursor < 10**15:
                raise _TooOld from None
            if error.status in (429, 500, 502, 503, 504):
                raise hub.Unavailable(f"{self.name} answers {error.status}") from None
            raise hub.Misconfigured(f"{self.name} answers {error.status}; check jetstreams and wire") from None
        except (aiohttp.ClientError, OSError, TimeoutError):
            await self.close()
            raise hub.Unavailable(f"{self.name} cannot be reached") from None

    async def next(self, seconds: float) -> Said | None:
        """What the next frame says, None where it is nothing of ours. Raises `Unavailable`."""
        assert self._socket is not None, "it is open"
        try:
            async with asyncio.timeout(seconds):
                frame: Any = await self._socket.receive()
        except TimeoutError:
            raise _Silent(f"{self.name} has said nothing for {seconds:.0f} s") from None
        if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            raise hub.Unavailable(f"{self.name} ended the stream")
        try:
            return read(frame.data, self._wire)
        except Ended as word:
            raise hub.Unavailable(f"{self.name} ended the stream: {word}") from None
        except NotAFrame as error:
            logger.warning("%s said something that cannot be read: %s", self.name, error)
            return None

    async def close(self) -> None:
        """Hang up."""
        socket, self._socket = self._socket, None
        session, self._session = self._session, None
        if socket is not None:
            await socket.close()
        if session is not None:
            await session.close()


__all__ = ["Connector", "moment"]
