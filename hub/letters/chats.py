"""Letters as messages of a chat, or as answers to a post: into the thread in which the other side wrote, over the
source that told of it.

What may be said is the source's word (`Sender.speech`): how long a text, whether files, for how long after the other
side's last word. The provider's own event of what we sent has the key that `Sent.key` names, so that it is the same
interaction as ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import timeline
from hub.config_texts import TemplateConfig
from hub.contracts import Sender, Unsupported
from hub.files.rows import OURS
from hub.fold import is_taken_back
from hub.letters import drafts, letters, receipts, suggest
from hub.letters.answering import LATEST, NotOpen
from hub.letters.claims import Claimed
from hub.letters.drafts import Upload
from hub.letters.identities import Identity, may_use
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
from hub.letters.wanted import Answering, CannotSend, Wanted, writer
from hub.privacy.visibility import Actor, readable
from hub.store.chat_tables import chat_threads
from hub.store.clock import clock
from hub.store.schema import interactions
from hub.store.schema import letters as rows
from hub.timeline import Item
from hub.vocabulary import (
    Channel,
    Direction,
    Enclosure,
    Event,
    File,
    Letter,
    Level,
    Mention,
    Message,
    Participant,
    Role,
    Sent,
    Speech,
    Template,
)

MEDIUM = "talk"
"""What `Claimed.medium` calls these letters."""

MOST_FILES = 10

CLOSED = "The other side has been silent for too long: only a template is taken now."


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as the *source* that speaks in it knows it: its *name* there, our handle and *theirs*, how one
    talks in it, and what would be answered, under its *key*."""

    source: str
    name: str
    ours: str
    theirs: str
    theirs_name: str
    speech: Speech
    item: Item


class Chats(Medium):
    """Messages on the *senders* that say how one talks (`Sender.speech`)."""

    def __init__(self, office: Office, senders: Mapping[str, Sender]) -> None:
        self._office = office
        self._config = office.config
        self._speeches = {name: each.speech for name, each in senders.items() if each.speech}
        ours = (handle for source in self._config.sources.values() for handle in source.ours)
        agents = (handle for agent in self._config.agents.values() for handle in agent.handles)
        self._ours = frozenset((*ours, *agents))

    def speaks(self, conn: Connection, channel: Channel, interaction: int) -> bool:
        """Whether an interaction on *channel* is answered here: a post always is, if it can be answered at all."""
        return channel in (Channel.SOCIAL, Channel.WEB) or bool(self._told_by(conn, channel, interaction))

    def answering(self, conn: Connection, actor: Actor, conversation: int) -> Answering:
        """What may be said in a conversation, and as whom. Raises `NotOpen`."""
        thread = self._thread(conn, actor, conversation, None)
        if thread is None:
            return Answering(channel=self._channel(conn, actor, conversation), identities=())
        ends = self._window_end(conn, conversation, thread)
        templates = self._templates(thread)
        return Answering(
            channel=thread.item.channel,
            identities=tuple(self._identities(actor, thread)),
            theirs=thread.theirs,
            interaction=thread.item.id,
            longest=thread.speech.longest,
            window_ends_at=ends,
            free_text=thread.speech.window is None or (ends is not None and ends > clock(conn)),
            templates=templates,
            largest=thread.speech.largest if thread.speech.enclosures else 0,
            name=thread.theirs_name,
            source=thread.source,
        )

    def words(self, conn: Connection, actor: Actor, conversation: int) -> dict[str, int] | None:
        thread = self._thread(conn, actor, conversation, None)
        return suggest.words("", _text(thread.item)) if thread else None

    def plan(self, conn: Connection, actor: Actor, place: Place, wanted: Wanted) -> Plan:
        conversation, now = place.conversation, place.now
        if wanted.cc or wanted.bcc:
            raise CannotSend("not-in-a-text", "An answer goes to whoever the conversation is with.")
        thread = None if place.begun else self._thread(conn, actor, conversation, wanted.reply_to)
        if thread is None:
            raise CannotSend("no-sender", "No source that you may use can answer here.")
        check_latest(conn, conversation, wanted)
        if [each.handle for each in wanted.to] not in ([], [thread.theirs]):
            raise CannotSend("not-in-a-text", "An answer goes to whoever the conversation is with.")
        nobody = f"Say in the config who {thread.source} is (`ours`): then it can be answered over it."
        sender = chosen(self._identities(actor, thread), wanted, nobody)
        check_people(self._office, [thread.theirs] if thread.theirs else [], 1)
        check_gaps(wanted)
        files = self._files(conn, actor, thread.speech, wanted)
        due_at = max(wanted.send_at, now) if wanted.send_at else now + self._office.undo
        longest = thread.speech.longest
        template, text = template_or_text(self._templates(thread), longest, wanted, empty=bool(files))
        if template is None and thread.speech.window is not None:
            ends = self._window_end(conn, conversation, thread)
            if ends is None or ends < due_at:
                raise CannotSend("window-closed", CLOSED, window_ends_at=ends.isoformat() if ends else None)
        raw = text.encode()
        content = {
            "channel": thread.item.channel.value,
            "medium": MEDIUM,
            "to": [thread.theirs],
            "text": text,
            "source": sender.source,
            "thread": thread.name,
            "answers": thread.item.key,
            "post": isinstance(thread.item.facts, Mention),
            "uploads": [str(each.id) for each in files],
            "files": [
                {"name": each.name, "media_type": each.media_type, "size": each.size, "blob": each.blob}
                for each in files
            ],
            "template": {"name": template.name, "id": template.id, "values": dict(wanted.values)} if template else None,
            "canned": str(wanted.canned or ""),
            "then": wanted.then,
            "until": wanted.until.isoformat() if wanted.until else "",
            "reply_to": str(thread.item.id),
            "words": suggest.words("", _text(thread.item)) if wanted.canned else {},
        }
        row = row_of(f"letter:{place.letter_id}", place, actor, sender, wanted, content, raw, due_at)
        recipients = {thread.theirs: (str(Role.RECIPIENT), thread.theirs_name)}
        return Plan(row=row, recipients=recipients, raw=raw, refs=())

    # --- on its way ---

    def letter(self, conn: Connection, claimed: Claimed, raw: bytes) -> Letter:
        content = claimed.content
        said = content.get("template")
        enclosures = []
        for file in content.get("files", ()):
            data = self._office.blobs.read(conn, file["blob"])
            if data is None:
                raise Unsupported(f"The file {file['name']} is not there any more.")
            enclosures.append(Enclosure(file["name"], file["media_type"], data))
        return Letter(
            key=claimed.key,
            sender=claimed.sender,
            recipients=claimed.recipients,
            raw=raw,
            template=Template(id=said["id"], values=said["values"]) if said else None,
            channel=claimed.channel,
            conversation=content["thread"],
            answers=content["answers"],
            enclosures=tuple(enclosures),
        )

    def obstacle(self, conn: Connection, claimed: Claimed) -> str:
        speech = self._speeches.get(claimed.source, {}).get(claimed.channel)
        if speech is None or speech.window is None or claimed.content.get("template"):
            return ""
        ends = window_end(conn, claimed.conversation_id, claimed.channel, speech.window)
        return CLOSED if ends is None or ends < clock(conn) else ""

    def taken(self, conn: Connection, claimed: Claimed, sent: Sent) -> None:
        key = sent.key or claimed.key
        conn.execute(rows.update().where(rows.c.id == claimed.id).values(key=key))
        receipts.believe(conn, [key])

    def recorded(self, claimed: Claimed, letter: Letter, sent_at: datetime) -> Event:
        agent = self._config.agents.get(claimed.agent)
        people = (
            Participant(claimed.sender, Role.SENDER, agent.name if agent else ""),
            *(Participant(handle, Role.RECIPIENT) for handle in claimed.everybody),
        )
        text = letter.raw.decode()
        facts: Message | Mention
        if claimed.content["post"]:
            facts = Mention(participants=people, text=text, posted_at=sent_at, answers=letter.answers)
        else:
            facts = Message(
                participants=people, text=text, sent_at=sent_at, ident=claimed.key, files=_listed(claimed) or None
            )
        return Event(
            key=claimed.key,
            id=f"{OURS}{claimed.id}",
            channel=claimed.channel,
            at=sent_at,
            facts=facts,
            conversation=letter.conversation,
        )

    def filed(self, conn: Connection, claimed: Claimed) -> None:
        letters.follow(conn, claimed.id, claimed.key)
        receipts.believe(conn, [claimed.key])
        receipts.reopen(conn, claimed.id)

    # --- who, and what ---

    def _thread(self, conn: Connection, actor: Actor, conversation: int, interaction: int | None) -> Thread | None:
        """What is answered: *interaction*, else the latest that came in, else the latest; None where no source speaks
        in the conversation. Raises `NotOpen`."""
        item = self._item(conn, actor, conversation, interaction)
        told = self._told_by(conn, item.channel, item.id)
        if not told:
            return None
        source = min(told, key=lambda name: (not self._config.sources[name].ours, name != item.source, name))
        people = item.facts.participants or ()
        configured = self._config.sources[source].ours
        mine = [each for each in people if each.handle in configured] or [p for p in people if p.handle in self._ours]
        if item.direction is Direction.INBOUND:
            other = next((each for each in people if each.role.begins), None)
        else:
            other = next((each for each in people if not each.role.begins and each not in mine), None)
        # Of an inbound message whoever is not the writer is us, even where the config does not list the address.
        scheme = other.handle.partition(":")[0] if other else ""
        alike = [each for each in configured if each.startswith(f"{scheme}:")]
        ours = next((each.handle for each in mine if each is not other), "") or next(iter([*alike, *configured]), "")
        return Thread(
            source,
            told[source],
            ours,
            other.handle if other else "",
            other.name if other else "",
            self._speeches[source][item.channel],
            item,
        )

    def _item(self, conn: Connection, actor: Actor, conversation: int, interaction: int | None) -> Item:
        mine = interactions.c.conversation_id == conversation
        if interaction is not None:
            mine = sa.and_(mine, interactions.c.id == interaction)
        found = timeline.among(conn, actor, mine, LATEST)
        items = [
            each for each in found if isinstance(each.facts, Message | Mention) and readable(each.level, Level.ALL)
        ]
        if not items:
            raise NotOpen
        stands = [each for each in items if not is_taken_back(each.facts)] or items
        return next((each for each in stands if each.direction is Direction.INBOUND), stands[0])

    def _channel(self, conn: Connection, actor: Actor, conversation: int) -> Channel:
        return self._item(conn, actor, conversation, None).channel

    def _told_by(self, conn: Connection, channel: Channel, interaction: int) -> dict[str, str]:
        """The sources that told of an interaction and speak on its channel, with what they call its thread."""
        mine = sa.select(chat_threads.c.source, chat_threads.c.thread).where(
            chat_threads.c.interaction_id == interaction
        )
        return {
            row.source: row.thread
            for row in conn.execute(mine)
            if channel in self._speeches.get(row.source, {}) and row.source in self._config.sources
        }

    def _identities(self, actor: Actor, thread: Thread) -> list[Identity]:
        if not thread.ours or not may_use(self._config, thread.source, actor):
            return []
        return [Identity(thread.source, thread.ours, "", True)]

    def _templates(self, thread: Thread) -> tuple[TemplateConfig, ...]:
        if not thread.speech.templates:
            return ()
        return tuple(each for each in self._config.templates.values() if each.source == thread.source)

    def _files(self, conn: Connection, actor: Actor, speech: Speech, wanted: Wanted) -> list[Upload]:
        if not wanted.uploads:
            return []
        if not speech.enclosures or wanted.template:
            raise CannotSend("no-files", "No files can be sent here.")
        found = drafts.uploaded(conn, writer(actor), list(wanted.uploads))
        if len(found) != len(set(wanted.uploads)):
            raise CannotSend("no-upload", "A file is not there any more. Add it again.")
        if len(found) > MOST_FILES:
            raise CannotSend("too-many-files", f"At most {MOST_FILES} files go with a message.")
        if any(each.size > speech.largest for each in found):
            raise CannotSend("too-large", f"A file may have {speech.largest / 1_000_000:.0f} MB here.")
        return found

    def _window_end(self, conn: Connection, conversation: int, thread: Thread) -> datetime | None:
        if thread.speech.window is None:
            return None
        return window_end(conn, conversation, thread.item.channel, thread.speech.window)


def _text(item: Item) -> str:
    return (item.facts.text or "") if isinstance(item.facts, Message | Mention) else ""


def _listed(claimed: Claimed) -> tuple[File, ...]:
    """The files that went with it, which lie here already."""
    kept: list[dict[str, Any]] = list(claimed.content.get("files", ()))
    return tuple(
        File(
            id=f"{OURS}{claimed.id}/{position}",
            name=each["name"],
            media_type=each["media_type"],
            size=each["size"],
            url=f"blob:{each['blob']}",
        )
        for position, each in enumerate(kept)
    )
