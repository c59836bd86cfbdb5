"""Notes of colleagues on conversations, and whom they name: `@ada` or `@Ada`, by id or by first name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.inbox.conversation import visible
from hub.inbox.deeds import By, Done, Gone, Refused, locked
from hub.privacy.visibility import Actor, Authority, sees
from hub.store.schema import deeds, interactions, logins, note_mentions, notes
from hub.vocabulary import Agent, Level

LONGEST = 20_000
"""Characters of a note."""

_NAMED = re.compile(r"(?<![\w@.])@([\w][\w.-]*)")
_WIDEST = (Authority.ADMIN, Authority.MANAGER, Authority.AGENT, Authority.MARKETER)


@dataclass(frozen=True, slots=True)
class Noted:
    """A note that was written: whom it told (*mentioned*), and whom it names who may not know of the conversation
    (*unreached*); both are agents' ids."""

    id: int
    conversation: int
    mentioned: tuple[str, ...]
    unreached: tuple[str, ...]
    deed: int


def named(text: str, agents: Mapping[str, Agent]) -> tuple[str, ...]:
    """The agents whom *text* names, in its order. A first name that two have names neither."""
    first: dict[str, list[str]] = {}
    for agent in agents.values():
        for name in {agent.name.casefold(), agent.name.split()[0].casefold() if agent.name.split() else ""}:
            first.setdefault(name, []).append(agent.id)
    by_id = {id.casefold(): id for id in agents}
    found: dict[str, None] = {}
    for word in _NAMED.findall(text):
        name = word.rstrip(".-").casefold()
        if name in by_id:
            found[by_id[name]] = None
        elif len(first.get(name, ())) == 1:
            found[first[name][0]] = None
    return tuple(found)


def note(conn: Connection, by: By, conversation_id: int, note_id: int, text: str, agents: Mapping[str, Agent]) -> Noted:
    """Write a note on the latest interaction of the conversation. Raises `Gone`, and `Refused` for who may not read it:
    notes are open to those who read the interaction in full."""
    locked(conn, by.actor, conversation_id)
    last = conn.execute(
        sa.select(interactions.c.id)
        .where(interactions.c.conversation_id == conversation_id, sees(by.actor) >= Level.ALL.rank)
        .order_by(interactions.c.occurred_at.desc(), interactions.c.id.desc())
        .limit(1)
    ).scalar()
    if last is None:
        raise Refused("Notes are for those who may read the conversation in full.")
    author = by.actor.agent or by.actor.name
    conn.execute(notes.insert().values(id=note_id, interaction_id=last, author=author, text=text, written_at=by.at))
    wanted = [agent for agent in named(text, agents) if agent != by.actor.agent]
    reached = tuple(agent for agent in wanted if visible(conn, as_agent(conn, agent), [conversation_id]))
    if reached:
        conn.execute(note_mentions.insert(), [{"note_id": note_id, "agent": agent} for agent in reached])
    conn.execute(
        deeds.insert().values(
            id=by.deed,
            actor=by.actor.record,
            kind="note",
            before={"note": note_id, "conversation": conversation_id, "text": text},
            done_at=by.at,
        )
    )
    return Noted(note_id, conversation_id, reached, tuple(each for each in wanted if each not in reached), by.deed)


def undo_note(conn: Connection, deed: sa.Row[tuple[object, ...]]) -> Done:
    """Take a note back, unless it was written on."""
    document = deed.before
    row = conn.execute(sa.select(notes.c.text).where(notes.c.id == document["note"])).one_or_none()
    if row is None:
        raise Gone(f"note/{document['note']}")
    if row.text != document["text"]:
        raise Refused("The note was changed since.")
    conn.execute(note_mentions.delete().where(note_mentions.c.note_id == document["note"]))
    conn.execute(notes.delete().where(notes.c.id == document["note"]))
    return Done((document["conversation"],), (), None)


def as_agent(conn: Connection, agent: str) -> Actor:
    """*agent* as a reader: with the widest authority among her open logins."""
    query = sa.select(logins.c.role).where(logins.c.agent == agent, logins.c.disabled.is_(False))
    roles: Collection[str] = set(conn.execute(query).scalars())
    widest = next((each for each in _WIDEST if each.value in roles), Authority.AGENT)
    return Actor(agent, widest, agent)
