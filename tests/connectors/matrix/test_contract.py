"""The connector and the sender keep their contracts, against a real homeserver."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr

import hub
from connectors.matrix import Connector, Sender
from connectors.matrix.names import handle_of
from tests.connectors.matrix.conftest import Talk
from tests.contracts.connector import ConnectorContract, heard
from tests.contracts.sender import Came, SenderContract, Where

WRONG: dict[str, Any] = {"access_token": SecretStr("syt_nobody_knows_this")}


class TestConnector(ConnectorContract):
    """Synapse, and the messages in one room."""

    @pytest.fixture(autouse=True)
    def _begin(self, talk: Talk) -> None:
        self.talk = talk

    @pytest.fixture
    def provider_port(self) -> int:
        return self.talk.us.server.port

    def connector(self, port: int) -> Connector:
        return self.talk.connector(port)

    def refused(self, port: int) -> Connector:
        return self.talk.connector(port, **WRONG)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.talk.ada.say(self.talk.room, name)

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.Event)
        assert isinstance(item.facts, hub.Message)
        return item.facts.text or ""


class TestSender(SenderContract):
    """Synapse, and what Ada sees in her room."""

    marker = b"/send/m.room.message/"
    idempotent = True

    @pytest.fixture(autouse=True)
    def _begin(self, talk: Talk) -> None:
        self.talk = talk

    @pytest.fixture
    def provider_port(self) -> int:
        return self.talk.us.server.port

    def sender(self, port: int) -> Sender:
        return self.talk.sender(port)

    def refused(self, port: int) -> Sender:
        return self.talk.sender(port, **WRONG)

    def where(self) -> Where:
        return Where(self.talk.room, handle_of(self.talk.us.user), handle_of(self.talk.ada.user))

    def unknown(self) -> Sequence[Where]:
        return [Where("!nowhere:hub.test", self.where().ours, self.where().theirs)]

    async def came(self, count: int) -> Sequence[Came]:
        found = []
        for event in self.talk.ada.messages(self.talk.room):
            content = event["content"]
            if "url" in content:
                text = content["body"] if content["body"] != content["filename"] else ""
                found.append(Came(text, ((content["filename"], self.talk.ada.download(content["url"])),)))
            else:
                found.append(Came(content["body"]))
        assert len(found) >= count
        return found

    async def told(self, port: int) -> Sequence[hub.Event]:
        async with aclosing(self.talk.connector(port).listen(None)) as arrivals:
            items = [item for arrival in await heard(arrivals, 1) for item in arrival.items]
        return [item for item in items if isinstance(item, hub.Event)]
