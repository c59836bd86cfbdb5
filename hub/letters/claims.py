"""The letters of a source that are due: who is sending them, and how that ended. As `hub.outgoing` does for CRMs.

A letter is claimed before it is sent and settled after. A claim that ran out without being settled means that somebody
began to send and was never heard of again: the letter is then `PERHAPS`, and is not sent again by itself. A letter that
was sent is recorded and filed, which may be done again without harm. Functions take a connection and run inside
somebody's transaction; what they write of a letter they write only while the claim is still the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.inbox.states import settle
from hub.letters import canned
from hub.letters.answering import latest_inbound
from hub.letters.states import UNHEARD, WAITING, Reached, State
from hub.store.clock import clock
from hub.store.schema import EPOCH, letter_recipients, letters
from hub.vocabulary import Channel


@dataclass(frozen=True, slots=True)
class Claimed:
    """A letter that is ours to send or, where it *was_sent*, to file until *claimed_until*. *recipients* are the
    handles to which it is still to go, *everybody* all of them; *content* what was written, as a draft has it."""

    id: int
    key: str
    conversation_id: int
    source: str
    agent: str
    sender: str
    recipients: tuple[str, ...]
    everybody: tuple[str, ...]
    content: Mapping[str, Any]
    blob: str
    was_sent: bool
    sent_at: datetime | None
    attempts: int
    claimed_until: datetime

    @property
    def channel(self) -> Channel:
        """What it goes out on."""
        return Channel(self.content.get("channel") or Channel.EMAIL)

    @property
    def medium(self) -> str:
        """What it is made by: named after its channel where it does not say."""
        return self.content.get("medium") or self.channel


def due_sources(conn: Connection) -> list[str]:
    """The sources that have something to send or to file."""
    now = clock(conn)
    return list(conn.scalars(sa.select(letters.c.source).where(_due(now)).distinct()))


def claim(conn: Connection, source: str, limit: int, seconds: float) -> tuple[list[Claimed], list[int]]:
    """At most *limit* letters of *source* that are due, claimed for *seconds*, so that no other hub sends them
    meanwhile; and the conversations of those that somebody began to send and that became `PERHAPS`."""
    now = clock(conn)
    until = now + timedelta(seconds=seconds)
    wanted = sa.select(letters).where(letters.c.source == source, _due(now)).order_by(letters.c.due_at, letters.c.id)
    rows = conn.execute(wanted.limit(limit).with_for_update(skip_locked=True)).all()
    unheard = [row for row in rows if row.claimed_until is not None and row.state != State.SENT]
    conn.execute(
        letters.update()
        .where(letters.c.id.in_([row.id for row in unheard]))
        .values(state=State.PERHAPS, reason=UNHEARD, claimed_until=None)
    )
    ours = [row for row in rows if row not in unheard]
    ids = [row.id for row in ours]
    conn.execute(letters.update().where(letters.c.id.in_(ids)).values(claimed_until=until))
    to: dict[int, list[str]] = {letter_id: [] for letter_id in ids}
    everybody: dict[int, list[str]] = {letter_id: [] for letter_id in ids}
    reached = letter_recipients.c
    people = conn.execute(
        sa.select(reached.letter_id, reached.handle, reached.state)
        .where(reached.letter_id.in_(ids))
        .order_by(reached.letter_id, reached.handle)
    )
    for letter_id, handle, state in people:
        everybody[letter_id].append(handle)
        if state == Reached.QUEUED:
            to[letter_id].append(handle)
    claimed = [
        Claimed(
            id=row.id,
            key=row.key,
            conversation_id=row.conversation_id,
            source=row.source,
            agent=row.agent,
            sender=row.sender,
            recipients=tuple(to[row.id]),
            everybody=tuple(everybody[row.id]),
            content=row.content,
            blob=row.blob,
            was_sent=row.state == State.SENT,
            sent_at=row.sent_at,
            attempts=row.attempts,
            claimed_until=until,
        )
        for row in ours
    ]
    return claimed, [row.conversation_id for row in unheard]


def forget_claims(conn: Connection) -> None:
    """Say that every claim has run out: on SQLite whoever held one is gone when the next hub starts."""
    conn.execute(letters.update().where(letters.c.claimed_until.is_not(None)).values(claimed_until=EPOCH))


def sent(
    conn: Connection, letter: Claimed, remote_id: str, refused: Mapping[str, str], new_id: Callable[[], int]
) -> bool:
    """The server has it, as *remote_id*, for all but the *refused*. The claim stays: it is to be recorded and filed.
    False where it is not ours any more."""
    now = clock(conn)
    values = {"state": State.SENT, "remote_id": remote_id, "reason": "", "attempts": 0, "sent_at": now, "due_at": now}
    if not conn.execute(letters.update().where(_ours(letter)).values(values)).rowcount:
        return False
    for handle in letter.recipients:
        reason = refused.get(handle, "")
        _reach(conn, letter.id, handle, Reached.REFUSED if handle in refused else Reached.SENT, reason, now)
    content = conn.execute(sa.select(letters.c.content).where(letters.c.id == letter.id)).scalar_one()
    canned.used(conn, content, new_id, now)
    _then(conn, letter.conversation_id, content)
    return True


def put_back(conn: Connection, letter: Claimed, reason: str, wait: float = 0, *, count: bool = True) -> None:
    """It surely did not happen: to be done again in *wait* seconds. With *count* the attempt is counted."""
    _settle(
        conn, letter, reason=reason, attempts=letters.c.attempts + int(count),
        due_at=clock(conn) + timedelta(seconds=wait),
    )  # fmt: skip


def refused(conn: Connection, letter: Claimed, reason: str) -> None:
    """The server does not take it, for nobody."""
    now = clock(conn)
    _settle(conn, letter, state=State.FAILED, reason=reason, attempts=letters.c.attempts + 1)
    for handle in letter.recipients:
        _reach(conn, letter.id, handle, Reached.REFUSED, reason, now)


def unheard(conn: Connection, letter: Claimed) -> None:
    """It may have happened."""
    _settle(conn, letter, state=State.PERHAPS, reason=UNHEARD)


def filed(conn: Connection, letter: Claimed, reason: str = "") -> None:
    """All is done. *reason* says why no copy lies in the mailbox, where it does not."""
    _settle(conn, letter, filed_at=clock(conn), reason=reason)


def _then(conn: Connection, conversation_id: int, content: Mapping[str, Any]) -> None:
    """What the writer wanted to become of the conversation, unless the other side wrote since."""
    if not content.get("then") or str(latest_inbound(conn, conversation_id) or "") != content.get("reply_to"):
        return
    until = content.get("until")
    settle(conn, conversation_id, content["then"], datetime.fromisoformat(until) if until else None)


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        letters.c.filed_at.is_(None),
        letters.c.state.in_((*WAITING, State.SENT)),
        letters.c.due_at <= now,
        sa.or_(letters.c.claimed_until.is_(None), letters.c.claimed_until < now),
    )


def _ours(letter: Claimed) -> sa.ColumnElement[bool]:
    return sa.and_(letters.c.id == letter.id, letters.c.claimed_until == letter.claimed_until)


def _settle(conn: Connection, letter: Claimed, **values: Any) -> None:
    conn.execute(letters.update().where(_ours(letter)).values({"claimed_until": None, **values}))


def _reach(conn: Connection, letter_id: int, handle: str, state: Reached, reason: str, now: datetime) -> None:
    this = sa.and_(letter_recipients.c.letter_id == letter_id, letter_recipients.c.handle == handle)
    conn.execute(letter_recipients.update().where(this).values(state=state, reason=reason, at=now))
