"""The one transaction: a batch of events becomes interactions on timelines, with each statement run once.

Read `record` from top to bottom: claim the cursors, fold what is new, match it, thread it, write it. Nothing here does
I/O but SQL; the caller publishes what it answers after the commit.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from hub import facts as documents
from hub import pops
from hub.fold import Told, direction, fold, occurred_at
from hub.formats.search import terms
from hub.live import LiveEvent
from hub.match import match
from hub.ours import Ours
from hub.store.blobs import Blobs
from hub.store.schema import (
    activities,
    conversation_refs,
    conversations,
    copies,
    events,
    interactions,
    micros,
    moment,
    outbox,
    participants,
    quarantine,
    sources,
)
from hub.store.sets import Run, SetRead, SetWrite, among
from hub.vocabulary import (
    Call,
    CallState,
    Channel,
    Direction,
    Event,
    Facts,
    Kind,
    Level,
    Match,
    Message,
    Participant,
)

SEARCH_LIMIT = 200_000  # characters of one interaction that are indexed; PostgreSQL refuses more than 1 MB of terms


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to record, and the blob it was read from (already settled if large)."""

    event: Event
    live: bool
    blob: str | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """One thing that goes to quarantine: what it is, why, and its bytes."""

    kind: str
    reason: str
    blob: str
    raw: bytes = field(repr=False)
    about: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What one caller wants recorded at once: of one source, with the cursor after it where it holds a lease."""

    source: str
    entries: tuple[Entry, ...] = ()
    refused: tuple[Refused, ...] = ()
    cursor: str | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What happened: live events to publish, and the parts whose lease was not theirs any more."""

    news: list[LiveEvent]
    lost: list[Part]


@dataclass(frozen=True, slots=True)
class Books:
    """What recording needs to know beside the batch: our addresses, new ids, the blobs, and which CRMs to tell."""

    ours: Ours
    new_id: Callable[[], int]
    blobs: Blobs
    destinations: tuple[str, ...] = ()


class _Row(NamedTuple):
    """An interaction as it stands in the store."""

    id: int
    key: str
    conversation_id: int
    open_level: int
    source: str
    kind: str
    facts: str
    blob: str | None
    revision: int


@dataclass(slots=True)
class _Subject:
    """One interaction of the batch: what was known, what is new, and what it amounts to."""

    key: str
    row: _Row | None
    told: list[Told]
    entries: list[tuple[str, Entry]] = field(default_factory=list)
    id: int = 0
    facts: Facts = field(default_factory=Message)
    direction: Direction = Direction.INBOUND
    at: int = 0
    conversation: int = 0
    level: int = 0

    @property
    def live(self) -> bool:
        return any(entry.live for _, entry in self.entries)

    @property
    def participants(self) -> tuple[Participant, ...]:
        return self.facts.participants or ()


_CLAIM = Run("UPDATE sources SET cursor = ? WHERE name = ? AND epoch = ?")
_COUNT = SetWrite(
    sources,
    ("name", "items", "last_item_at"),
    "ON CONFLICT (name) DO UPDATE SET items = sources.items + excluded.items, last_item_at = excluded.last_item_at",
)
_FOUND = SetRead(
    sa.select(*(interactions.c[name] for name in _Row._fields))
    .where(among(interactions.c.key))
    .order_by(interactions.c.key)
    .with_for_update()
)
_TOLD = SetRead(sa.select(events).where(among(events.c.key)))
_THREADS = SetRead(sa.select(conversation_refs).where(among(conversation_refs.c.ref)))
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
    ("interaction_id", "source", "place", "provider_id", "flags", "level", "audience"),
    "ON CONFLICT (interaction_id, source, place, provider_id) DO UPDATE SET flags = excluded.flags",
)
_CONVERSATIONS = SetWrite(
    conversations,
    ("id", "channel", "title", "last_at", "last_interaction_id"),
    "ON CONFLICT (id) DO UPDATE SET last_interaction_id = CASE WHEN excluded.last_at >= conversations.last_at"
    " THEN excluded.last_interaction_id ELSE conversations.last_interaction_id END,"
    " last_at = CASE WHEN excluded.last_at >= conversations.last_at THEN excluded.last_at"
    " ELSE conversations.last_at END",
)
_REFS = SetWrite(conversation_refs, ("ref", "conversation_id"), "ON CONFLICT (ref) DO NOTHING")
_MERGE = (
    Run("UPDATE interactions SET conversation_id = ? WHERE conversation_id = ?"),
    Run("UPDATE conversation_refs SET conversation_id = ? WHERE conversation_id = ?"),
)
_FORGET_CONVERSATION = Run("DELETE FROM conversations WHERE id = ?")
_ACTIVITIES = SetWrite(
    activities,
    ("contact_id", "interaction_id", "occurred_at"),
    "ON CONFLICT (contact_id, interaction_id) DO UPDATE SET occurred_at = excluded.occurred_at",
)
_FORGET_SEARCH = Run("DELETE FROM search WHERE rowid = ?", "DELETE FROM search WHERE interaction_id = %s")
_SEARCH = Run(
    "INSERT INTO search (rowid, body) VALUES (?, ?)",
    "INSERT INTO search (interaction_id, body) VALUES (%s, to_tsvector('simple', %s))",
)
_OUTBOX = SetWrite(
    outbox,
    ("id", "destination", "subject", "kind", "payload", "state", "due_at"),
    "ON CONFLICT (destination, subject) DO UPDATE SET payload = excluded.payload, state = excluded.state,"
    " due_at = excluded.due_at, attempts = 0, version = outbox.version + 1",
)
_SET_ASIDE = SetRead(
    sa.select(quarantine.c.source, quarantine.c.kind, quarantine.c.blob).where(among(quarantine.c.blob))
)
_QUARANTINE = SetWrite(
    quarantine,
    ("id", "source", "kind", "reason", "blob", "about", "state", "at"),
    "ON CONFLICT (source, kind, blob) DO NOTHING",
)


def record(conn: sa.Connection, parts: Sequence[Part], books: Books) -> Recorded:
    """Record *parts* in the caller's transaction. An event that is known changes nothing."""
    now = time.time_ns() // 1000
    kept, lost = _claim(conn, parts)
    subjects = _fold(conn, kept, books)
    who = match(conn, _outside(subjects, books.ours))
    _thread(conn, subjects, books.new_id)
    _write(conn, subjects, who, books, now)
    calls = [_ringing(subject, books.ours, now) for subject in subjects if isinstance(subject.facts, Call)]
    known = [subject.id for subject in subjects if subject.row and isinstance(subject.facts, Call)]
    changed = pops.write(conn, calls, known, books.new_id)
    contacts = _timelines(conn, subjects, who, books, now)
    _set_aside(conn, kept, books, now)
    _count(conn, kept, now)
    news = pops.news(changed, who)
    if subjects:
        news.append(
            LiveEvent(
                "activity",
                {
                    "conversations": [str(subject.conversation) for subject in subjects],
                    "contacts": [str(contact) for contact in contacts],
                },
            )
        )
    return Recorded(news, lost)


def _claim(conn: sa.Connection, parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Write the cursors. A part whose lease has gone to another hub is left out of the batch, whole."""
    kept, lost = [], []
    for part in parts:
        if part.epoch is not None and not _CLAIM(conn, part.cursor, part.source, part.epoch):
            lost.append(part)
        else:
            kept.append(part)
    return kept, lost


def _fold(conn: sa.Connection, parts: Sequence[Part], books: Books) -> list[_Subject]:
    """The interactions that the new events of *parts* make or change, in the order of their keys."""
    entries = [(part.source, entry) for part in parts for entry in part.entries]
    found = {row.key: row for row in map(_Row._make, _FOUND(conn, sorted({entry.event.key for _, entry in entries})))}
    entries = _told_apart(conn, entries, found)
    told: dict[str, list[Told]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for key, event_id, source, channel, kind, at, ordinal, text, _ in _TOLD(conn, sorted(found)):
        seen.add((key, event_id))
        facts = documents.decode(kind, text)
        told[key].append(Told(source, Event(key=key, id=event_id, channel=Channel(channel), at=moment(at), facts=facts,
                                            order=ordinal)))  # fmt: skip
    subjects: dict[str, _Subject] = {}
    for source, entry in entries:
        event = entry.event
        if (event.key, event.id) in seen:
            continue
        seen.add((event.key, event.id))
        told[event.key].append(Told(source, event))
        subject = subjects.get(event.key)
        if subject is None:
            subject = subjects[event.key] = _Subject(event.key, found.get(event.key), told[event.key])
        subject.entries.append((source, entry))
    for subject in subjects.values():
        subject.id = subject.row.id if subject.row else books.new_id()
        subject.facts = fold(subject.told, books.ours.handles)
        subject.direction = direction(subject.facts, books.ours.handles)
        subject.at = micros(occurred_at(subject.facts, subject.told))
        subject.level = _open_level(subject)
    return [subjects[key] for key in sorted(subjects)]


def _told_apart(
    conn: sa.Connection, entries: list[tuple[str, Entry]], found: dict[str, _Row]
) -> list[tuple[str, Entry]]:
    """Two mails that share a Message-ID but not their From or Date are two: the later one is keyed by its content."""
    first: dict[str, Message] = {}
    apart, keys = [], set()
    for source, entry in entries:
        event, message = entry.event, entry.event.facts
        if isinstance(message, Message) and event.key.startswith("mail:") and entry.blob:
            known = first.get(event.key)
            if known is None and event.key in found:
                facts = documents.decode(Kind.MESSAGE, found[event.key].facts)
                known = facts if isinstance(facts, Message) else None
            if known is not None and _differ(known, message):
                event = replace(event, key=documents.content_key(message, entry.blob))
                keys.add(event.key)
                entry = replace(entry, event=event)
            first.setdefault(event.key, message)
        apart.append((source, entry))
    if keys:
        found.update({row.key: row for row in map(_Row._make, _FOUND(conn, sorted(keys)))})
    return apart


def _differ(one: Message, other: Message) -> bool:
    """Whether they have other dates or senders. A mail without a date is the same as one with any."""

    def senders(message: Message) -> list[str]:
        return [p.handle for p in message.participants or () if p.role.begins]

    dated = one.sent_at is not None and other.sent_at is not None
    return senders(one) != senders(other) or (dated and one.sent_at != other.sent_at)


def _open_level(subject: _Subject) -> int:
    """The widest level among the copies open to everyone. What lies in no mailbox is open."""
    levels = [entry.event.copy for _, entry in subject.entries if entry.event.copy]
    known = subject.row.open_level if subject.row else 0
    if not levels:
        return known if subject.row else Level.ALL.rank
    return max([known, *(copy.level.rank for copy in levels if not copy.audience)])


def _outside(subjects: Iterable[_Subject], ours: Ours) -> set[str]:
    return {p.handle for subject in subjects for p in subject.participants if p.handle not in ours.handles}


def _thread(conn: sa.Connection, subjects: Sequence[_Subject], new_id: Callable[[], int]) -> None:
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


def _references(subject: _Subject) -> list[str]:
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


def _write(conn: sa.Connection, subjects: Sequence[_Subject], who: dict[str, Match], books: Books, now: int) -> None:
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
    latest: dict[int, _Subject] = {}
    for subject in subjects:
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
            )
            for id, subject in sorted(latest.items())
        ],
    )
    indexed = [(subject.id, text) for subject in subjects if (text := _searched(subject))]
    _FORGET_SEARCH.many(conn, [(subject.id,) for subject in old if any(subject.id == id for id, _ in indexed)])
    _SEARCH.many(conn, indexed)


def _said(subjects: Iterable[_Subject]) -> Iterable[Facts]:
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


def _interaction(subject: _Subject, text: str, now: int) -> tuple[Any, ...]:
    facts = subject.facts
    first = subject.row
    preview = (facts.preview or (facts.text or "")[:300]) if isinstance(facts, Message) else getattr(facts, "text", "")
    blob = first.blob if first else None
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


def _copies(subjects: Iterable[_Subject]) -> list[tuple[Any, ...]]:
    rows = {}
    for subject in subjects:
        for source, entry in subject.entries:
            copy = entry.event.copy
            if copy:
                name = (subject.id, source, copy.place, copy.provider_id or entry.event.id)
                rows[name] = (*name, " ".join(sorted(copy.flags)), copy.level.rank, copy.audience)
    return list(rows.values())


def _searched(subject: _Subject) -> str:
    """What an interaction is found by. Calls are found by the people in them, not by text."""
    ready = next((entry.event.search for _, entry in subject.entries if entry.event.search), None)
    if ready:
        return ready[:SEARCH_LIMIT]
    said = [getattr(subject.facts, name, None) or "" for name in ("title", "text")]
    return terms(" ".join(said))[:SEARCH_LIMIT] if any(said) else ""


def _ringing(subject: _Subject, ours: Ours, now: int) -> pops.Ringing:
    call = subject.facts
    assert isinstance(call, Call)
    told = subject.entries[-1][0]
    caller = next((p.handle for p in call.participants or () if p.role.begins), "")
    latest = max(micros(entry.event.at) for _, entry in subject.entries)
    return pops.Ringing(
        interaction_id=subject.id,
        handle=caller,
        line=call.line or "",
        since=micros(call.started_at) if call.started_at else subject.at,
        state=call.state or CallState.RINGING,
        phones=ours.rung(call, subject.direction, told),
        fresh=subject.live and now - latest < pops.LATE_SECONDS * 1_000_000,
    )


def _timelines(
    conn: sa.Connection, subjects: Sequence[_Subject], who: dict[str, Match], books: Books, now: int
) -> list[int]:
    """An activity for every outside participant with exactly one candidate, and word of it to the CRMs."""
    rows = {}
    for subject in subjects:
        for participant in subject.participants:
            found = who.get(participant.handle)
            if found and found.sure:
                rows[found.sure.contact_id, subject.id] = (found.sure.contact_id, subject.id, subject.at)
    _ACTIVITIES(conn, [rows[name] for name in sorted(rows)])
    _OUTBOX(
        conn,
        [
            (books.new_id(), destination, f"activity:{interaction}:{contact}", "activity",
             orjson.dumps({"interaction": str(interaction), "contact": str(contact)}).decode(), "waiting", now)
            for destination in books.destinations
            for contact, interaction in sorted(rows)
        ],
    )  # fmt: skip
    return sorted({contact for contact, _ in rows})


def _set_aside(conn: sa.Connection, parts: Sequence[Part], books: Books, now: int) -> None:
    known = set(_SET_ASIDE(conn, [item.blob for part in parts for item in part.refused]))
    refused = [
        (part.source, item)
        for part in parts
        for item in part.refused
        if (part.source, item.kind, item.blob) not in known
    ]
    books.blobs.keep(conn, [(item.blob, item.raw) for _, item in refused])
    _QUARANTINE(
        conn,
        [
            (books.new_id(), source, item.kind, item.reason, item.blob, orjson.dumps(item.about).decode(), "open", now)
            for source, item in refused
        ],
    )


def _count(conn: sa.Connection, parts: Sequence[Part], now: int) -> None:
    counts: dict[str, int] = defaultdict(int)
    for part in parts:
        counts[part.source] += len(part.entries) + len(part.refused)
    _COUNT(conn, [(source, count, now) for source, count in sorted(counts.items()) if count])
