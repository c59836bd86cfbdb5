"""What people say of mentions: seen, done, irrelevant, how one speaks, which language it is. In somebody's
transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.mentions.listing import FEELINGS, STATES, of
from hub.mentions.queries import Unknown
from hub.privacy.visibility import Actor
from hub.store.mention_tables import mention_corrections, mention_matches, mentions


class Refused(ValueError):
    """It cannot be set so. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """What is to be set; None leaves it as it is."""

    state: str | None = None
    sentiment: str | None = None
    language: str | None = None


def mark(
    conn: Connection, actor: Actor, ids: Sequence[int], said: Marking, new_id: Callable[[], int], now: datetime
) -> list[int]:
    """Set it. Answers which mentions changed. Raises `Refused`, and `Unknown` where *actor* may not know of one."""
    if said.state is not None and said.state not in STATES:
        raise Refused(f"A mention is {', '.join(STATES)}; not {said.state}.")
    if said.sentiment is not None and said.sentiment not in FEELINGS:
        raise Refused(f"A post speaks {', '.join(FEELINGS)}; not {said.sentiment}.")
    views = {view.id: view for view in of(conn, actor, ids)}
    for id in ids:
        if id not in views:
            raise Unknown(f"mention/{id}")
    changed = []
    for id, view in views.items():
        values: dict[str, Any] = {}
        for field in ("state", "sentiment", "language"):
            value, before = getattr(said, field), getattr(view, field)
            if value is None or value == before:
                continue
            values[field] = value
            if field != "state" or "irrelevant" in (value, before):
                text = "\n".join(filter(None, (view.title, view.text)))
                row = {"interaction_id": id, "field": field, "value": value, "before": before, "text": text}
                conn.execute(mention_corrections.insert().values(id=new_id(), **row, actor=actor.record, at=now))
        if values.keys() & {"sentiment", "language"}:
            values["corrected_by"] = actor.agent or actor.name
        if "sentiment" in values:
            values |= {"confidence": 1.0, "score": {"positive": 1.0, "negative": -1.0}.get(values["sentiment"], 0.0)}
        if values:
            conn.execute(mentions.update().where(mentions.c.interaction_id == id).values(values))
            audit.note(conn, new_id(), actor, "mention.mark", f"interaction/{id}", now)
            changed.append(id)
    return changed


def said_of(conn: Connection, query_id: int, limit: int = 200) -> tuple[list[int], list[int]]:
    """The mentions of a query that people called irrelevant, and those that they have seen to: the latest of each."""
    found: list[list[int]] = []
    for states in (("irrelevant",), ("seen", "done")):
        rows = conn.scalars(
            sa.select(mentions.c.interaction_id)
            .join_from(mentions, mention_matches, mention_matches.c.interaction_id == mentions.c.interaction_id)
            .where(mention_matches.c.query_id == query_id, mentions.c.state.in_(states))
            .order_by(mentions.c.posted_at.desc())
            .limit(limit)
        )
        found.append(list(rows))
    return found[0], found[1]
