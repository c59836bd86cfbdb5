"""Writes as an account, to people and into rooms."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar
from xml.etree.ElementTree import Element, SubElement

import hub
from connectors.xmpp.names import bare, key_of, peer_of
from connectors.xmpp.settings import XmppSettings
from connectors.xmpp.stream import ANSWER_SECONDS, CLIENT, Refused, Stream, refusal_of
from hub.formats.digest import stable_id
from hub.http import Guarded

LONGEST = 10_000
"""Characters: 40,000 bytes at most, for many servers take stanzas of 64 kB."""
LARGEST = 10 << 20
UPLOAD = "{urn:xmpp:http:upload:0}"
ITEMS = "{http://jabber.org/protocol/disco#items}"
INFO = "{http://jabber.org/protocol/disco#info}"
_SID = "{urn:xmpp:sid:0}"
_ALLOWED = frozenset({"authorization", "cookie", "expires"})  # XEP-0363, 5
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Sender(hub.Sender):
    """Keeps one connection, beside the connector's, and sends one message after another.

    A message to somebody is taken once the server answers what was asked after it, for it answers in order; an error
    stanza before that is the reason why it is refused. A message into a room is taken once the room repeats it. Files
    are put onto the server (XEP-0363), and their links go with the text.
    """

    Settings = XmppSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType(
        {hub.Channel.CHAT: hub.Speech(LONGEST, enclosures=True, largest=LARGEST)}
    )

    def __init__(self, settings: XmppSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._stream: Stream | None = None
        self._turn = asyncio.Lock()
        self._waited: dict[str, asyncio.Future[Element]] = {}
        self._rooms: set[str] = set()
        self._entering: dict[str, asyncio.Future[Element]] = {}
        self._files = Guarded(settings.file_hosts)

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Send it to whom, or into the room, that its conversation names."""
        text = _FORBIDDEN.sub("", letter.raw.decode())
        if len(text) > LONGEST:
            raise hub.Unsupported(f"A message has at most {LONGEST} characters, this one {len(text)}.")
        if not text and not letter.enclosures:
            raise hub.Unsupported("A message needs a text or a file.")
        if any(len(each.data) > LARGEST for each in letter.enclosures):
            raise hub.Unsupported(f"A file may have {LARGEST >> 20} MB.")
        peer, is_room = peer_of(letter.conversation)
        if "@" not in peer:
            raise hub.Unsupported("An XMPP conversation cannot be begun from here.")
        if is_room and peer not in self._settings.rooms:
            raise hub.Unsupported("We are not in that room (any more).")
        async with self._turn:
            try:
                stream = await self._opened()
                links = [await self._uploaded(stream, each) for each in letter.enclosures]
                if is_room and peer not in self._rooms:
                    await self._enter(stream, peer)
            except TimeoutError as error:
                raise hub.Unavailable(str(error) or "the XMPP server does not answer") from None
            message = _written(peer, is_room, stable_id(letter.key), text, links)
            return await self._sent(stream, peer, is_room, message)

    async def close(self) -> None:
        """Close its connections."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()
        await self._files.close()

    async def _opened(self) -> Stream:
        if self._stream is not None and self._stream.alive:
            return self._stream
        if self._stream is not None:
            await self._stream.close()
        self._rooms.clear()
        stream = Stream(self._settings, self._source, self._on_message, self._on_presence)
        self._stream = await stream.__aenter__()
        return self._stream

    async def _sent(self, stream: Stream, peer: str, is_room: bool, message: Element) -> hub.Sent:
        ident = message.get("id", "")
        said = self._waited[ident] = asyncio.get_running_loop().create_future()
        await stream.send(message)
        try:
            try:
                if is_room:
                    await _first(said, stream)
                else:
                    await stream.ask("get", Element("{urn:xmpp:ping}ping"), bare(self._settings.jid).partition("@")[2])
            except Refused:
                pass  # a server that knows no ping answers all the same
            except hub.Unavailable as broke:
                raise TimeoutError(str(broke)) from None
        finally:
            del self._waited[ident]
        if said.done() and said.result().get("type") == "error":
            raise hub.Unsupported(f"The XMPP server does not take it: {refusal_of(said.result())}")
        if not is_room:
            return hub.Sent(ident, key=key_of(self._settings.jid, ident))
        lies = [each.get("id", "") for each in said.result().findall(f"{_SID}stanza-id") if each.get("by") == peer]
        return hub.Sent(ident, key=key_of(peer, lies[0]) if lies else "")

    async def _enter(self, stream: Stream, room: str) -> None:
        entered = self._entering[room] = asyncio.get_running_loop().create_future()
        try:
            await stream.enter(room, self._settings.nick)
            presence = await _first(entered, stream)
        finally:
            del self._entering[room]
        if presence.get("type") == "error":
            raise hub.Unsupported(f"The room does not let us in: {refusal_of(presence)}")
        self._rooms.add(room)

    async def _uploaded(self, stream: Stream, file: hub.Enclosure) -> str:
        """The address of a file, once it lies on the server."""
        where = await self._store(stream)
        wanted = Element(
            f"{UPLOAD}request",
            {"filename": file.name, "size": str(len(file.data)), "content-type": file.media_type},
        )
        try:
            slot = (await stream.ask("get", wanted, where)).find(f"{UPLOAD}slot")
        except Refused as refusal:
            raise hub.Unsupported(f"The XMPP server does not take the file: {refusal}") from None
        put = slot.find(f"{UPLOAD}put") if slot is not None else None
        get = slot.find(f"{UPLOAD}get") if slot is not None else None
        if put is None or get is None:
            raise hub.Unsupported("The XMPP server does not say where to put the file.")
        headers = {
            name: (each.text or "").replace("\n", "")
            for each in put.findall(f"{UPLOAD}header")
            if (name := each.get("name", "")).lower() in _ALLOWED
        }
        await self._files.fetch(
            put.get("url", ""),
            method="PUT",
            headers={**headers, "Content-Type": file.media_type},
            content=file.data,
            seconds=120,
        )
        return get.get("url", "")

    async def _store(self, stream: Stream) -> str:
        """The service of our server that keeps files. Raises `Unsupported` where it has none."""
        domain = self._settings.jid.partition("@")[2]
        listed = (await stream.ask("get", Element(f"{ITEMS}query"), domain)).findall(f"{ITEMS}query/{ITEMS}item")
        for service in [domain, *(each.get("jid", "") for each in listed)]:
            try:
                about = await stream.ask("get", Element(f"{INFO}query"), service)
            except Refused:
                continue
            if any(each.get("var") == "urn:xmpp:http:upload:0" for each in about.iter(f"{INFO}feature")):
                return service
        raise hub.Unsupported("The XMPP server keeps no files (XEP-0363): send a link instead.")

    def _on_message(self, message: Element) -> None:
        waited = self._waited.get(message.get("id", ""))
        if waited is not None and not waited.done() and message.get("type") in ("error", "groupchat"):
            waited.set_result(message)

    def _on_presence(self, presence: Element) -> None:
        room, _, nick = presence.get("from", "").partition("/")
        waited = self._entering.get(room)
        if waited is not None and not waited.done() and nick in ("", self._settings.nick):
            waited.set_result(presence)
        elif presence.get("type") == "unavailable" and nick == self._settings.nick:
            self._rooms.discard(room)


async def _first(wanted: asyncio.Future[Element], stream: Stream) -> Element:
    """What was waited for. Raises `TimeoutError` where it does not come, `Unavailable` where the connection ended."""
    ended = asyncio.ensure_future(stream.until_ended())
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await asyncio.wait((wanted, ended), return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return wanted.result()
        raise ended.result()
    finally:
        ended.cancel()


def _written(peer: str, is_room: bool, ident: str, text: str, links: list[str]) -> Element:
    """The stanza: text and links in its body, for clients show a link as a file where it is all of the body."""
    message = Element(f"{CLIENT}message", to=peer, type="groupchat" if is_room else "chat", id=ident)
    SubElement(message, f"{CLIENT}body").text = "\n".join([*([text] if text else []), *links])
    for link in links:
        SubElement(SubElement(message, "{jabber:x:oob}x"), "{jabber:x:oob}url").text = link
    SubElement(message, f"{_SID}origin-id", id=ident)
    if not is_room:
        SubElement(message, "{urn:xmpp:receipts}request")
        SubElement(message, "{urn:xmpp:chat-markers:0}markable")
    return message
