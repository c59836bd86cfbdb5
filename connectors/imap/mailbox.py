"""One signed-in session with the server, in the words of the connector. Everything here blocks.

It only ever reads: folders are opened by EXAMINE and mails by BODY.PEEK, so that no flag changes (`\\Seen`).
Errors leave as verdicts. Their texts are fixed, because a server may quote a mail or a password in its own.
"""

# mypy: allow-untyped-calls
# imapclient annotates only some of its functions.

from __future__ import annotations

import imaplib
import re
import socket
import ssl
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from imapclient.exceptions import CapabilityError

import hub
from connectors.imap.login import BUSY, login
from connectors.imap.settings import ImapSettings
from connectors.imap.wire import Client, Wire

ANSWER_SECONDS = 120
"""How long a server may take to go on with an answer."""


class Unfetchable(hub.Unavailable):
    """The server broke off while it told mails: perhaps one of them is why."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder's numbering: its UIDVALIDITY, and the UID that its next mail will get."""

    name: str
    validity: int
    next_uid: int


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as the server tells it. *received_at* is INTERNALDATE in UTC; `None` where that is no date."""

    uid: int
    raw: bytes
    flags: frozenset[str]
    received_at: datetime | None


class Mailbox:
    """A session over *sock*. *source* is the source's name, for messages that say which key to change;
    *access_token* is what OAuth signs in with."""

    def __init__(
        self, settings: ImapSettings, source: str, sock: socket.socket, access_token: str | None = None
    ) -> None:
        self._settings = settings
        self._source = source
        self._sock = sock
        self._access_token = access_token
        self._client: Client | None = None
        self._folder: Folder | None = None

    def open(self) -> None:
        """Greet, encrypt and log in."""
        settings = self._settings
        self._sock.settimeout(ANSWER_SECONDS)
        with self._verdicts():
            context = self._context()
            try:
                self._wire = Wire(self._sock, settings.host, context if settings.security == "tls" else None)
                self._client = Client(self._wire, answer_seconds=ANSWER_SECONDS)
            except imaplib.IMAP4.error as error:
                raise hub.Unavailable(f"{settings.host} answers, but does not let us in now") from error
            if settings.security == "starttls":
                self._client.starttls(context)
            login(self._client, settings, self._source, self._access_token)

    def close(self) -> None:
        """Close the socket, whatever state the session is in."""
        if self._client is not None:
            self._client.shutdown()
        self._sock.close()

    def examine(self, name: str) -> Folder:
        """Open folder *name* for reading; nothing happens where it is open."""
        if self._folder is None or self._folder.name != name:
            self._folder = None
            with self._verdicts():
                self._folder = self._examined(name)
        return self._folder

    def status(self, name: str) -> Folder:
        """The numbering of folder *name*, without opening it."""
        with self._verdicts():
            try:
                numbers = self._session.folder_status(name, ["UIDNEXT", "UIDVALIDITY"])
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as error:
                raise self._refused_folder(name, error) from error
            return Folder(name, int(numbers[b"UIDVALIDITY"]), int(numbers[b"UIDNEXT"]))

    def search(self, after: int, until: int | None = None, since: date | None = None) -> list[int]:
        """The UIDs above *after* and up to *until* in the open folder, ascending; only what came on *since* or later
        (by the server's own calendar)."""
        criteria: list[str | date] = ["UID", f"{after + 1}:{until or '*'}"]
        if since is not None:
            criteria += ["SINCE", since]
        with self._verdicts():
            if until is None:
                # Without it the server may search among those mails only of which it has told us.
                # What it tells from here on is seen by `wait`.
                self._wire.catch_up()
            found = self._session.search(criteria)
            # A range has no direction: "9:*" finds the last mail even where that is 5 (RFC 3501, 6.4.8).
            return sorted(uid for uid in found if after < uid and (until is None or uid <= until))

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """The size in bytes of each mail of *uids* that is still there."""
        with self._verdicts():
            told = self._fetch(uids, ["RFC822.SIZE"])
            return {uid: int(mail.get(b"RFC822.SIZE") or 0) for uid, mail in told.items()}

    def received_at(self, uid: int) -> datetime | None:
        """When the server took the mail; `None` where it is gone or has no date."""
        with self._verdicts():
            return _utc(self._fetch([uid], ["INTERNALDATE"]).get(uid, {}).get(b"INTERNALDATE"))

    def mails(self, uids: Sequence[int], section: str = "") -> list[Mail]:
        """The mails of *uids* that are still there, ascending; with *section* "HEADER" only their headers.

        Raises `Unfetchable` where the server fails in it for a reason that looks as if it lay in a mail.
        """
        body = f"BODY[{section}]".encode()
        wanted = [f"BODY.PEEK[{section}]", "FLAGS", "INTERNALDATE"]
        with self._verdicts(fetching=True):
            told = self._fetch(uids, wanted)
            untold = [uid for uid in uids if told.get(uid, {}).get(body) is None]
            if untold:
                # Deleted meanwhile, as a rule. The server may go on speaking of it until it could say so.
                self._session.noop()
                told = {uid: mail for uid, mail in told.items() if uid not in untold} | self._fetch(untold, wanted)
        if any(mail.get(body) is None for mail in told.values()):
            raise Unfetchable(f"{self._settings.host} does not tell a mail that it has")
        return [
            Mail(uid, mail[body], _flags(mail.get(b"FLAGS", ())), _utc(mail.get(b"INTERNALDATE")))
            for uid, mail in sorted(told.items())
        ]

    def wait(self, *, poll: bool) -> None:
        """Return when the open folder has news, or when IDLE is to be renewed; with *poll*, or where the server knows
        no IDLE, after `poll_seconds` at the latest."""
        with self._verdicts():
            idles = self._session.has_capability("IDLE")
            seconds = self._settings.idle_minutes * 60
            if poll or not idles:
                seconds = min(seconds, self._settings.poll_seconds)
            if idles:
                self._wire.idle_for(seconds)
            else:
                self._wire.pause(seconds)

    def _fetch(self, uids: Sequence[int], items: list[str]) -> dict[int, dict[bytes, Any]]:
        # What was told of other mails meanwhile is told by their numbers, which imapclient takes for UIDs.
        self._wire.response("FETCH")
        try:
            return dict(self._session.fetch(uids, items))
        except imaplib.IMAP4.error as error:
            if "EXPUNGEISSUED" not in str(error):
                raise
            # Some were deleted meanwhile (RFC 5530); with the next answer the server says which.
            self._session.noop()
            return dict(self._session.fetch(uids, items))

    @property
    def _session(self) -> Client:
        assert self._client is not None, "the session is not open"
        return self._client

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file or None)
        except OSError as error:
            raise hub.Misconfigured(
                f"cannot read certificates from {self._settings.ca_file}; check {self._key('ca_file')}"
            ) from error

    def _examined(self, name: str) -> Folder:
        try:
            told = self._session.select_folder(name, readonly=True)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise self._refused_folder(name, error) from error
        if b"UIDVALIDITY" not in told:
            raise hub.Misconfigured(f"{self._settings.host} does not number its mails for good (no UIDVALIDITY)")
        # UIDNEXT is not promised (RFC 3501, 6.3.1).
        next_uid = told.get(b"UIDNEXT") or max(self._session.search("ALL"), default=0) + 1
        return Folder(name, told[b"UIDVALIDITY"], next_uid)

    def _refused_folder(self, name: str, error: imaplib.IMAP4.error) -> hub.Verdict:
        names = [str(found) for _, _, found in self._session.list_folders()]
        if name not in names and name.upper() != "INBOX":
            return hub.Misconfigured(
                f'there is no folder "{name}"; correct {self._key("folders")}: there are {_listed(names)}'
            )
        if re.search(r"\[NOPERM\]|permission", str(error), re.IGNORECASE):
            return hub.Rejected(f'we may not read the folder "{name}"; ask who runs the server, or leave it out')
        return hub.Unavailable(f'{self._settings.host} does not open the folder "{name}" now')

    def _key(self, name: str) -> str:
        return f"sources.{self._source}.{name}"

    @contextmanager
    def _verdicts(self, fetching: bool = False) -> Generator[None]:
        host, port = self._settings.address
        broken = Unfetchable if fetching else hub.Unavailable
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise hub.Misconfigured(
                f"the certificate of {host} is not to be trusted ({error.verify_message});"
                f" check {self._key('host')}, or name the authority in {self._key('ca_file')}"
            ) from error
        except ssl.SSLError as error:
            if error.reason == "WRONG_VERSION_NUMBER":
                raise hub.Misconfigured(
                    f'{host} does not begin with TLS on port {port}; set {self._key("security")} = "starttls"'
                    f" or {self._key('port')} = 993"
                ) from error
            raise broken(f"the encrypted connection to {host} broke") from error
        except CapabilityError as error:
            raise hub.Misconfigured(
                f'{host} offers no STARTTLS on port {port}; set {self._key("security")} = "tls"'
            ) from error
        except imaplib.IMAP4.abort as error:
            raise broken(f"{host} closed the connection") from error
        except imaplib.IMAP4.error as error:
            if BUSY.search(str(error).encode()):
                raise hub.Unavailable(f"{host} is busy") from error
            raise broken(f"{host} gave an answer we do not understand") from error
        except TimeoutError as error:
            raise broken(f"{host} did not answer for {ANSWER_SECONDS} s") from error
        except OSError as error:
            raise broken(f"the connection to {host} was lost") from error


def _flags(told: Iterable[bytes | int]) -> frozenset[str]:
    # \Recent belongs to whoever looks first, not to the mail (RFC 3501, 2.3.2).
    names = (flag.decode("ascii", "replace") if isinstance(flag, bytes) else str(flag) for flag in told)
    return frozenset(name for name in names if name.lower() != "\\recent")


def _utc(told: object) -> datetime | None:
    return told.astimezone(UTC) if isinstance(told, datetime) and told.tzinfo is not None else None


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
