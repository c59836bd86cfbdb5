"""What an archived message says, in the hub's words."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

import hub
from connectors.xmpp.names import bare, handle_of, key_of, pair
from connectors.xmpp.settings import XmppSettings
from connectors.xmpp.stream import CLIENT, Archived, refusal_of

ORIGIN = "{urn:xmpp:sid:0}origin-id"
RECEIVED = "{urn:xmpp:receipts}received"
MARKERS = "{urn:xmpp:chat-markers:0}"
REPLACE = "{urn:xmpp:message-correct:0}replace"
RETRACT = "{urn:xmpp:message-retract:1}retract"
APPLY_TO = "{urn:xmpp:fasten:0}apply-to"
RETRACT_0 = "{urn:xmpp:message-retract:0}retract"
OOB = "{jabber:x:oob}x"
SEALED = (
    "{urn:xmpp:eme:0}encryption",
    "{eu.siacs.conversations.axolotl}encrypted",
    "{urn:xmpp:omemo:2}encrypted",
    "{jabber:x:encrypted}x",
)
KNOWN = 5_000
MOST_TEXT = 100_000
MOST_FILES = 10
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

LookUp = Callable[[str, str, str], Awaitable[Archived | None]]
"""Looks in an archive, among the messages with somebody ("" is anybody), for the one of that id."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A message as the archive of *archive* has it. *peer* is with whom, "" in a room; *writer* what a correction must
    come from; *ours*: the account wrote it."""

    archive: str
    peer: str
    writer: str
    ours: bool


class Reading:
    """Reads the archives of one account and its rooms; *look_up* finds what a correction speaks of, where it is older
    than what this reading remembers."""

    def __init__(self, settings: XmppSettings, look_up: LookUp) -> None:
        self._settings = settings
        self._look_up = look_up
        self._read = 0
        self._known: OrderedDict[tuple[str, str, str], tuple[str, str]] = OrderedDict()

    async def items(self, archive: str, messages: Sequence[Archived]) -> list[hub.Item]:
        """What *messages*, oldest first, of the archive of *archive* tell."""
        found: list[hub.Item] = []
        for each in messages:
            item = await self._item(archive, each)
            if item is not None:
                found.append(item)
        return found

    async def _item(self, archive: str, message: Archived) -> hub.Item | None:
        stanza = message.stanza
        said = self._said(archive, stanza)
        if said is None:
            return None
        if stanza.get("type") == "error":
            failed = stanza.get("id")
            if said.ours or not failed:
                return None
            key = key_of(archive, failed)
            return hub.Receipt(key=key, state=hub.Delivered.FAILED, at=message.at, reason=refusal_of(stanza))
        if receipt := self._receipt(said, message):
            return receipt
        if gone := _retracted(stanza):
            return await self._deletion(said, message, gone)
        return await self._message(said, message)

    def _said(self, archive: str, stanza: Element) -> _Said | None:
        us = self._settings.jid
        sender, to = stanza.get("from", us), stanza.get("to", us)
        if archive != us:
            room, _, nick = sender.partition("/")
            return _Said(archive, "", sender, nick == self._settings.nick) if bare(room) == archive else None
        if stanza.get("type") == "groupchat":
            return None  # it lies in the room's own archive
        ours = bare(sender) == us
        other = to if ours else sender
        peer = other if bare(other) in self._settings.rooms else bare(other)
        return _Said(archive, peer, us if ours else peer, ours)

    def _receipt(self, said: _Said, message: Archived) -> hub.Receipt | None:
        """The word of the other side that it has, or has read, what we sent (XEP-0184, XEP-0333)."""
        if said.ours or not said.peer:
            return None
        for tag, state in (
            (f"{MARKERS}displayed", hub.Delivered.READ),
            (f"{MARKERS}acknowledged", hub.Delivered.READ),
            (f"{MARKERS}received", hub.Delivered.DELIVERED),
            (RECEIVED, hub.Delivered.DELIVERED),
        ):
            told = message.stanza.find(tag)
            if told is not None and told.get("id"):
                return hub.Receipt(key=key_of(said.archive, told.get("id", "")), state=state, at=message.at)
        return None

    async def _deletion(self, said: _Said, message: Archived, gone: str) -> hub.Event | None:
        key, writer = await self._meant(said, gone)
        # A room's own word takes anybody's message away (XEP-0425).
        if not key or (writer != said.writer and not (not said.peer and said.writer == said.archive)):
            return None
        facts = hub.Message(participants=self._people(said), deleted=True)
        return self._event(said, message, key, facts)

    async def _message(self, said: _Said, message: Archived) -> hub.Event | None:
        stanza = message.stanza
        body = stanza.findtext(f"{CLIENT}body")
        files, sealed = _files(stanza), any(stanza.find(tag) is not None for tag in SEALED)
        if body is None and not files and not sealed:
            return None
        origin = stanza.find(ORIGIN)
        origin_id = origin.get("id", "") if origin is not None else ""
        key = key_of(said.archive, (origin_id if said.ours and said.peer else "") or message.ident)
        edited_at = None
        replaced = stanza.find(REPLACE)
        if replaced is not None and replaced.get("id"):
            meant, writer = await self._meant(said, replaced.get("id", ""))
            if meant and writer == said.writer:
                key, edited_at = meant, message.at
        for ident in {message.ident, origin_id, stanza.get("id", "")} - {""}:
            self._known.setdefault((said.archive, said.peer, ident), (key, said.writer))
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        facts = hub.Message(
            participants=self._people(said),
            text="" if sealed else _text(body or "", files),
            sent_at=None if edited_at else message.at,
            ident=key,
            protection="encrypted" if sealed else None,
            files=files or None,
            edited_at=edited_at,
        )
        return self._event(said, message, key, facts)

    def _event(self, said: _Said, message: Archived, key: str, facts: hub.Message) -> hub.Event:
        self._read += 1
        return hub.Event(
            key=key,
            id=message.ident,
            channel=hub.Channel.CHAT,
            at=message.at,
            facts=facts,
            order=self._read,  # archives may know only seconds
            conversation=pair(said.archive, said.peer) if said.peer else said.archive,
        )

    def _people(self, said: _Said) -> tuple[hub.Participant, ...]:
        us = handle_of(self._settings.jid)
        if not said.peer:
            if said.ours:
                return (hub.Participant(us, hub.Role.SENDER),)
            nick = said.writer.partition("/")[2]
            writer = hub.Participant(handle_of(said.writer) if nick else "", hub.Role.SENDER, nick)
            return writer, hub.Participant(us, hub.Role.RECIPIENT)
        them = handle_of(said.peer)
        sender, recipient = (us, them) if said.ours else (them, us)
        return hub.Participant(sender, hub.Role.SENDER), hub.Participant(recipient, hub.Role.RECIPIENT)

    async def _meant(self, said: _Said, ident: str) -> tuple[str, str]:
        """Key and writer of the message that a correction or a retraction names; "" where nobody knows it."""
        place = (said.archive, said.peer, ident)
        if place not in self._known:
            found = await self._look_up(said.archive, said.peer, ident)
            if found is not None:
                await self._item(said.archive, found)
        return self._known.get(place, ("", ""))


def ids_of(stanza: Element) -> set[str]:
    """By what a later message may name this one."""
    origin = stanza.find(ORIGIN)
    return {stanza.get("id", ""), origin.get("id", "") if origin is not None else ""} - {""}


def _retracted(stanza: Element) -> str:
    """The id of the message that is taken back (XEP-0424, and its version 0.3), "" where none is."""
    retract = stanza.find(RETRACT)
    if retract is not None:
        return retract.get("id", "")
    applied = stanza.find(APPLY_TO)
    return applied.get("id", "") if applied is not None and applied.find(RETRACT_0) is not None else ""


def _files(stanza: Element) -> tuple[hub.File, ...]:
    """The links that go with it out of band (XEP-0066)."""
    urls = [(each.findtext("{jabber:x:oob}url") or "").strip() for each in stanza.findall(OOB)]
    return tuple(
        hub.File(id=url, name=unquote(urlsplit(url).path.rpartition("/")[2])[:300], url=url)
        for url in dict.fromkeys(urls)
        if url.startswith(("https://", "http://")) and len(url) < 4000
    )[:MOST_FILES]


def _text(body: str, files: Sequence[hub.File]) -> str:
    """What people read: the links of files that end it are no text."""
    urls = {file.url for file in files}
    lines = body.split("\n")
    while urls and lines and lines[-1].strip() in urls:
        lines.pop()
    return _FORBIDDEN.sub("", "\n".join(lines))[:MOST_TEXT]
