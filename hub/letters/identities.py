"""As whom we may write in a conversation: which source, which address of ours, under what name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.config import Config
from hub.privacy.visibility import Actor, Authority
from hub.store.schema import copies, interactions, participants
from hub.vocabulary import Channel, Direction

# Where no colleague writes, what ties her name to the firm's goes with it.
_NOBODY = re.compile(r"\{agent\}\s*(?:(?:at|from|of|bei|von|chez|de)\b|[,|·@–-])?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """A sender: the *source* that sends, the *handle* it sends as, and the *name* that stands before the address.
    *preferred* marks the one a conversation's answers come from."""

    source: str
    handle: str
    name: str
    preferred: bool = False


def identities(
    conn: Connection, config: Config, sending: Collection[str], actor: Actor, conversation_id: int | None
) -> list[Identity]:
    """The senders that *actor* may use, among the sources that can send (*sending*). The preferred one comes first: the
    source that the latest mail of the conversation came in on, and the address of ours it was written to."""
    found = [
        Identity(source, handle, name_of(config, source, actor.agent))
        for source in sorted(sending)
        if may_use(config, source, actor)
        for handle in config.sources[source].ours
        if handle.startswith("mailto:")
    ]
    if conversation_id is None or not found:
        return found
    at, ours = _latest(conn, conversation_id)
    best = max(found, key=lambda each: (each.source in at, each.handle in ours, -found.index(each)))
    return [Identity(best.source, best.handle, best.name, True), *(each for each in found if each is not best)]


def may_use(config: Config, source: str, actor: Actor) -> bool:
    """Whether *actor* may write from *source*: from a mailbox that is open to one colleague only she and managers."""
    settings: Mapping[str, object] = config.sources[source].settings
    audience = settings.get("audience", "")
    return audience in ("", actor.agent) or actor.authority in (Authority.ADMIN, Authority.MANAGER)


def name_of(config: Config, source: str, agent: str) -> str:
    """The name before the address: the source's `from_name`, in which {agent} stands for the colleague's name."""
    person = config.agents[agent].name if agent in config.agents else ""
    said = str(config.sources[source].settings.get("from_name", "{agent}"))
    return " ".join((said.replace("{agent}", person) if person else _NOBODY.sub("", said)).split())


def _latest(conn: Connection, conversation_id: int) -> tuple[frozenset[str], frozenset[str]]:
    """The sources that have a copy of the latest mail that came in, and the addresses of ours among its people."""
    mails = sa.select(interactions.c.id).where(
        interactions.c.conversation_id == conversation_id, interactions.c.channel == Channel.EMAIL.value
    )
    newest = mails.order_by(
        (interactions.c.direction == Direction.INBOUND.value).desc(), interactions.c.occurred_at.desc()
    ).limit(1)
    interaction_id = conn.execute(newest).scalar()
    at = conn.scalars(sa.select(copies.c.source).where(copies.c.interaction_id == interaction_id))
    ours = conn.scalars(
        sa.select(participants.c.handle).where(participants.c.interaction_id == interaction_id, participants.c.ours)
    )
    return frozenset(at), frozenset(ours)
