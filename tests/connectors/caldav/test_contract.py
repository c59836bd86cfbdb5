"""The suites that every connector and every calendar has to pass, against real servers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import hub
from connectors.caldav import Connector
from tests.connectors.caldav.conftest import SETUP, event, settings, uids
from tests.contracts.connector import ConnectorContract
from tests.servers.radicale import CalendarServer


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    def account(self, server: CalendarServer, calendar: str) -> None:
        self.server = server
        self.calendar = calendar

    @pytest.fixture
    def provider_port(self) -> int:
        return self.server.port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port, calendars=[self.calendar]), SETUP)

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port, password="another"), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.server.put(f"{self.calendar}{name}.ics", event(name))

    def name(self, item: hub.Item) -> str:
        raise AssertionError(f"{item} was not put")

    def names(self, arrivals: Sequence[hub.Arrival]) -> list[str]:
        # Beside what was put there are the inventories.
        return uids(list(arrivals))
