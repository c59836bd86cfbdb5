"""What is known of a call: the fold of everything that was said about it and about its phones (docs/CALLS.md).

The fold is pure: the order in which events came, and how often, changes nothing. Per field, known beats unknown, then
the later provider time, then the source's name; and a call adds rules of its own:

- A state never goes back. Of answered, held and transferred, which are ways of being taken, the latest counts.
- A call is over when its own end is known; or when every phone we know of is done, unless nobody answered and the call
  itself may still ring (in a queue, with the next phone), or it was passed on and the next phone is not known yet. An
  end that only follows from the phones is taken back when the next phone rings.
- One phone's end does not end the call while others ring, and phones that rang when another was picked up are quiet.
- An inbound call that nobody took is *missed*, whatever each phone's own outcome was (that stays with its leg).
- What is said of the call as a whole beats what is said of one leg: a leg's caller may be a line of ours.
- An end that was only presumed (`hub.calls.closing`) gives way to a real one, and to anything that is said
  of the call later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hub.calls import times
from hub.calls.attached import recordings_of, transcripts_of
from hub.calls.legs import Phone, Said, closed, passed_to_nobody_yet, phones_of, talks, took
from hub.calls.people import direction_of as direction_of
from hub.calls.people import participants_of, whole_first
from hub.vocabulary import Call, CallState, Direction, Event, Leg, Outcome

_NO_REASON = (Outcome.COMPLETED, Outcome.MISSED)
"""Outcomes that say nothing about why nobody answered a call that we made."""


def fold_calls(told: Sequence[tuple[str, Event]], ours: frozenset[str]) -> Call:
    """The call that the events in *told*, each with its source's name, amount to. They are all of one key, in any
    order and with repetitions; facts that are not a call's are left aside. *ours* are our own addresses: they decide
    the direction where no provider says it. In the result `direction` is always known, `state` None until a phone
    rings or it waits, `outcome` and `duration` None until the call is over, and every leg of a call that is over is
    `ended`. Its times are in order, whatever the clocks said.
    """
    ordered = sorted(
        ((event.at, event.order, source, event.id, event.facts) for source, event in told), key=lambda each: each[:4]
    )
    everything: list[Said] = [(at, source, facts) for at, _, source, _, facts in ordered if isinstance(facts, Call)]
    said = [each for each in everything if not each[2].presumed]
    facts = [call for _, _, call in said]
    phones = phones_of(said)
    state = _state(facts, phones)
    presumed = state is not CallState.ENDED and bool(everything) and bool(everything[-1][2].presumed)
    over = presumed or state is CallState.ENDED
    participants = participants_of(facts)
    direction = whole_first(facts, lambda call: call.direction) or direction_of(participants or (), ours)
    clocks = times.by_one_clock(said or everything)
    ended_at = times.ended_at([everything] if presumed else clocks, phones) if over else None
    answered = _answered(facts, phones)
    legs = [closed(phone.leg, ended_at) if over else phone.leg for phone in phones]
    duration = (times.talked(clocks, phones, legs, ended_at) if answered else 0) if over else None
    answered_at = times.answered_at(clocks, phones) if answered else None
    if answered and answered_at is None and ended_at is not None and duration is not None:
        answered_at = ended_at - timedelta(seconds=duration)
    return times.whole_in_order(
        Call(
            participants=participants,
            line=whole_first(facts, lambda call: call.line),
            direction=direction,
            state=CallState.ENDED if over else state,
            started_at=times.started_at(clocks, legs),
            answered_at=answered_at,
            ended_at=ended_at,
            duration=duration,
            outcome=_outcome(facts, legs, answered, direction) if over else None,
            legs=tuple(times.in_order(leg) for leg in legs),
            queue=whole_first(facts, lambda call: call.queue),
            recordings=recordings_of(facts),
            transcripts=transcripts_of(facts),
            recovered=_recovered(facts) or None,
            presumed=presumed or None,
        )
    )


def answered_by(call: Call) -> Leg | None:
    """The phone on which the call is being talked, or was last; None where nobody answered or nobody said who. Of a
    call that we make this may be the phone at the other end."""
    answered = [leg for leg in call.legs if took(leg)]
    return max(answered, key=_talks_latest, default=None)


def _talks_latest(leg: Leg) -> tuple[bool, float, str]:
    return talks(leg), leg.answered_at.timestamp() if leg.answered_at else 0.0, leg.id


def _state(facts: Sequence[Call], phones: Sequence[Phone]) -> CallState | None:
    own: CallState | None = None
    said_at = -1
    for place, call in enumerate(facts):
        state = call.state
        if state is not None and (own is None or state.rank >= own.rank):
            own, said_at = state, place
    if own is CallState.ENDED:
        return own
    taken = any(took(phone.leg) for phone in phones)
    left = bool(phones) and all(phone.leg.state in (CallState.ENDED, CallState.TRANSFERRED) for phone in phones)
    known = own is None or taken or any(call.outcome is not None for call in facts)
    if left and known and not passed_to_nobody_yet(phones):
        return CallState.ENDED
    if taken:
        return _taken(own, said_at, phones)
    rang = any(phone.leg.state is not None and phone.leg.state is not CallState.QUEUED for phone in phones)
    if own is not None and own.taken:
        return own
    # A phone that gave up leaves the call where it was: ringing, until the next one rings or the call ends.
    if rang or own is CallState.RINGING:
        return CallState.RINGING
    waits = own is CallState.QUEUED or any(phone.leg.state is CallState.QUEUED for phone in phones)
    return CallState.QUEUED if waits or any(call.queue is not None for call in facts) else None


def _taken(own: CallState | None, said_at: int, phones: Sequence[Phone]) -> CallState:
    """How a call stands that somebody took: as its phones do, unless something was said of the whole call since."""
    on = [phone for phone in phones if talks(phone.leg)]
    if own is not None and own.taken and all(said_at > phone.word for phone in on or phones):
        return own
    if not on:
        waits = any(phone.leg.state is not CallState.ENDED for phone in phones) or passed_to_nobody_yet(phones)
        return CallState.TRANSFERRED if waits else CallState.ANSWERED
    held = all(phone.leg.state is CallState.HELD for phone in on)
    return CallState.HELD if held else CallState.ANSWERED


def _answered(facts: Sequence[Call], phones: Sequence[Phone]) -> bool:
    """Whether somebody took the call: not the mailbox in which a message was left. Of a call without phones a bare
    duration is believed to be talking time."""
    if any(took(phone.leg) for phone in phones):
        return True
    if _left_a_message(facts):
        return False
    if any((call.state is not None and call.state.taken) or call.answered_at is not None for call in facts):
        return True
    said = {call.outcome for call in facts}
    return Outcome.COMPLETED in said or (not phones and said == {None} and any(call.duration for call in facts))


def _left_a_message(facts: Sequence[Call]) -> bool:
    return any(
        call.outcome is Outcome.VOICEMAIL or any(recording.voicemail for recording in call.recordings) for call in facts
    )


def _outcome(facts: Sequence[Call], legs: Sequence[Leg], answered: bool, direction: Direction) -> Outcome:
    if answered:
        return Outcome.COMPLETED
    if _left_a_message(facts):
        return Outcome.VOICEMAIL
    if direction is Direction.INBOUND:
        return Outcome.MISSED
    said = [call.outcome for call in facts if call.outcome is not None]
    reasons = [*(leg.outcome for leg in sorted(legs, key=_ended_latest)), *said]
    known = [reason for reason in reasons if reason is not None and reason not in _NO_REASON]
    return known[-1] if known else Outcome.NO_ANSWER


def _ended_latest(leg: Leg) -> tuple[float, str]:
    return leg.ended_at.timestamp() if leg.ended_at else 0.0, leg.id


def _recovered(facts: Sequence[Call]) -> bool:
    """Whether nothing told of the call's end when it happened. Where only its phones' ends are told those count, and
    where no end is, everything."""
    if not any(call.recovered for call in facts):
        return False
    ends = [call for call in facts if call.state is CallState.ENDED or call.outcome is not None]
    of_phones = [call for call in facts if any(leg.state is CallState.ENDED for leg in call.legs)]
    return all(call.recovered for call in ends or of_phones or facts)
