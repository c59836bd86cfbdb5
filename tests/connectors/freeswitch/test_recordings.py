"""What FreeSWITCH says becomes the calls that stand beside it. A new recording is a new test."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as few
from hypothesis import strategies as st

import hub
from connectors.freeswitch import Recorder
from connectors.freeswitch.numbers import Numbers
from connectors.freeswitch.switchboard import Switchboard
from connectors.freeswitch.wire import Frame, Framer, NotAnEventSocket, told
from hub.calls.fold import fold_calls
from tests.connectors.freeswitch.conftest import LINE, about, settings

RECORDINGS = Path(__file__).parents[3] / "connectors" / "freeswitch" / "recordings"
CORPUS = sorted(RECORDINGS.glob("*.esl"))
SESSION = (RECORDINGS / "inbound-session.esl").read_bytes()

recorded = pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)


def heard(data: bytes, skew: timedelta = timedelta(0)) -> list[hub.Event]:
    switchboard = Switchboard(Numbers.of(about()), "/rec", skew)
    said = [event for frame in Framer().feed(data) if (event := told(frame)) is not None]
    return [event for each in said for event in switchboard.hear(each)]


def folded(events: list[hub.Event]) -> list[dict[str, Any]]:
    ours = frozenset({LINE, "tel:+493012345100"})
    keys = dict.fromkeys(event.key for event in events)
    return [_shown(fold_calls([("pbx", event) for event in events if event.key == key], ours)) for key in keys]


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
        "duration": call.duration,
        "recordings": [recording.id for recording in call.recordings],
        "legs": [[leg.phone, leg.outcome or "", leg.joined or ""] for leg in call.legs],
    }
    return {name: value for name, value in shown.items() if name == "legs" or value not in (None, [])}


@recorded
def test_it_becomes_what_stands_beside_it(path: Path) -> None:
    assert folded(heard(path.read_bytes())) == json.loads(path.with_suffix(".json").read_text("utf-8"))["calls"]


@recorded
def test_events_shuffled_and_doubled_are_the_same_calls_and_ids_are_unique(path: Path) -> None:
    events = heard(path.read_bytes())
    ids = [(event.key, event.id) for event in events]
    assert len(ids) == len(set(ids))
    assert ids == [(event.key, event.id) for event in heard(path.read_bytes())]
    random = Random(5)
    again = [*events, *random.sample(events, len(events) // 2)]
    random.shuffle(again)
    assert sorted(folded(again), key=repr) == sorted(folded(events), key=repr)


def test_a_hang_up_first_is_a_call_that_is_over() -> None:
    said = (RECORDINGS / "inbound-missed.esl").read_bytes()
    frames = list(Framer().feed(said))
    last = Switchboard(Numbers.of(about())).hear(told(frames[-1]) or pytest.fail("no event"))
    [call] = folded(last)
    assert (call["state"], call["outcome"], call["caller"]) == ("ended", "missed", ["tel:+4915112345678", ""])


def test_a_clock_ten_minutes_off_is_corrected() -> None:
    first = heard((RECORDINGS / "inbound-missed.esl").read_bytes(), timedelta(minutes=10))[0]
    assert first.at == datetime(2026, 3, 2, 8, 50, tzinfo=UTC)


@few(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(SESSION)), max_size=10))
def test_the_same_frames_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    framer, places = Framer(), [0, *sorted(cuts), len(SESSION)]
    frames = [frame for start, end in pairwise(places) for frame in framer.feed(SESSION[start:end])]
    assert frames == list(Framer().feed(SESSION))
    assert [frame.kind for frame in frames][-2:] == ["text/event-json", "text/disconnect-notice"]


@few(max_examples=40, deadline=None)
@given(st.binary(max_size=2000))
def test_bytes_that_are_no_event_socket_break_nothing(data: bytes) -> None:
    try:
        for frame in Framer().feed(data + b"\n\n"):
            told(frame)
    except NotAnEventSocket:
        assert b"Content-Length" in data


@pytest.mark.parametrize("head", [b"Content-Length: 99999999999\n\n", b"Content-Length: -1\n\n", b"x" * 70_000])
def test_what_has_no_end_is_not_waited_for(head: bytes) -> None:
    with pytest.raises(NotAnEventSocket):
        list(Framer().feed(head))


def test_json_counts_bytes_and_plain_values_are_decoded() -> None:
    frame = Frame({"Content-Type": "text/event-json"}, '{"Caller-Caller-ID-Name": "Ann Exämple", "n": 1}'.encode())
    event = told(frame)
    assert event is not None
    assert event["Caller-Caller-ID-Name"] == "Ann Exämple"
    assert told(Frame({"Content-Type": "text/event-json"}, b"[1]")) is None
    assert told(Frame({"Content-Type": "text/event-json"}, b"{")) is None


async def test_recordings_are_read_from_the_folder_and_from_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "rec"
    folder.mkdir()
    (folder / "a1.wav").write_bytes(b"RIFF....")
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    recorder = Recorder(settings(1, recordings=str(folder)), about())
    assert await recorder.fetch(hub.Recording(id="a1.wav"), 100) == hub.Media("audio/wav", b"RIFF....")
    with pytest.raises(hub.Unavailable):
        await recorder.fetch(hub.Recording(id="later.wav"), 100)
    for ident in ("../secret.wav", "link.wav", "/etc/passwd", "a1.txt", "\0", str(tmp_path / "secret.wav")):
        with pytest.raises(hub.Unsupported):
            await recorder.fetch(hub.Recording(id=ident), 100)
    with pytest.raises(hub.Unsupported):
        await recorder.fetch(hub.Recording(id="a1.wav"), 4)
