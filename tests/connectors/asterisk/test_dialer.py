"""Calls that the hub places, at a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest

import hub
from connectors.asterisk import Dialer
from connectors.asterisk.manager import Manager, connected
from connectors.asterisk.numbers import device_of
from hub.calls.fold import fold_calls
from tests.connectors.asterisk.conftest import LINE, about, connector, settings
from tests.contracts.connector import SECONDS
from tests.contracts.dialer import DialerContract
from tests.contracts.proxy import Proxy
from tests.servers.asterisk import Asterisk
from tests.servers.phones import Phones

OUTSIDE = "tel:+4915155555"


class TestContract(DialerContract):
    wanted = hub.Dial(id="77", agent="ada", phone="pbx/desk", callee=OUTSIDE, line=LINE)

    @pytest.fixture
    async def provider_port(self, asterisk: Asterisk, phones: Phones) -> AsyncIterator[int]:
        await phones.answer("desk", after=0.05)
        await phones.ring("outside")
        async with connected(settings(asterisk), events=True) as self.manager:
            self.asterisk = asterisk
            yield asterisk.ami.port
            await _silence(self.manager)

    asterisk: Asterisk
    manager: Manager

    @pytest.fixture(autouse=True)
    def _server(self, asterisk: Asterisk) -> None:
        self.asterisk = asterisk

    def dialer(self, port: int) -> hub.Dialer:
        return Dialer(settings(self.asterisk, port=port, dial_context="hub-out"), about())

    def refused(self, port: int) -> hub.Dialer:
        return Dialer(settings(self.asterisk, port=port, dial_context="hub-out", secret="not-it"), about())

    async def placed(self) -> Sequence[tuple[str, str, str]]:
        # Asterisk says that it will call a moment before there is a channel.
        known = bool(await self.manager.listed("CoreShowChannels"))
        try:
            async with asyncio.timeout(SECONDS if known else 1):
                told = await self.manager.events.get()
        except TimeoutError:
            return []
        async with asyncio.timeout(SECONDS):
            while told is not None:
                packet = told.packet
                if packet.event == "DialBegin" and packet["Channel"]:
                    phone = device_of(packet["Channel"]).replace("PJSIP", "pbx")
                    return [(phone, f"tel:{packet['DialString'].partition('@')[0]}", f"tel:{packet['CallerIDNum']}")]
                told = await self.manager.events.get()
        return []

    async def over(self, key: str) -> bool:
        ident = key.removeprefix("pbx:")
        async with asyncio.timeout(SECONDS):
            while any(each["Linkedid"] == ident for each in await self.manager.listed("CoreShowChannels")):
                continue
        return True

    def loses_the_answer(self, between: Proxy) -> None:
        between.edit = lambda block: None if b"Originate" in between.sent else block


async def _silence(manager: Manager) -> None:
    """Hang up what is left, so that the next test begins with nothing."""
    async with asyncio.timeout(SECONDS):
        while channels := await manager.listed("CoreShowChannels"):
            for channel in channels:
                await manager.action("Hangup", Channel=channel["Channel"])


async def _told(asterisk: Asterisk, dialer: Dialer, wanted: hub.Dial) -> hub.Call:
    """What became of a call, by the events of the source."""
    events: list[hub.Event] = []
    async with asyncio.timeout(SECONDS), aclosing(connector(asterisk).listen("{}")) as arrivals:
        await anext(arrivals)
        key = (await dialer.dial(wanted)).key
        while not events or fold_calls([("pbx", event) for event in events], frozenset()).state != "ended":
            arrival = await anext(arrivals)
            events += [item for item in arrival.items if isinstance(item, hub.Event) and item.key == key]
    return fold_calls([("pbx", event) for event in events], frozenset({LINE}))


@pytest.mark.parametrize("way", [{"dial_context": "hub-out"}, {"trunk_device": "PJSIP/{number}@trunk"}], ids=str)
async def test_a_call_that_is_talked(asterisk: Asterisk, phones: Phones, way: dict[str, str]) -> None:
    await phones.answer("desk", after=0.05)
    await phones.answer("outside", talk=0.3)
    wanted = hub.Dial(
        id=f"talked-{len(way)}-{'dial_context' in way}", agent="ada", phone="pbx/desk", callee=OUTSIDE, line=LINE
    )
    call = await _told(asterisk, Dialer(settings(asterisk, **way), about()), wanted)
    assert (call.direction, call.outcome, call.line) == ("outbound", "completed", LINE)
    assert [(each.role, each.handle) for each in call.participants or ()][1:] == [("callee", OUTSIDE)]
    assert {leg.phone for leg in call.legs} == {"pbx/100", OUTSIDE}


async def test_a_colleague_who_does_not_pick_up_and_a_phone_that_is_not_there(
    asterisk: Asterisk, phones: Phones
) -> None:
    await phones.refuse("desk")
    dialer = Dialer(settings(asterisk, dial_context="hub-out"), about())
    wanted = hub.Dial(id="busy", agent="ada", phone="pbx/desk", callee=OUTSIDE, line=LINE)
    assert (await _told(asterisk, dialer, wanted)).outcome == "busy"
    wanted = hub.Dial(id="nobody", agent="ada", phone="pbx/nosuchphone", callee=OUTSIDE, line=LINE)
    assert (await _told(asterisk, dialer, wanted)).outcome == "failed"


async def test_the_same_dial_is_placed_once(asterisk: Asterisk, phones: Phones) -> None:
    await phones.ring("desk")
    dialer = Dialer(settings(asterisk, dial_context="hub-out"), about())
    wanted = hub.Dial(id="again", agent="ada", phone="pbx/desk", callee=OUTSIDE, line=LINE)
    async with connected(settings(asterisk), events=True) as manager:
        await dialer.dial(wanted)
        await dialer.dial(wanted)
        async with asyncio.timeout(SECONDS):
            while (told := await manager.events.get()) is not None:
                if told.packet["Response"] == "Failure":
                    break
            # The channel of the one that failed is still listed for a moment; if both rang, two would stay.
            while len(await manager.listed("CoreShowChannels")) > 1:
                continue
        await _silence(manager)


async def test_a_user_who_may_not_call_is_told_what_to_change(asterisk: Asterisk) -> None:
    _user(asterisk, "reader", read="call", write="reporting,system")
    dialer = Dialer(settings(asterisk, username="reader", dial_context="hub-out"), about())
    with pytest.raises(hub.Misconfigured, match="originate"):
        await dialer.dial(hub.Dial(id="1", agent="ada", phone="pbx/desk", callee=OUTSIDE, line=LINE))


def _user(asterisk: Asterisk, name: str, *, read: str, write: str) -> None:
    file = asterisk.folder / "etc" / "manager.conf"
    file.write_text(f"{file.read_text()}\n[{name}]\nsecret = {asterisk.ami.secret}\nread = {read}\nwrite = {write}\n")
    asterisk.cli("manager reload")
