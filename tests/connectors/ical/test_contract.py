"""The suite that every connector has to pass."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import hub
from connectors.ical import Connector
from tests.connectors.ical.conftest import SETUP, settings, uids
from tests.contracts.connector import ConnectorContract
from tests.fakes.feed import Feed


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    def account(self, feed: Feed) -> None:
        self.feed = feed

    @pytest.fixture
    def provider_port(self) -> int:
        return self.feed.port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port), SETUP)

    def refused(self, port: int) -> hub.Connector:
        self.feed.login = "Basic of somebody else"
        return Connector(settings(port), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.feed.put(name)

    def name(self, item: hub.Item) -> str:
        raise AssertionError(f"{item} was not put")

    def names(self, arrivals: Sequence[hub.Arrival]) -> list[str]:
        # Beside what was put there are the inventories.
        return uids(list(arrivals))
