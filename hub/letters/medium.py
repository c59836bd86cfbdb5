"""What differs between a letter by mail and one as a text: how it is made, what stands in its way, how it is recorded.

There is one `Medium` for each channel that the hub writes on; everything else about a letter is the same for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.config import Config
from hub.config_texts import TemplateConfig
from hub.formats.digest import digest
from hub.letters import placeholders
from hub.letters.answering import latest_inbound
from hub.letters.claims import Claimed
from hub.letters.identities import Identity
from hub.letters.states import State
from hub.letters.wanted import CannotSend, Wanted, writer
from hub.privacy.never_log import NeverLog
from hub.privacy.visibility import Actor
from hub.store.blobs import Blobs
from hub.store.schema import interactions, undeliverable
from hub.vocabulary import Channel, Direction, Event, Letter, RawMail, Sent


@dataclass(frozen=True, slots=True)
class Office:
    """What every medium needs: the *config*, where bytes lie, how long a letter is held."""

    config: Config
    blobs: Blobs
    undo: timedelta
    never: NeverLog


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when a letter is written: the *conversation*, which it begins where *begun*, and its own id."""

    conversation: int
    begun: bool
    letter_id: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A letter as it is to be written down: its *row* but for the id, its *recipients* (handle → role and name), its
    bytes, and the names (*refs*) by which its conversation is found by what is recorded later. Where one of those
    names a conversation already, a new letter belongs to that one."""

    row: dict[str, Any]
    recipients: Mapping[str, tuple[str, str]]
    raw: bytes = field(repr=False)
    refs: tuple[str, ...]


def row_of(
    key: str,
    place: Place,
    actor: Actor,
    sender: Identity,
    wanted: Wanted,
    content: Mapping[str, Any],
    raw: bytes,
    due_at: datetime,
) -> dict[str, Any]:
    """The row of a letter whose recorded interaction will be called *key*: *content* is what its medium keeps of it."""
    return {
        "key": key,
        "conversation_id": place.conversation,
        "source": sender.source,
        "agent": writer(actor),
        "sender": sender.handle,
        "content": content,
        "blob": digest(raw),
        "state": State.SCHEDULED if wanted.send_at and wanted.send_at > place.now else State.QUEUED,
        "due_at": due_at,
        "unless_answered": wanted.unless_answered,
        "written_at": place.now,
    }


class Medium(ABC):
    """How letters of one kind are made. Methods that take a connection run inside somebody's transaction."""

    @abstractmethod
    def plan(self, conn: Connection, actor: Actor, place: Place, wanted: Wanted) -> Plan:
        """What *wanted* becomes at *place*. Raises `CannotSend`, `NotOpen`."""

    @abstractmethod
    def words(self, conn: Connection, actor: Actor, conversation: int) -> dict[str, int] | None:
        """The words of what would be answered now, None where there is nothing. Raises `NotOpen`."""

    @abstractmethod
    def letter(self, conn: Connection, claimed: Claimed, raw: bytes) -> Letter:
        """What is handed to the sender. Raises `Unsupported` where something of it is not there any more."""

    def obstacle(self, conn: Connection, claimed: Claimed) -> str:
        """Why *claimed* may not leave now, although it might when it was written; "" where it may."""
        return ""

    def taken(self, conn: Connection, claimed: Claimed, sent: Sent) -> None:  # noqa: B027 — nothing to do is a full answer
        """The provider has it: what else is written down in the same transaction."""

    @abstractmethod
    def recorded(self, claimed: Claimed, letter: Letter, sent_at: datetime) -> RawMail | Event:
        """What was sent, as it is recorded. *claimed* has the key that the provider decided."""

    def filed(self, conn: Connection, claimed: Claimed) -> None:  # noqa: B027 — as above
        """It stands on the timeline: what else is written down then."""


def check_people(office: Office, recipients: Sequence[str], most: int) -> None:
    """Whether a letter may go to *recipients*, as far as their addresses say. Raises `CannotSend`."""
    if not recipients:
        raise CannotSend("no-recipient", "Say to whom it goes.")
    if len(recipients) > most:
        raise CannotSend("too-many-recipients", f"A letter goes to at most {most} people.")
    if private := [handle for handle in recipients if office.never.covers([handle])]:
        why = "is never recorded here, so it cannot be written to from here"
        raise CannotSend("never-log", "An address is never recorded.", recipients=dict.fromkeys(private, why))


def check_gaps(wanted: Wanted) -> None:
    """Whether a canned answer's gaps are filled. Raises `CannotSend`."""
    if (left := placeholders.gaps(f"{wanted.subject or ''}\n{wanted.text}")) and not wanted.force:
        raise CannotSend("gaps", f"There is a gap left to fill: {', '.join(left)}.", gaps=left)


def check_latest(conn: Connection, conversation_id: int, wanted: Wanted) -> None:
    """Whether what the writer saw is still the latest. Raises `CannotSend`."""
    if wanted.if_latest is None or wanted.force:
        return
    newest = latest_inbound(conn, conversation_id)
    if newest is not None and newest != wanted.if_latest:
        raise CannotSend("answered-meanwhile", "The other side wrote meanwhile.", latest=str(newest))


def chosen(found: Sequence[Identity], wanted: Wanted, nothing: str) -> Identity:
    """The first of *found* that is *wanted*. Raises `CannotSend`, with the words *nothing* where there are none."""
    fitting = [
        each for each in found
        if wanted.source in ("", each.source) and wanted.sender in ("", each.handle)
    ]  # fmt: skip
    if not fitting:
        raise CannotSend("no-sender", "You cannot send as that." if found else nothing)
    return fitting[0]


def template_or_text(
    templates: Sequence[TemplateConfig], longest: int, wanted: Wanted, *, empty: bool = False
) -> tuple[TemplateConfig | None, str]:
    """The template among *templates* that is *wanted*, None for free text, and what is read; nothing at all only where
    it may be *empty*. Raises `CannotSend`."""
    if not wanted.template:
        text = wanted.text.strip()
        if not text and not empty:
            raise CannotSend("empty", "Write something first.")
        if len(text) > longest:
            raise CannotSend("too-long", f"A text has at most {longest} characters, this one {len(text)}.")
        return None, text
    template = next((each for each in templates if each.name == wanted.template), None)
    if template is None:
        raise CannotSend("no-template", "There is no such template for this number.")
    if left := [gap for gap in template.gaps if not wanted.values.get(gap, "").strip()]:
        raise CannotSend("gaps", f"There is a gap left to fill: {', '.join(left)}.", gaps=left)
    return template, template.filled(wanted.values)


def window_end(conn: Connection, conversation: int, channel: Channel, window: timedelta) -> datetime | None:
    """Until when free text is taken in a conversation, *window* after their last word; None where there is none."""
    theirs = sa.select(sa.func.max(interactions.c.occurred_at)).where(
        interactions.c.conversation_id == conversation,
        interactions.c.channel == channel.value,
        interactions.c.direction == Direction.INBOUND.value,
    )
    last: datetime | None = conn.execute(theirs).scalar()
    return last + window if last else None


def among_undeliverable(conn: Connection, handles: Sequence[str]) -> dict[str, str]:
    """Those of *handles* that nothing is to be sent to, each with the reason."""
    marked = sa.select(undeliverable.c.handle, undeliverable.c.reason, undeliverable.c.diagnostic)
    found = conn.execute(marked.where(undeliverable.c.handle.in_(list(handles))))
    return {row.handle: f"{row.reason}: {row.diagnostic}".rstrip(": ") for row in found}
