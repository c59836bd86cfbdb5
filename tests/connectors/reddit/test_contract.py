"""The suites that every connector and every sender have to pass."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import aclosing
from typing import ClassVar

import pytest

import hub
from connectors.reddit import Connector, Sender
from tests.connectors.reddit.conftest import SETUP, mention, settings
from tests.contracts.connector import ConnectorContract, heard
from tests.contracts.sender import Came, SenderContract, Where
from tests.fakes.reddit import ME, Reddit


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    def running(self, reddit: Reddit) -> None:
        self.reddit = reddit

    @pytest.fixture
    def provider_port(self) -> int:
        return self.reddit.port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port), SETUP)

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port, refresh_token="revoked"), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.reddit.post(name)

    def name(self, item: hub.Item) -> str:
        return mention(item).title or ""


class TestSender(SenderContract):
    channel: ClassVar[hub.Channel] = hub.Channel.SOCIAL
    marker: ClassVar[bytes] = b"/api/comment"

    @pytest.fixture(autouse=True)
    def running(self, reddit: Reddit) -> None:
        self.reddit = reddit
        self.asked = reddit.post("Which CRM?")

    @pytest.fixture
    def provider_port(self) -> int:
        return self.reddit.port

    def sender(self, port: int) -> hub.Sender:
        return Sender(settings(port), SETUP)

    def refused(self, port: int) -> hub.Sender:
        return Sender(settings(port, client_secret="another"), SETUP)

    def where(self) -> Where:
        ours, theirs = (f"https://www.reddit.com/user/{name}" for name in (ME, "ann"))
        return Where("", ours, theirs, f"reddit:{self.asked}")

    def unknown(self) -> Sequence[Where]:
        return [Where("", "", "", "reddit:t3_gone"), Where("", "", "", "hackernews:1"), Where("", "", "")]

    async def came(self, count: int) -> Sequence[Came]:
        # What a reader sees of Markdown: an escaped character as itself, and a line end after two blanks.
        texts = [re.sub(r"\\(\W|_)", r"\1", text).replace("  \n", "\n") for on, text in self.reddit.sent]
        assert len(texts) >= count
        return [Came(text) for text in texts]

    async def told(self, port: int) -> Sequence[hub.Event]:
        async with aclosing(Connector(settings(port), SETUP).listen(None)) as arrivals:
            items = [item for arrival in await heard(arrivals, 1 + len(self.reddit.sent)) for item in arrival.items]
        return [item for item in items if isinstance(item, hub.Event) and item.key != f"reddit:{self.asked}"]
