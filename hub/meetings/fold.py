"""What all that was said of one meeting amounts to, in whatever order it came (RFC 5546, 2.1.4 and 2.1.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from hub.vocabulary import Answer, Attendance, Event, Meeting, Role


def fold_meetings(told: Sequence[tuple[str, Event]]) -> Meeting:
    """The facts that *told* (each with the source that told it) amount to.

    Of the organizer's words the higher SEQUENCE counts, then the later DTSTAMP; what only the invited said is believed
    where the organizer says nothing. Of each of the invited the latest answer counts, as long as it is to the meeting
    as it stands now.
    """
    words = [(each, facts) for each in sorted(told, key=_later) if isinstance(facts := each[1].facts, Meeting)]
    known: dict[str, Any] = {}
    for _, facts in words:
        for field in fields(Meeting):
            value = getattr(facts, field.name)
            if value is not None and field.name != "answers":
                known[field.name] = value
    return Meeting(**known, answers=_answers(words, known.get("sequence")))


def _later(told: tuple[str, Event]) -> tuple[Any, ...]:
    source, event = told
    sequence = event.facts.sequence if isinstance(event.facts, Meeting) else None
    return -1 if sequence is None else sequence, event.at, event.order, source, event.id


def _answers(words: Iterable[tuple[tuple[str, Event], Meeting]], sequence: int | None) -> tuple[Answer, ...]:
    said: dict[str, list[Answer]] = defaultdict(list)
    invited: frozenset[str] = frozenset()
    for _, facts in words:
        for answer in facts.answers:
            said[answer.handle].append(answer)
        if facts.participants and facts.sequence is not None:
            invited = frozenset(each.handle for each in facts.participants if each.role is Role.ATTENDEE)
    deputies = {each.delegated_to for some in said.values() for each in some if each.delegated_to}
    found = []
    for handle in sorted(said):
        latest = _one(sorted(said[handle], key=lambda each: (each.sequence, each.at)), sequence or 0)
        if latest is not None:
            strange = bool(invited) and handle not in invited and handle not in deputies
            found.append(replace(latest, uninvited=strange))
    return tuple(found)


def _one(said: Sequence[Answer], sequence: int) -> Answer | None:
    """What one of the invited says of the state that *sequence* numbers: her latest answer, with the other time that
    she asked for last, and whether that was refused."""
    current = [each for each in said if each.sequence >= sequence]
    answers = [each for each in current if not each.refused and each.proposed_start is None]
    proposals = [each for each in current if each.proposed_start is not None]
    if not answers and not proposals:
        return None
    answer = answers[-1] if answers else replace(proposals[-1], attendance=Attendance.NEEDS_ACTION)
    if not proposals:
        return answer
    asked = proposals[-1]
    refused = any(each.refused and each.at >= asked.at for each in current)
    return replace(answer, proposed_start=asked.proposed_start, proposed_end=asked.proposed_end, refused=refused)
