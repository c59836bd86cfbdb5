"""What an app's bot says on Feishu."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import orjson

import hub
from connectors.feishu.api import Api
from connectors.feishu.settings import FeishuSettings
from hub.formats.digest import stable_id

LONGEST = 10_000


class Sender(hub.Sender):
    """`POST /open-apis/im/v1/messages` and `…/{message_id}/reply`
    (https://open.feishu.cn/document/server-docs/im-v1/message/create). The same `uuid` is taken once within an hour."""

    Settings = FeishuSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType({hub.Channel.CHAT: hub.Speech(LONGEST)})

    def __init__(self, settings: FeishuSettings, setup: hub.Setup) -> None:
        self._ready = settings.app_secret is not None
        self._api = Api(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is the app's secret."""
        return self._ready

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Say it in the chat that the letter's conversation names; in a topic as an answer in it."""
        text = letter.raw.decode()
        if letter.enclosures:
            raise hub.Unsupported("Files cannot be sent to Feishu from here.")
        if not text.strip():
            raise hub.Unsupported("A message needs a text.")
        if len(text) > LONGEST:
            raise hub.Unsupported(f"A message has at most {LONGEST} characters, this one {len(text)}.")
        about = {
            "msg_type": "text",
            "content": orjson.dumps({"text": text}).decode(),
            "uuid": stable_id(letter.key)[:50],
        }
        chat, _, topic = letter.conversation.partition("/")
        answered = letter.answers.removeprefix("feishu:")
        if topic and answered:
            path = f"/open-apis/im/v1/messages/{answered}/reply"
            made = await self._api.post(path, {**about, "reply_in_thread": True})
        else:
            query = (("receive_id_type", "chat_id"),)
            made = await self._api.post("/open-apis/im/v1/messages", {**about, "receive_id": chat}, query)
        id = str(made["message_id"])
        return hub.Sent(id, key=f"feishu:{id}")

    async def close(self) -> None:
        """Close its connections."""
        await self._api.close()
