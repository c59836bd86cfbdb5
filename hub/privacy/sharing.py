"""A conversation may be shared with everyone, or made private to some, against what its copies allow.

Both are written into what the one visibility function reads (`hub.privacy.visibility`): `open_level`, and *shares*,
copies that lie in no mailbox and are open to one agent. What comes later in the conversation inherits it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.batch import Subject
from hub.privacy.visibility import Actor, Authority
from hub.store.schema import conversations, copies, interactions
from hub.store.sets import SetRead, SetWrite, among
from hub.vocabulary import Level

PLACE = "shared"
"""Where a share lies. Its source is "", which is no source's name."""


class Sharing(StrEnum):
    """How a conversation is open."""

    AS_ITS_COPIES = ""
    SHARED = "shared"
    PRIVATE = "private"


class NotYours(Exception):
    """This actor may not decide who reads the conversation. The text says who may."""


_SHARING = SetRead(
    sa.select(conversations.c.id, conversations.c.sharing)
    .where(among(conversations.c.id))
    .where(conversations.c.sharing != "")
)
_SHARES = SetRead(
    sa.select(interactions.c.conversation_id, copies.c.audience)
    .distinct()
    .join(copies, copies.c.interaction_id == interactions.c.id)
    .where(among(interactions.c.conversation_id))
    .where(copies.c.source == "")
)
_SHARE = SetWrite(
    copies,
    ("interaction_id", "source", "place", "provider_id", "flags", "level", "audience"),
    "ON CONFLICT (interaction_id, source, place, provider_id) DO UPDATE SET level = excluded.level",
)


def decide(
    conn: Connection, actor: Actor, conversation_id: int, sharing: Sharing, readers: Collection[str] = ()
) -> None:
    """Open the conversation to everyone, to the agents *readers* only, or again as its copies allow, in the caller's
    transaction. Administrators and managers read what is private, too. Raises `NotYours`."""
    _check(conn, actor, conversation_id)
    inside = sa.select(interactions.c.id).where(interactions.c.conversation_id == conversation_id)
    conn.execute(copies.delete().where(copies.c.interaction_id.in_(inside), copies.c.source == ""))
    conn.execute(conversations.update().where(conversations.c.id == conversation_id).values(sharing=sharing))
    widest, own = _levels(conn, conversation_id)
    agents = sorted({*readers, actor.agent} - {""}) if sharing is Sharing.PRIVATE else []
    _SHARE(conn, [_share(id, agent, level) for id, level in widest.items() for agent in agents])
    for id, level in widest.items():
        opened = {Sharing.SHARED: level, Sharing.PRIVATE: 0, Sharing.AS_ITS_COPIES: own[id]}[sharing]
        conn.execute(interactions.update().where(interactions.c.id == id).values(open_level=opened))


def inherit(conn: Connection, subjects: Sequence[Subject]) -> list[tuple[object, ...]]:
    """What is new in conversations that are shared or private is so, too: sets `Subject.level`, and answers the shares
    to write, as rows of `copies`."""
    changed = dict(_SHARING(conn, sorted({subject.conversation for subject in subjects})))
    if not changed:
        return []
    readers = defaultdict(list)
    for conversation, agent in _SHARES(conn, sorted(changed)):
        readers[conversation].append(agent)
    rows = []
    for subject in subjects:
        sharing = changed.get(subject.conversation)
        if sharing is None:
            continue
        copied = [entry.event.copy.level.rank for _, entry in subject.entries if entry.event.copy]
        level = max([subject.level, *copied]) if copied else Level.ALL.rank
        subject.level = level if sharing == Sharing.SHARED else 0
        if sharing == Sharing.PRIVATE:
            rows += [_share(subject.id, agent, level) for agent in sorted(readers[subject.conversation])]
    return rows


def _check(conn: Connection, actor: Actor, conversation_id: int) -> None:
    """Those in charge decide, the owner, and whoever has the conversation in a mailbox of her own."""
    if actor.authority in (Authority.ADMIN, Authority.MANAGER):
        return
    owner = conn.scalar(sa.select(conversations.c.owner).where(conversations.c.id == conversation_id))
    if actor.agent and owner == actor.agent:
        return
    mine = (
        sa.select(copies.c.interaction_id)
        .join(interactions, interactions.c.id == copies.c.interaction_id)
        .where(interactions.c.conversation_id == conversation_id, copies.c.audience == actor.agent)
    )
    if not actor.agent or conn.execute(mine.limit(1)).first() is None:
        raise NotYours("Its owner decides who reads it, and whoever has it in a mailbox of her own.")


def _levels(conn: Connection, conversation_id: int) -> tuple[dict[int, int], dict[int, int]]:
    """Of each interaction the widest level of any copy, and of those that are open to everyone. What lies in no mailbox
    is open."""
    rows = conn.execute(
        sa.select(interactions.c.id, copies.c.level, copies.c.audience)
        .join_from(
            interactions, copies, (copies.c.interaction_id == interactions.c.id) & (copies.c.source != ""), isouter=True
        )
        .where(interactions.c.conversation_id == conversation_id)
    )
    widest: dict[int, int] = defaultdict(int)
    own: dict[int, int] = defaultdict(int)
    for id, level, audience in rows:
        level = Level.ALL.rank if level is None else level
        widest[id] = max(widest[id], level)
        own[id] = max(own[id], level if not audience else 0)
    return widest, own


def _share(interaction_id: int, agent: str, level: int) -> tuple[object, ...]:
    return (interaction_id, "", PLACE, agent, "", level, agent)


def write(conn: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Write the shares that `inherit` answered, once their interactions stand."""
    _SHARE(conn, rows)
