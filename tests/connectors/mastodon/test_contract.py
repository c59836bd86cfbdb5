"""The suites that every connector and every sender has to pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest

import hub
from connectors.mastodon import Connector, Sender
from connectors.mastodon.statuses import Us, event
from tests.connectors.mastodon.conftest import SETUP, settings
from tests.contracts.connector import ConnectorContract
from tests.contracts.sender import Came, SenderContract, Where
from tests.fakes.mastodon import ME, Mastodon


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    async def provider(self, server: Mastodon) -> None:
        self.server = server

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.server.port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port, hashtags=["#Things"]), SETUP)

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port, token="not ours"), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.server.post("li@elsewhere.test", name, tags=("Things",))

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.Event)
        assert isinstance(item.facts, hub.Mention)
        return item.facts.text or ""


class TestSender(SenderContract):
    channel = hub.Channel.SOCIAL
    marker: ClassVar[bytes] = b"in_reply_to_id="
    idempotent = True

    @pytest.fixture(autouse=True)
    async def provider(self, server: Mastodon) -> None:
        self.server = server
        self.post = server.post("li@elsewhere.test", "Does anybody know ExampleBrand?")

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.server.port

    def sender(self, port: int) -> hub.Sender:
        return Sender(settings(port), SETUP)

    def refused(self, port: int) -> hub.Sender:
        return Sender(settings(port, token="not ours"), SETUP)

    def where(self) -> Where:
        return Where("", "acct:us@social.test", "acct:li@elsewhere.test", self._us().key(self.post))

    def unknown(self) -> Sequence[Where]:
        return (Where("", "acct:us@social.test", "acct:li@elsewhere.test", self._us().key("9")),)

    async def came(self, count: int) -> Sequence[Came]:
        ours = [each for each in self.server.statuses.values() if each["account"]["acct"] == "us"]
        assert len(ours) >= count
        assert {each["in_reply_to_id"] for each in ours} <= {self.post}
        assert all(each["sent"].startswith("@li@elsewhere.test ") for each in ours)
        return [Came(each["sent"].removeprefix("@li@elsewhere.test ")) for each in ours]

    async def told(self, port: int) -> Sequence[hub.Event]:
        found = []
        for each in self.server.statuses.values():
            if each["account"]["acct"] == "us":
                said = event({**each, "content": each["content"].replace("@li@elsewhere.test ", "")}, self._us(port))
                assert said is not None
                found.append(said)
        return found

    def _us(self, port: int = 0) -> Us:
        return Us(f"127.0.0.1:{port or self.server.port}", "social.test", ME, "us")
