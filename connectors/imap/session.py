"""A connection and the one thread that speaks on it: opened, used and closed without blocking the event loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import aiohappyeyeballs

import hub
from connectors.imap.mailbox import Mailbox
from connectors.imap.settings import ImapSettings

CONNECT_SECONDS = 30

P = ParamSpec("P")
T = TypeVar("T")


class Session:
    """`async with Session(...)` connects and logs in; leaving it closes the socket and ends the thread at once."""

    def __init__(self, settings: ImapSettings, source: str, loan: hub.Loan | None) -> None:
        self._settings = settings
        self._loan = loan
        self._source = source
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"imap-{source}")

    async def __aenter__(self) -> Self:
        access_token = await self._access_token()
        sock = await _connect(self._settings, self._source)
        # A second descriptor of the same connection: shutting it down wakes the thread, whatever it waits for.
        self._cut = sock.dup()
        self.mailbox = Mailbox(self._settings, self._source, sock, access_token)
        try:
            await self.run(self.mailbox.open)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *work* in the thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    async def _access_token(self) -> str | None:
        if self._settings.auth == "password":
            return None
        if self._loan is None:
            raise hub.Unavailable("signing in by OAuth takes a running hub, which keeps the permission")
        return await self._loan.access_token()

    async def _close(self) -> None:
        # Fails where the server was quicker.
        with suppress(OSError):
            self._cut.shutdown(socket.SHUT_RDWR)
        self._cut.close()
        try:
            # Behind what the thread is doing, which now fails.
            await self.run(self.mailbox.close)
        finally:
            self._thread.shutdown(wait=False)


async def _connect(settings: ImapSettings, source: str) -> socket.socket:
    host, port = settings.address
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            # Tries IPv6 and IPv4 side by side (RFC 8305).
            sock = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=0.25)
    except (socket.gaierror, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno != socket.EAI_NONAME:
            raise hub.Unavailable(f"the address of {host} cannot be looked up now") from error
        raise hub.Misconfigured(f"there is no host {host}; correct sources.{source}.host") from error
    except TimeoutError as error:
        raise hub.Unavailable(f"{host} did not answer on port {port} within {CONNECT_SECONDS} s") from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "no address answers"
        raise hub.Unavailable(f"{host} cannot be reached on port {port} ({reason})") from error
    # imapclient sends the end of a command by itself; Nagle's algorithm would hold it back for 40 ms.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A connection that a router has forgotten ends after two minutes, not with the next IDLE.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return sock
