"""What a page or an Instagram account says: answers within 24 hours of the other side's last word, and to comments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import ClassVar

import hub
from connectors.messenger.graph import Graph
from connectors.messenger.settings import MessengerSettings

LONGEST = 1000
"""Characters: what Instagram takes; a page's messages may have twice as many."""

LONGEST_COMMENT = 2200


class Sender(hub.Sender):
    """`POST /<account>/messages` (https://developers.facebook.com/docs/messenger-platform/send-messages), and
    `POST /<comment>/comments` or `/replies`. Meta has no idempotency key."""

    Settings = MessengerSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT, hub.Channel.SOCIAL})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType(
        {
            hub.Channel.CHAT: hub.Speech(LONGEST, window=timedelta(hours=24)),
            hub.Channel.SOCIAL: hub.Speech(LONGEST_COMMENT),
        }
    )

    def __init__(self, settings: MessengerSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._graph = Graph(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is an access token."""
        return self._settings.access_token is not None

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Say it to the other side, or below the comment that is answered."""
        text = letter.raw.decode()
        if letter.enclosures:
            raise hub.Unsupported("Files cannot be sent to Meta from here.")
        if not text.strip():
            raise hub.Unsupported("A message needs a text.")
        longest = LONGEST_COMMENT if letter.channel is hub.Channel.SOCIAL else LONGEST
        if len(text) > longest:
            raise hub.Unsupported(f"A message has at most {longest} characters, this one {len(text)}.")
        if letter.channel is hub.Channel.SOCIAL:
            return await self._below(letter.answers, text)
        account, _, whom = letter.conversation.partition("/")
        if account != self._settings.account_id or not whom:
            raise hub.Unsupported("This is no conversation of this account.")
        about = {"recipient": {"id": whom}, "messaging_type": "RESPONSE", "message": {"text": text}}
        said = await self._graph.post(f"/{account}/messages", about)
        mid = str(said["message_id"])
        return hub.Sent(mid, key=f"{self._settings.platform}:{mid}")

    async def close(self) -> None:
        """Close its connections."""
        await self._graph.close()

    async def _below(self, answers: str, text: str) -> hub.Sent:
        comment = answers.partition(":comment/")[2]
        if not comment:
            raise hub.Unsupported("Say which comment is answered.")
        way = "replies" if self._settings.platform == "instagram" else "comments"
        said = await self._graph.post(f"/{comment}/{way}", {"message": text})
        return hub.Sent(str(said["id"]), key=f"{self._settings.platform}:comment/{said['id']}")
