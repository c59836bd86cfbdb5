"""What a message or a post has said before it was edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts as documents
from hub.privacy.visibility import Actor, readable
from hub.store.schema import events
from hub.timeline import one
from hub.vocabulary import Level, Mention, Message


@dataclass(frozen=True, slots=True)
class Wording:
    """What it said from *at* on."""

    text: str
    at: datetime


def wordings(conn: Connection, actor: Actor, interaction_id: int) -> list[Wording] | None:
    """What the interaction has said, oldest first, the last as it stands now; None where *actor* may not read all of
    it. Of what its writer took back there is nothing."""
    item = one(conn, actor, interaction_id)
    if item is None or not readable(item.level, Level.ALL):
        return None
    written = sa.type_coerce(events.c.facts, sa.Text).label("facts")
    told = sa.select(events.c.kind, written, events.c.at).where(events.c.key == item.key)
    found: list[Wording] = []
    for row in conn.execute(told.order_by(events.c.at, events.c.ordinal, events.c.source, events.c.event_id)):
        facts = documents.decode(row.kind, row.facts)
        text = facts.text if isinstance(facts, Message | Mention) else None
        if text and (not found or found[-1].text != text):
            found.append(Wording(text, row.at))
    return found
