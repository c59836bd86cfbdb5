"""Writes into Matrix rooms."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import quote

import hub
from connectors.matrix.homeserver import Homeserver, said_of
from connectors.matrix.names import key_of
from connectors.matrix.settings import MatrixSettings
from hub.formats.digest import stable_id

LONGEST = 15_000
"""Characters: an event has at most 65,536 bytes, of which a character takes four."""
LARGEST = 25 << 20
PART = "org.openhub.part_of"
"""In the further files of a message of ours: the event that carries its text."""


class Sender(hub.Sender):
    """`PUT /rooms/{room}/send` with a transaction id made of the letter's key: what is sent again is there once
    (https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid).

    The first file carries the text as its caption (v1.10), further ones are events of their own. In rooms of more than
    two the message that is answered is quoted. A post of a public room is answered in a thread below it.
    """

    Settings = MatrixSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT, hub.Channel.SOCIAL})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType(
        {
            hub.Channel.CHAT: hub.Speech(LONGEST, enclosures=True, largest=LARGEST),
            hub.Channel.SOCIAL: hub.Speech(LONGEST),
        }
    )

    def __init__(self, settings: MatrixSettings, setup: hub.Setup) -> None:
        self._homeserver = Homeserver(settings, setup.name)

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Send it into the room, or the thread, that its conversation names."""
        text = letter.raw.decode()
        if len(text) > LONGEST:
            raise hub.Unsupported(f"A message has at most {LONGEST} characters, this one {len(text)}.")
        if not text and not letter.enclosures:
            raise hub.Unsupported("A message needs a text or a file.")
        if any(len(each.data) > LARGEST for each in letter.enclosures):
            raise hub.Unsupported(f"A file may have {LARGEST >> 20} MB.")
        room, _, root = letter.conversation.partition("/")
        if not room:
            raise hub.Unsupported("A Matrix conversation cannot be begun from here.")
        members = await self._homeserver.members(room)
        if members is None:
            raise hub.Unsupported("We are not in that room (any more).")
        transaction = stable_id(letter.key)
        first, *others = [await self._enclosed(each) for each in letter.enclosures] or [{}]
        content = _with_text(first, text)
        answered = letter.answers.removeprefix("matrix:")
        if relation := _relation(root, answered if len(members) > 2 else ""):
            content["m.relates_to"] = relation
        event_id = await self._put(room, transaction, content)
        for number, other in enumerate(others):
            more = {**other, PART: event_id, **({"m.relates_to": _relation(root, "")} if root else {})}
            await self._put(room, f"{transaction}.{number}", more)
        return hub.Sent(event_id, key=key_of(event_id))

    async def close(self) -> None:
        """Close its connections."""
        await self._homeserver.close()

    async def _put(self, room: str, transaction: str, content: Mapping[str, Any]) -> str:
        path = f"/send/m.room.message/{quote(transaction, safe='')}"
        answer = await self._homeserver.room("PUT", room, path, json=content)
        if answer.status != 200:
            raise hub.Unsupported(f"The homeserver does not take it: {said_of(answer)}")
        return str(answer.json()["event_id"])

    async def _enclosed(self, file: hub.Enclosure) -> dict[str, Any]:
        kind = file.media_type.partition("/")[0]
        url = await self._homeserver.upload(file.name, file.media_type, file.data)
        return {
            "msgtype": f"m.{kind}" if kind in ("image", "audio", "video") else "m.file",
            "body": file.name,
            "filename": file.name,
            "url": url,
            "info": {"mimetype": file.media_type, "size": len(file.data)},
        }


def _with_text(content: dict[str, Any], text: str) -> dict[str, Any]:
    if not content:
        return {"msgtype": "m.text", "body": text}
    return {**content, "body": text} if text else content


def _relation(root: str, answered: str) -> dict[str, Any]:
    """What an event belongs to: a thread, an event that it answers, both or nothing."""
    quoted = {"m.in_reply_to": {"event_id": answered}} if answered else {}
    if not root:
        return quoted
    return {"rel_type": "m.thread", "event_id": root, "is_falling_back": not answered,
            **(quoted or {"m.in_reply_to": {"event_id": root}})}  # fmt: skip
