"""The canary: a mail that a source sends to itself, and that must come back.

That a connection stands does not prove that mail arrives. The canary goes out by the source's `Sender`, through
whatever lies between, and comes back in by its connector, where it is recognised by its token and never recorded.
A token is random, so nobody else can make a mail that the hub would overlook.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.store import Store
from hub.store.clock import clock
from hub.store.schema import canaries, micros
from hub.store.sets import SetWrite
from hub.vocabulary import Item, Letter, RawMail

HEADER = "Hub-Canary"
HEADERS_END = 65_536
"""Bytes of a mail in which the header is looked for: it stands near the top."""
REMEMBERED = 8
"""So many tokens of a source are known: one that comes back after days is still no interaction."""

_NAME = HEADER.encode()
_TOKEN = re.compile(rb"^" + _NAME + rb":[ \t]*([0-9a-f]{32})[ \t]*\r?$", re.MULTILINE)

_SENT = SetWrite(
    canaries,
    ("source", "token", "sent_at"),
    "ON CONFLICT (source) DO UPDATE SET token = excluded.token, sent_at = excluded.sent_at, arrived_at = NULL, "
    "cause = ''",
)


@dataclass(frozen=True, slots=True)
class Flight:
    """The last canary of a source. *cause* says what is wrong with it, "" while nothing is."""

    source: str
    tokens: tuple[str, ...]
    sent_at: datetime
    arrived_at: datetime | None
    cause: str


def token(raw: bytes) -> str:
    """The token in the headers of a mail, "" where there is none. Costs next to nothing for other mails."""
    if raw.find(_NAME, 0, HEADERS_END) < 0:
        return ""
    ends = [end for end in (raw.find(b"\r\n\r\n", 0, HEADERS_END), raw.find(b"\n\n", 0, HEADERS_END)) if end >= 0]
    found = _TOKEN.search(raw, 0, min(ends, default=HEADERS_END - 2) + 2)
    return found[1].decode() if found else ""


def letter(address: str, token: str, now: datetime) -> Letter:
    """The canary with *token*, from and to *address* (`mailto:…`)."""
    plain = address.removeprefix("mailto:")
    message = EmailMessage()
    message["From"] = message["To"] = plain
    message["Subject"] = "The hub tests this mailbox"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<canary-{token}@{plain.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody answers it by himself
    message[HEADER] = token
    message.set_content(
        "The hub sent this mail to itself to see whether mail comes all the way round.\n"
        "It appears nowhere in the hub and can be deleted.\n"
    )
    raw = message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return Letter(key=f"canary:{token}", sender=address, recipients=(address,), raw=raw)


def flights(conn: Connection, sources: Sequence[str] | None = None) -> dict[str, Flight]:
    """The last canary of each of *sources*, or of all."""
    wanted = sa.select(canaries)
    if sources is not None:
        wanted = wanted.where(canaries.c.source.in_(sources))
    return {
        row.source: Flight(row.source, tuple(row.token.split()), row.sent_at, row.arrived_at, row.cause)
        for row in conn.execute(wanted)
    }


def send(conn: Connection, source: str, before: Flight | None, now: datetime) -> str:
    """Write down that a canary of *source* goes out, and answer its token."""
    fresh = secrets.token_hex(16)
    kept = " ".join((fresh, *(before.tokens if before else ())[: REMEMBERED - 1]))
    _SENT(conn, [(source, kept, micros(now))])
    return fresh


def blame(conn: Connection, source: str, cause: str) -> None:
    """Write down what is wrong with the last canary of *source*."""
    conn.execute(canaries.update().where(canaries.c.source == source).values(cause=cause))


class Canaries:
    """Tells canaries from mails, on the way in."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def is_canary(self, raw: bytes) -> bool:
        """Whether a mail looks like one. `arrived` knows whether it is ours."""
        return bool(token(raw))

    async def arrived(self, source: str, raw: bytes) -> bool:
        """Note that a canary of *source* came back; False where it is none of ours. Raises `Unavailable`."""
        found = token(raw)

        def note(conn: Connection) -> bool:
            flight = flights(conn, [source]).get(source)
            if flight is None or found not in flight.tokens:
                return False
            if found == flight.tokens[0] and flight.arrived_at is None:
                back = canaries.update().where(canaries.c.source == source)
                conn.execute(back.values(arrived_at=clock(conn), cause=""))
            return True

        return await self._store.write(note)

    async def taken_out(self, source: str, items: Sequence[Item]) -> Sequence[Item]:
        """*items* without the canaries among them, which are noted. Raises `Unavailable`."""
        suspects = [item for item in items if isinstance(item, RawMail) and self.is_canary(item.raw)]
        if not suspects:
            return items
        ours: Mapping[int, bool] = {id(item): await self.arrived(source, item.raw) for item in suspects}
        return [item for item in items if not ours.get(id(item))]
