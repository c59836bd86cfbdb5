"""When a call began, was answered and ended, and how long was talked.

Two phone systems that report one call have two clocks. So the times of a call are those of one source as far as it
knows them, of the one that knows most; only what it does not know is another's. They are always in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hub.calls.legs import Phone, Said, about_one_phone, took
from hub.vocabulary import Call, CallState, Leg


def by_one_clock(said: Sequence[Said]) -> list[list[Said]]:
    """*said* by source: the one first that knows most of when the call began, was answered and ended."""
    first = said[0][1]
    if all(source == first for _, source, _ in said):
        return [list(said)]
    groups: dict[str, list[Said]] = {}
    for each in said:
        groups.setdefault(each[1], []).append(each)
    return [groups[name] for name in sorted(groups, key=lambda name: (-_known(groups[name]), name))]


def _known(said: Sequence[Said]) -> int:
    calls = [call for _, _, call in said]
    begun = any(call.started_at for call in calls)
    answered = any(call.answered_at or any(leg.answered_at for leg in call.legs) for call in calls)
    return begun + answered + 2 * any(call.state is CallState.ENDED for call in calls)


def started_at(clocks: Sequence[Sequence[Said]], legs: Sequence[Leg]) -> datetime | None:
    """What is said of the beginning; else the earliest moment of which anything is known."""
    for said in clocks:
        started = earliest(call.started_at for _, _, call in said)
        if started is not None:
            return started
    said = clocks[0]
    known = [at - timedelta(seconds=max(0, call.duration or 0)) for at, _, call in said]
    if len(clocks) == 1:
        known += [leg.answered_at for leg in legs if leg.answered_at is not None]
    return earliest([*known, *(call.answered_at for _, _, call in said)])


def answered_at(clocks: Sequence[Sequence[Said]], phones: Sequence[Phone]) -> datetime | None:
    """When the first phone was picked up."""
    for said in clocks:
        times = [call.answered_at for _, _, call in said if call.answered_at is not None]
        times += [
            phone.leg.answered_at
            for phone in phones
            if phone.leg.answered_at is not None and (len(clocks) == 1 or phone.source == said[0][1])
        ]
        if times:
            return min(times)
    return None


def ended_at(clocks: Sequence[Sequence[Said]], phones: Iterable[Phone]) -> datetime | None:
    """The end that is said of the call, the latest of several; else that of its last phone."""
    for said in clocks:
        own = [call.ended_at or at for at, _, call in said if call.state is CallState.ENDED]
        if own:
            return own[-1]
    return max((phone.leg.ended_at for phone in phones if phone.leg.ended_at is not None), default=None)


def talked(
    clocks: Sequence[Sequence[Said]], phones: Sequence[Phone], legs: Sequence[Leg], ended: datetime | None
) -> int | None:
    """Talking time in seconds: what the phones talked together, else what is said of the call (which may include its
    queue), else from the answer to the end. Phones that talk at once count once."""
    spans: dict[str, list[tuple[float, float]]] = {}
    measured = False
    for phone, leg in zip(phones, legs, strict=True):
        if leg.answered_at is None or not took(leg):
            continue
        begin = leg.answered_at.timestamp()
        if phone.talked:
            measured = True
            spans.setdefault(phone.source, []).append((begin, begin + phone.talked))
        elif (until := leg.ended_at or ended) is not None:
            spans.setdefault(phone.source, []).append((begin, until.timestamp()))
    if not measured:
        for said in clocks:
            whole = [call.duration for _, _, call in said if call.duration is not None and not about_one_phone(call)]
            if whole:
                return max(0, whole[-1])
    for said in clocks:
        if own := spans.get(said[0][1]):
            return round(_covered(own))
    for said in clocks:
        answered = earliest(call.answered_at for _, _, call in said)
        if answered and ended:
            return max(0, round((ended - answered).total_seconds()))
    return None


def in_order(leg: Leg) -> Leg:
    """*leg* with times that do not contradict each other, where two clocks told of it."""
    started, answered, ended = leg.started_at, leg.answered_at, leg.ended_at
    if answered is not None and started is not None and answered < started:
        answered = started
    last = answered or started
    if ended is not None and last is not None and ended < last:
        ended = last
    if answered is leg.answered_at and ended is leg.ended_at:
        return leg
    return replace(leg, answered_at=answered, ended_at=ended)


def whole_in_order(call: Call) -> Call:
    """*call* with times that do not contradict each other: begun, then answered, then ended."""
    started, answered, ended = call.started_at, call.answered_at, call.ended_at
    if ended is not None and started is not None and ended < started:
        ended = started
    if answered is not None:
        answered = max(answered, started) if started is not None else answered
        answered = min(answered, ended) if ended is not None else answered
    if answered is call.answered_at and ended is call.ended_at:
        return call
    return replace(call, answered_at=answered, ended_at=ended)


def earliest(times: Iterable[datetime | None]) -> datetime | None:
    """The first of *times*; None where none is known."""
    return min((time for time in times if time is not None), default=None)


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """How long at least one of *spans* lasts: while a call is passed on, two phones talk at once."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total
