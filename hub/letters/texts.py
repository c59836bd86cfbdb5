"""Letters as texts: an SMS, or a WhatsApp message. Plain words to one person, from the number that she wrote to.

WhatsApp takes free text only within 24 hours of the other side's last word in the conversation, and beyond that only
templates approved beforehand (https://developers.facebook.com/docs/whatsapp/pricing, "customer service window").
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub import timeline
from hub.config import Config
from hub.config_texts import TemplateConfig
from hub.letters import receipts, suggest
from hub.letters.answering import LATEST, NotOpen
from hub.letters.claims import Claimed
from hub.letters.identities import Identity, may_use
from hub.letters.letters import follow
from hub.letters.medium import (
    Medium,
    Office,
    Place,
    Plan,
    check_gaps,
    check_latest,
    check_people,
    chosen,
    row_of,
    template_or_text,
    window_end,
)
from hub.letters.optout import UNSUBSCRIBED
from hub.letters.wanted import Answering, CannotSend, Wanted
from hub.privacy.visibility import Actor
from hub.store.clock import clock
from hub.store.schema import conversation_refs, interactions, letters, undeliverable
from hub.vocabulary import Channel, Direction, Event, Letter, Message, Participant, Role, Sent, Template

LONGEST = {Channel.SMS: 1600, Channel.CHAT: 4096}
"""Characters of a text: what Twilio takes of an SMS, and WhatsApp of a message."""

WINDOW = timedelta(hours=24)

CLOSED = "The other side has been silent for more than 24 hours: WhatsApp takes only a template now."
STOPPED = "This number has asked for no more texts (STOP). It can be written to again once it sends START."


@dataclass(frozen=True, slots=True)
class Thread:
    """Between whom a text conversation is: our number and their address, the *source* that told of it, and the
    *interaction* that would be answered, with its *text*."""

    ours: str
    theirs: str
    source: str
    interaction: int
    text: str


class Texts(Medium):
    """Texts on *channel*, from the sources *sending*."""

    def __init__(self, office: Office, channel: Channel, sending: Collection[str]) -> None:
        self._office = office
        self._config = office.config
        self._channel = channel
        self._sending = sorted(sending)

    def answering(self, conn: Connection, actor: Actor, conversation: int) -> Answering:
        """What may be said in a conversation, and as whom. Raises `NotOpen`."""
        thread = self._thread(conn, actor, conversation, None)
        senders = self._senders(actor, thread)
        ends = self._window_end(conn, conversation)
        return Answering(
            channel=self._channel,
            identities=tuple(senders),
            theirs=thread.theirs,
            interaction=thread.interaction,
            longest=LONGEST[self._channel],
            window_ends_at=ends,
            free_text=self._channel is not Channel.CHAT or (ends is not None and ends > clock(conn)),
            templates=self.templates([each.source for each in senders]),
            refused=self._refusal(conn, thread.theirs),
        )

    def identities(self, actor: Actor) -> list[Identity]:
        """As whom a conversation may be begun."""
        return self._senders(actor, None)

    def templates(self, sources: Collection[str]) -> tuple[TemplateConfig, ...]:
        """What may be said where free text may not."""
        if self._channel is not Channel.CHAT:
            return ()
        return tuple(each for each in self._config.templates.values() if each.source in sources)

    def words(self, conn: Connection, actor: Actor, conversation: int) -> dict[str, int] | None:
        return suggest.words("", self._thread(conn, actor, conversation, None).text)

    def plan(self, conn: Connection, actor: Actor, place: Place, wanted: Wanted) -> Plan:
        conversation, begun, now = place.conversation, place.begun, place.now
        if wanted.cc or wanted.bcc or wanted.uploads:
            raise CannotSend("not-in-a-text", "A text goes to one person, without files.")
        thread = None if begun else self._thread(conn, actor, conversation, wanted.reply_to)
        if thread is not None:
            check_latest(conn, conversation, wanted)
        theirs = self._recipient(thread, wanted)
        sender = chosen(self._senders(actor, thread), wanted, "Nothing that you may use can write from that number.")
        refs = called(self._config, self._channel, sender.source, sender.handle, theirs)
        check_people(self._office, [theirs], 1)
        if why := self._refusal(conn, theirs):
            raise CannotSend(UNSUBSCRIBED, why, recipients={theirs: UNSUBSCRIBED})
        check_gaps(wanted)
        due_at = max(wanted.send_at, now) if wanted.send_at else now + self._office.undo
        template, text = template_or_text(self.templates([sender.source]), LONGEST[self._channel], wanted)
        if template is None:
            before = (named(conn, refs) or conversation) if begun else conversation
            ends = self._window_end(conn, before)
            if self._channel is Channel.CHAT and (ends is None or ends < due_at):
                raise CannotSend("window-closed", CLOSED, window_ends_at=ends.isoformat() if ends else None)
        raw = text.encode()
        answers = str(thread.interaction) if thread else ""
        content = {
            "channel": self._channel.value,
            "to": [theirs],
            "text": text,
            "source": sender.source,
            "template": {"name": template.name, "id": template.id, "values": dict(wanted.values)} if template else None,
            "canned": str(wanted.canned or ""),
            "then": wanted.then,
            "until": wanted.until.isoformat() if wanted.until else "",
            "reply_to": answers,
            "words": suggest.words("", thread.text) if thread and wanted.canned else {},
        }
        row = row_of(f"letter:{place.letter_id}", place, actor, sender, wanted, content, raw, due_at)
        name = wanted.to[0].name if wanted.to else ""
        return Plan(row=row, recipients={theirs: (str(Role.RECIPIENT), name)}, raw=raw, refs=refs)

    # --- on its way ---

    def letter(self, conn: Connection, claimed: Claimed, raw: bytes) -> Letter:
        said = claimed.content.get("template")
        return Letter(
            key=claimed.key,
            sender=claimed.sender,
            recipients=claimed.recipients,
            raw=raw,
            template=Template(id=said["id"], values=said["values"]) if said else None,
            channel=self._channel,
        )

    def obstacle(self, conn: Connection, claimed: Claimed) -> str:
        for handle in claimed.recipients:
            if why := self._refusal(conn, handle):
                return why
        if self._channel is Channel.CHAT and not claimed.content.get("template"):
            ends = self._window_end(conn, claimed.conversation_id)
            if ends is None or ends < clock(conn):
                return CLOSED
        return ""

    def taken(self, conn: Connection, claimed: Claimed, sent: Sent) -> None:
        key = sent.key or claimed.key
        conn.execute(letters.update().where(letters.c.id == claimed.id).values(key=key))
        for theirs in claimed.recipients:
            known = f"{key.partition(':')[0]}:{pair(self._channel, claimed.sender, theirs)}"
            insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(conversation_refs)
            row = {"ref": known, "conversation_id": claimed.conversation_id}
            conn.execute(insert.values(row).on_conflict_do_nothing())
        receipts.believe(conn, [key])

    def recorded(self, claimed: Claimed, letter: Letter, sent_at: datetime) -> Event:
        theirs = claimed.everybody[0]
        agent = self._config.agents.get(claimed.agent)
        return Event(
            key=claimed.key,
            id=f"letter:{claimed.id}",
            channel=self._channel,
            at=sent_at,
            facts=Message(
                participants=(
                    Participant(claimed.sender, Role.SENDER, agent.name if agent else ""),
                    Participant(theirs, Role.RECIPIENT),
                ),
                text=letter.raw.decode(),
                sent_at=sent_at,
            ),
            conversation=pair(self._channel, claimed.sender, theirs),
        )

    def filed(self, conn: Connection, claimed: Claimed) -> None:
        follow(conn, claimed.id, claimed.key)
        receipts.believe(conn, [claimed.key])
        receipts.reopen(conn, claimed.id)

    # --- who, and what ---

    def _thread(self, conn: Connection, actor: Actor, conversation: int, interaction_id: int | None) -> Thread:
        """The text *interaction_id*, else the latest that came in, else the latest. Raises `NotOpen`, `CannotSend`."""
        among = [self._channel.value, *([Channel.WEB.value] if self._channel is Channel.SMS else [])]  # a lead's phone
        mine = sa.and_(interactions.c.conversation_id == conversation, interactions.c.channel.in_(among))
        if interaction_id is not None:
            mine = sa.and_(mine, interactions.c.id == interaction_id)
        items = [each for each in timeline.among(conn, actor, mine, LATEST) if isinstance(each.facts, Message)]
        if not items:
            raise NotOpen
        item = next((each for each in items if each.direction is Direction.INBOUND), items[0])
        people = item.facts.participants or ()
        began = next((each.handle for each in people if each.role.begins), "")
        other = next((each.handle for each in people if not each.role.begins), "")
        ours, theirs = (other, began) if item.direction is Direction.INBOUND else (began, other)
        text = item.facts.text if isinstance(item.facts, Message) else ""
        return Thread(ours, theirs, item.source, item.id, text or "")

    def _recipient(self, thread: Thread | None, wanted: Wanted) -> str:
        asked = [each.handle for each in wanted.to]
        if thread is None:
            if len(asked) != 1:
                raise CannotSend("no-recipient", "Say to which one number it goes.")
            theirs = asked[0]
        else:
            theirs = thread.theirs
            if asked not in ([], [theirs]):
                raise CannotSend("not-in-a-text", "An answer goes to whoever the conversation is with.")
        if not theirs.startswith(("tel:", "whatsapp:") if self._channel is Channel.CHAT else "tel:"):
            raise CannotSend("no-recipient", "Whoever wrote this shows no number that could be written to.")
        return theirs

    def _senders(self, actor: Actor, thread: Thread | None) -> list[Identity]:
        """Our numbers; of a conversation only the one that it is with."""
        usable = [name for name in self._sending if may_use(self._config, name, actor)]
        found = [
            Identity(name, handle, "", thread is not None and name == thread.source)
            for name in usable
            for handle in self._config.sources[name].ours
            if handle.startswith("tel:") and (thread is None or thread.ours in ("", handle))
        ]
        if thread is not None and not found and thread.source in usable and thread.ours.startswith("tel:"):
            found = [Identity(thread.source, thread.ours, "", True)]  # a number that the file does not list
        return sorted(found, key=lambda each: not each.preferred)

    def _refusal(self, conn: Connection, theirs: str) -> str:
        """Why nothing is sent to *theirs*, "" where it may be. Who stops SMS does not stop WhatsApp by it."""
        marked = undeliverable.c.handle == theirs, undeliverable.c.reason == UNSUBSCRIBED
        stopped = self._channel is Channel.SMS and conn.execute(sa.select(sa.exists().where(*marked))).scalar()
        return STOPPED if stopped else ""

    def _window_end(self, conn: Connection, conversation: int) -> datetime | None:
        """Until when free text is taken in a conversation, None where there is no such rule, or no word of theirs."""
        if self._channel is not Channel.CHAT:
            return None
        return window_end(conn, conversation, self._channel, WINDOW)


def called(config: Config, channel: Channel, source: str, ours: str, theirs: str) -> tuple[str, ...]:
    """What the text conversation between two addresses is called, whether *source* or its provider tells of it."""
    spaces = dict.fromkeys((config.sources[source].provider, source))
    return tuple(f"{space}:{pair(channel, ours, theirs)}" for space in spaces)


def pair(channel: Channel, one: str, other: str) -> str:
    """What a text conversation between two addresses is called in `Event.conversation`."""
    return f"{channel}:{'|'.join(sorted((one, other)))}"


def named(conn: Connection, refs: Collection[str]) -> int | None:
    """The conversation that one of *refs* names."""
    wanted = sa.select(conversation_refs.c.conversation_id).where(conversation_refs.c.ref.in_(list(refs)))
    return conn.execute(wanted.order_by(conversation_refs.c.ref).limit(1)).scalar()
