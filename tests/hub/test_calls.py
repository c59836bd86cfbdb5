"""The fold of calls: whatever order, repetition or loss, the same events are the same call.

The sequences are those that Twilio sends for the calls an office knows, parsed by the plug-in itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hub
from connectors.twilio.normalise import Us, events
from hub import Call, CallState, Direction, Event, Leg, Outcome, Participant, Role
from hub.calls.fold import answered_by, direction_of, fold_calls
from tests.fakes.twilio import BEGAN, InboundCall
from tests.hub.calls.phones import ringing

LINE, ADA, BOB, EVE = "tel:+14155550199", "tel:+14155550123", "client:bob", "sip:eve@pbx.example.com"
CUSTOMER = "tel:+14155550100"
OURS = frozenset({LINE, ADA, BOB, EVE})
US = Us("US", frozenset({LINE}), frozenset({ADA, BOB, EVE}))


@dataclass(frozen=True, slots=True)
class Story:
    """What Twilio tells of a call, in the order in which it happened, and what the call was."""

    fields: tuple[dict[str, str], ...]
    outcome: Outcome
    answered_by: str | None
    duration: int
    ended: int
    legs: dict[str, Outcome | None]

    def told(self) -> list[tuple[str, Event]]:
        """The events, each with its source. Requests that tell no time arrive a second after one another."""
        return [
            ("front-desk", event)
            for second, fields in enumerate(self.fields)
            for event in events(fields, {}, US, BEGAN + timedelta(seconds=second))
        ]


def ring_group() -> Story:
    call = InboundCall("CA1")
    fields = [call.arrives()]
    for sid, phone in (("CA2", "+14155550123"), ("CA3", BOB), ("CA4", EVE)):
        fields += [call.leg(sid, phone, "initiated", 1), call.leg(sid, phone, "ringing", 2)]
    fields += [
        call.leg("CA3", BOB, "in-progress", 9),
        call.leg("CA2", "+14155550123", "canceled", 9, CallDuration="0"),
        call.leg("CA4", EVE, "no-answer", 10, CallDuration="0"),
        call.leg("CA3", BOB, "completed", 51, CallDuration="42"),
        call.over(52),
    ]
    legs = {"CA2": Outcome.CANCELLED, "CA3": Outcome.COMPLETED, "CA4": Outcome.NO_ANSWER}
    return Story(tuple(fields), Outcome.COMPLETED, BOB, 42, 52, legs)


def ring_group_without_the_number() -> Story:
    """Only the phones tell: the number has no status callback, and its voice URL is elsewhere."""
    story = ring_group()
    phones = tuple(fields for fields in story.fields if "ParentCallSid" in fields)
    return replace(story, fields=phones, ended=51)


def busy() -> Story:
    call = InboundCall("CA1")
    fields = (
        call.leg("CA2", "+14155550123", "initiated", 1),
        call.leg("CA2", "+14155550123", "busy", 3, CallDuration="0"),
        call.over(4, "busy"),
    )
    return Story(fields, Outcome.MISSED, None, 0, 4, {"CA2": Outcome.BUSY})


def nobody() -> Story:
    call = InboundCall("CA1")
    fields = (
        call.arrives(),
        call.leg("CA2", "+14155550123", "ringing", 2),
        call.leg("CA3", BOB, "ringing", 2),
        call.leg("CA2", "+14155550123", "no-answer", 22, CallDuration="0"),
        call.leg("CA3", BOB, "no-answer", 22, CallDuration="0"),
        call.dialled("CA3", "no-answer"),
        call.over(23),
    )
    return Story(fields, Outcome.MISSED, None, 0, 23, {"CA2": Outcome.NO_ANSWER, "CA3": Outcome.NO_ANSWER})


def voicemail() -> Story:
    """Twilio calls the number's call completed, for the voicemail took it."""
    call = InboundCall("CA1")
    fields = (
        call.arrives(),
        call.leg("CA2", "+14155550123", "ringing", 2),
        call.leg("CA2", "+14155550123", "no-answer", 22, CallDuration="0"),
        call.message_left(25, 17),
        call.over(43),
    )
    return Story(fields, Outcome.VOICEMAIL, None, 0, 43, {"CA2": Outcome.NO_ANSWER})


def caller_hangs_up() -> Story:
    call = InboundCall("CA1")
    fields = (
        call.leg("CA2", "+14155550123", "ringing", 2),
        call.leg("CA3", BOB, "ringing", 2),
        call.over(8, "canceled"),
        call.leg("CA2", "+14155550123", "canceled", 8, CallDuration="0"),
        call.leg("CA3", BOB, "canceled", 8, CallDuration="0"),
    )
    return Story(fields, Outcome.MISSED, None, 0, 8, {"CA2": Outcome.CANCELLED, "CA3": Outcome.CANCELLED})


def passed_on() -> Story:
    """Ada talks for half a minute; then the call goes to Bob, who rings for five seconds."""
    call = InboundCall("CA1")
    fields = (
        call.leg("CA2", "+14155550123", "ringing", 2),
        call.leg("CA2", "+14155550123", "in-progress", 5),
        call.leg("CA2", "+14155550123", "completed", 35, CallDuration="30"),
        call.leg("CA3", BOB, "ringing", 36),
        call.leg("CA3", BOB, "in-progress", 41),
        call.leg("CA3", BOB, "completed", 101, CallDuration="60"),
        call.over(101),
    )
    return Story(fields, Outcome.COMPLETED, BOB, 90, 101, {"CA2": Outcome.COMPLETED, "CA3": Outcome.COMPLETED})


def hunted() -> Story:
    """The phones ring one after another."""
    call = InboundCall("CA1")
    fields = (
        call.arrives(),
        call.leg("CA2", "+14155550123", "ringing", 2),
        call.leg("CA2", "+14155550123", "no-answer", 12, CallDuration="0"),
        call.leg("CA3", BOB, "ringing", 13),
        call.leg("CA3", BOB, "in-progress", 15),
        call.leg("CA3", BOB, "completed", 25, CallDuration="10"),
        call.over(25),
    )
    return Story(fields, Outcome.COMPLETED, BOB, 10, 25, {"CA2": Outcome.NO_ANSWER, "CA3": Outcome.COMPLETED})


STORIES: dict[str, Callable[[], Story]] = {
    story.__name__: story
    for story in (
        ring_group,
        ring_group_without_the_number,
        busy,
        nobody,
        voicemail,
        caller_hangs_up,
        passed_on,
        hunted,
    )
}
EACH = pytest.mark.parametrize("story", [make() for make in STORIES.values()], ids=list(STORIES))


@EACH
def test_a_call_becomes_what_it_was(story: Story) -> None:
    call = fold_calls(story.told(), OURS)
    assert call.direction is Direction.INBOUND
    assert call.participants is not None
    assert call.participants[0] == Participant(CUSTOMER, Role.CALLER)
    assert (call.state, call.outcome, call.duration) == (CallState.ENDED, story.outcome, story.duration)
    assert call.ended_at == BEGAN + timedelta(seconds=story.ended)
    assert {leg.id: leg.outcome for leg in call.legs} == story.legs
    assert {leg.state for leg in call.legs} == {CallState.ENDED}
    taken = answered_by(call)
    assert (taken and taken.phone) == story.answered_by
    assert ringing(call) == ()


@EACH
@given(data=st.data())
def test_order_and_repetition_change_nothing(story: Story, data: st.DataObject) -> None:
    told = story.told()
    expected = fold_calls(told, OURS)
    repeated = data.draw(st.lists(st.sampled_from(told), max_size=len(told)))
    assert fold_calls(data.draw(st.permutations([*told, *repeated])), OURS) == expected


@EACH
@given(data=st.data())
def test_what_is_lost_makes_nothing_up(story: Story, data: st.DataObject) -> None:
    """Of any part of the events the fold says less, never something else; and when the rest comes, all of it."""
    told = story.told()
    whole = fold_calls(told, OURS)
    part = data.draw(st.lists(st.sampled_from(told), min_size=1, unique_by=lambda each: each[1].id))
    call = fold_calls(part, OURS)
    assert {leg.id for leg in call.legs} <= {leg.id for leg in whole.legs}
    if call.legs:
        assert call.answered_at is None or whole.answered_at is not None
    known = [event.facts for _, event in part if isinstance(event.facts, Call)]
    if any(facts.state is CallState.ENDED for facts in known):
        assert call.state is CallState.ENDED
        assert ringing(call) == ()
    if any(leg.answered_at for facts in known for leg in facts.legs):
        assert call.outcome in (None, Outcome.COMPLETED)
        assert call.state in (CallState.ANSWERED, CallState.TRANSFERRED, CallState.ENDED)
    if call.state is CallState.ENDED and whole.outcome is not Outcome.COMPLETED and len(call.legs) == len(story.legs):
        every_phone_told = all(leg.outcome is not None for leg in call.legs)
        assert not every_phone_told or call.outcome in (Outcome.MISSED, Outcome.VOICEMAIL)
    rest = [each for each in told if each not in part]
    assert fold_calls([*rest, *part], OURS) == whole


@EACH
def test_phones_ring_only_while_nobody_answered(story: Story) -> None:
    """Told in order, the phones that ring are those that began to, and all are quiet after an answer or an end."""
    told = story.told()
    heard: set[str] = set()
    for count in range(1, len(told) + 1):
        call = fold_calls(told[:count], OURS)
        loud = {leg.id for leg in ringing(call)}
        _, latest = told[count - 1]
        assert isinstance(latest.facts, Call)
        for leg in latest.facts.legs:
            if leg.state is CallState.RINGING:
                heard.add(leg.id)
                assert leg.id in loud
            else:
                assert leg.id not in loud
        if any(leg.state is CallState.ANSWERED for leg in call.legs) or call.state is CallState.ENDED:
            assert not loud
        assert loud <= heard


def test_a_late_ringing_after_the_end_changes_nothing() -> None:
    told = busy().told()
    late = InboundCall("CA1").leg("CA2", "+14155550123", "ringing", 59)
    arrived = [("front-desk", event) for event in events(late, {}, US, BEGAN + timedelta(minutes=5))]
    assert fold_calls([*told, *arrived], OURS) == fold_calls(told, OURS)


def test_a_phone_whose_end_was_lost_is_quiet_when_the_call_is_over() -> None:
    story = nobody()
    kept = tuple(fields for fields in story.fields if "no-answer" not in fields.values())
    call = fold_calls(replace(story, fields=kept).told(), OURS)
    assert [(leg.state, leg.outcome) for leg in call.legs] == [(CallState.ENDED, None)] * 2
    assert (call.outcome, ringing(call)) == (Outcome.MISSED, ())


@pytest.mark.parametrize(
    ("status", "outcome", "duration"),
    [("completed", Outcome.COMPLETED, 30), ("busy", Outcome.BUSY, 0), ("no-answer", Outcome.NO_ANSWER, 0)],
)
def test_a_colleague_calls_out_from_her_softphone(status: str, outcome: Outcome, duration: int) -> None:
    """To Twilio her own part is an inbound call, which it calls completed whatever became of the other part."""
    call = InboundCall("CA1", caller="client:bob", line="+14155550100")
    ours = {"From": "+14155550199"}
    fields = (
        call.arrives(),
        call.leg("CA2", "+14155550100", "ringing", 2, **ours),
        *([call.leg("CA2", "+14155550100", "in-progress", 9, **ours)] if duration else []),
        call.leg("CA2", "+14155550100", status, 39, CallDuration=str(duration), **ours),
        call.over(40),
    )
    folded = fold_calls(replace(nobody(), fields=fields).told(), OURS)
    assert folded.participants == (Participant(BOB, Role.CALLER), Participant(CUSTOMER, Role.CALLEE))
    assert (folded.line, folded.direction) == (LINE, Direction.OUTBOUND)
    assert (folded.outcome, folded.duration) == (outcome, duration)


# --- single rules -----------------------------------------------------------------------------------------------------


def said(second: int, facts: Call, order: int = 0, source: str = "pbx", id: str = "") -> tuple[str, Event]:
    event = Event(
        key="pbx:1",
        id=id or f"{source}-{second}-{order}",
        channel=hub.Channel.VOICE,
        at=BEGAN + timedelta(seconds=second),
        facts=facts,
        order=order,
    )
    return source, event


def at(second: int) -> datetime:
    return BEGAN + timedelta(seconds=second)


def test_known_beats_unknown_then_the_later_time_then_the_order_then_the_source() -> None:
    caller = (Participant(CUSTOMER, Role.CALLER),)
    told = [
        said(1, Call(line="tel:+1", participants=caller)),
        said(2, Call(line="tel:+2")),
        said(2, Call(line="tel:+3"), order=1, source="a"),
        said(2, Call(line="tel:+4"), order=1, source="b"),
        said(3, Call()),
    ]
    Random(7).shuffle(told)
    call = fold_calls(told, OURS)
    assert (call.line, call.participants) == ("tel:+4", caller)


def test_an_address_beats_a_withheld_one_and_a_name_is_kept() -> None:
    told = [
        said(1, Call(participants=(Participant(CUSTOMER, Role.CALLER, "Ann"),))),
        said(2, Call(participants=(Participant(CUSTOMER, Role.CALLER), Participant(LINE, Role.CALLEE)))),
        said(3, Call(participants=(Participant("", Role.CALLER),))),
    ]
    expected = (Participant(CUSTOMER, Role.CALLER, "Ann"), Participant(LINE, Role.CALLEE))
    assert fold_calls(told, OURS).participants == expected


def test_the_call_knows_its_caller_better_than_a_leg_that_is_shown_our_number() -> None:
    leg = Call(
        participants=(Participant(LINE, Role.CALLER), Participant("tel:+14155550142", Role.CALLEE)), legs=(Leg(id="2"),)
    )
    whole = Call(participants=(Participant(CUSTOMER, Role.CALLER), Participant(LINE, Role.CALLEE)))
    call = fold_calls([said(1, whole), said(5, leg)], OURS)
    assert (call.participants, call.direction) == (whole.participants, Direction.INBOUND)


@pytest.mark.parametrize(
    ("outcome", "direction", "expected"),
    [
        (Outcome.BUSY, Direction.OUTBOUND, Outcome.BUSY),
        (Outcome.NO_ANSWER, Direction.OUTBOUND, Outcome.NO_ANSWER),
        (Outcome.FAILED, Direction.OUTBOUND, Outcome.FAILED),
        (Outcome.CANCELLED, Direction.OUTBOUND, Outcome.CANCELLED),
        (Outcome.REJECTED, Direction.INTERNAL, Outcome.REJECTED),
        (Outcome.MISSED, Direction.OUTBOUND, Outcome.NO_ANSWER),
        (None, Direction.OUTBOUND, Outcome.NO_ANSWER),
        (Outcome.BUSY, Direction.INBOUND, Outcome.MISSED),
        (Outcome.REJECTED, Direction.INBOUND, Outcome.MISSED),
        (None, Direction.INBOUND, Outcome.MISSED),
    ],
)
@pytest.mark.parametrize("by_leg", [False, True])
def test_why_nobody_answered(outcome: Outcome | None, direction: Direction, expected: Outcome, by_leg: bool) -> None:
    ended = Leg(id="2", state=CallState.ENDED, ended_at=at(9), outcome=outcome)
    end = Call(legs=(ended,)) if by_leg else Call(state=CallState.ENDED, ended_at=at(9), outcome=outcome)
    call = fold_calls([said(1, Call(direction=direction, started_at=at(1))), said(9, end)], OURS)
    assert (call.state, call.outcome, call.duration, call.ended_at) == (CallState.ENDED, expected, 0, at(9))


def test_the_far_end_of_a_call_we_make_was_busy_although_our_phone_was_picked_up() -> None:
    told = [
        said(1, Call(direction=Direction.OUTBOUND, started_at=at(1))),
        said(4, Call(legs=(Leg(id="2", state=CallState.ENDED, ended_at=at(4), outcome=Outcome.BUSY),))),
        said(5, Call(state=CallState.ENDED, ended_at=at(5), duration=4)),
    ]
    assert fold_calls(told, OURS).outcome is Outcome.BUSY


@pytest.mark.parametrize("outcome", [Outcome.COMPLETED, None])
def test_a_duration_is_talking_time_where_no_phone_tells_anything(outcome: Outcome | None) -> None:
    end = said(60, Call(state=CallState.ENDED, ended_at=at(60), outcome=outcome, duration=51))
    call = fold_calls([end], OURS)
    assert (call.outcome, call.duration, call.started_at, call.answered_at) == (Outcome.COMPLETED, 51, at(9), at(9))


def test_talking_time_is_what_at_least_one_phone_talked() -> None:
    """In a transfer with a word to the colleague first, two phones talk at once."""

    def leg(id: str, begin: int, end: int) -> list[tuple[str, Event]]:
        answered = Leg(id=id, state=CallState.ANSWERED, answered_at=at(begin))
        ended = Leg(id=id, state=CallState.ENDED, ended_at=at(end), outcome=Outcome.COMPLETED)
        return [said(begin, Call(legs=(answered,))), said(end, Call(legs=(ended,), duration=end - begin))]

    assert fold_calls([*leg("2", 0, 40), *leg("3", 30, 100)], OURS).duration == 100
    assert fold_calls([*leg("2", 0, 40), *leg("3", 50, 100)], OURS).duration == 90


def test_without_any_duration_it_talked_from_the_answer_to_the_end() -> None:
    answered = Leg(id="2", state=CallState.ANSWERED, answered_at=at(5))
    told = [said(5, Call(legs=(answered,))), said(47, Call(state=CallState.ENDED, ended_at=at(47)))]
    call = fold_calls(told, OURS)
    assert (call.outcome, call.duration, call.legs[0].state, call.legs[0].ended_at) == (
        Outcome.COMPLETED,
        42,
        CallState.ENDED,
        at(47),
    )


def test_a_call_in_a_queue_goes_on_when_a_phone_gives_up() -> None:
    told = [
        said(0, Call(state=CallState.RINGING, started_at=at(0))),
        said(1, Call(legs=(Leg(id="2", phone=ADA, state=CallState.RINGING),))),
        said(20, Call(legs=(Leg(id="2", state=CallState.ENDED, ended_at=at(20), outcome=Outcome.NO_ANSWER),))),
    ]
    call = fold_calls(told, OURS)
    assert (call.state, call.outcome, call.ended_at, ringing(call)) == (CallState.RINGING, None, None, ())
    again = fold_calls([*told, said(25, Call(legs=(Leg(id="3", phone=BOB, state=CallState.RINGING),)))], OURS)
    assert [leg.phone for leg in ringing(again)] == [BOB]


def test_a_phone_to_which_the_call_is_passed_on_rings_although_somebody_talks() -> None:
    told = [
        said(1, Call(legs=(Leg(id="2", state=CallState.RINGING),))),
        said(1, Call(legs=(Leg(id="4", state=CallState.RINGING),)), id="4"),
        said(5, Call(legs=(Leg(id="2", state=CallState.ANSWERED, answered_at=at(5)),))),
        said(30, Call(legs=(Leg(id="3", state=CallState.RINGING),))),
    ]
    call = fold_calls(told, OURS)
    assert [leg.id for leg in ringing(call)] == ["3"]
    taken = answered_by(call)
    assert (call.state, taken and taken.id) == (CallState.ANSWERED, "2")


def test_a_call_that_we_make_rings_on_nobodys_screen() -> None:
    rings = Call(direction=Direction.OUTBOUND, legs=(Leg(id="2", phone=CUSTOMER, state=CallState.RINGING),))
    assert ringing(fold_calls([said(1, rings)], OURS)) == ()


def test_nothing_known_yet() -> None:
    call = fold_calls([said(1, Call(legs=(Leg(id="2", phone=ADA),)))], OURS)
    assert (call.state, call.outcome, call.duration, call.participants) == (None, None, None, None)
    assert (ringing(call), answered_by(call)) == ((), None)


def test_who_began_it() -> None:
    caller, callee, inside = (
        Participant(CUSTOMER, Role.CALLER),
        Participant(LINE, Role.CALLEE),
        Participant(ADA, Role.CALLER),
    )
    assert direction_of((caller, callee), OURS) is Direction.INBOUND
    assert direction_of((), OURS) is Direction.INBOUND
    assert direction_of((Participant("", Role.CALLER), callee), OURS) is Direction.INBOUND
    assert direction_of((inside, Participant(CUSTOMER, Role.CALLEE)), OURS) is Direction.OUTBOUND
    assert direction_of((inside, Participant(BOB, Role.CALLEE)), OURS) is Direction.INTERNAL
