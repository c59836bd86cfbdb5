"""The connector and the sender keep their contracts, against a real server."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import SecretStr

import hub
from connectors.xmpp import Connector, Sender
from connectors.xmpp.names import handle_of, pair
from tests.connectors.xmpp.conftest import Talk
from tests.contracts.connector import ConnectorContract, heard
from tests.contracts.sender import Came, SenderContract, Where

WRONG: dict[str, Any] = {"password": SecretStr("nobody knows this")}


class TestConnector(ConnectorContract):
    """Prosody, and what Ada writes."""

    @pytest.fixture(autouse=True)
    def _begin(self, talk: Talk) -> None:
        self.talk = talk

    @pytest.fixture
    def provider_port(self) -> int:
        return self.talk.server.port

    def connector(self, port: int) -> Connector:
        return self.talk.connector(port)

    def refused(self, port: int) -> Connector:
        return self.talk.connector(port, **WRONG)

    def put(self, names: Sequence[str]) -> None:
        self.talk.say(
            *(f"<message to='{{us}}' type='chat' id='{name}'><body>{name}</body></message>" for name in names)
        )

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.Event)
        assert isinstance(item.facts, hub.Message)
        return item.facts.text or ""


class TestSender(SenderContract):
    """Prosody, and what Ada's archive holds."""

    marker = b"<message"

    @pytest.fixture(autouse=True)
    def _begin(self, talk: Talk) -> None:
        self.talk = talk

    @pytest.fixture
    def provider_port(self) -> int:
        return self.talk.server.port

    def sender(self, port: int) -> Sender:
        return self.talk.sender(port)

    def refused(self, port: int) -> Sender:
        return self.talk.sender(port, **WRONG)

    def where(self) -> Where:
        return Where(self.talk.conversation, handle_of(self.talk.us), handle_of(self.talk.ada))

    def unknown(self) -> Sequence[Where]:
        nobody = "nobody@hub.test"
        return [Where(pair(self.talk.us, nobody), self.where().ours, handle_of(nobody))]

    async def came(self, count: int) -> Sequence[Came]:
        with self.talk.client() as client:
            stanzas = client.archive()
        found = []
        for stanza in stanzas:
            urls = [each.text or "" for each in stanza.iter("{jabber:x:oob}url")]
            text = stanza.findtext("{jabber:client}body") or ""
            for url in urls:
                text = text.removesuffix(url).removesuffix("\n")
            files = tuple((unquote(urlsplit(url).path.rpartition("/")[2]), _bytes_at(url)) for url in urls)
            found.append(Came(text, files))
        assert len(found) >= count
        return found

    async def told(self, port: int) -> Sequence[hub.Event]:
        async with aclosing(self.talk.connector(port).listen(None)) as arrivals:
            items = [item for arrival in await heard(arrivals, 1) for item in arrival.items]
        return [item for item in items if isinstance(item, hub.Event)]


def _bytes_at(url: str) -> bytes:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().read()
    finally:
        connection.close()
