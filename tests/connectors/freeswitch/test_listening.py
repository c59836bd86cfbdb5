"""How a connection begins, breaks, and is taken up again."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

import hub
from connectors.freeswitch import Connector, Dialer
from tests.connectors.freeswitch.conftest import LINE, about, settings
from tests.connectors.freeswitch.test_recordings import CORPUS, folded
from tests.contracts.connector import SECONDS
from tests.fakes.freeswitch import FreeSwitch


def connector(switch: FreeSwitch) -> Connector:
    return Connector(settings(switch.port), about())


def events(arrival: hub.Arrival) -> list[hub.Event]:
    return [item for item in arrival.items if isinstance(item, hub.Event)]


async def test_a_recorded_session_is_heard_up_to_its_goodbye(switch: FreeSwitch) -> None:
    [path] = [path for path in CORPUS if path.stem == "inbound-session"]
    session = path.read_bytes().partition(b"listener enabled plain\n\n")[2]
    found: list[hub.Event] = []
    async with asyncio.timeout(SECONDS), aclosing(connector(switch).listen("{}")) as arrivals:
        await anext(arrivals)
        switch.send(session)
        while not any(event.id == "ended" for event in found):
            found += events(await anext(arrivals))
        with pytest.raises(hub.Unavailable, match="goodbye"):
            await anext(arrivals)
    assert [call["outcome"] for call in folded(found)] == ["completed"]


async def test_an_event_that_is_cut_in_the_middle_is_not_told(switch: FreeSwitch) -> None:
    async with asyncio.timeout(SECONDS), aclosing(connector(switch).listen("{}")) as arrivals:
        await anext(arrivals)
        switch.send(b"Content-Length: 900\nContent-Type: text/event-plain\n\nEvent-Name: CHANNEL_CREATE\nUnique-ID: a1")
        for writer in switch.listeners:
            writer.close()
        with pytest.raises(hub.Unavailable):
            await anext(arrivals)


async def test_what_was_alive_and_is_gone_is_over_and_what_is_answered_meanwhile_is_told(switch: FreeSwitch) -> None:
    for ident in ("stays", "goes"):
        switch.ring(ident)
    async with asyncio.timeout(SECONDS):
        async with aclosing(connector(switch).listen(None)) as arrivals:
            cursor = (await anext(arrivals)).cursor
        del switch.channels["goes"]
        row = switch.channels["stays"]
        switch.channels["b1"] = {
            **row,
            "uuid": "b1",
            "call_uuid": "stays",
            "direction": "outbound",
            "dest": "100",
            "callstate": "ACTIVE",
        }
        async with aclosing(connector(switch).listen(cursor)) as arrivals:
            arrival = await anext(arrivals)
            told = {event.key: event.facts for event in events(arrival)}
        async with aclosing(connector(switch).listen(arrival.cursor)) as arrivals:
            assert (await anext(arrivals)).items == ()
    gone, leg = told["pbx:goes"], told["pbx:stays"]
    assert isinstance(gone, hub.Call)
    assert (gone.state, gone.presumed) == ("ended", True)
    assert isinstance(leg, hub.Call)
    assert [(each.phone, each.state) for each in leg.legs] == [("pbx/100", "answered")]


@pytest.mark.parametrize(
    ("greeting", "verdict"),
    [
        (b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n", hub.Rejected),
        (b"Content-Length: -5\n\n", hub.Unavailable),
        (b"Content-Type: text/disconnect-notice\n\n", hub.Unavailable),
    ],
)
async def test_who_does_not_greet_as_it_should_is_named(
    switch: FreeSwitch, greeting: bytes, verdict: type[hub.Verdict]
) -> None:
    switch.greeting = greeting
    with pytest.raises(verdict):
        await connector(switch).freshness(None)


async def test_the_call_that_is_placed_has_the_key_that_its_events_have(switch: FreeSwitch) -> None:
    async with asyncio.timeout(SECONDS), aclosing(connector(switch).listen("{}")) as arrivals:
        await anext(arrivals)
        dialer = Dialer(settings(switch.port), about())
        wanted = hub.Dial(id="8", agent="ada", phone="pbx/100", callee="tel:+4915112345678", line=LINE)
        dialled = await dialer.dial(wanted)
        assert {event.key for event in events(await anext(arrivals))} == {dialled.key}
