"""Who does not want to be written to by SMS any more, and says so with a word that carriers and laws agree on.

The words are those that providers act upon themselves (https://help.twilio.com/articles/223134027). What was said later
counts, whatever order it came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts as documents
from hub.letters.reports import mark
from hub.store.schema import interactions, moment, participants, undeliverable
from hub.vocabulary import Channel, Direction, Kind, Message

if TYPE_CHECKING:
    from hub.batch import Subject

UNSUBSCRIBED = "unsubscribed"
"""The reason under which such a number is marked."""

STOP = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
START = frozenset({"start", "unstop", "yes"})

_LOOKED = 200
"""So many of the latest texts of a number are looked at for one in which it said the opposite."""


def wish(text: str) -> bool | None:
    """What somebody wants who writes *text* and nothing else: True to be written to, False not to; None: nothing."""
    word = text.strip().strip(".!\"'").casefold()
    return False if word in STOP else True if word in START else None


def recorded(conn: Connection, subjects: Sequence[Subject]) -> None:
    """Mark and lift what *subjects*, just written, ask for."""
    for subject in sorted(subjects, key=lambda each: each.at):
        facts = subject.facts
        if subject.row or not isinstance(facts, Message) or subject.direction is not Direction.INBOUND:
            continue
        if subject.entries[-1][1].event.channel is not Channel.SMS or (wanted := wish(facts.text or "")) is None:
            continue
        at = moment(subject.at)
        for handle in (each.handle for each in subject.participants if each.role.begins and each.handle):
            if _said_later(conn, handle, at):
                continue
            if wanted:
                mine = sa.and_(undeliverable.c.handle == handle, undeliverable.c.reason == UNSUBSCRIBED)
                conn.execute(undeliverable.delete().where(mine))
            else:
                mark(conn, handle, UNSUBSCRIBED, "", subject.id, at)


def _said_later(conn: Connection, handle: str, at: datetime) -> bool:
    """Whether *handle* stopped or started after *at*."""
    later = (
        sa.select(sa.type_coerce(interactions.c.facts, sa.Text))
        .join_from(participants, interactions, interactions.c.id == participants.c.interaction_id)
        .where(
            participants.c.handle == handle,
            interactions.c.channel == Channel.SMS.value,
            interactions.c.direction == Direction.INBOUND.value,
            interactions.c.occurred_at > at,
        )
        .order_by(interactions.c.occurred_at.desc())
        .limit(_LOOKED)
    )
    told = (documents.decode(Kind.MESSAGE, text) for text in conn.execute(later).scalars())
    return any(isinstance(each, Message) and wish(each.text or "") is not None for each in told)
