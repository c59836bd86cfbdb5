"""The bytes below imapclient, with which a session signs in: imaplib over a socket that was opened elsewhere, with a
buffer of our own, so that the socket can be taken over afterwards."""

from __future__ import annotations

import imaplib
import socket
import ssl
from typing import Any

from imapclient import IMAPClient

BLOCK = 64 * 1024
MAX_LINE = 64 * 1024 * 1024
"""Longest line in bytes. A search in a large mailbox answers in one line; imaplib's own limit is 1 MB."""

MAX_LITERAL = 1024 * 1024 * 1024
"""Largest literal in bytes, whatever size the server announces."""


class Wire(imaplib.IMAP4):
    """IMAP over *sock*, which is connected to *host*; encrypted from the first byte (RFC 8314) where *tls* is set."""

    def __init__(self, sock: socket.socket, host: str, tls: ssl.SSLContext | None) -> None:
        self._connected = sock
        self._tls = tls
        self._buffer = bytearray()
        super().__init__(host)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Take the given socket instead of opening one."""
        self.host = host
        self.port = port
        self.sock = self._tls.wrap_socket(self._connected, server_hostname=host) if self._tls else self._connected

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> tuple[Any, Any]:
        """Go on encrypted (RFC 3501, 6.2.1). What follows the answer in clear may be an attacker's, so it ends here."""
        assert ssl_context is not None
        kind, data = self._simple_command("STARTTLS")
        if kind == "OK":
            if self._buffer:
                raise self.abort("something followed the answer to STARTTLS")
            self.sock = ssl_context.wrap_socket(self.sock, server_hostname=self.host)
        return kind, data

    def read(self, size: int) -> bytes:
        """Exactly *size* bytes; fewer where the connection ended."""
        if size > MAX_LITERAL:
            raise self.abort("a literal without an end")
        data = bytearray(size)
        filled = min(size, len(self._buffer))
        data[:filled] = self._buffer[:filled]
        del self._buffer[:filled]
        with memoryview(data) as view:
            while filled < size and (count := self.sock.recv_into(view[filled:])):
                filled += count
        return bytes(data[:filled])

    def readline(self) -> bytes:
        """One line with its end; without it, or empty, where the connection ended."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_LINE:
                raise self.abort("a line without an end")
            block = self.sock.recv(BLOCK)
            if not block:
                end = searched - 1
                break
            self._buffer += block
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    def take(self) -> tuple[socket.socket, bytes]:
        """The socket, and what was read from it and not used yet. This is then over."""
        return self.sock, bytes(self._buffer)

    def shutdown(self) -> None:
        """Close the socket. Nothing is said to the server, which may be gone."""
        self.sock.close()


class Client(IMAPClient):
    """imapclient over a `Wire`."""

    def __init__(self, wire: Wire, *, answer_seconds: float) -> None:
        self._wire = wire
        super().__init__(wire.host, ssl=False, timeout=answer_seconds)
        # Aware times, instead of naive ones in the zone of this machine.
        self.normalise_times = False
        # imapclient has imaplib format all it reads for a debug log: the mails of strangers, several times their size.
        wire.debug = 0

    def _create_IMAP4(self) -> Wire:  # noqa: N802
        return self._wire
