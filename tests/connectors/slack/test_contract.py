"""The suites that every connector and every sender has to pass."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import ClassVar

import pytest

import hub
from connectors.slack import Connector, Sender
from tests.connectors.slack.conftest import SETUP, settings
from tests.contracts.connector import ConnectorContract, heard
from tests.contracts.sender import Came, SenderContract, Where
from tests.fakes.slack import ANN, BOT, CHANNEL, TEAM, Slack


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    async def provider(self, workspace: Slack) -> None:
        self.workspace = workspace

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.workspace.port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port), SETUP)

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port, bot_token="xoxb-not-ours"), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.workspace.say(ANN, name)

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.Event)
        assert isinstance(item.facts, hub.Message)
        return item.facts.text or ""


class TestSender(SenderContract):
    marker: ClassVar[bytes] = b"/api/chat.postMessage"

    @pytest.fixture(autouse=True)
    async def provider(self, workspace: Slack) -> None:
        self.workspace = workspace
        self.ts = workspace.say(ANN, "Where is my parcel?")

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.workspace.port

    def sender(self, port: int) -> hub.Sender:
        return Sender(settings(port), SETUP)

    def refused(self, port: int) -> hub.Sender:
        return Sender(settings(port, bot_token="xoxb-not-ours"), SETUP)

    def where(self) -> Where:
        return Where(
            f"{TEAM}/{CHANNEL}/{self.ts}",
            f"slack:{TEAM}/{BOT}",
            f"slack:{TEAM}/{ANN}",
            f"slack:{TEAM}/{CHANNEL}/{self.ts}",
        )

    def unknown(self) -> Sequence[Where]:
        ours, theirs = f"slack:{TEAM}/{BOT}", f"slack:{TEAM}/{ANN}"
        return [
            Where(f"{TEAM}/C9999999/{self.ts}", ours, theirs),
            Where(f"{TEAM}/{CHANNEL}/1.000001", ours, theirs),
            Where(f"T9999999/{CHANNEL}/{self.ts}", ours, theirs),
            Where("", ours, f"slack:{TEAM}/U9999999"),
            Where("", ours, "tel:+4930123456"),
        ]

    async def came(self, count: int) -> Sequence[Came]:
        await self.workspace.until(lambda: len(self.workspace.ours()) >= count)
        ours = self.workspace.ours()
        assert {each.get("thread_ts") for each in ours} <= {self.ts}
        assert all(each.get("mrkdwn") is False or "files" in each for each in ours), "nothing in it is markup"
        return [
            Came(
                each["text"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"),
                tuple((file["name"], self.workspace.data(file["id"])) for file in each.get("files", ())),
            )
            for each in ours
        ]

    async def told(self, port: int) -> Sequence[hub.Event]:
        async with aclosing(Connector(settings(port), SETUP).listen(None)) as arrivals:
            events = [each for arrival in await heard(arrivals, 2) for each in arrival.items]
        return [each for each in events if isinstance(each, hub.Event) and each.key != self.where().answers]
