"""From the set of an interaction's events to what is known of it, the same in whatever order they came.

Per field, known beats unknown, then the later provider time, then the source's name. So a message that was edited says
what its last edit says; of one that was taken back nothing that it said is left, whatever came before or after. Calls
have a stricter fold of their own, because their states may only go forward (`hub.calls`), and so have meetings, of
which their organizer's word counts and everybody's own answer (`hub.meetings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from hub.calls.fold import direction_of, fold_calls
from hub.meetings.fold import fold_meetings
from hub.vocabulary import Call, Direction, Event, Facts, Meeting, Mention, Message


@dataclass(frozen=True, slots=True)
class Told:
    """An event and the source that told it."""

    source: str
    event: Event


def fold(told: Sequence[Told], ours: frozenset[str]) -> Facts:
    """The facts that the events in *told* (one or more, all of one key) amount to. *ours* are our own addresses."""
    first = told[0].event.facts
    if isinstance(first, Call):
        return fold_calls([(each.source, each.event) for each in told], ours)
    if isinstance(first, Meeting):
        return fold_meetings([(each.source, each.event) for each in told])
    if len(told) == 1:
        return stripped(first) if is_taken_back(first) else first
    ordered = sorted(told, key=_later)
    same = [each.event.facts for each in ordered if type(each.event.facts) is type(first)]
    known = _latest_known(type(first), same)
    if not any(is_taken_back(each) for each in same):
        return known
    assert isinstance(known, Message | Mention), "nothing else is taken back"
    return stripped(replace(known, deleted=True))


def is_taken_back(facts: Facts) -> bool:
    """Whether the writer took it back."""
    return isinstance(facts, Message | Mention) and facts.deleted is True


def stripped(facts: Facts) -> Facts:
    """*facts* without what was said: who, when and where stays."""
    if isinstance(facts, Message):
        return replace(
            facts, title=None, text=None, preview=None, attachments=None, raw=None, report=None, files=None,
            edited_at=None,
        )  # fmt: skip
    if isinstance(facts, Mention):
        return replace(facts, title=None, text=None, links=None, language=None, edited_at=None)
    return facts


def _later(told: Told) -> tuple[Any, ...]:
    """What is told later wins."""
    event = told.event
    return event.at, event.order, told.source, event.id


def _latest_known(cls: type[Facts], facts: Iterable[Facts]) -> Facts:
    known: dict[str, Any] = {}
    for fact in facts:
        for field in fields(cls):
            value = getattr(fact, field.name)
            if value is not None:
                known[field.name] = value
    return cls(**known)


def direction(facts: Facts, ours: frozenset[str]) -> Direction:
    """Who began it: outbound if one of us did, internal if nobody else took part, else inbound."""
    if isinstance(facts, Call) and facts.direction is not None:
        return facts.direction
    return direction_of(facts.participants or (), ours)


def occurred_at(facts: Facts, told: Sequence[Told]) -> datetime:
    """When it happened: what the facts say, else the earliest event."""
    said: datetime | None = None
    if isinstance(facts, Message):
        said = facts.sent_at
    elif isinstance(facts, Call):
        said = facts.started_at
    elif isinstance(facts, Meeting):
        said = facts.starts_at
    else:
        said = facts.posted_at
    return said or min(each.event.at for each in told)
