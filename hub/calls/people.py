"""Who took part in a call, and who began it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from hub.vocabulary import Call, Direction, Participant, Role

T = TypeVar("T")


def direction_of(participants: Iterable[Participant], ours: frozenset[str]) -> Direction:
    """Who began it: outbound if one of *ours* did, internal if nobody else took part, else inbound."""
    known = tuple(participants)
    if not any(participant.role.begins and participant.handle in ours for participant in known):
        return Direction.INBOUND
    outside = any(participant.handle not in ours for participant in known)
    return Direction.OUTBOUND if outside else Direction.INTERNAL


def participants_of(facts: Iterable[Call]) -> tuple[Participant, ...] | None:
    """Per role: an address beats a withheld one, then the call as a whole beats a leg, then the later one counts."""
    best: dict[Role, tuple[tuple[bool, bool], tuple[Participant, ...]]] = {}
    names: dict[str, str] = {}
    for call in facts:
        told = call.participants
        if not told:
            continue
        for role in {participant.role for participant in told}:
            group = tuple(participant for participant in told if participant.role is role)
            rank = (any(participant.handle for participant in group), not call.legs)
            if role not in best or rank >= best[role][0]:
                best[role] = (rank, group)
        names.update((participant.handle, participant.name) for participant in told if participant.name)
    if not best:
        return None
    return tuple(
        participant if participant.name else replace(participant, name=names.get(participant.handle, ""))
        for role in Role
        if role in best
        for participant in best[role][1]
    )


def whole_first(facts: Sequence[Call], field: Callable[[Call], T | None]) -> T | None:
    """The latest known value of *field*, preferably from what was said of the call as a whole."""
    of_a_leg: T | None = None
    for call in reversed(facts):
        value = field(call)
        if value is not None:
            if not call.legs:
                return value
            of_a_leg = value if of_a_leg is None else of_a_leg
    return of_a_leg
