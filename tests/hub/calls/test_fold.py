"""Queues, holds, transfers and conferences: in any order, repeated or with parts lost they fold to one record without a
contradiction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import (
    Call,
    CallState,
    Channel,
    Direction,
    Event,
    Joined,
    Leg,
    Outcome,
    Participant,
    Recording,
    Role,
    Transcript,
)
from hub.calls.fold import answered_by, fold_calls
from hub.formats.handles import phone
from tests.hub.calls.phones import ringing

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
LINE, CUSTOMER = "tel:+4930123456", "tel:+4917012345678"
OURS = frozenset({LINE})
PEOPLE = (Participant(CUSTOMER, Role.CALLER), Participant(LINE, Role.CALLEE))
QUEUED, RINGING, ANSWERED = CallState.QUEUED, CallState.RINGING, CallState.ANSWERED
HELD, TRANSFERRED, ENDED = CallState.HELD, CallState.TRANSFERRED, CallState.ENDED
Told = tuple[str, Event]


def at(second: float) -> datetime:
    return BEGAN + timedelta(seconds=second)


def said(second: float, facts: Call, source: str = "pbx", ident: str = "") -> Told:
    event = Event(key="pbx:1", id=ident or f"{source} {second}", channel=Channel.VOICE, at=at(second), facts=facts)
    return source, event


def leg(second: float, name: str, state: CallState, **known: Any) -> Told:
    """Of one phone, with the times that its state tells."""
    names = {ANSWERED: "answered_at", ENDED: "ended_at", RINGING: "started_at"}
    if state in names:
        known[names[state]] = at(second)
    facts = Leg(id=name, phone=f"pbx/2{name}", state=state, **known)
    return said(second, Call(legs=(facts,)), ident=f"{name} {second}")


def arrives(state: CallState = RINGING, queue: str | None = None) -> Told:
    return said(0, Call(participants=PEOPLE, line=LINE, state=state, started_at=at(0), queue=queue))


def over(second: float) -> Told:
    return said(second, Call(state=ENDED, ended_at=at(second)))


# Asterisk 22, app_queue with two members, as in the recorded calls: ring-all, the second one picks up and holds once.
QUEUE = (
    arrives(QUEUED, "support"),
    leg(2, "1", RINGING, joined=Joined.QUEUE),
    leg(2, "2", RINGING, joined=Joined.QUEUE),
    leg(12, "1", ENDED, outcome=Outcome.NO_ANSWER),
    leg(12, "2", ENDED, outcome=Outcome.NO_ANSWER),
    leg(17, "3", RINGING, joined=Joined.QUEUE),
    leg(20, "3", ANSWERED),
    leg(30, "3", HELD),
    leg(40, "3", ANSWERED),
    leg(80, "3", ENDED, outcome=Outcome.COMPLETED),
    over(80),
)
GAVE_UP = (arrives(QUEUED, "support"), leg(2, "1", RINGING), over(9), leg(9, "1", ENDED, outcome=Outcome.CANCELLED))
BLIND = (
    arrives(),
    leg(2, "1", RINGING),
    leg(5, "1", ANSWERED),
    leg(30, "1", TRANSFERRED),
    leg(30.5, "1", ENDED),
    leg(31, "2", RINGING, joined=Joined.BLIND_TRANSFER, by="1"),
    leg(36, "2", ANSWERED),
    leg(60, "2", ENDED),
    over(60),
)
BLIND_TO_NOBODY = (*BLIND[:6], leg(55, "2", ENDED, outcome=Outcome.NO_ANSWER), over(56))
WARM = (
    arrives(),
    leg(2, "1", RINGING),
    leg(5, "1", ANSWERED),
    leg(20, "1", HELD),
    leg(21, "2", RINGING, joined=Joined.WARM_TRANSFER, by="1"),
    leg(25, "2", ANSWERED),
    leg(40, "1", ENDED, outcome=Outcome.COMPLETED),
    leg(65, "2", ENDED, outcome=Outcome.COMPLETED),
    over(65),
)
CONFERENCE = (
    arrives(),
    leg(5, "1", ANSWERED),
    leg(10, "2", ANSWERED, joined=Joined.CONFERENCE),
    leg(12, "3", ANSWERED, joined=Joined.CONFERENCE),
    leg(50, "1", ENDED),
    leg(60, "3", ENDED),
    leg(70, "2", ENDED),
    over(70),
)
HANG_UP_TWICE = (over(9), leg(2, "1", RINGING), said(11, Call(state=ENDED, ended_at=at(11)), "cdr"), arrives())
STORIES = {
    "queue": (QUEUE, Outcome.COMPLETED, 60),
    "the caller gives up in the queue": (GAVE_UP, Outcome.MISSED, 0),
    "blind transfer": (BLIND, Outcome.COMPLETED, 50),
    "blind transfer to nobody": (BLIND_TO_NOBODY, Outcome.COMPLETED, 26),
    "warm transfer": (WARM, Outcome.COMPLETED, 60),
    "conference": (CONFERENCE, Outcome.COMPLETED, 65),
    "two hang-ups, the first before anything": (HANG_UP_TWICE, Outcome.MISSED, 0),
}
EACH = pytest.mark.parametrize("name", list(STORIES))


@EACH
def test_a_call_becomes_what_it_was(name: str) -> None:
    told, outcome, duration = STORIES[name]
    call = fold_calls(told, OURS)
    assert (call.state, call.outcome) == (ENDED, outcome)
    assert call.duration is not None
    assert abs(call.duration - duration) <= 1
    sound(call)


@EACH
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_order_repetition_and_loss_converge(name: str, data: st.DataObject) -> None:
    told = STORIES[name][0]
    whole = fold_calls(told, OURS)
    shuffled = data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told)))]))
    assert fold_calls(shuffled, OURS) == whole
    rank, end_told = -1, False
    for count in range(1, len(shuffled) + 1):
        part = shuffled[:count]
        call = fold_calls(part, OURS)
        sound(call)
        # An end that only follows from the phones is taken back when the next phone rings.
        if rank < ENDED.rank or end_told:
            assert call.state is None or call.state.rank >= rank
        rank = call.state.rank if call.state else -1
        end_told = any(isinstance(event.facts, Call) and event.facts.state is ENDED for _, event in part)
        assert not end_told or call.state is ENDED


def sound(call: Call) -> None:
    """Nothing in it contradicts anything else."""
    timed: list[Call | Leg] = [call, *call.legs]
    for each in timed:
        times = [time for time in (each.started_at, each.answered_at, each.ended_at) if time is not None]
        assert times == sorted(times)
    if call.state is ENDED:
        assert call.outcome is not None
        assert call.duration is None or call.duration >= 0
        assert all(each.state is ENDED for each in call.legs)
        assert ringing(call) == ()
    else:
        assert (call.outcome, call.duration, call.ended_at) == (None, None, None)


def test_a_queue_a_hold_and_a_transfer_are_states() -> None:
    def states(told: Sequence[Told]) -> list[CallState | None]:
        return [fold_calls(told[:count], OURS).state for count in range(1, len(told) + 1)]

    assert states(QUEUE) == [QUEUED, *[RINGING] * 5, ANSWERED, HELD, ANSWERED, ENDED, ENDED]
    assert states(BLIND) == [RINGING, RINGING, ANSWERED, *[TRANSFERRED] * 3, ANSWERED, ENDED, ENDED]
    assert states(WARM) == [RINGING, RINGING, ANSWERED, HELD, HELD, *[ANSWERED] * 2, ENDED, ENDED]
    call = fold_calls(BLIND[:6], OURS)
    assert [each.id for each in ringing(call)] == ["2"]
    assert [(each.joined, each.by) for each in fold_calls(BLIND, OURS).legs] == [
        (None, None),
        (Joined.BLIND_TRANSFER, "1"),
    ]
    taken = answered_by(fold_calls(WARM, OURS))
    assert taken is not None
    assert taken.id == "2"


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_ten_minutes_off_contradicts_nothing(minutes: int) -> None:
    off = [
        said(60 * minutes, Call(participants=PEOPLE, line=LINE, state=RINGING), "twilio", "b1"),
        said(60 * minutes + 5, Call(legs=(Leg(id="CA2", state=ANSWERED, answered_at=at(60 * minutes + 5)),)), "twilio"),
        said(60 * minutes + 60, Call(state=ENDED, ended_at=at(60 * minutes + 60)), "twilio", "b3"),
    ]
    for count in range(len(off) + 1):
        call = fold_calls([*BLIND, *off[:count]], OURS)
        sound(call)
        assert (call.started_at, call.answered_at, call.ended_at, call.duration) == (at(0), at(5), at(60), 50)


def test_a_real_end_replaces_a_presumed_one_and_what_is_recovered_is_marked() -> None:
    presumed = said(9000, Call(state=ENDED, ended_at=at(36), presumed=True), "hub")
    guessed = fold_calls([*BLIND[:7], presumed], OURS)
    assert (guessed.state, guessed.presumed, guessed.ended_at, guessed.outcome) == (
        ENDED,
        True,
        at(36),
        Outcome.COMPLETED,
    )
    real = fold_calls([presumed, *BLIND], OURS)
    assert real == fold_calls(BLIND, OURS)
    assert real.presumed is None
    recovered = said(60, Call(state=ENDED, ended_at=at(60), recovered=True), ident="cdr")
    assert fold_calls([*BLIND[:7], recovered], OURS).recovered is True
    assert fold_calls([*BLIND, recovered], OURS).recovered is None


def test_recordings_and_transcripts_merge_by_their_id() -> None:
    told = [
        *GAVE_UP,
        said(20, Call(recordings=(Recording(id="r", url="https://pbx.example/r", voicemail=True),))),
        said(30, Call(recordings=(Recording(id="r", seconds=7),), transcripts=(Transcript(id="t", text="Hallo?"),))),
        said(40, Call(transcripts=(Transcript(id="t", text="Hello?", recording="r"),))),
    ]
    call = fold_calls(told[::-1], OURS)
    assert call.recordings == (Recording(id="r", url="https://pbx.example/r", voicemail=True, seconds=7),)
    assert call.transcripts == (Transcript(id="t", text="Hello?", recording="r"),)
    assert call.outcome is Outcome.VOICEMAIL


@pytest.mark.parametrize(
    ("caller", "handle"),
    [
        ("anonymous", None),
        ("Restricted", None),
        ("", None),
        ("4" * 40, None),
        ("+", None),
        ("not a number", None),
        ("sip:Eve@PBX.example.com:5060;transport=udp", "sip:Eve@pbx.example.com"),
        ("sip:+4930123456@pbx.example.com", LINE),
    ],
)
def test_anonymous_malformed_forty_digit_and_sip_callers_have_a_named_outcome(caller: str, handle: str | None) -> None:
    """What nobody could call back has no handle: it is kept as a name, and matches nobody."""
    assert phone(caller, "DE") == handle
    who = Participant(handle or "", Role.CALLER, "" if handle else caller)
    call = fold_calls([said(0, Call(participants=(who,), line=LINE, state=RINGING)), over(5)], OURS - {handle})
    assert call.participants == (who,)
    assert (call.direction, call.outcome) == (Direction.INBOUND, Outcome.MISSED)
