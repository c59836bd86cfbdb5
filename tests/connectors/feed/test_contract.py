"""The suite that every connector has to pass."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import hub
from connectors.feed import Connector
from tests.connectors.feed.conftest import SETUP, mention, settings
from tests.contracts.connector import ConnectorContract
from tests.fakes.news import News


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    def server(self, news: News) -> None:
        self.news = news

    @pytest.fixture
    def provider_port(self) -> int:
        return self.news.port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port), SETUP)

    def refused(self, port: int) -> hub.Connector:
        self.news.paper().status = 401
        return Connector(settings(port), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.news.paper().put(name)

    def name(self, item: hub.Item) -> str:
        return mention(item).title or ""
