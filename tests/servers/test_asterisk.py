from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.servers.asterisk import Asterisk
from tests.servers.asterisk import asterisk as start
from tests.servers.phones import Phones


class Manager:
    """A plain connection to AMI that knows its lines and nothing else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, **fields: str) -> None:
        self._writer.write("".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n")
        await self._writer.drain()

    async def hear(self, event: str, **expected: str) -> dict[str, str]:
        """The next *event* whose fields are as *expected*."""
        async with asyncio.timeout(20):
            while True:
                block = (await self._reader.readuntil(b"\r\n\r\n")).decode()
                told = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
                if told.get("Event") == event and expected.items() <= told.items():
                    return told


@asynccontextmanager
async def manager(asterisk: Asterisk) -> AsyncIterator[Manager]:
    reader, writer = await asyncio.open_connection(asterisk.ami.host, asterisk.ami.port)
    try:
        await reader.readline()
        connection = Manager(reader, writer)
        await connection.send(Action="Login", Username=asterisk.ami.username, Secret=asterisk.ami.secret)
        await connection.hear("FullyBooted")
        yield connection
    finally:
        writer.close()


async def test_a_call_from_outside_is_answered_and_written_down(asterisk: Asterisk, phones: Phones) -> None:
    async with manager(asterisk) as ami:
        await phones.answer("desk")
        caller = await phones.call("+4930123456", name="Carol")
        channel = await ami.hear("Newchannel")
        assert (channel["CallerIDNum"], channel["CallerIDName"]) == ("+4915112345678", "Carol")
        await ami.hear("DialEnd", DialStatus="ANSWER", DestCallerIDNum="100")
        assert await caller.done() == 0, caller.complaints
        assert (await ami.hear("Cdr"))["Disposition"] == "ANSWERED"
    [record] = await asterisk.cdrs(1)
    assert (record["src"], record["dst"], record["dstchannel"][:10]) == ("+4915112345678", "+4930123456", "PJSIP/desk")
    kinds = [event["eventtype"] for event in asterisk.cels()]
    assert kinds[0] == "CHAN_START"
    assert {"ANSWER", "BRIDGE_ENTER"} <= set(kinds)
    assert "ERROR" not in (asterisk.folder / "log" / "full").read_text()


async def test_busy_declined_and_unanswered_calls(asterisk: Asterisk, phones: Phones) -> None:
    await phones.refuse("busydesk")
    await phones.refuse("desk", "603 Decline", after=0.1)
    await phones.ring("ringdesk")
    callers = [
        await phones.call_refused("110", 486),
        await phones.call_refused("+4930123456", 403),
        await phones.call_refused("111", 480),
        await phones.call_refused("999", 404),
    ]
    for caller in callers:
        assert await caller.done() == 0, caller.complaints
    dispositions = {record["dst"]: record["disposition"] for record in await asterisk.cdrs(3)}
    assert dispositions == {"110": "BUSY", "+4930123456": "NO ANSWER", "111": "NO ANSWER"}


async def test_a_caller_gives_up(asterisk: Asterisk, phones: Phones) -> None:
    async with manager(asterisk) as ami:
        desk = await phones.ring("desk", calls=1)
        caller = await phones.call_and_give_up("+4930123456", number="anonymous@anonymous.invalid", name="Anonymous")
        assert (await ami.hear("DialEnd"))["DialStatus"] == "CANCEL"
        assert await caller.done() == 0, caller.complaints
        assert await desk.done() == 0, desk.complaints


async def test_a_queue_rings_its_members(asterisk: Asterisk, phones: Phones) -> None:
    async with manager(asterisk) as ami:
        await phones.ring("desk")
        await phones.answer("second")
        caller = await phones.call("+4930123458", talk=2)
        assert {(await ami.hear("AgentCalled"))["Interface"] for _ in range(2)} == {"PJSIP/desk", "PJSIP/second"}
        assert (await ami.hear("AgentConnect"))["Interface"] == "PJSIP/second"
        await ami.hear("AgentComplete", Reason="caller")
        assert await caller.done() == 0, caller.complaints


async def test_the_desk_transfers_without_asking(asterisk: Asterisk, phones: Phones) -> None:
    async with manager(asterisk) as ami:
        desk = await phones.answer("desk", digits="#1wwww103", calls=1)
        await phones.answer("second")
        caller = await phones.call("+4930123456", talk=6)
        transfer = await ami.hear("BlindTransfer", Result="Success")
        assert transfer["Extension"] == "103"
        await ami.hear("DialEnd", DialStatus="ANSWER", DestCallerIDNum="103")
        assert await desk.done() == 0, desk.complaints
        await caller.stop()


async def test_the_desk_asks_before_it_transfers(asterisk: Asterisk, phones: Phones) -> None:
    async with manager(asterisk) as ami:
        desk = await phones.answer("desk", digits="*2wwww103", talk=1.5, calls=1)
        await phones.answer("second")
        caller = await phones.call("+4930123456", talk=None)
        transfer = await ami.hear("AttendedTransfer", Result="Success")
        assert transfer["TransfereeCallerIDNum"] == "+4915112345678"
        assert transfer["SecondTransfererConnectedLineNum"] == "103"
        assert await desk.done() == 0, desk.complaints
        await caller.stop()


async def test_a_caller_leaves_a_message(asterisk: Asterisk, phones: Phones) -> None:
    async with manager(asterisk) as ami:
        await phones.ring("ringdesk")
        caller = await phones.call("+4930123459", talk=2, speaks=True)
        waiting = await ami.hear("MessageWaiting")
        assert (waiting["Mailbox"], waiting["New"]) == ("100@default", "1")
        assert await caller.done() == 0, caller.complaints
    assert "callerid=+4915112345678" in (asterisk.voicemails / "msg0000.txt").read_text()
    assert (asterisk.voicemails / "msg0000.wav").stat().st_size > 8000


async def test_a_recorded_call_has_a_file(asterisk: Asterisk, phones: Phones) -> None:
    async with manager(asterisk) as ami:
        await phones.answer("desk", speaks=True)
        caller = await phones.call("800", talk=1, speaks=True)
        channel = (await ami.hear("MixMonitorStart"))["Uniqueid"]
        assert await caller.done() == 0, caller.complaints
        await ami.hear("Cdr")
    assert (asterisk.recordings / f"{channel}.wav").stat().st_size > 8000


async def test_digits_are_read(asterisk: Asterisk, phones: Phones) -> None:
    async with manager(asterisk) as ami:
        caller = await phones.call("700", digits="4w2#", talk=None)
        assert (await ami.hear("UserEvent", UserEvent="Digits"))["Digits"] == "42"
        assert await caller.done() == 0, caller.complaints


async def test_the_desk_rings_where_the_hub_is_away(asterisk: Asterisk, phones: Phones) -> None:
    await phones.answer("desk")
    caller = await phones.call("+4930123457")
    assert await caller.done() == 0, caller.complaints


async def test_the_hub_decides_where_it_is_there(asterisk: Asterisk, phones: Phones) -> None:
    ari = asterisk.ari
    login = {"api_key": f"{ari.username}:{ari.password}"}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{ari.url}/events", params={**login, "app": ari.app}) as events,
    ):

        async def hear(kind: str) -> dict[str, Any]:
            while (event := await events.receive_json(timeout=20))["type"] != kind:
                pass
            return dict(event)

        caller = await phones.call("+4930123457", digits="5", talk=None)
        start = await hear("StasisStart")
        assert (start["args"], start["channel"]["caller"]["number"]) == (["inbound", "+4930123457"], "+4915112345678")
        channel = f"{ari.url}/channels/{start['channel']['id']}"
        async with http.post(f"{channel}/answer", params=login) as answer:
            assert answer.status == 204
        assert (await hear("ChannelDtmfReceived"))["digit"] == "5"
        async with http.delete(channel, params=login) as answer:
            assert answer.status == 204
        assert await caller.done() == 0, caller.complaints


async def test_registered_phones_talk_hold_and_are_called_on_behalf_of_their_owner(
    asterisk: Asterisk, phones: Phones
) -> None:
    async with manager(asterisk) as ami:
        alice = await phones.register("alice", "manual")
        outside = await phones.answer("outside", talk=None)
        await ami.send(
            Action="Originate", Channel="PJSIP/alice", Context="hub-out", Exten="+4930555", Priority="1", Async="true"
        )
        await alice.event("CALL_INCOMING")
        await alice.accept()
        await ami.hear("OriginateResponse", Response="Success")
        await ami.hear("DialEnd", DialStatus="ANSWER")
        await ami.hear("BridgeEnter", BridgeNumChannels="2")
        await alice.press("5")
        await ami.hear("DTMFEnd", Digit="5")
        await alice.hold()
        await ami.hear("Hold")
        await alice.resume()
        await ami.hear("Unhold")
        await alice.hang_up()
        await ami.hear("Cdr", Destination="+4930555")
        await outside.stop()


async def test_a_registered_phone_refers_its_caller_to_another(asterisk: Asterisk, phones: Phones) -> None:
    async with manager(asterisk) as ami:
        alice, bob = await phones.register("alice"), await phones.register("bob")
        caller = await phones.call("101", talk=None)
        await ami.hear("BridgeEnter", BridgeNumChannels="2")
        await alice.transfer("102")
        await ami.hear("BlindTransfer", Result="Success", Extension="102")
        await bob.event("CALL_ESTABLISHED")
        await bob.hang_up()
        assert await caller.done() == 0, caller.complaints


async def test_it_keeps_ports_registrations_and_records_when_it_is_killed(asterisk: Asterisk, phones: Phones) -> None:
    await phones.register("alice")
    await phones.answer("desk")
    caller = await phones.call("+4930123456")
    assert await caller.done() == 0, caller.complaints
    [before] = await asterisk.cdrs(1)
    await asyncio.to_thread(asterisk.restart)
    caller = await phones.call("101")
    assert await caller.done() == 0, caller.complaints
    assert [record["dst"] for record in await asterisk.cdrs(2)] == [before["dst"], "101"]


async def test_calls_are_placed_at_a_rate_by_callers_in_turn(asterisk: Asterisk, phones: Phones) -> None:
    await phones.answer("desk", after=0.1)
    numbers = [f"+49151{number:08}" for number in range(20)]
    caller = await phones.call("+4930123456", number=numbers, talk=0.2, calls=20, rate=20)
    assert await caller.done() == 0, caller.complaints
    assert sorted(record["src"] for record in await asterisk.cdrs(20)) == numbers


async def test_a_test_brings_numbers_of_its_own(asterisk: Asterisk, phones: Phones) -> None:
    asterisk.extend("[test]\nexten => 123,1,Answer()\n same => n,Hangup()\n")
    caller = await phones.call("123", talk=None)
    assert await caller.done() == 0, caller.complaints


def test_a_missing_tree_fails_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    with (
        pytest.raises(pytest.fail.Exception, match=r"run tests/servers/fetch_asterisk build/asterisk$"),
        start(tmp_path),
    ):
        pass


def test_a_tree_that_is_complete_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "complete").touch()
    script = Path(__file__).with_name("fetch_asterisk")
    assert subprocess.run([script, tmp_path], capture_output=True, check=True, timeout=30).stderr == b""
    assert [file.name for file in tmp_path.iterdir()] == ["complete"]
