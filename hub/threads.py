"""Which conversation an interaction belongs to: one thread of one channel, whatever order its parts came in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from hub.batch import Subject
from hub.store.schema import conversation_refs
from hub.store.sets import Run, SetRead, SetWrite, among
from hub.vocabulary import Message

_THREADS = SetRead(sa.select(conversation_refs).where(among(conversation_refs.c.ref)))
_REFS = SetWrite(conversation_refs, ("ref", "conversation_id"), "ON CONFLICT (ref) DO NOTHING")
_MERGE = (
    Run("UPDATE interactions SET conversation_id = ? WHERE conversation_id = ?"),
    Run("UPDATE conversation_refs SET conversation_id = ? WHERE conversation_id = ?"),
)
_FORGET_CONVERSATION = Run("DELETE FROM conversations WHERE id = ?")


def thread(conn: sa.Connection, subjects: Sequence[Subject], new_id: Callable[[], int]) -> None:
    """Give each interaction its conversation. A mail that refers to two conversations makes them one."""
    refs = {subject.key: _references(subject) for subject in subjects}
    known = dict(_THREADS(conn, sorted({ref for group in refs.values() for ref in group})))
    merged: dict[int, int] = {}

    def current(conversation: int) -> int:
        while conversation in merged:
            conversation = merged[conversation]
        return conversation

    new_refs: dict[str, int] = {}
    for subject in subjects:
        group = refs[subject.key]
        candidates = {current(known[ref]) for ref in group if ref in known}
        if subject.row:
            candidates.add(current(subject.row.conversation_id))
        subject.conversation = min(candidates) if candidates else new_id()
        for other in candidates - {subject.conversation}:
            merged[other] = subject.conversation
        for ref in group:
            if ref not in known:
                new_refs[ref] = subject.conversation
            known[ref] = subject.conversation
    for subject in subjects:
        subject.conversation = current(subject.conversation)
    for gone in merged:
        for statement in _MERGE:
            statement(conn, current(gone), gone)
        _FORGET_CONVERSATION(conn, gone)
    _REFS(conn, [(ref, current(new_refs[ref])) for ref in sorted(new_refs)])


def _references(subject: Subject) -> list[str]:
    """The names by which other interactions find this one's conversation; none for a call, a thread of its own."""
    namespace = subject.key.partition(":")[0]
    names: dict[str, None] = {}
    for _, entry in subject.entries:
        event = entry.event
        if event.conversation:
            names[f"{namespace}:{event.conversation}"] = None
        elif isinstance(event.facts, Message):
            for ident in (event.facts.ident, *(event.facts.thread or ())):
                if ident:
                    names[f"{namespace}:{ident}"] = None
    return list(names)
