"""From a host's name to a mailbox that is signed in. A thread is needed only until then: imapclient, which knows the
ways to sign in, blocks. A mailbox that is open has none."""

from __future__ import annotations

import asyncio
import imaplib
import os
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import TypeVar
from weakref import WeakKeyDictionary

import aiohappyeyeballs
from imapclient.exceptions import CapabilityError

import hub
from connectors.imap.login import BUSY, TokenRefused, login
from connectors.imap.mailbox import Mailbox
from connectors.imap.settings import ImapSettings
from connectors.imap.stream import Stream
from connectors.imap.wire import Client, Wire

CONNECT_SECONDS = 30
ANSWER_SECONDS = 120
"""How long a server may take to go on with an answer."""

SIGNING_IN = 8
"""So many sign in at once in one process: a thousand mailboxes must not begin with a thousand threads."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

T = TypeVar("T")


@asynccontextmanager
async def opened(settings: ImapSettings, source: str, loan: hub.Loan | None) -> AsyncGenerator[Mailbox]:
    """A mailbox that is signed in, for the length of the block. Raises `Rejected`, `Unavailable`, `Misconfigured`."""
    token = await _access_token(settings, loan)
    try:
        stream, greeting = await _signed_in(settings, source, token)
    except TokenRefused:
        another = await _access_token(settings, loan, token)
        if another == token:
            raise
        stream, greeting = await _signed_in(settings, source, another)
    mailbox = Mailbox(settings, source, stream)
    try:
        await mailbox.begin(greeting)
        yield mailbox
    finally:
        mailbox.close()


async def _access_token(settings: ImapSettings, loan: hub.Loan | None, refused: str | None = None) -> str | None:
    if settings.auth == "password":
        return None
    if loan is None:
        raise hub.Unavailable("signing in by OAuth takes a running hub, which keeps the permission")
    return await loan.access_token(refused)


async def _signed_in(settings: ImapSettings, source: str, access_token: str | None) -> tuple[Stream, bytes]:
    """A stream that is signed in, and the server's greeting."""
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(SIGNING_IN)):
        sock = await _connect(settings, source)
        try:
            sock, ahead, greeting = await _in_thread(lambda: _sign_in(settings, source, sock, access_token), sock)
        except BaseException:
            sock.close()
            raise
    return Stream(sock, ahead, ANSWER_SECONDS), greeting


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


async def _in_thread(work: Callable[[], T], sock: socket.socket) -> T:
    """What *work* answers, in a thread of its own. When cancelled, *sock* is shut down, and the thread has ended."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(answer: Callable[[], None]) -> None:
        if not done.done():
            answer()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            loop.call_soon_threadsafe(tell, lambda error=error: done.set_exception(error))
        else:
            loop.call_soon_threadsafe(tell, lambda: done.set_result(result))

    # A second descriptor of the same connection: shutting it down wakes the thread, whatever it waits for.
    with sock.dup() as cut:
        threading.Thread(target=run, name="imap-sign-in", daemon=True).start()
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            with suppress(OSError):  # the server was quicker
                cut.shutdown(socket.SHUT_RDWR)
            with suppress(Exception):
                await done
            raise


def _sign_in(
    settings: ImapSettings, source: str, sock: socket.socket, access_token: str | None
) -> tuple[socket.socket, bytes, bytes]:
    """Greet, encrypt and log in. Blocks. Answers the socket, what was read ahead from it, and the greeting."""
    host, port = settings.address
    sock.settimeout(ANSWER_SECONDS)
    wire: Wire | None = None
    try:
        context = None if settings.security == "none" else _trusting(settings, source)
        try:
            wire = Wire(sock, host, context if settings.security == "tls" else None)
            client = Client(wire, answer_seconds=ANSWER_SECONDS)
        except imaplib.IMAP4.error as error:
            raise hub.Unavailable(f"{host} answers, but does not let us in now") from error
        if settings.security == "starttls":
            client.starttls(context)
        login(client, settings, source, access_token)
        encrypted, ahead = wire.take()
        return encrypted, ahead, bytes(wire.welcome)
    except BaseException as error:
        if wire is not None:
            wire.shutdown()
        if verdict := _verdict(error, host, port, source):
            raise verdict from error
        raise


def _verdict(error: BaseException, host: str, port: int, source: str) -> hub.Verdict | None:
    """What an error of the libraries means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return hub.Misconfigured(
            f"the certificate of {host} is not to be trusted ({error.verify_message});"
            f" check sources.{source}.host, or name the authority in sources.{source}.ca_file"
        )
    if isinstance(error, ssl.SSLError):
        if error.reason == "WRONG_VERSION_NUMBER":
            return hub.Misconfigured(
                f'{host} does not begin with TLS on port {port}; set sources.{source}.security = "starttls"'
                f" or sources.{source}.port = 993"
            )
        return hub.Unavailable(f"the encrypted connection to {host} broke")
    if isinstance(error, CapabilityError):
        return hub.Misconfigured(f'{host} offers no STARTTLS on port {port}; set sources.{source}.security = "tls"')
    if isinstance(error, imaplib.IMAP4.abort):
        return hub.Unavailable(f"{host} closed the connection")
    if isinstance(error, imaplib.IMAP4.error):
        busy = BUSY.search(str(error).encode())
        return hub.Unavailable(f"{host} is busy" if busy else f"{host} gave an answer we do not understand")
    if isinstance(error, TimeoutError):
        return hub.Unavailable(f"{host} did not answer for {ANSWER_SECONDS} s")
    if isinstance(error, OSError):
        return hub.Unavailable(f"the connection to {host} was lost")
    return None


def _trusting(settings: ImapSettings, source: str) -> ssl.SSLContext:
    try:
        changed = os.stat(settings.ca_file).st_mtime_ns if settings.ca_file else 0
        return _context(settings.ca_file, changed)
    except OSError as error:
        raise hub.Misconfigured(
            f"cannot read certificates from {settings.ca_file}; check sources.{source}.ca_file"
        ) from error


@lru_cache(maxsize=8)
def _context(ca_file: str, changed: int) -> ssl.SSLContext:
    """One for all mailboxes: each holds every authority there is, a megabyte of them."""
    return ssl.create_default_context(cafile=ca_file or None)
