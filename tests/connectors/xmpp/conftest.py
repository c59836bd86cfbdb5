"""One server for all tests of this folder, and an account of ours with a customer for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

import hub
from connectors.xmpp import Connector, Fetcher, Sender
from connectors.xmpp.names import handle_of, pair
from connectors.xmpp.settings import XmppSettings
from tests.contracts.connector import setup
from tests.servers.prosody import PASSWORD, Client, Prosody, prosody


@pytest.fixture(scope="session")
def server() -> Iterator[Prosody]:
    """A running Prosody."""
    with prosody() as running:
        yield running


@dataclass(frozen=True, slots=True)
class Talk:
    """Our account, and a customer."""

    server: Prosody
    us: str
    ada: str

    @property
    def conversation(self) -> str:
        """What the hub calls their conversation."""
        return pair(self.us, self.ada)

    def settings(self, port: int = 0, **changes: Any) -> XmppSettings:
        """Right settings, to the server or to something before it."""
        common = {
            "jid": self.us,
            "password": SecretStr(PASSWORD),
            "host": "127.0.0.1",
            "port": port or self.server.port,
            "security": "none",
            "file_hosts": (f"127.0.0.1:{self.server.http}",),
        }
        return XmppSettings(**{**common, **changes})

    def setup(self) -> hub.Setup:
        """What the core would say."""
        return setup("chat", ours=(handle_of(self.us),))

    def connector(self, port: int = 0, **changes: Any) -> Connector:
        """A connector with right settings."""
        return Connector(self.settings(port, **changes), self.setup())

    def sender(self, port: int = 0, **changes: Any) -> Sender:
        """A sender with right settings."""
        return Sender(self.settings(port, **changes), self.setup())

    def fetcher(self, **changes: Any) -> Fetcher:
        """A fetcher with right settings."""
        return Fetcher(self.settings(**changes), self.setup())

    def client(self, jid: str = "") -> Client:
        """Ada's client, or somebody's."""
        return self.server.client(jid or self.ada)

    def say(self, *stanzas: str, jid: str = "") -> None:
        """Ada, or somebody, sends messages; return when the server has them. `{us}` and `{ada}` are addresses."""
        with self.client(jid) as client:
            for stanza in stanzas:
                client.write(stanza.format(us=self.us, ada=self.ada))
            client.settle()


@pytest.fixture
def talk(server: Prosody) -> Talk:
    """Two accounts that know nothing of each other yet."""
    return Talk(server, server.person("sales"), server.person("ada"))
