"""The last resort of threading: mails without References that have one subject, among the same people, in one month.

Only a bare answer is joined so, one ("Re: …") that names no earlier mail: to the latest conversation that fits, or, as
the newest mails are read first, by a mail of that conversation that comes later.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from hub.batch import Subject
from hub.formats.subjects import base_subject
from hub.store.schema import conversations, interactions, participants
from hub.store.sets import SetRead, among
from hub.vocabulary import Message

DAYS = 30
"""How far apart a mail and an answer to it may lie that are joined by their subject alone."""

BARE = "re:"
"""Begins the topic of a conversation of which only a bare answer is known: its original may still come."""

_SPAN = DAYS * 86_400 * 1_000_000
_MOST = 200  # conversations of the same subject that are looked at

_ALIKE = SetRead(
    sa.select(conversations.c.id, conversations.c.topic, conversations.c.last_at)
    .where(among(conversations.c.topic))
    .order_by(conversations.c.last_at.desc())
    .limit(_MOST)
)
_PEOPLE = SetRead(
    sa.select(interactions.c.conversation_id, participants.c.handle)
    .distinct()
    .join(participants, participants.c.interaction_id == interactions.c.id)
    .where(among(interactions.c.conversation_id))
)


@dataclass(frozen=True, slots=True)
class Topic:
    """What a mail is about: its base subject (RFC 5256, 2.1), and whether it is a *bare* answer, one that names no
    earlier mail."""

    name: str
    bare: bool


@dataclass(slots=True)
class _Alike:
    """A conversation that a mail may belong to by its subject."""

    id: int
    at: int
    handles: set[str]
    bare: bool


class Topics:
    """The conversations that new mails may belong to by their *topics*."""

    def __init__(self, conn: sa.Connection, topics: Collection[Topic]) -> None:
        self._named = Counter(topic.name for topic in topics)
        asked = set()
        for topic in topics:
            asked.add(BARE + topic.name)
            if topic.bare:
                asked.add(topic.name)
        self._alike: defaultdict[str, list[_Alike]] = defaultdict(list)
        rows = _ALIKE(conn, sorted(asked))
        handles = defaultdict(set)
        for id, handle in _PEOPLE(conn, sorted(row[0] for row in rows)):
            handles[id].add(handle)
        for id, name, at in rows:
            bare = name.startswith(BARE)
            self._alike[name.removeprefix(BARE)].append(_Alike(id, at, handles[id], bare))

    def find(self, subject: Subject, topic: Topic) -> int | None:
        """The conversation that *subject* belongs to by its *topic*."""
        if topic.name not in self._alike:
            return None
        people = _handles(subject)
        fitting = [
            each
            for each in self._alike[topic.name]
            if abs(each.at - subject.at) <= _SPAN
            and (topic.bare or each.bare)
            and (people <= each.handles or each.handles <= people)
        ]
        before = [each for each in fitting if each.at <= subject.at]
        nearest = max(before, key=lambda each: each.at) if before else min(fitting, key=_at, default=None)
        return nearest.id if nearest else None

    def note(self, subject: Subject, topic: Topic, *, bare: bool) -> None:
        """*subject* has its conversation: mails of the same batch may belong there too."""
        if self._named[topic.name] == 1 and topic.name not in self._alike:
            return
        for each in self._alike[topic.name]:
            if each.id == subject.conversation:
                each.at, each.bare = max(each.at, subject.at), each.bare and bare
                each.handles |= _handles(subject)
                return
        self._alike[topic.name].append(_Alike(subject.conversation, subject.at, _handles(subject), bare))


def topic_of(subject: Subject) -> Topic | None:
    """What a mail is about; None where its subject may join nothing: none, none to be read, or sent by a machine."""
    facts = subject.facts
    if not isinstance(facts, Message) or not subject.key.startswith("mail:") or not facts.title or facts.automatic:
        return None
    name, answers = base_subject(facts.title)
    return Topic(name, answers and not facts.thread) if name else None


def _handles(subject: Subject) -> set[str]:
    return {each.handle for each in subject.participants if each.handle}


def _at(alike: _Alike) -> int:
    return alike.at
