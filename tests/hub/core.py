"""The core of a small firm's hub: two agents, a mailbox, a phone line; and short ways to say what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import Agent, Call, CallState, Channel, Copy, Event, Leg, Outcome, Participant, RawMail, Role
from hub.batch import Books
from hub.calendars.calendars import Calendars
from hub.calendars.intake import Intake
from hub.calendars.objects import Follow, nobody_follows
from hub.calendars.owners import Owners
from hub.ingest import Ingest
from hub.live import Live
from hub.mailroom import Mailroom
from hub.metrics import Metrics
from hub.ours import Line, Ours
from hub.pops import House, Pops
from hub.privacy.mail_rules import MailRules
from hub.privacy.never_log import NeverLog
from hub.store import Store
from hub.store.schema import contacts, identities
from hub.understanding import Guide
from hub.unrecorded import Unrecorded

LINE = "tel:+4930123456"
AGENTS = (
    Agent("ada", "Ada", ("mailto:ada@example.org", "tel:+4930123451"), ("pbx/21",)),
    Agent("ben", "Ben", ("mailto:ben@example.org", "tel:+4930123452"), ("pbx/22",)),
)
OURS = Ours(
    AGENTS,
    {"pbx": Line(frozenset([LINE]), ("ada", "ben")), "mail": Line(frozenset(["mailto:support@example.org"]))},
)
EMPTY_HOUSE = House()
NEVER = NeverLog(["mailto:doctor@clinic.example", "tel:+4930999999", "lawyers.example"])


@dataclass(frozen=True, slots=True)
class Core:
    """The parts, and what tests say to them."""

    store: Store
    live: Live
    ingest: Ingest
    pops: Pops
    mailroom: Mailroom
    calendars: Calendars

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """What a query answers."""
        return await self.store.read(lambda conn: [tuple(row) for row in conn.execute(sa.text(sql), values)])

    async def one(self, sql: str, **values: Any) -> Any:
        """The single value a query answers."""
        return (await self.rows(sql, **values))[0][0]

    async def contact(self, name: str, *handles: str, confirmed: bool = False) -> int:
        """A contact with these handles."""
        contact_id = self.store.ids()
        now = datetime.now(UTC)

        def work(conn: Connection) -> None:
            conn.execute(contacts.insert().values(id=contact_id, name=name, created_at=now, updated_at=now))
            for handle in handles:
                conn.execute(
                    identities.insert().values(
                        handle=handle,
                        contact_id=contact_id,
                        how="agent",
                        learned_at=now,
                        confirmed_at=now if confirmed else None,
                    )
                )

        await self.store.write(work)
        return contact_id


@asynccontextmanager
async def open_core(
    store: Store,
    ours: Ours = OURS,
    never: NeverLog = NEVER,
    house: House = EMPTY_HOUSE,
    owners: Owners | None = None,
    follows: Follow = nobody_follows,
    workers: Mailroom | None = None,
) -> AsyncIterator[Core]:
    """A core on *store*. *workers* are shared with others, so that they need not start each time."""
    owners = owners or Owners(ours=ours.handles, never=never)
    live = Live()
    unrecorded = Unrecorded(live, ours, store.ids)
    own = Mailroom(Guide(MailRules(never)), workers=1)
    async with live, own if workers is None else nullcontext(workers) as mailroom:
        books = Books(ours, store.ids, store.blobs, ("crm",), house=house, owners=owners, follows=follows)
        intake = Intake(store, mailroom, owners)
        ingest = Ingest(store, live, mailroom, books, never, unrecorded, Metrics(), lambda source: None, intake)
        calendars = Calendars(store, live, mailroom, ingest, intake, timedelta(minutes=15))
        yield Core(store, live, ingest, Pops(store, live, unrecorded, house.rota), mailroom, calendars)


def call(
    ident: str,
    state: CallState,
    *,
    caller: str = "tel:+4917012345678",
    at: datetime | None = None,
    legs: Sequence[Leg] = (),
    outcome: Outcome | None = None,
    step: str = "",
) -> Event:
    """One event of an inbound call to our line."""
    return Event(
        key=f"pbx:{ident}",
        id=step or state,
        channel=Channel.VOICE,
        at=at or datetime.now(UTC),
        facts=Call(
            participants=(Participant(caller, Role.CALLER), Participant(LINE, Role.CALLEE)),
            line=LINE,
            state=state,
            outcome=outcome,
            legs=tuple(legs),
        ),
    )


def letter(
    ident: str,
    *,
    sender: str = "Li Na <li.na@customer.example>",
    to: str = "support@example.org",
    subject: str = "Offer for 200",
    text: str = "Could you send an offer?",
    references: Sequence[str] = (),
    place: str = "INBOX",
    uid: int = 1,
    date: datetime | None = None,
    copy: Copy | None = None,
) -> RawMail:
    """A mail as an IMAP source would bring it; *ident* is its Message-ID without brackets, "" for none."""
    sent = date or datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    headers = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Date: {sent:%a, %d %b %Y %H:%M:%S +0000}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ]
    if ident:
        headers.append(f"Message-ID: <{ident}>")
    if references:
        headers.append("References: " + " ".join(f"<{ref}>" for ref in references))
    raw = "\r\n".join([*headers, "", text, ""]).encode()
    return RawMail(raw, copy or Copy(place, f"1:{uid}"), sent + timedelta(minutes=1))
