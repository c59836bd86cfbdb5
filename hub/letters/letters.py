"""The letters of a conversation as people see them, and what they do to them before they leave.

Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from hub.letters.drafts import restore
from hub.letters.states import ANSWERED, STUCK, WAITING, Reached, State
from hub.store.blobs import Blobs
from hub.store.clock import clock
from hub.store.schema import interactions, letter_recipients, letters
from hub.store.sets import Run, SetRead, among
from hub.vocabulary import Channel

_UNLESS_ANSWERED = SetRead(
    sa.select(letters.c.id, letters.c.agent, letters.c.conversation_id, letters.c.content).where(
        among(letters.c.conversation_id),
        letters.c.unless_answered,
        letters.c.state.in_([state.value for state in WAITING]),
        letters.c.claimed_until.is_(None),
    )
)


KEPT = timedelta(days=30)
"""How long a letter is kept that was called back."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient: her *role* is `recipient`, `copied` or `bcc`; *state* what became of it as of *at* (UTC)."""

    handle: str
    role: str
    name: str
    state: Reached
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterView:
    """A letter as people see it. *interaction* is what it was recorded as, None while it waits; *due_at* when it
    leaves, *leaving* whether it does just now; *content* what was written, as a draft has it; *reason* why it is stuck
    or cancelled. *agent* is who wrote it."""

    id: int
    key: str
    conversation_id: int
    interaction: int | None
    source: str
    agent: str
    sender: str
    content: Mapping[str, Any] = field(repr=False)
    state: State
    reason: str
    due_at: datetime
    unless_answered: bool
    attempts: int
    leaving: bool
    written_at: datetime
    sent_at: datetime | None
    filed_at: datetime | None
    recipients: tuple[Recipient, ...]

    @property
    def channel(self) -> Channel:
        """What it goes out on."""
        return Channel(self.content.get("channel") or Channel.EMAIL)

    @property
    def can_be_cancelled(self) -> bool:
        """Whether it has not left."""
        return self.state in WAITING and not self.leaving

    @property
    def delivery(self) -> str:
        """How it does in a word: its state, or what became of it at the recipient where it went worst."""
        if self.state is not State.SENT or not self.recipients:
            return self.state
        worst = max((each.state for each in self.recipients), key=lambda state: state.rank)
        if worst is Reached.DELIVERED and any(each.state is not Reached.DELIVERED for each in self.recipients):
            return State.SENT
        return State.SENT if worst is Reached.QUEUED else worst


def of(conn: Connection, conversation_id: int) -> list[LetterView]:
    """The letters of a conversation in order of time. Whether the reader may see it the caller has asked."""
    return _read(conn, letters.c.conversation_id == conversation_id)


def by_id(conn: Connection, letter_id: int) -> LetterView | None:
    """The letter of that id."""
    return next(iter(_read(conn, letters.c.id == letter_id)), None)


def listed(
    conn: Connection, states: Collection[State], sources: Collection[str], agent: str | None, limit: int
) -> list[LetterView]:
    """At most *limit* letters in *states* of *sources*, the newest first; of *agent* alone where she is given."""
    which = sa.and_(letters.c.state.in_(list(states)), letters.c.source.in_(list(sources)))
    if agent is not None:
        which = sa.and_(which, letters.c.agent == agent)
    return _read(conn, which, newest=limit)


def waiting(conn: Connection, conversation_ids: Collection[int]) -> dict[int, list[int]]:
    """The letters of these conversations that have not left, by conversation."""
    found: dict[int, list[int]] = {}
    rows = conn.execute(
        sa.select(letters.c.conversation_id, letters.c.id).where(
            letters.c.conversation_id.in_(list(conversation_ids)), letters.c.state.in_(WAITING)
        )
    )
    for conversation_id, letter_id in rows:
        found.setdefault(conversation_id, []).append(letter_id)
    return found


def cancel(conn: Connection, letter_id: int, reason: str = "") -> bool:
    """Call back a letter that has not left: its words become a draft again. False where it left, or is leaving."""
    unclaimed = sa.and_(letters.c.state.in_(WAITING), letters.c.claimed_until.is_(None))
    row = conn.execute(
        letters.update()
        .where(letters.c.id == letter_id, unclaimed)
        .values(state=State.CANCELLED, reason=reason)
        .returning(letters.c.agent, letters.c.conversation_id, letters.c.content)
    ).one_or_none()
    if row is None:
        return False
    restore(conn, row.agent, row.conversation_id, row.content, clock(conn))
    return True


def send_now(conn: Connection, letter_id: int) -> bool:
    """Do not hold it any longer. False where it has left."""
    unclaimed = sa.and_(letters.c.state.in_(WAITING), letters.c.claimed_until.is_(None))
    values = {"state": State.QUEUED, "due_at": clock(conn), "unless_answered": False}
    return bool(conn.execute(letters.update().where(letters.c.id == letter_id, unclaimed).values(values)).rowcount)


def retry(conn: Connection, letter_id: int) -> bool:
    """Send again what is stuck, because a person says so. False where it is not stuck."""
    stuck = sa.and_(letters.c.id == letter_id, letters.c.state.in_(STUCK))
    values = {"state": State.QUEUED, "reason": "", "attempts": 0, "claimed_until": None, "due_at": clock(conn)}
    if not conn.execute(letters.update().where(stuck).values(values)).rowcount:
        return False
    again = letter_recipients.update().where(letter_recipients.c.letter_id == letter_id)
    conn.execute(again.values(state=Reached.QUEUED, reason="", at=clock(conn)))
    return True


def undelivered(conn: Connection, letter_id: int) -> LetterView | None:
    """A text that the provider took and could not deliver, once: from then on it counts as written again."""
    view = by_id(conn, letter_id)
    if view is None or view.state is not State.SENT or view.delivery != Reached.FAILED or view.content.get("again"):
        return None
    marked = {**view.content, "again": True}
    conn.execute(letters.update().where(letters.c.id == letter_id).values(content=marked))
    return view


def not_again(conn: Connection, letter_id: int) -> None:
    """It was not written again after all."""
    view = by_id(conn, letter_id)
    if view is not None:
        kept = {name: value for name, value in view.content.items() if name != "again"}
        conn.execute(letters.update().where(letters.c.id == letter_id).values(content=kept))


def answered(conn: Connection, conversation_ids: Iterable[int], now: datetime) -> list[int]:
    """The other side wrote in these conversations: what was to be sent unless they did is cancelled, and its words are
    a draft again. Answers the letters. One statement where there are none, as there mostly are."""
    rows = _UNLESS_ANSWERED(conn, sorted(set(conversation_ids)))
    _CANCEL.many(conn, [(State.CANCELLED.value, ANSWERED, letter_id) for letter_id, *_ in rows])
    for _, agent, conversation_id, content in rows:
        restore(conn, agent, conversation_id, orjson.loads(content), now)
    return [letter_id for letter_id, *_ in rows]


_CANCEL = Run("UPDATE letters SET state = ?, reason = ? WHERE id = ?")


def follow(conn: Connection, letter_id: int, key: str) -> None:
    """The letter stands in the conversation of the interaction *key* that it was recorded as, where there is one."""
    stands = sa.select(interactions.c.conversation_id).where(interactions.c.key == key).scalar_subquery()
    here = sa.and_(letters.c.id == letter_id, sa.exists().where(interactions.c.key == key))
    conn.execute(letters.update().where(here).values(conversation_id=stands))


def forget(conn: Connection, blobs: Blobs, key: str) -> None:
    """Forget the letter that was recorded under *key*, with all that was written in it: the interaction is deleted."""
    _forget(conn, blobs, letters.c.key == key)


def tidy(conn: Connection, blobs: Blobs, now: datetime) -> None:
    """Forget what was called back a month ago."""
    _forget(conn, blobs, sa.and_(letters.c.state == State.CANCELLED, letters.c.due_at < now - KEPT))


def _forget(conn: Connection, blobs: Blobs, which: sa.ColumnElement[bool]) -> None:
    gone = conn.execute(letters.delete().where(which).returning(letters.c.id, letters.c.blob)).all()
    conn.execute(letter_recipients.delete().where(letter_recipients.c.letter_id.in_([row.id for row in gone])))
    blobs.release(conn, [row.blob for row in gone])


def _read(conn: Connection, which: sa.ColumnElement[bool], newest: int | None = None) -> list[LetterView]:
    wanted = (
        sa.select(letters, interactions.c.id.label("interaction"))
        .join_from(letters, interactions, interactions.c.key == letters.c.key, isouter=True)
        .where(which)
    )
    if newest is None:
        wanted = wanted.order_by(letters.c.written_at, letters.c.id)
    else:
        wanted = wanted.order_by(letters.c.written_at.desc(), letters.c.id.desc()).limit(newest)
    rows = conn.execute(wanted).all()
    people = _recipients(conn, [row.id for row in rows])
    return [_view(row, people.get(row.id, ())) for row in rows]


def _recipients(conn: Connection, ids: Sequence[int]) -> dict[int, tuple[Recipient, ...]]:
    found: dict[int, tuple[Recipient, ...]] = {}
    rows = conn.execute(
        sa.select(letter_recipients)
        .where(letter_recipients.c.letter_id.in_(ids))
        .order_by(letter_recipients.c.role.desc(), letter_recipients.c.handle)
    )
    for row in rows:
        one = Recipient(row.handle, row.role, row.name, Reached(row.state), row.reason, row.at)
        found[row.letter_id] = (*found.get(row.letter_id, ()), one)
    return found


def _view(row: sa.Row[*tuple[Any, ...]], recipients: tuple[Recipient, ...]) -> LetterView:
    return LetterView(
        id=row.id,
        key=row.key,
        conversation_id=row.conversation_id,
        interaction=row.interaction,
        source=row.source,
        agent=row.agent,
        sender=row.sender,
        content=row.content,
        state=State(row.state),
        reason=row.reason,
        due_at=row.due_at,
        unless_answered=row.unless_answered,
        attempts=row.attempts,
        leaving=row.claimed_until is not None,
        written_at=row.written_at,
        sent_at=row.sent_at,
        filed_at=row.filed_at,
        recipients=recipients,
    )
