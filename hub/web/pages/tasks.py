"""What was promised: the open tasks of a person, or with somebody."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from hub import tasks
from hub.privacy.visibility import Actor
from hub.web.i18n import Reader
from hub.web.pages import call_words


@dataclass(frozen=True, slots=True)
class Promise:
    """An open task in words."""

    id: int
    title: str
    due: str
    tone: str
    owner: str
    mine: bool
    contact_id: int | None
    contact: str


def promises(
    conn: Connection,
    actor: Actor,
    speaks: Reader,
    names: dict[str, str],
    *,
    contact_id: int | None = None,
    limit: int = 8,
) -> list[Promise]:
    """At most *limit* open tasks by when they are due: those of *contact_id*, or without one the reader's own."""
    if contact_id is None and not actor.agent:
        return []
    owner = actor.agent if contact_id is None else None
    found = tasks.listed(conn, actor, owner=owner, contact_id=contact_id, limit=limit)
    shown = []
    for each in found:
        due, tone = call_words.promised(speaks, each.due_at)
        mine = bool(actor.agent) and each.owner == actor.agent
        shown.append(
            Promise(
                each.id, each.title, due, tone, names.get(each.owner, each.owner), mine, each.contact_id, each.contact
            )
        )
    return shown
