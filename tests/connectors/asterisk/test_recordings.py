"""What Asterisk said becomes the calls that stand beside it. A new recording is a new test."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

import hub
from connectors.asterisk.numbers import Numbers
from connectors.asterisk.settings import AsteriskSettings
from connectors.asterisk.spool import Spool
from connectors.asterisk.switchboard import Switchboard
from connectors.asterisk.wire import Framer
from hub.calls.fold import fold_calls
from tests.connectors.asterisk.conftest import about

RECORDINGS = Path(__file__).parents[3] / "connectors" / "asterisk" / "recordings"
CORPUS = sorted(RECORDINGS.glob("*.ami"))
BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)

recorded = pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)


def heard(data: bytes) -> list[hub.Event]:
    """What these bytes say, one packet every ten milliseconds."""
    settings = AsteriskSettings.model_validate(
        {"host": "pbx.example", "username": "hub", "secret": "x", "trunks": ["trunk"], "spool": "/var/spool/asterisk"}
    )
    switchboard = Switchboard(Numbers.of(settings, about()), Spool(settings.spool).sound)
    at = BEGAN
    events = []
    for packet in Framer().feed(data):
        at += timedelta(milliseconds=10)
        events += switchboard.hear(packet, at)
    return events


def folded(events: list[hub.Event]) -> list[dict[str, Any]]:
    """The calls that *events* tell of, in the words of an expectation."""
    keys = dict.fromkeys(event.key for event in events)
    return [_shown(fold_calls([("pbx", event) for event in events if event.key == key], _ours())) for key in keys]


def _ours() -> frozenset[str]:
    return frozenset(about().ours) | {handle for agent in about().agents for handle in agent.handles}


def _shown(call: hub.Call) -> dict[str, Any]:
    people = {each.role: [each.handle, each.name] for each in call.participants or ()}
    shown = {
        "direction": call.direction,
        "state": call.state,
        "outcome": call.outcome,
        "caller": people.get(hub.Role.CALLER),
        "callee": people.get(hub.Role.CALLEE),
        "line": call.line,
        "queue": call.queue,
        "recordings": [recording.id for recording in call.recordings],
        "legs": [[leg.phone, leg.outcome or "", leg.joined or ""] for leg in call.legs],
    }
    return {name: value for name, value in shown.items() if name == "legs" or value not in (None, [])}


@recorded
def test_it_becomes_what_stands_beside_it(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text("utf-8"))["calls"]
    assert folded(heard(path.read_bytes())) == expected


@recorded
def test_events_shuffled_and_doubled_are_the_same_calls(path: Path) -> None:
    events = heard(path.read_bytes())
    expected = folded(events)
    random = Random(5)
    for _ in range(3):
        again = [*events, *random.sample(events, len(events) // 2)]
        random.shuffle(again)
        found = folded(again)
        assert sorted(found, key=repr) == sorted(expected, key=repr)


@recorded
def test_two_hang_ups_per_call_are_one_end(path: Path) -> None:
    events = heard(path.read_bytes())
    ends = [event.key for event in events if isinstance(event.facts, hub.Call) and event.id == "ended"]
    assert len(ends) == len(set(ends))


@recorded
def test_ids_are_unique_within_a_call_and_the_same_again(path: Path) -> None:
    events = heard(path.read_bytes())
    ids = [(event.key, event.id) for event in events]
    assert len(ids) == len(set(ids))
    assert ids == [(event.key, event.id) for event in heard(path.read_bytes())]


def test_hang_up_before_finish_is_an_end_and_what_comes_later_changes_nothing() -> None:
    """The first that is heard of a call is that it is over, then the rest of what was said of it before."""
    said = (RECORDINGS / "inbound-answered.ami").read_bytes()
    blocks = said.split(b"\r\n\r\n")
    hangups = [block for block in blocks if block.startswith(b"Event: Hangup")]
    others = [block for block in blocks if block and block not in hangups]
    events = heard(b"\r\n\r\n".join([*hangups, *others, b""]))
    [call] = folded(events)
    assert (call["state"], call["caller"]) == ("ended", ["tel:+4915112345678", "Carol"])


@pytest.mark.parametrize(
    ("number", "name", "caller"),
    [
        ("anonymous", "Anonymous", ["", ""]),
        ("<unknown>", "<unknown>", ["", ""]),
        ("1234567890" * 4, "", ["", "1234567890" * 4]),
        ("carol", "Carol", ["", "Carol"]),
        ("sip:carol@example.net", "", ["sip:carol@example.net", ""]),
        ("carol@example.net", "Carol", ["sip:carol@example.net", "Carol"]),
        ("+49 (30) 99-88 77", "", ["tel:+4930998877", ""]),
        ("030998877", "", ["tel:+4930998877", ""]),
        ("+++", "", ["", "+++"]),
    ],
)
def test_callers_without_a_number_that_could_be_called_back(number: str, name: str, caller: list[str]) -> None:
    said = (
        "Event: Newchannel\r\nChannel: PJSIP/trunk-00000001\r\nChannelState: 4\r\n"
        f"CallerIDNum: {number}\r\nCallerIDName: {name}\r\nExten: +4930123456\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\n\r\n"
    )
    [call] = folded(heard(said.encode()))
    assert call["caller"] == caller


def test_events_of_unknown_calls_and_of_no_call_are_harmless() -> None:
    said = (
        b"Event: BridgeLeave\r\nChannel: Local/7@x-1;1\r\nUniqueid: 7.1\r\nLinkedid: 7.1\r\n\r\n"
        b"Event: Hangup\r\n\r\nEvent: DialEnd\r\nDialStatus: ANSWER\r\n\r\n"
        b"Event: AttendedTransfer\r\nResult: Success\r\n\r\n"
        b"Event: BlindTransfer\r\nResult: Success\r\nTransfererUniqueid: 9.9\r\n\r\nEvent: Hold\r\nUniqueid: \r\n\r\n"
    )
    assert heard(said) == []
