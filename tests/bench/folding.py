"""Folding calls: six shuffled events each, beside a bare dict that only groups the same events by their key."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hub import Call, CallState, Channel, Direction, Event, Leg, Outcome, Participant, Role
from hub.calls.fold import fold_calls
from tests.bench.report import Ratio, median

SIZES = (10_000, 100_000, 1_000_000)
EACH = 6
FOLDED = 1_080_000
"""So many events are folded in all, a third for each size. Every call of a size stands in memory as its key and state,
the events of one portion of them, drawn at random, at a time."""
PORTION = 5_000
SEED = 4
LINE = "tel:+4930123456"
BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
OURS = frozenset({LINE})


def run() -> str:
    """The report. The sizes take turns, so that a busy moment of the machine meets them all."""
    draw = random.Random(SEED)
    standing = {calls: dict.fromkeys(map(_key, range(calls)), CallState.RINGING) for calls in SIZES}
    folded: dict[int, list[float]] = defaultdict(list)
    grouped: dict[int, list[float]] = defaultdict(list)
    for _ in range(FOLDED // len(SIZES) // EACH // PORTION):
        for calls in SIZES:
            told = [each for number in draw.sample(range(calls), PORTION) for each in _events(number)]
            draw.shuffle(told)
            began = time.perf_counter()
            bare: dict[str, list[tuple[str, Event]]] = defaultdict(list)
            for each in told:
                bare[each[1].key].append(each)
            grouped[calls].append(len(told) / (time.perf_counter() - began))
            began = time.perf_counter()
            _fold(bare, standing[calls])
            folded[calls].append(len(told) / (time.perf_counter() - began))
    lines = [
        f"  {calls:>9,} calls: {median(folded[calls]):>9,.0f} events/s folded,"
        f" {median(grouped[calls]):>11,.0f} grouped by a bare dict"
        for calls in SIZES
    ]
    small, large = SIZES[0], SIZES[-1]
    each_of = {calls: 1e6 / median(folded[calls]) for calls in SIZES}
    ratio = Ratio(f"time per event, {large:,} calls : {small:,}", each_of[large], each_of[small], "us", "<= 1.3")
    return "\n".join([*lines, str(ratio)])


def _fold(told: Mapping[str, Sequence[tuple[str, Event]]], standing: dict[str, CallState]) -> None:
    for key, of_one in told.items():
        call = fold_calls(of_one, OURS)
        if call.outcome is not Outcome.COMPLETED or call.state is None or key not in standing:
            raise RuntimeError(f"{key} was folded to {call.outcome}")
        standing[key] = call.state


def _key(number: int) -> str:
    return f"pbx:{number}"


def _events(number: int) -> list[tuple[str, Event]]:
    """A call that rings at two phones, is picked up at one, held and taken back, and ends."""
    began = BEGAN + timedelta(seconds=number)
    people = (Participant(f"tel:+49301{number:08d}", Role.CALLER), Participant(LINE, Role.CALLEE))

    def said(order: int, **known: Any) -> tuple[str, Event]:
        at = began + timedelta(seconds=order * 5)
        return "pbx", Event(key=_key(number), id=str(order), channel=Channel.VOICE, at=at, facts=Call(**known))

    def leg(name: str, state: CallState, **known: Any) -> Leg:
        return Leg(id=name, phone=f"pbx/2{name}", state=state, **known)

    def at(order: int) -> datetime:
        return began + timedelta(seconds=order * 5)

    return [
        said(0, participants=people, line=LINE, direction=Direction.INBOUND, state=CallState.RINGING, started_at=began),
        said(1, legs=(leg("1", CallState.RINGING), leg("2", CallState.RINGING))),
        said(2, legs=(leg("1", CallState.ANSWERED, answered_at=at(2)),)),
        said(3, legs=(leg("1", CallState.HELD),)),
        said(4, legs=(leg("1", CallState.ANSWERED),)),
        said(5, state=CallState.ENDED, ended_at=at(5)),
    ]
