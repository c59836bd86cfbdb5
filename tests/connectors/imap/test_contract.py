"""The connector contract, on a real Dovecot."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import hub
from connectors.imap import Connector
from tests.connectors.imap.mails import mail, settings, subject
from tests.contracts.connector import ConnectorContract, setup
from tests.servers.dovecot import Dovecot


class TestImap(ConnectorContract):
    @pytest.fixture(autouse=True)
    def provider(self, dovecot: Dovecot) -> None:
        self.dovecot = dovecot

    @pytest.fixture
    def provider_port(self, dovecot: Dovecot) -> int:
        return dovecot.imap_port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port), setup())

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port, password="not-the-secret"), setup())

    def put(self, names: Sequence[str]) -> None:
        self.dovecot.append([mail(name) for name in names])

    def name(self, item: hub.Item) -> str:
        return subject(item)
