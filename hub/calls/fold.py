"""What is known of a call: the fold of everything that was said about it and about its phones.

The fold is pure: the order in which events came, and how often, changes nothing. Per field, known beats unknown, then
the later provider time, then the source's name; and a call adds rules of its own:

- A state never goes back. A call is answered when any phone was. It is over when its own end is known; or when every
  phone we know of is done, unless nobody answered and the call itself may still ring (in a queue, with the next phone).
- One phone's end does not end the call while others ring, and phones that rang when another was picked up are quiet.
- An inbound call that nobody took is *missed*, whatever each phone's own outcome was (that stays with its leg).
- What is said of the call as a whole beats what is said of one leg: a leg's caller may be a line of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from hub.vocabulary import Call, CallState, Direction, Event, Leg, Outcome, Participant, Role

T = TypeVar("T")

_NO_REASON = (Outcome.COMPLETED, Outcome.MISSED)
"""Outcomes that say nothing about why nobody answered a call that we made."""


def fold_calls(told: Sequence[tuple[str, Event]], ours: frozenset[str]) -> Call:
    """The call that the events in *told*, each with its source's name, amount to. They are all of one key, in any
    order and with repetitions; facts that are not a call's are left aside. *ours* are our own addresses: they decide
    the direction where no provider says it. In the result `direction` is always known, `state` None until a phone
    rings, `outcome` and `duration` None until the call is over, and every leg of a call that is over is `ended`.
    """
    ordered = sorted(told, key=lambda each: (each[1].at, each[1].order, each[0], each[1].id))
    said = [(event.at, event.facts) for _, event in ordered if isinstance(event.facts, Call)]
    phones = _phones(said)
    facts = [call for _, call in said]
    participants = _participants(facts)
    direction = _whole_first(facts, lambda call: call.direction) or direction_of(participants or (), ours)
    state = _state(facts, phones)
    over = state is CallState.ENDED
    ended_at = _ended_at(said, phones) if over else None
    answered = _answered(facts, phones)
    legs = tuple(_closed(phone.leg, ended_at) if over else phone.leg for phone in phones)
    duration = (_talked(facts, phones, legs, ended_at) if answered else 0) if over else None
    answered_at = _earliest([*(call.answered_at for call in facts), *(leg.answered_at for leg in legs)])
    if answered and answered_at is None and ended_at is not None and duration is not None:
        answered_at = ended_at - timedelta(seconds=duration)
    return Call(
        participants=participants,
        line=_whole_first(facts, lambda call: call.line),
        direction=direction,
        state=state,
        started_at=_started_at(said, legs),
        answered_at=answered_at,
        ended_at=ended_at,
        duration=duration,
        outcome=_outcome(facts, legs, answered, direction) if over else None,
        legs=legs,
    )


def direction_of(participants: Iterable[Participant], ours: frozenset[str]) -> Direction:
    """Who began it: outbound if one of *ours* did, internal if nobody else took part, else inbound."""
    known = tuple(participants)
    if not any(participant.role.begins and participant.handle in ours for participant in known):
        return Direction.INBOUND
    outside = any(participant.handle not in ours for participant in known)
    return Direction.OUTBOUND if outside else Direction.INTERNAL


def ringing(call: Call) -> tuple[Leg, ...]:
    """The phones of ours that ring now. A call that we make rings at the other end, so it has none. A call in state
    `ringing` without any legs rings wherever its line rings by default."""
    if call.state is CallState.ENDED or call.direction is Direction.OUTBOUND:
        return ()
    return tuple(leg for leg in call.legs if leg.state is CallState.RINGING)


def answered_by(call: Call) -> Leg | None:
    """The phone on which the call is being talked, or was last; None where nobody answered or nobody said who. Of a
    call that we make this may be the phone at the other end."""
    answered = [leg for leg in call.legs if _took(leg)]
    return max(answered, key=_talks_latest, default=None)


def _talks_latest(leg: Leg) -> tuple[bool, float, str]:
    return leg.state is CallState.ANSWERED, leg.answered_at.timestamp() if leg.answered_at else 0.0, leg.id


# --- legs -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Phone:
    """A leg as far as it is merged, its talking time in seconds, and when it was last heard ringing."""

    leg: Leg
    talked: int | None = None
    rang_at: datetime | None = None


def _phones(said: Sequence[tuple[datetime, Call]]) -> list[_Phone]:
    """The legs in the order in which they began, each merged from all that was said of it, the latest last."""
    phones: dict[str, _Phone] = {}
    for at, call in said:
        for leg in call.legs:
            phone = phones.get(leg.id)
            if phone is None:
                phone = phones[leg.id] = _Phone(leg)
            else:
                phone.leg = _merged(phone.leg, leg)
            if leg.state is CallState.RINGING:
                phone.rang_at = at
            if _about_one_phone(call) and call.duration is not None:
                phone.talked = call.duration
    for phone in phones.values():
        leg = phone.leg
        if phone.talked and leg.answered_at is None and leg.ended_at is not None and _took(leg):
            phone.leg = replace(leg, answered_at=leg.ended_at - timedelta(seconds=phone.talked))
    _quieten(said, phones)
    return list(phones.values())


def _about_one_phone(call: Call) -> bool:
    """Whether an event tells of a phone only: then its duration is that phone's and not the call's."""
    return call.state is None and len(call.legs) == 1


def _merged(before: Leg, after: Leg) -> Leg:
    return Leg(
        id=after.id,
        phone=after.phone or before.phone,
        agent=after.agent or before.agent,
        state=_furthest((before.state, after.state)),
        answered_at=_earliest((before.answered_at, after.answered_at)),
        ended_at=after.ended_at or before.ended_at,
        outcome=after.outcome or before.outcome,
    )


def _quieten(said: Sequence[tuple[datetime, Call]], phones: dict[str, _Phone]) -> None:
    """End the phones that rang when another was picked up: their own end may come a moment later, or never. A phone
    that began to ring only afterwards rings on, for the call is being passed on to it."""
    picked_up = [call.answered_at or at for at, call in said if call.state is CallState.ANSWERED]
    picked_up += [phone.leg.answered_at for phone in phones.values() if phone.leg.answered_at is not None]
    last = max(picked_up, default=None)
    if last is None:
        return
    for phone in phones.values():
        if phone.leg.state is CallState.RINGING and phone.rang_at is not None and phone.rang_at <= last:
            phone.leg = replace(phone.leg, state=CallState.ENDED)


def _took(leg: Leg) -> bool:
    """Whether somebody answered this phone."""
    return leg.state is CallState.ANSWERED or leg.answered_at is not None or leg.outcome is Outcome.COMPLETED


def _closed(leg: Leg, ended_at: datetime | None) -> Leg:
    """*leg* in a call that is over: it is over too, and who still talked did so until the end."""
    if leg.state is CallState.ENDED:
        return leg
    until = leg.ended_at or (ended_at if _took(leg) else None)
    return replace(leg, state=CallState.ENDED, ended_at=until)


# --- the call as a whole ----------------------------------------------------------------------------------------------


def _participants(facts: Iterable[Call]) -> tuple[Participant, ...] | None:
    """Per role: an address beats a withheld one, then the call as a whole beats a leg, then the later one counts."""
    best: dict[Role, tuple[tuple[bool, bool], tuple[Participant, ...]]] = {}
    names: dict[str, str] = {}
    for call in facts:
        for role in {participant.role for participant in call.participants or ()}:
            group = tuple(participant for participant in call.participants or () if participant.role is role)
            rank = (any(participant.handle for participant in group), not call.legs)
            if role not in best or rank >= best[role][0]:
                best[role] = (rank, group)
            names.update((participant.handle, participant.name) for participant in group if participant.name)
    if not best:
        return None
    return tuple(
        participant if participant.name else replace(participant, name=names.get(participant.handle, ""))
        for role in Role
        if role in best
        for participant in best[role][1]
    )


def _whole_first(facts: Sequence[Call], field: Callable[[Call], T | None]) -> T | None:
    """The latest known value of *field*, preferably from what was said of the call as a whole."""
    known = [(not call.legs, value) for call in facts if (value := field(call)) is not None]
    whole = [value for of_the_whole, value in known if of_the_whole] or [value for _, value in known]
    return whole[-1] if whole else None


def _state(facts: Sequence[Call], phones: Sequence[_Phone]) -> CallState | None:
    own = _furthest(call.state for call in facts)
    legs = [phone.leg for phone in phones]
    taken = any(_took(leg) for leg in legs)
    done = bool(legs) and all(leg.state is CallState.ENDED for leg in legs)
    if own is CallState.ENDED or (done and (own is None or taken or any(call.outcome is not None for call in facts))):
        return CallState.ENDED
    if taken:
        return CallState.ANSWERED
    # A phone that gave up leaves the call where it was: ringing, until the next one rings or the call ends.
    rang = any(leg.state is not None for leg in legs)
    return _furthest((own, CallState.RINGING if rang else None))


def _answered(facts: Sequence[Call], phones: Sequence[_Phone]) -> bool:
    """Whether somebody took the call. Of a call without phones a bare duration is believed to be talking time."""
    if any(_took(phone.leg) for phone in phones):
        return True
    if any(call.state is CallState.ANSWERED or call.answered_at is not None for call in facts):
        return True
    said = {call.outcome for call in facts}
    return Outcome.COMPLETED in said or (not phones and said == {None} and any(call.duration for call in facts))


def _outcome(facts: Sequence[Call], legs: Sequence[Leg], answered: bool, direction: Direction) -> Outcome:
    if answered:
        return Outcome.COMPLETED
    said = [call.outcome for call in facts if call.outcome is not None]
    if Outcome.VOICEMAIL in said:
        return Outcome.VOICEMAIL
    if direction is Direction.INBOUND:
        return Outcome.MISSED
    reasons = [*(leg.outcome for leg in sorted(legs, key=_ended_latest)), *said]
    known = [reason for reason in reasons if reason is not None and reason not in _NO_REASON]
    return known[-1] if known else Outcome.NO_ANSWER


def _ended_latest(leg: Leg) -> tuple[float, str]:
    return leg.ended_at.timestamp() if leg.ended_at else 0.0, leg.id


def _started_at(said: Sequence[tuple[datetime, Call]], legs: Sequence[Leg]) -> datetime | None:
    """What is said of the beginning; else the earliest moment of which anything is known."""
    started = _earliest(call.started_at for _, call in said)
    if started is not None:
        return started
    known = [at - timedelta(seconds=call.duration or 0) for at, call in said]
    return _earliest([*known, *(call.answered_at for _, call in said), *(leg.answered_at for leg in legs)])


def _ended_at(said: Iterable[tuple[datetime, Call]], phones: Iterable[_Phone]) -> datetime | None:
    own = [call.ended_at or at for at, call in said if call.state is CallState.ENDED]
    if own:
        return own[-1]
    return max((phone.leg.ended_at for phone in phones if phone.leg.ended_at is not None), default=None)


def _talked(
    facts: Iterable[Call], phones: Sequence[_Phone], legs: Sequence[Leg], ended_at: datetime | None
) -> int | None:
    """Talking time in seconds: what the phones talked together, else what is said of the call (which may include its
    queue), else from the answer to the end."""
    spans: list[tuple[float, float]] = []
    measured = False
    for phone, leg in zip(phones, legs, strict=True):
        if leg.answered_at is None or not _took(leg):
            continue
        begin = leg.answered_at.timestamp()
        if phone.talked:
            measured = True
            spans.append((begin, begin + phone.talked))
        elif (until := leg.ended_at or ended_at) is not None:
            spans.append((begin, until.timestamp()))
    said = [call.duration for call in facts if call.duration is not None and not _about_one_phone(call)]
    if said and not measured:
        return said[-1]
    if spans:
        return round(_covered(spans))
    answered = _earliest(call.answered_at for call in facts)
    return round((ended_at - answered).total_seconds()) if answered and ended_at else None


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """How long at least one of *spans* lasts: while a call is passed on, two phones talk at once."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def _furthest(states: Iterable[CallState | None]) -> CallState | None:
    return max((state for state in states if state is not None), key=lambda state: state.rank, default=None)


def _earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((time for time in times if time is not None), default=None)
