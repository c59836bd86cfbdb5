"""What the firm says over WeCom: an app to colleagues, customer service to customers on WeChat."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import hub
from connectors.wecom.api import Api
from connectors.wecom.messages import key_of
from connectors.wecom.settings import WeComSettings
from hub.formats.digest import stable_id

LONGEST = 680
MOST_BYTES = 2048
"""Of a text; WeCom cuts what is longer."""


class Sender(hub.Sender):
    """`POST /cgi-bin/message/send` (https://developer.work.weixin.qq.com/document/path/90236) and
    `POST /cgi-bin/kf/send_msg` (https://developer.work.weixin.qq.com/document/path/94677). Customer service takes an id
    of ours, which must be new: a repetition is refused, and WeCom does not document with which word, so nothing is
    repeated by itself."""

    Settings = WeComSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType({hub.Channel.CHAT: hub.Speech(LONGEST)})

    def __init__(self, settings: WeComSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._api = Api(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is the app's secret."""
        return self._settings.secret is not None

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Say it to the colleague or the customer that the letter's conversation names."""
        text = letter.raw.decode()
        if letter.enclosures:
            raise hub.Unsupported("Files cannot be sent to WeCom from here.")
        if not text.strip():
            raise hub.Unsupported("A message needs a text.")
        if len(text) > LONGEST or len(letter.raw) > MOST_BYTES:
            raise hub.Unsupported(f"A message has at most {LONGEST} characters and {MOST_BYTES} bytes.")
        about: dict[str, Any] = {"msgtype": "text", "text": {"content": text}}
        way, _, where = letter.conversation.partition("/")
        account, _, customer = where.partition("/")
        if way == "app" and where and self._settings.agent_id:
            return await self._to_colleague({**about, "touser": where, "agentid": self._settings.agent_id})
        if way == "kf" and customer:
            return await self._to_customer({**about, "touser": customer, "open_kfid": account}, letter.key)
        raise hub.Unsupported("This is no conversation of WeCom.")

    async def close(self) -> None:
        """Close its connections."""
        await self._api.close()

    async def _to_colleague(self, about: Mapping[str, Any]) -> hub.Sent:
        said = await self._api.post("/cgi-bin/message/send", about)
        if said.get("invaliduser") or said.get("unlicenseduser"):
            raise hub.Unsupported("WeCom knows nobody of that id who may use the app.")
        id = str(said["msgid"])
        return hub.Sent(id, key=key_of(id))

    async def _to_customer(self, about: Mapping[str, Any], key: str) -> hub.Sent:
        said = await self._api.post("/cgi-bin/kf/send_msg", {**about, "msgid": stable_id(key)[:32]})
        id = str(said["msgid"])
        return hub.Sent(id, key=key_of(id))
