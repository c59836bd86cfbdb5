"""The suites that every connector and every sender has to pass: the stream by a stand-in, the account by Bluesky's own
server."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import ClassVar, Literal

import orjson
import pytest

import hub
from connectors.bluesky import Connector, Sender
from connectors.bluesky.frames import read
from connectors.bluesky.posts import Us, news
from tests.connectors.bluesky.conftest import SETUP, account, settings
from tests.contracts.connector import ConnectorContract
from tests.contracts.sender import Came, SenderContract, Where
from tests.fakes.jetstream import Jetstream
from tests.servers.pds import Pds, Person


class _Stream(ConnectorContract):
    wire: Literal["v1", "v2"]

    @pytest.fixture(autouse=True)
    async def provider(self, stream: Jetstream) -> None:
        self.stream = stream
        self.count = itertools.count()

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.stream.port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port, wire=self.wire), SETUP)

    def refused(self, port: int) -> hub.Connector:
        about = account(self.stream.port, "ada.test", "not hers")
        return Connector(settings(port, wire=self.wire, **about), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.stream.post("did:plc:ada", f"rkey{next(self.count)}", name)

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.Event)
        assert isinstance(item.facts, hub.Mention)
        return item.facts.text or ""


class TestFirstWire(_Stream):
    wire = "v1"


class TestSecondWire(_Stream):
    wire = "v2"


_names = itertools.count()


class TestSender(SenderContract):
    channel = hub.Channel.SOCIAL
    marker: ClassVar[bytes] = b"com.atproto.repo.createRecord"

    @pytest.fixture(autouse=True)
    def provider(self, server: Pds) -> None:
        number = next(_names)
        self.server = server
        self.ada: Person = server.join(f"ada{number}")
        self.li: Person = server.join(f"li{number}")
        self.post = server.post(self.li, "Does anybody know ExampleBrand?")

    @pytest.fixture
    def provider_port(self) -> int:
        return self.server.port

    def sender(self, port: int) -> hub.Sender:
        return Sender(settings(1, **account(port, self.ada.handle)), SETUP)

    def refused(self, port: int) -> hub.Sender:
        return Sender(settings(1, **account(port, self.ada.handle, "not hers")), SETUP)

    def where(self) -> Where:
        return Where(self.post, self.ada.did, self.li.did, f"at:{self.post}")

    def unknown(self) -> Sequence[Where]:
        gone = self.post + "x"
        return (Where(gone, self.ada.did, self.li.did, f"at:{gone}"),)

    async def came(self, count: int) -> Sequence[Came]:
        posts = list(reversed(self.server.posts(self.ada)))
        assert len(posts) >= count
        for post in posts:
            reply = post["value"]["reply"]
            assert reply["parent"]["uri"] == reply["root"]["uri"] == self.post
        return [Came(post["value"]["text"]) for post in posts]

    async def told(self, port: int) -> Sequence[hub.Event]:
        events = []
        for post in self.server.posts(self.ada):
            did, collection, rkey = post["uri"].removeprefix("at://").split("/")
            commit = {"operation": "create", "collection": collection, "rkey": rkey, "rev": "3mm", "cid": post["cid"]}
            frame = {"did": did, "kind": "commit", "time_us": 1_779_719_009_132_431}
            said = read(orjson.dumps({**frame, "commit": {**commit, "record": post["value"]}}), "v1")
            assert said is not None
            event = news(said, Us(did, "https://bsky.app"))
            assert isinstance(event, hub.Event)
            events.append(event)
        return events
