"""The mail that an answer answers, as far as whoever answers may read it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import timeline
from hub.formats import mail as mails
from hub.formats.mail import Address, Mail, Unreadable
from hub.formats.quotes import new_text
from hub.letters import compose, suggest
from hub.letters.compose import People
from hub.privacy.visibility import Actor
from hub.store.blobs import Blobs
from hub.store.schema import interactions
from hub.timeline import Item
from hub.vocabulary import Channel, Direction, Message, Role

_BY_MAIL = (Channel.EMAIL, Channel.WEB)
"""A lead is answered by mail as a mail is: it has no Message-ID, so that the answer only names its conversation."""

LATEST = 20
"""So many of the latest mails are looked through for one that came in."""


class NotOpen(LookupError):
    """There is no such conversation or interaction, or it is not open to the actor."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A mail to answer. *mail* is what she may read of it: only addresses and ids, or all with its text."""

    interaction_id: int
    message_id: str
    references: tuple[str, ...]
    subject: str
    mail: Mail = field(repr=False)

    def people(self, ours: Collection[str], *, everybody: bool) -> People:
        """To whom the answer goes."""
        return compose.answer_to(self.mail, ours, everybody=everybody)

    def quoted(self, timezone: str) -> str:
        """What stands below the answer."""
        return compose.quoted(self.mail, timezone)

    @property
    def words(self) -> dict[str, int]:
        """The words that it is compared with others by."""
        return suggest.words(self.subject, new_text(self.mail.text[: compose.LONGEST_QUOTE]))


def answered_by(
    conn: Connection, blobs: Blobs, actor: Actor, conversation_id: int, interaction_id: int | None
) -> Answered | None:
    """The mail *interaction_id* of the conversation, else the latest that came in, else the latest; None where the
    conversation has none. Raises `NotOpen`."""
    mine = interactions.c.conversation_id == conversation_id
    if interaction_id is not None:
        mine = sa.and_(mine, interactions.c.id == interaction_id)
    items = timeline.among(conn, actor, mine, LATEST)
    if not items:
        raise NotOpen
    written = [item for item in items if item.channel in _BY_MAIL and isinstance(item.facts, Message)]
    if not written:
        return None
    item = next((each for each in written if each.direction is Direction.INBOUND), written[0])
    return _answered(conn, blobs, item)


def latest_inbound(conn: Connection, conversation_id: int) -> int | None:
    """The interaction that came in last."""
    wanted = sa.select(interactions.c.id).where(
        interactions.c.conversation_id == conversation_id, interactions.c.direction == Direction.INBOUND.value
    )
    return conn.execute(wanted.order_by(interactions.c.occurred_at.desc(), interactions.c.id.desc())).scalar()


def _answered(conn: Connection, blobs: Blobs, item: Item) -> Answered:
    facts = item.facts
    assert isinstance(facts, Message), "only mails are answered"
    read = _read(conn, blobs, item) or _told(item, facts)
    return Answered(item.id, read.message_id, compose.references(read), item.title, read)


def _read(conn: Connection, blobs: Blobs, item: Item) -> Mail | None:
    raw = blobs.read(conn, item.blob) if item.blob else None
    try:
        return mails.parse(raw) if raw else None
    except Unreadable:
        return None


def _told(item: Item, facts: Message) -> Mail:
    """What the timeline knows of a mail whose text she may not read, or that came without one."""

    def of(role: Role) -> tuple[Address, ...]:
        people = (each for each in facts.participants or () if each.role is role)
        return tuple(Address(each.name, compose.address(each.handle)) for each in people if each.handle)

    return Mail(
        message_id=facts.ident if facts.ident and facts.ident.startswith("<") else "",
        in_reply_to="",
        references=tuple(each for each in facts.thread or () if each.startswith("<")),
        subject=item.title,
        sender=of(Role.SENDER),
        reply_to=(),
        to=of(Role.RECIPIENT),
        cc=of(Role.COPIED),
        bcc=(),
        date=facts.sent_at,
        headers=(),
        text=facts.text or "",
        attachments=(),
        automatic=facts.automatic,
    )
