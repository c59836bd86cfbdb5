"""What providers say of texts that we sent: written down beside the recipient, in whatever order it comes.

A receipt may be faster than our own word that the provider took the text: it is kept until the letter has its key.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub.inbox.states import settle
from hub.letters.states import Reached
from hub.store.schema import conversations, letter_recipients, letters, receipts
from hub.vocabulary import Delivered, Receipt

KEPT = timedelta(days=2)
"""How long a receipt is kept that belongs to no letter: somebody else sends from our account, too."""

_MEANS = {
    Delivered.SENT: Reached.SENT,
    Delivered.FAILED: Reached.FAILED,
    Delivered.DELIVERED: Reached.DELIVERED,
    Delivered.READ: Reached.READ,
}


def told(conn: Connection, some: Iterable[Receipt]) -> set[int]:
    """Write down what *some* receipts say. Answers the conversations of the letters of which they say something new."""
    ordered = sorted(some, key=lambda each: (each.key, _MEANS[each.state].rank))
    if not ordered:
        return set()
    rows = [{"key": each.key, "state": each.state.value, "reason": each.reason, "at": each.at} for each in ordered]
    insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(receipts)
    conn.execute(insert.on_conflict_do_nothing(), rows)
    return believe(conn, {each.key for each in ordered})


def believe(conn: Connection, keys: Iterable[str] | None = None) -> set[int]:
    """Apply the receipts that wait, under *keys* or all, to the letters that have those keys by now. Where a text did
    not arrive, its conversation is open again. Answers the conversations that changed."""
    waiting = (
        sa.select(receipts, letters.c.id, letters.c.conversation_id)
        .join_from(receipts, letters, letters.c.key == receipts.c.key)
        .order_by(receipts.c.key)
    )
    if keys is not None:
        waiting = waiting.where(receipts.c.key.in_(sorted(keys)))
    found = conn.execute(waiting).all()
    changed = set()
    for row in sorted(found, key=lambda row: _MEANS[Delivered(row.state)].rank):
        reached = _MEANS[Delivered(row.state)]
        earlier = [each.value for each in Reached if each.rank < reached.rank]
        of_letter = sa.and_(letter_recipients.c.letter_id == row.id, letter_recipients.c.state.in_(earlier))
        written = letter_recipients.update().where(of_letter).values(state=reached, reason=row.reason, at=row.at)
        if conn.execute(written).rowcount:
            changed.add(row.conversation_id)
            if reached is Reached.FAILED:
                reopen(conn, row.id)
    conn.execute(receipts.delete().where(receipts.c.key.in_(sorted({row.key for row in found}))))
    return changed


def reopen(conn: Connection, letter_id: int) -> None:
    """Somebody has to see to a letter that did not arrive: its conversation is open. Nothing happens to others."""
    failed = (
        sa.select(letters.c.conversation_id)
        .join_from(letters, letter_recipients, letter_recipients.c.letter_id == letters.c.id)
        .join(conversations, conversations.c.id == letters.c.conversation_id)
        .where(letters.c.id == letter_id, letter_recipients.c.state == Reached.FAILED, conversations.c.state != "open")
    )
    for conversation_id in conn.execute(failed).scalars().all():
        settle(conn, conversation_id, "open")


def tidy(conn: Connection, now: datetime) -> None:
    """Forget what belongs to no letter of ours."""
    believe(conn)
    conn.execute(receipts.delete().where(receipts.c.at < now - KEPT))
