"""Letters that nobody wrote: what the hub itself tells people, as a booking does. They leave as every letter does:
durably, once, recorded on the timeline, and followed to the recipient.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.config import Config
from hub.crm.records import insert
from hub.formats.digest import digest
from hub.letters import compose
from hub.letters.compose import Content, Invitation, Person
from hub.letters.identities import name_of
from hub.letters.medium import Plan, among_undeliverable
from hub.letters.optout import UNSUBSCRIBED
from hub.letters.states import Reached, State
from hub.letters.texts import LONGEST, called, named
from hub.letters.token import Tokens
from hub.letters.wanted import CannotSend
from hub.privacy.never_log import NeverLog
from hub.privacy.visibility import HUB
from hub.store.blobs import Blobs
from hub.store.schema import conversation_refs, letter_recipients, letters
from hub.vocabulary import Channel, Role

MOST_BEFORE = 10
"""To so many mails before it a mail refers."""

_SCHEMES = {Channel.EMAIL: "mailto:", Channel.SMS: "tel:"}


@dataclass(frozen=True, slots=True)
class Way:
    """How the hub tells something: the *source* that sends, and as which address of ours."""

    source: str
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is to be told to *to*. *about* names the conversation that all mails about one thing share. *agent* is in
    whose name a mail comes, "" for nobody's. *subject* and *invitation* are a mail's alone."""

    way: Way
    channel: Channel
    to: Person
    about: str
    text: str
    agent: str = ""
    subject: str = ""
    invitation: Invitation | None = None


class Meanwhile(Exception):
    """Another mail about the same thing was taken at the same moment: make it again."""


class Dispatch:
    """Makes letters of the hub's own and takes them. *sending* are the sources that can send, by channel."""

    def __init__(
        self,
        config: Config,
        blobs: Blobs,
        tokens: Tokens,
        sending: Mapping[Channel, Collection[str]],
        new_id: Callable[[], int],
    ) -> None:
        self._config = config
        self._blobs = blobs
        self._tokens = tokens
        self._sending = sending
        self._new_id = new_id
        self._never = NeverLog(config.privacy.never_log)

    def way(self, channel: Channel, source: str = "") -> Way | None:
        """As whom the hub tells something on *channel*: from *source*, "" for the first of the file that can. None
        where nothing can send."""
        able = [source] if source else [name for name in self._config.sources if name in self._sending[channel]]
        for name in able:
            if name in self._sending[channel]:
                for handle in self._config.sources[name].ours:
                    if handle.startswith(_SCHEMES[channel]):
                        return Way(name, handle)
        return None

    def made(self, conn: Connection, notice: Notice, now: datetime) -> Plan:
        """The letter that *notice* becomes. Raises `CannotSend`."""
        handle = notice.to.handle
        if self._never.covers([handle]):
            raise CannotSend("never-log", "This address is never recorded, so nothing is written to it.")
        if handle in (marked := among_undeliverable(conn, [handle])) and (
            notice.channel is Channel.EMAIL or marked[handle].startswith(UNSUBSCRIBED)
        ):
            raise CannotSend("undeliverable", marked[handle])
        return self._mail(conn, notice, now) if notice.channel is Channel.EMAIL else self._text(conn, notice, now)

    def settle(self, plan: Plan) -> None:
        """Make what it says durable before `put`. Blocks where it is large."""
        self._blobs.settle(plan.row["blob"], plan.raw)

    def put(self, conn: Connection, plan: Plan) -> int:
        """Take a letter in somebody's transaction; it leaves at once. Answers its id. Raises `Meanwhile`."""
        if named(conn, plan.refs) not in (None, plan.row["conversation_id"]):
            raise Meanwhile
        letter_id = int(plan.row["id"])
        now = plan.row["written_at"]
        self._blobs.keep(conn, [(plan.row["blob"], plan.raw)])
        conn.execute(letters.insert().values(plan.row))
        conn.execute(
            letter_recipients.insert(),
            [
                {"letter_id": letter_id, "handle": handle, "role": role, "name": name, "state": Reached.QUEUED,
                 "at": now}
                for handle, (role, name) in plan.recipients.items()
            ],
        )  # fmt: skip
        known = [{"ref": ref, "conversation_id": plan.row["conversation_id"]} for ref in plan.refs]
        conn.execute(insert(conn, conversation_refs).on_conflict_do_nothing(), known)
        return letter_id

    def _mail(self, conn: Connection, notice: Notice, now: datetime) -> Plan:
        conversation = named(conn, [notice.about]) or self._new_id()
        message_id = self._tokens.message_id(conversation, compose.domain(notice.way.sender))
        before = _before(conn, conversation)
        raw = compose.mail(
            Content(
                message_id=message_id,
                date=now,
                sender=Person(notice.way.sender, name_of(self._config, notice.way.source, notice.agent)),
                to=(notice.to,),
                subject=notice.subject,
                text=notice.text,
                in_reply_to=before[-1] if before else "",
                references=before,
                marker=self._tokens.marker,
                automatic="auto-generated",
                invitation=notice.invitation,
            )
        )
        content = {"to": [notice.to.address], "subject": notice.subject, "text": notice.text}
        refs = (notice.about, f"mail:{message_id}")
        return self._plan(notice, self._new_id(), f"mail:{message_id}", conversation, content, raw, refs, now)

    def _text(self, conn: Connection, notice: Notice, now: datetime) -> Plan:
        refs = called(self._config, notice.channel, notice.way.source, notice.way.sender, notice.to.handle)
        conversation, letter_id = named(conn, refs) or self._new_id(), self._new_id()
        text = notice.text[: LONGEST[notice.channel]]
        content = {"channel": notice.channel.value, "to": [notice.to.handle], "text": text}
        return self._plan(notice, letter_id, f"letter:{letter_id}", conversation, content, text.encode(), refs, now)

    def _plan(
        self,
        notice: Notice,
        letter_id: int,
        key: str,
        conversation: int,
        content: Mapping[str, object],
        raw: bytes,
        refs: tuple[str, ...],
        now: datetime,
    ) -> Plan:
        row = {
            "id": letter_id,
            "key": key,
            "conversation_id": conversation,
            "source": notice.way.source,
            "agent": HUB.record,
            "sender": notice.way.sender,
            "content": {**content, "source": notice.way.source},
            "blob": digest(raw),
            "state": State.QUEUED,
            "due_at": now,
            "written_at": now,
        }
        return Plan(row=row, recipients={notice.to.handle: (str(Role.RECIPIENT), notice.to.name)}, raw=raw, refs=refs)


def _before(conn: Connection, conversation: int) -> tuple[str, ...]:
    """The Message-IDs of what the hub wrote in a conversation before, so that mail programs keep it together."""
    ours = letters.c.conversation_id == conversation, letters.c.agent == HUB.record, letters.c.key.startswith("mail:")
    query = sa.select(letters.c.key).where(*ours).order_by(letters.c.written_at, letters.c.id)
    found = [key.removeprefix("mail:") for key in conn.execute(query).scalars()]
    return tuple(found[:1] + found[1:][-MOST_BEFORE:])
