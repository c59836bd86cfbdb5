"""What strangers send by a form: recorded as a message on the channel `web`, or held where it looks like spam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub import audit
from hub.booking.questions import Answer
from hub.config import Config
from hub.formats.handles import display
from hub.ingest import Ingest
from hub.privacy.never_log import NeverLog
from hub.privacy.visibility import Actor
from hub.store import Store
from hub.store.visitor_tables import suspected_leads
from hub.visitors.fronts import Front, said
from hub.visitors.stamps import Stamp
from hub.visitors.suspicion import Reason, reasons
from hub.vocabulary import Channel, Event, Message, Participant, Role

KEPT = timedelta(days=30)
"""How long a suspected lead waits for somebody to look at it."""
LISTED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A form as it was filled in: the *answers* by their questions' ids, what stood in the hidden field (*trap*), and
    whether the form is flooded. *labels* are what the questions were called where the page did not show the config's
    own words."""

    front: Front
    stamp: Stamp
    answers: Mapping[str, Answer]
    tag: str
    labels: Mapping[str, str]
    trap: str = ""
    flood: bool = False


@dataclass(frozen=True, slots=True)
class Suspected:
    """A lead that is held, and why."""

    id: int
    source: str
    handle: str
    name: str
    title: str
    text: str
    reasons: tuple[str, ...]
    at: datetime


class Leads:
    """Takes leads. What is suspected a person releases or discards."""

    def __init__(self, config: Config, store: Store, ingest: Ingest) -> None:
        self._config = config
        self._store = store
        self._ingest = ingest
        self._never = NeverLog(config.privacy.never_log)

    async def take(self, lead: Lead, now: datetime) -> tuple[Reason, ...]:
        """Returns once it is durable: recorded, or held for the reasons that are answered. The same stamp again changes
        nothing. Raises `Unavailable`."""
        suspected = self._judged(lead, now)
        if self._never.covers([each for each in suspected.handles if each]):
            return ()
        why = reasons(
            trap=lead.trap,
            age=lead.stamp.age,
            mail=suspected.mail,
            lines=suspected.lines,
            text=suspected.long,
            refused=self._config.booking.refused_domains,
            flood=lead.flood,
        )
        if why:
            await self._hold(suspected, why, now)
        else:
            await self._ingest.record(lead.front.source, [_event(suspected.key, suspected.row, now)])
        return why

    async def suspected(self) -> list[Suspected]:
        """What is held, the newest first."""
        newest = sa.select(suspected_leads).order_by(suspected_leads.c.id.desc()).limit(LISTED)
        return await self._store.read(lambda conn: [_suspected(row) for row in conn.execute(newest)])

    async def release(self, actor: Actor, lead_id: int) -> bool:
        """It is no spam: record it as if it had come in just now. False where none of that id is held."""
        one = sa.select(suspected_leads).where(suspected_leads.c.id == lead_id)
        row = await self._store.read(lambda conn: conn.execute(one).mappings().one_or_none())
        if row is None:
            return False
        await self._ingest.record(row["source"], [_event(row["key"], dict(row), row["at"])])
        return await self._ended(actor, lead_id, "lead.release")

    async def discard(self, actor: Actor, lead_id: int) -> bool:
        """It is spam: forget it. False where none of that id is held."""
        return await self._ended(actor, lead_id, "lead.discard")

    async def _ended(self, actor: Actor, lead_id: int, action: str) -> bool:
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> bool:
            if not conn.execute(suspected_leads.delete().where(suspected_leads.c.id == lead_id)).rowcount:
                return False
            audit.note(conn, entry, actor, action, f"lead/{lead_id}", now)
            return True

        return await self._store.write(work)

    async def _hold(self, read: _Read, why: Sequence[Reason], now: datetime) -> None:
        row = {"id": self._store.ids(), "key": read.key, "reasons": [str(each) for each in why], "at": now, **read.row}

        def work(conn: Connection) -> None:
            insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(suspected_leads)
            conn.execute(suspected_leads.delete().where(suspected_leads.c.at < now - KEPT))
            conn.execute(insert.values(row).on_conflict_do_nothing())

        await self._store.write(work)

    def _judged(self, lead: Lead, now: datetime) -> _Read:
        mail, phone, lines, long, name = "", "", [], [], ""
        short_words, long_words = [], []
        for asked in lead.front.asks:
            answer = lead.answers.get(asked.question.id)
            if not answer:
                continue
            kind, label = asked.question.type, lead.labels[asked.question.id]
            text = ", ".join(answer) if isinstance(answer, list) else answer
            if kind == "mail":
                mail = mail or text
            elif kind == "phone":
                phone = phone or text
            elif kind == "long":
                long.append(text)
                long_words.append(f"{label}:\n{text}")
                continue
            else:
                lines.append(text)
                if asked.question.id == "name":
                    name = text
            short_words.append(f"{label}: {display(text) if kind in ('mail', 'phone') else text}")
        key = f"web:{lead.stamp.ident}"
        # Somebody who gives an address of ours is not one of us: it stands in the text, and nowhere else.
        handle = next((each for each in (mail, phone) if each and each not in self._ingest.ours.handles), key)
        row = {
            "source": lead.front.source,
            "handle": handle,
            "name": name,
            "title": said(lead.front.title, lead.tag),
            "text": "\n".join(short_words) + "".join(f"\n\n{each}" for each in long_words),
        }
        return _Read(key, row, mail, (mail, phone), tuple(lines), "\n".join(long))


@dataclass(frozen=True, slots=True)
class _Read:
    """A lead, read: the *row* that says it, and what it is judged by."""

    key: str
    row: Mapping[str, Any]
    mail: str
    handles: tuple[str, ...]
    lines: tuple[str, ...]
    long: str


def _event(key: str, row: Mapping[str, Any], at: datetime) -> Event:
    return Event(
        key=key,
        id="sent",
        channel=Channel.WEB,
        at=at,
        facts=Message(
            participants=(Participant(row["handle"], Role.SENDER, row["name"]),),
            title=row["title"],
            text=row["text"].strip(),
            sent_at=at,
        ),
    )


def _suspected(row: Any) -> Suspected:
    return Suspected(row.id, row.source, row.handle, row.name, row.title, row.text.strip(), tuple(row.reasons), row.at)
