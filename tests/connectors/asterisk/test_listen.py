"""A real Asterisk that is listened to: what is true after a reconnect, and what happens when something is wrong."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import hub
from connectors.asterisk import Connector
from connectors.asterisk.progress import Progress
from connectors.asterisk.records import Records
from tests.connectors.asterisk.conftest import about, connector, settings
from tests.connectors.asterisk.test_dialer import _user as user
from tests.contracts.connector import SECONDS, assert_readable
from tests.servers.asterisk import Asterisk
from tests.servers.phones import Phones


async def _ended(arrivals: AsyncIterator[hub.Arrival]) -> hub.Event:
    """The next end of a call."""
    async with asyncio.timeout(SECONDS):
        while True:
            for item in (await anext(arrivals)).items:
                if isinstance(item, hub.Event) and isinstance(item.facts, hub.Call) and item.facts.state == "ended":
                    return item


async def test_completed_never_arrives_for_a_call_that_ended_while_nobody_listened_without_a_record(
    asterisk: Asterisk,
) -> None:
    cursor = Progress(alive={"1.1": "1.1", "2.2": "3.3"}).cursor()
    async with aclosing(connector(asterisk, cdr_file="").listen(cursor)) as arrivals:
        first, second = (await anext(arrivals)), (await anext(arrivals))
    ends = [item for arrival in (first, second) for item in arrival.items if isinstance(item, hub.Event)]
    assert [(item.key, item.facts.state, item.facts.presumed) for item in ends if isinstance(item.facts, hub.Call)] == [
        ("pbx:1.1", "ended", True),
        ("pbx:3.3", "ended", True),
    ]
    assert Progress.read(second.cursor).alive == {}


async def test_a_call_that_is_alive_at_a_reconnect_is_heard_to_its_end_under_its_key(
    asterisk: Asterisk, phones: Phones
) -> None:
    await phones.answer("desk")
    source = connector(asterisk)
    cursor, key = None, ""
    async with asyncio.timeout(SECONDS), aclosing(source.listen("{}")) as arrivals:
        caller = await phones.call("+4930123456", talk=2)
        async for arrival in arrivals:
            cursor = arrival.cursor
            if keys := [each.key for each in arrival.items if isinstance(each, hub.Event) and ":answered" in each.id]:
                [key] = keys
                break
    async with aclosing(connector(asterisk).listen(cursor)) as arrivals:
        end = await _ended(arrivals)
    assert (end.key, end.id) == (key, "ended")
    assert await caller.done() == 0, caller.complaints


async def test_a_user_who_may_not_hear_of_calls_is_told_what_to_change(asterisk: Asterisk, phones: Phones) -> None:
    user(asterisk, "deaf", read="agent", write="system,reporting")
    await phones.answer("desk")
    caller = await phones.call("+4930123456", talk=None)
    with pytest.raises(hub.Misconfigured, match="read = call"):
        await _drained(connector(asterisk, username="deaf"))
    await caller.stop()


async def _drained(source: Connector) -> None:
    """Listen until it fails."""
    async with asyncio.timeout(SECONDS), aclosing(source.listen("{}")) as arrivals:
        async for _ in arrivals:
            pass


async def test_a_user_who_may_not_ask_which_calls_are_alive_is_told_what_to_change(asterisk: Asterisk) -> None:
    user(asterisk, "mute", read="call", write="originate")
    with pytest.raises(hub.Misconfigured, match="reporting") as told:
        async with aclosing(connector(asterisk, username="mute").listen(None)) as arrivals:
            await anext(arrivals)
    assert_readable(told.value)


@asynccontextmanager
async def impostor(*said: bytes, echo: bytes = b"") -> AsyncIterator[int]:
    """A server that says *said* and closes, on a port of its own; *echo* answers every action but is not closed."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in said:
            writer.write(part)
        while echo and (action := await reader.readuntil(b"\r\n\r\n")):
            ident = action.partition(b"ActionID: ")[2].partition(b"\r\n")[0]
            writer.write(echo.replace(b"@ID@", ident))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", hub.Misconfigured),
        (b"x" * 200_000 + b"\n", hub.Misconfigured),
        (b"no end of a line", hub.Misconfigured),
        (b"", hub.Unavailable),
        (b"Asterisk Call Manager/9.0.0\r\n", hub.Unavailable),
        (b"Asterisk Call Manager/9.0.0\r\nResponse: Err", hub.Unavailable),
    ],
    ids=["another service", "a long line", "half a line", "nothing", "only a banner", "cut in mid-answer"],
)
async def test_a_server_that_is_no_asterisk(asterisk: Asterisk, said: bytes, verdict: type[hub.Verdict]) -> None:
    async with impostor(said) as port, asyncio.timeout(SECONDS):
        with pytest.raises(verdict) as told:
            async with aclosing(connector(asterisk, port=port).listen(None)) as arrivals:
                await anext(arrivals)
    assert_readable(told.value)


async def test_without_a_challenge_the_secret_is_not_sent_in_clear_to_another_machine(asterisk: Asterisk) -> None:
    refusal = b"Response: Error\r\nActionID: @ID@\r\nMessage: Invalid/unknown command\r\n\r\n"
    async with impostor(b"Asterisk Call Manager/1.0\r\n", echo=refusal) as port:
        # Every address of 127.0.0.0/8 is this machine, and only the literal and the name count as that.
        source = Connector(settings(asterisk, host="ip6-localhost", port=port), about())
        with pytest.raises((hub.Rejected, hub.Unavailable)):
            await source.freshness(None)


def _row(ident: str, ended: datetime) -> list[str]:
    at = ended.strftime("%Y-%m-%d %H:%M:%S")
    row = ["", "+4915112345678", "+4930123456", "from-trunk", '"Müller, C" <+49>', "PJSIP/trunk-1", "PJSIP/desk-2"]
    return [*row, "Dial", "x", at, "", at, "0", "0", "NO ANSWER", "DOCUMENTATION", ident, "", "", ident, "1"]


def _append(path: Path, *idents: str, end: str = "\r\n") -> None:
    with path.open("a", newline="") as file:
        for ident in idents:
            csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator=end).writerow(
                _row(ident, datetime(2026, 3, 2, 9, tzinfo=UTC))
            )


def _read(path: Path, progress: Progress, skew: timedelta = timedelta(0)) -> list[str]:
    """The calls beyond *progress*, which goes on to their end."""
    found = []
    more = True
    while more:
        progress.file, lines, more = Records(path, ZoneInfo("UTC"), skew).beyond(progress)
        found += [line.record.linkedid if line.record else line.why for line in lines]
        progress.offset = lines[-1].end if lines else progress.offset
    return found


def test_records_are_followed_through_half_lines_rotation_and_emptying(tmp_path: Path) -> None:
    path, progress = tmp_path / "Master.csv", Progress()
    assert _read(path, progress) == []
    _append(path, "1.1", "1.2")
    assert _read(path, progress) == ["1.1", "1.2"]
    with path.open("a") as file:
        file.write('"half of a')
    assert _read(path, progress) == []
    with path.open("a") as file:
        file.write(' line"\n')
    [why] = _read(path, progress)
    assert "columns" in why
    _append(path, "1.3")
    path.rename(tmp_path / "Master.csv.1")
    _append(path, "1.4")
    assert _read(path, progress) == ["1.3", "1.4"]
    path.write_bytes(b"")
    _append(path, "2")
    assert _read(path, progress) == ["2"]


def test_a_clock_ten_minutes_off_is_corrected(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    _append(path, "1.1")
    _, [line], _ = Records(path, ZoneInfo("Europe/Berlin"), timedelta(minutes=10)).beyond(Progress())
    assert line.record is not None
    assert line.record.ended_at == datetime(2026, 3, 2, 7, 50, tzinfo=UTC)
    assert line.record.caller_name == "Müller, C"
