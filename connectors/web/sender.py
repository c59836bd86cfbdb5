"""What we say in a web chat."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import hub
from connectors.web.settings import WebSettings

LONGEST = 4000


class Sender(hub.Sender):
    """The visitor's page reads what was said from the hub itself, so that nothing goes anywhere: what is recorded is
    sent. The key names the letter, so that sending it again adds nothing. Only she begins a chat."""

    Settings = WebSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType({hub.Channel.CHAT: hub.Speech(LONGEST)})

    def __init__(self, settings: WebSettings, setup: hub.Setup) -> None:
        self._chat = settings.kind == "chat"

    @property
    def ready(self) -> bool:
        """Whether it is a chat: whoever filled in a form is answered by mail or by SMS."""
        return self._chat

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Take it for the chat that the letter's conversation names."""
        if not letter.conversation:
            raise hub.Unsupported("This is no web chat.")
        if letter.enclosures:
            raise hub.Unsupported("A web chat takes no files.")
        if len(text := letter.raw.decode()) > LONGEST:
            raise hub.Unsupported(f"A message has at most {LONGEST} characters, this one {len(text)}.")
        name = letter.key.replace(":", "/")
        return hub.Sent(name, key=f"web:{name}")
