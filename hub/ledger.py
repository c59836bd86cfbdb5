"""Writes the interactions of a batch down, each kind of row with one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from hub import copies as changes
from hub import facts as documents
from hub.batch import Books, Entry, Subject
from hub.fold import is_taken_back
from hub.formats.search import terms
from hub.store.chat_tables import chat_threads
from hub.store.schema import conversations, copies, events, interactions, micros, participants
from hub.store.sets import Run, SetWrite
from hub.topics import BARE
from hub.vocabulary import Call, Channel, Facts, Message

SEARCH_LIMIT = 200_000  # characters of one interaction that are indexed; PostgreSQL refuses more than 1 MB of terms

_EVENTS = SetWrite(events, ("key", "event_id", "source", "channel", "kind", "at", "ordinal", "facts", "blob"))
_INTERACTION = (
    "id", "key", "channel", "kind", "direction", "occurred_at", "title", "preview", "state", "outcome",
    "conversation_id", "source", "open_level", "blob", "facts", "revision", "recorded_at",
)  # fmt: skip
_NEW = SetWrite(interactions, _INTERACTION)
_CHANGED = _INTERACTION[2:]
_CHANGE = Run(f"UPDATE interactions SET {', '.join(f'{name} = ?' for name in _CHANGED)} WHERE id = ?")  # noqa: S608
_FORGET_PARTICIPANTS = Run("DELETE FROM participants WHERE interaction_id = ?")
_PARTICIPANTS = SetWrite(participants, ("interaction_id", "position", "handle", "role", "name", "ours"))
_COPIES = SetWrite(
    copies,
    (
        "interaction_id",
        "source",
        "place",
        "provider_id",
        "flags",
        "level",
        "audience",
        "size",
        "received_at",
        "gone",
        "labels",
    ),
    "ON CONFLICT (interaction_id, source, place, provider_id) DO UPDATE SET flags = excluded.flags,"
    " gone = excluded.gone, labels = excluded.labels",
)
_CONVERSATIONS = SetWrite(
    conversations,
    ("id", "channel", "title", "last_at", "last_interaction_id", "topic"),
    "ON CONFLICT (id) DO UPDATE SET last_interaction_id = CASE WHEN excluded.last_at >= conversations.last_at"
    " THEN excluded.last_interaction_id ELSE conversations.last_interaction_id END,"
    " last_at = CASE WHEN excluded.last_at >= conversations.last_at THEN excluded.last_at"
    " ELSE conversations.last_at END,"
    " topic = CASE WHEN excluded.topic <> ''"
    " AND (conversations.topic = '' OR substr(conversations.topic, 1, 3) = 're:')"
    " THEN excluded.topic ELSE conversations.topic END",
)
_TALKED = (Channel.CHAT, Channel.SOCIAL, Channel.WEB)
_THREADS = SetWrite(
    chat_threads,
    ("interaction_id", "source", "thread"),
    "ON CONFLICT (interaction_id, source) DO UPDATE SET thread = CASE WHEN excluded.thread <> '' THEN excluded.thread"
    " ELSE chat_threads.thread END",
)
_FORGET_SEARCH = Run("DELETE FROM search WHERE rowid = ?", "DELETE FROM search WHERE interaction_id = %s")
_SEARCH = Run(
    "INSERT INTO search (rowid, body) VALUES (?, ?)",
    "INSERT INTO search (interaction_id, body) VALUES (%s, to_tsvector('simple', %s))",
)


def write(conn: sa.Connection, subjects: Sequence[Subject], books: Books, now: int) -> None:
    """Blobs, events, interactions, participants, copies, conversations and the search index."""
    new = [subject for subject in subjects if not subject.row]
    old = [subject for subject in subjects if subject.row]
    books.blobs.keep(
        conn,
        [(entry.blob, entry.event.raw) for subject in subjects for _, entry in subject.entries
         if entry.blob and entry.event.raw is not None],
    )  # fmt: skip
    texts = {id(facts): documents.encode(facts) for facts in _said(subjects)}
    rows = {subject.key: _interaction(subject, texts[id(subject.facts)], now) for subject in subjects}
    _EVENTS(
        conn,
        [
            _event(source, entry, texts[id(entry.event.facts)])
            for subject in subjects
            for source, entry in subject.entries
        ],
    )
    _NEW(conn, [(subject.id, subject.key, *rows[subject.key]) for subject in new])
    _CHANGE.many(conn, [(*rows[subject.key], subject.id) for subject in old])
    _FORGET_PARTICIPANTS.many(conn, [(subject.id,) for subject in old])
    _PARTICIPANTS(
        conn,
        [
            (subject.id, position, p.handle, p.role, p.name, p.handle in books.ours.handles)
            for subject in subjects
            for position, p in enumerate(subject.participants)
        ],
    )
    _COPIES(conn, _copies(subjects))
    _THREADS(conn, _threads(subjects))
    latest: dict[int, Subject] = {}
    topics: dict[int, str] = {}
    for subject in subjects:
        if subject.topic and not (subject.topic.startswith(BARE) and subject.conversation in topics):
            topics[subject.conversation] = subject.topic
        if subject.conversation not in latest or subject.at >= latest[subject.conversation].at:
            latest[subject.conversation] = subject
    _CONVERSATIONS(
        conn,
        [
            (
                id,
                subject.entries[0][1].event.channel,
                getattr(subject.facts, "title", None) or "",
                subject.at,
                subject.id,
                topics.get(id, ""),
            )
            for id, subject in sorted(latest.items())
        ],
    )
    indexed = [(subject.id, text) for subject in subjects if (text := _searched(subject))]
    _FORGET_SEARCH.many(conn, [(subject.id,) for subject in old if any(subject.id == id for id, _ in indexed)])
    _SEARCH.many(conn, indexed)


def _said(subjects: Iterable[Subject]) -> Iterable[Facts]:
    """The facts to write down: of each event and of each fold, which are one and the same for a single event."""
    for subject in subjects:
        yield subject.facts
        yield from (entry.event.facts for _, entry in subject.entries if entry.event.facts is not subject.facts)


def _event(source: str, entry: Entry, text: str) -> tuple[Any, ...]:
    event = entry.event
    return (
        event.key, event.id, source, event.channel, documents.kind(event.facts), micros(event.at), event.order,
        text, entry.blob,
    )  # fmt: skip


def _interaction(subject: Subject, text: str, now: int) -> tuple[Any, ...]:
    facts = subject.facts
    first = subject.row
    preview = _preview(facts) if isinstance(facts, Message) else getattr(facts, "text", "")
    gone = is_taken_back(facts)
    blob = first.blob if first and not gone else None
    return (
        subject.entries[0][1].event.channel,
        documents.kind(facts),
        subject.direction,
        subject.at,
        getattr(facts, "title", None) or "",
        preview or "",
        (facts.state or "") if isinstance(facts, Call) else "",
        (facts.outcome or "") if isinstance(facts, Call) else "",
        subject.conversation,
        first.source if first else subject.entries[0][0],
        subject.level,
        blob or next((entry.blob for _, entry in subject.entries if entry.blob), None),
        text,
        first.revision + 1 if first else 1,
        now,
    )


def _preview(message: Message) -> str:
    """The first words, else what the files are called."""
    return message.preview or (message.text or "")[:300] or ", ".join(each.name for each in message.files or ())[:300]


def _threads(subjects: Iterable[Subject]) -> list[tuple[Any, ...]]:
    """What each source calls the thread in which it told of a chat or a post."""
    rows = {}
    for subject in subjects:
        for source, entry in subject.entries:
            if entry.event.channel in _TALKED and (entry.event.conversation or (subject.id, source) not in rows):
                rows[subject.id, source] = (subject.id, source, entry.event.conversation)
    return list(rows.values())


def _copies(subjects: Iterable[Subject]) -> list[tuple[Any, ...]]:
    rows = {}
    for subject in subjects:
        for source, entry in subject.entries:
            copy = entry.event.copy
            if copy:
                name = (subject.id, source, copy.place, copy.provider_id or entry.event.id)
                received_at = micros(copy.received_at.replace(microsecond=0)) if copy.received_at else None
                rows[name] = (
                    *name, changes.flags(copy.flags), copy.level.rank, copy.audience, copy.size, received_at, False,
                    changes.labels(copy.labels),
                )  # fmt: skip
    return list(rows.values())


def _searched(subject: Subject) -> str:
    """What an interaction is found by. Calls are found by the people in them, and by what was said where a transcript
    came."""
    ready = next((entry.event.search for _, entry in subject.entries if entry.event.search), None)
    if ready:
        return ready[:SEARCH_LIMIT]
    said = [getattr(subject.facts, name, None) or "" for name in ("title", "text")]
    if isinstance(subject.facts, Call):
        said += [transcript.text for transcript in subject.facts.transcripts]
    return terms(" ".join(said))[:SEARCH_LIMIT] if any(said) else ""
