"""What every connector and every dialer must do. A thing that FreeSWITCH holds is a call that is alive."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

import hub
from connectors.freeswitch import Connector, Dialer
from tests.connectors.freeswitch.conftest import LINE, about, settings
from tests.contracts.connector import ConnectorContract
from tests.contracts.dialer import DialerContract
from tests.contracts.proxy import Proxy
from tests.fakes.freeswitch import FreeSwitch


class TestConnector(ConnectorContract):
    switch: FreeSwitch

    @pytest.fixture(autouse=True)
    def _server(self, switch: FreeSwitch) -> None:
        self.switch = switch

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port), about())

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port, password="not-it"), about())

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.switch.ring(name)

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.Event)
        return item.key.removeprefix("pbx:")


class TestDialer(DialerContract):
    switch: FreeSwitch
    wanted = hub.Dial(id="7", agent="ada", phone="pbx/100", callee="tel:+4915112345678", line=LINE)
    out_of_reach = ("elsewhere/21", "mailto:ada@example.org", "", "pbx/", "pbx/1 2", "pbx/1,bridge", "tel:+4930999")

    @pytest.fixture(autouse=True)
    def _server(self, switch: FreeSwitch) -> None:
        self.switch = switch

    def dialer(self, port: int) -> hub.Dialer:
        return Dialer(settings(port), about())

    def refused(self, port: int) -> hub.Dialer:
        return Dialer(settings(port, password="not-it"), about())

    async def placed(self) -> Sequence[tuple[str, str, str]]:
        asked = [command for command in self.switch.commands if command.startswith("bgapi originate ")]
        form = r"bgapi originate \{.*effective_caller_id_number=([+0-9]+),.*\}user/(\w+) &bridge\(.*/([+0-9]+)\)"
        found = [match for command in asked if (match := re.match(form, command))]
        assert len(found) == len(asked)
        return [(f"pbx/{match[2]}", f"tel:{match[3]}", f"tel:{match[1]}") for match in found]

    async def over(self, key: str) -> bool:
        return key.removeprefix("pbx:") not in self.switch.channels

    def loses_the_answer(self, between: Proxy) -> None:
        between.edit = lambda block: None if b"originate" in between.sent else block
