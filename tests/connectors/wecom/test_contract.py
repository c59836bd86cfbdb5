"""The suites that connectors and senders have to pass."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

import pytest

import hub
from connectors.wecom import Connector, Sender
from connectors.wecom.messages import of_customer_service
from tests.connectors.wecom.conftest import SETUP, settings
from tests.contracts.connector import ConnectorContract
from tests.contracts.sender import Came, SenderContract, Where
from tests.fakes.wecom import ACCOUNT, AGENT, CORP, CUSTOMER, WHOM, WeCom


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    async def provider(self, server: WeCom) -> None:
        self.server = server

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.server.port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port), SETUP)

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port, "not-the-secret"), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.server.hears(name)

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.Event)
        assert isinstance(item.facts, hub.Message)
        return item.facts.text or ""


class _Sender(SenderContract):
    @pytest.fixture(autouse=True)
    async def provider(self, server: WeCom) -> None:
        self.server = server

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.server.port

    def sender(self, port: int) -> hub.Sender:
        return Sender(settings(port), SETUP)

    def refused(self, port: int) -> hub.Sender:
        return Sender(settings(port, "not-the-secret"), SETUP)

    async def came(self, count: int) -> Sequence[Came]:
        assert len(self.server.said) >= count
        return [Came(text) for _, text, _ in self.server.said]


class TestToCustomers(_Sender):
    marker: ClassVar[bytes] = b"/kf/send_msg"

    def where(self) -> Where:
        return Where(f"kf/{ACCOUNT}/{CUSTOMER}", f"wecom:{ACCOUNT}", f"wecom:{CORP}/{CUSTOMER}")

    def unknown(self) -> Sequence[Where]:
        return (Where(f"kf/{ACCOUNT}/wmSomebodyElse", "", ""), Where("kf/wkOther", "", ""), Where("somewhere", "", ""))

    async def told(self, port: int) -> Sequence[hub.Event]:
        # WeCom tells nothing of what its API said; a colleague's own words in WeCom come in this shape.
        found = []
        for _, text, id in self.server.said:
            message = {"msgid": id, "open_kfid": ACCOUNT, "external_userid": CUSTOMER, "send_time": int(time.time())}
            message |= {"origin": 5, "servicer_userid": WHOM, "msgtype": "text", "text": {"content": text}}
            event = of_customer_service(message, CORP)
            assert isinstance(event, hub.Event)
            found.append(event)
        return found


class TestToColleagues(_Sender):
    marker: ClassVar[bytes] = b"/message/send"

    def where(self) -> Where:
        return Where(f"app/{WHOM}", f"wecom:{CORP}/agent/{AGENT}", f"wecom:{CORP}/{WHOM}")

    def unknown(self) -> Sequence[Where]:
        return (Where("app/nobody", "", ""), Where("app/", "", ""))

    async def told(self, port: int) -> Sequence[hub.Event]:
        # WeCom tells an app nothing of what it said: the record of the hub's own stands alone.
        ours = hub.Participant(f"wecom:{CORP}/agent/{AGENT}", hub.Role.SENDER)
        return [
            hub.Event(
                key=f"wecom:{id}",
                id="sent",
                channel=hub.Channel.CHAT,
                at=datetime.now(UTC),
                facts=hub.Message(participants=(ours,), text=text),
                conversation=f"app/{whom}",
            )
            for whom, text, id in self.server.said
        ]
