"""One homeserver for all tests of this folder, and an account of ours with a customer beside it for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

import hub
from connectors.matrix import Connector, Fetcher, Sender
from connectors.matrix.names import handle_of
from connectors.matrix.settings import MatrixSettings
from tests.contracts.connector import setup
from tests.servers.synapse import Person, Synapse, synapse


@pytest.fixture(scope="session")
def homeserver() -> Iterator[Synapse]:
    """A running Synapse."""
    with synapse() as running:
        yield running


@dataclass(frozen=True, slots=True)
class Talk:
    """Our account, a customer, and the room in which they are."""

    us: Person
    ada: Person
    room: str

    def settings(self, port: int = 0, **changes: Any) -> MatrixSettings:
        """Right settings, to the homeserver or to something before it."""
        common = {
            "homeserver": f"http://127.0.0.1:{port or self.us.server.port}",
            "user": self.us.user,
            "access_token": SecretStr(self.us.token),
        }
        return MatrixSettings(**{**common, **changes})

    def setup(self) -> hub.Setup:
        """What the core would say."""
        return setup("chat", ours=(handle_of(self.us.user),))

    def connector(self, port: int = 0, **changes: Any) -> Connector:
        """A connector with right settings."""
        return Connector(self.settings(port, **changes), self.setup(), wait=2)

    def sender(self, port: int = 0, **changes: Any) -> Sender:
        """A sender with right settings."""
        return Sender(self.settings(port, **changes), self.setup())

    def fetcher(self, port: int = 0, **changes: Any) -> Fetcher:
        """A fetcher with right settings."""
        return Fetcher(self.settings(port, **changes), self.setup())


@pytest.fixture
def talk(homeserver: Synapse) -> Talk:
    """Ada has invited us, and we are there."""
    us, ada = homeserver.person("hub"), homeserver.person("ada")
    ada.called("Ada Lovelace")
    room = ada.room(us.user)
    us.join(room)
    return Talk(us, ada, room)
