"""What every connector must do. A thing that Asterisk holds is a call detail record: what is live leaves one, too."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

import hub
from tests.connectors.asterisk.conftest import connector
from tests.contracts.connector import ConnectorContract
from tests.servers.asterisk import Asterisk


class TestContract(ConnectorContract):
    asterisk: Asterisk

    @pytest.fixture
    def provider_port(self, asterisk: Asterisk) -> Iterator[int]:
        self.asterisk = asterisk
        yield asterisk.ami.port
        asterisk.cdr_file.unlink(missing_ok=True)

    @pytest.fixture(autouse=True)
    def _server(self, asterisk: Asterisk) -> None:
        self.asterisk = asterisk

    def connector(self, port: int) -> hub.Connector:
        return connector(self.asterisk, port=port)

    def refused(self, port: int) -> hub.Connector:
        return connector(self.asterisk, port=port, secret="not-it")

    def put(self, names: Sequence[str]) -> None:
        """Calls from outside that rang at the desk just now, and nobody answered."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        with self.asterisk.cdr_file.open("a", newline="") as file:
            for name in names:
                row = ["", "+4915112345678", "+4930123456", "from-trunk", '"Carol" <+4915112345678>']
                row += ["PJSIP/trunk-1", "PJSIP/desk-2", "Dial", "PJSIP/desk,20", now, "", now, "0", "0"]
                row += ["NO ANSWER", "DOCUMENTATION", name, "", "", name, "1"]
                csv.writer(file, quoting=csv.QUOTE_ALL).writerow(row)

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.Event)
        assert isinstance(item.facts, hub.Call)
        assert item.facts.recovered
        return item.key.removeprefix("pbx:")
