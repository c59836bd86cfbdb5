"""What a robot says on DingTalk."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import orjson

import hub
from connectors.dingtalk.api import Api
from connectors.dingtalk.settings import DingTalkSettings

LONGEST = 5_000


class Sender(hub.Sender):
    """`POST /v1.0/robot/oToMessages/batchSend` and `…/groupMessages/send`
    (https://open.dingtalk.com/document/orgapp/robot-overview). DingTalk has no idempotency key, and tells a robot
    nothing of what it said itself."""

    Settings = DingTalkSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType({hub.Channel.CHAT: hub.Speech(LONGEST)})

    def __init__(self, settings: DingTalkSettings, setup: hub.Setup) -> None:
        self._robot = settings.robot_code
        self._api = Api(settings, setup.name)

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Say it to the colleague or in the group that the letter's conversation names."""
        text = letter.raw.decode()
        if letter.enclosures:
            raise hub.Unsupported("Files cannot be sent to DingTalk from here.")
        if not text.strip():
            raise hub.Unsupported("A message needs a text.")
        if len(text) > LONGEST:
            raise hub.Unsupported(f"A message has at most {LONGEST} characters, this one {len(text)}.")
        way, _, where = letter.conversation.partition("/")
        about: dict[str, Any] = {
            "robotCode": self._robot,
            "msgKey": "sampleText",
            "msgParam": orjson.dumps({"content": text}).decode(),
        }
        if way == "to" and where:
            said = await self._api.post("/v1.0/robot/oToMessages/batchSend", {**about, "userIds": [where]})
            if where in (said.get("invalidStaffIdList") or ()):
                raise hub.Unsupported("DingTalk knows nobody of that id.")
            if where in (said.get("flowControlledStaffIdList") or ()):
                raise hub.Unavailable("DingTalk wants a pause.")
        elif way == "in" and where:
            said = await self._api.post("/v1.0/robot/groupMessages/send", {**about, "openConversationId": where})
        else:
            raise hub.Unsupported("This is no conversation of DingTalk.")
        id = str(said["processQueryKey"])
        return hub.Sent(id, key=f"dingtalk:{id}")

    async def close(self) -> None:
        """Close its connections."""
        await self._api.close()
