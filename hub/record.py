"""The one transaction: a batch of events becomes interactions on timelines, with each statement run once.

Read `record` from top to bottom: claim the cursors, fold what is new, match it, thread it, write it. Nothing here does
I/O but SQL; the caller publishes what it answers after the commit.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson
import sqlalchemy as sa

from hub import copies, outgoing, pops, taken_back
from hub import facts as documents
from hub.alerts import recorded as alerts
from hub.batch import Books, Entry, Part, Recorded, Row, Subject
from hub.calendars import objects as calendars
from hub.calls import missed, twins
from hub.calls.recordings import rows as recordings
from hub.crm.join import read_identities
from hub.files import rows as files
from hub.fold import Told, direction, fold, is_taken_back, occurred_at
from hub.formats.reports import Kind as Report
from hub.inbox import states
from hub.ledger import write
from hub.letters import optout, receipts
from hub.letters.letters import answered
from hub.letters.reports import reported
from hub.live import LiveEvent
from hub.match import match
from hub.meetings import series
from hub.mentions import recorded as mentions
from hub.ours import Ours
from hub.privacy import sharing
from hub.store.schema import activities, events, interactions, micros, moment, quarantine, sources, tombstones
from hub.store.sets import Run, SetRead, SetWrite, among
from hub.threads import thread
from hub.vocabulary import Call, CallState, Channel, Direction, Event, Kind, Level, Match, Message

_CLAIM = Run("UPDATE sources SET cursor = ? WHERE name = ? AND epoch = ?")
_COUNT = SetWrite(
    sources,
    ("name", "items", "last_item_at"),
    "ON CONFLICT (name) DO UPDATE SET items = sources.items + excluded.items, last_item_at = excluded.last_item_at",
)
_FOUND = SetRead(
    sa.select(*(interactions.c[name] for name in Row._fields))
    .where(among(interactions.c.key))
    .order_by(interactions.c.key)
    .with_for_update()
)
_DELETED = SetRead(sa.select(tombstones.c.key).where(among(tombstones.c.key)))
_TOLD = SetRead(sa.select(events).where(among(events.c.key)))
_ACTIVITIES = SetWrite(
    activities,
    ("contact_id", "interaction_id", "occurred_at"),
    "ON CONFLICT (contact_id, interaction_id) DO UPDATE SET occurred_at = excluded.occurred_at",
)
_STANDS = SetRead(
    sa.select(activities.c.contact_id, activities.c.interaction_id).where(among(activities.c.interaction_id))
)
_DAY = 86_400 * 1_000_000
_MOVE = Run("UPDATE activities SET occurred_at = ? WHERE interaction_id = ?")
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
    read_identities(conn)
    who = match(conn, _outside(subjects, books.ours))
    thread(conn, subjects, books)
    shares = sharing.inherit(conn, subjects)
    write(conn, subjects, books, now)
    taken_back.forget(conn, subjects, books.blobs)
    sharing.write(conn, shares)
    bounced: set[int] = set()
    moved = _inbox(conn, subjects, books, now, bounced)
    ledger = missed.recorded(conn, subjects, who, books.due, now, books.ours.handles)
    moved |= ledger.conversations
    recordings.recorded(conn, subjects, books.sound, books.new_id, now)
    files.recorded(conn, subjects, books.fetched, books.blobs, books.new_id, now)
    happened: list[LiveEvent] = []
    for part in kept:
        copies.change(conn, part.source, part.changes)
        happened += calendars.changed(conn, part.source, part.calendar, books.owners, books.new_id, books.follows)
        moved |= receipts.told(conn, part.receipts)
    calls = [_ringing(subject, books.ours, now) for subject in subjects if isinstance(subject.facts, Call)]
    known = [subject.id for subject in subjects if subject.row and isinstance(subject.facts, Call)]
    rings = pops.write(conn, calls, known, who, books.house, books.new_id)
    contacts = _timelines(conn, subjects, who, books, now)
    _set_aside(conn, kept, books, now)
    _count(conn, kept, now)
    heards = [(part.source, part.watch) for part in kept]
    happened += mentions.recorded(conn, subjects, heards, books.watchers, books, now)
    alerted = alerts.recorded(conn, subjects, who, ledger.entries, bounced, books, moment(now))
    news = [*rings, *happened, *alerted]
    if subjects or moved or ledger.entries:
        news.append(
            LiveEvent(
                "activity",
                {
                    "conversations": [str(id) for id in ({subject.conversation for subject in subjects} | moved)],
                    "contacts": [str(contact) for contact in contacts],
                    **({"missed": [str(call) for call in ledger.entries]} if ledger.entries else {}),
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


def _fold(conn: sa.Connection, parts: Sequence[Part], books: Books) -> list[Subject]:
    """The interactions that the new events of *parts* make or change, in the order of their keys."""
    entries = twins.by_first_name(conn, [(part.source, entry) for part in parts for entry in part.entries])
    entries = series.with_instances(conn, entries)
    found = {row.key: row for row in map(Row._make, _FOUND(conn, sorted({entry.event.key for _, entry in entries})))}
    entries = _told_apart(conn, entries, found)
    entries = twins.made_one(conn, entries, found, books.ours.handles, lambda keys: map(Row._make, _FOUND(conn, keys)))
    deleted = {key for (key,) in _DELETED(conn, sorted({entry.event.key for _, entry in entries} - found.keys()))}
    told: dict[str, list[Told]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for key, event_id, source, channel, kind, at, ordinal, text, _ in _TOLD(conn, sorted(found)):
        seen.add((key, event_id))
        facts = documents.decode(kind, text)
        told[key].append(Told(source, Event(key=key, id=event_id, channel=Channel(channel), at=moment(at), facts=facts,
                                            order=ordinal)))  # fmt: skip
    subjects: dict[str, Subject] = {}
    for source, entry in entries:
        event = entry.event
        if (event.key, event.id) in seen or event.key in deleted:
            continue
        seen.add((event.key, event.id))
        told[event.key].append(Told(source, event))
        subject = subjects.get(event.key)
        if subject is None:
            subject = subjects[event.key] = Subject(event.key, found.get(event.key), told[event.key])
        subject.entries.append((source, entry))
    for subject in subjects.values():
        subject.id = subject.row.id if subject.row else books.new_id()
        subject.facts = fold(subject.told, books.ours.handles)
        if is_taken_back(subject.facts):
            subject.entries = [(source, taken_back.emptied(entry)) for source, entry in subject.entries]
        subject.direction = direction(subject.facts, books.ours.handles)
        subject.at = micros(occurred_at(subject.facts, subject.told))
        subject.level = _open_level(subject)
    return [subjects[key] for key in sorted(subjects)]


def _told_apart(
    conn: sa.Connection, entries: list[tuple[str, Entry]], found: dict[str, Row]
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
        found.update({row.key: row for row in map(Row._make, _FOUND(conn, sorted(keys)))})
    return apart


def _differ(one: Message, other: Message) -> bool:
    """Whether they have other dates or senders. A mail without a date is the same as one with any."""

    def senders(message: Message) -> list[str]:
        return [p.handle for p in message.participants or () if p.role.begins]

    dated = one.sent_at is not None and other.sent_at is not None
    return senders(one) != senders(other) or (dated and one.sent_at != other.sent_at)


def _open_level(subject: Subject) -> int:
    """The widest level among the copies open to everyone. What lies in no mailbox is open."""
    levels = [entry.event.copy for _, entry in subject.entries if entry.event.copy]
    known = subject.row.open_level if subject.row else 0
    if not levels:
        return known if subject.row else Level.ALL.rank
    return max([known, *(copy.level.rank for copy in levels if not copy.audience)])


def _outside(subjects: Iterable[Subject], ours: Ours) -> set[str]:
    return {p.handle for subject in subjects for p in subject.participants if p.handle not in ours.handles}


def _inbox(conn: sa.Connection, subjects: Sequence[Subject], books: Books, now: int, bounced: set[int]) -> set[int]:
    """What *subjects* mean for the inbox, and for letters of ours. Answers which other conversations changed by it, and
    adds to *bounced* which of them say that a letter came back."""
    moved: set[int] = set()
    for subject in subjects:
        report = subject.facts.report if isinstance(subject.facts, Message) else None
        letter_of = reported(conn, report, subject.id, moment(now)) if report and not subject.row else None
        moved.update((letter_of,) if letter_of else ())
        if letter_of and report and report.kind is Report.BOUNCE:
            bounced.add(subject.id)
    states.recorded(conn, subjects, now, books.assignment)
    optout.recorded(conn, subjects)
    answered(conn, [each.conversation for each in subjects if _is_news_from_outside(each, now)], moment(now))
    return moved


def _is_news_from_outside(subject: Subject, now: int) -> bool:
    """Whether a person outside wrote this, and just now: then a letter that was to be sent unless she did is not."""
    facts = subject.facts
    if subject.row or is_taken_back(facts) or subject.direction is not Direction.INBOUND:
        return False
    if not isinstance(facts, Message) or facts.automatic:
        return False
    return subject.live or subject.at > now - _DAY


def _ringing(subject: Subject, ours: Ours, now: int) -> pops.Ringing:
    call = subject.facts
    assert isinstance(call, Call)
    latest = max(micros(entry.event.at) for _, entry in subject.entries)
    return pops.ringing(
        call,
        subject.direction,
        subject.entries[-1][0],
        ours,
        interaction_id=subject.id,
        since=micros(call.started_at) if call.started_at else subject.at,
        fresh=subject.live and now - latest < pops.LATE_SECONDS * 1_000_000,
        was=_was(subject),
    )


def _was(subject: Subject) -> CallState | None:
    """The state in which the call was known until now."""
    state = orjson.loads(subject.row.facts).get("state") if subject.row else None
    return CallState(state) if state else None


def _timelines(
    conn: sa.Connection, subjects: Sequence[Subject], who: dict[str, Match], books: Books, now: int
) -> list[int]:
    """An activity for every outside participant with exactly one candidate, and word of it to the CRMs."""
    moved = [each for each in subjects if each.row and each.row.occurred_at != each.at]
    _MOVE.many(conn, [(each.at, each.id) for each in moved])  # also where a person chose the contact
    rows = {}
    for subject in subjects:
        for participant in subject.participants:
            found = who.get(participant.handle)
            if found and found.sure:
                rows[found.sure.contact_id, subject.id] = (found.sure.contact_id, subject.id, subject.at)
    _ACTIVITIES(conn, [rows[name] for name in sorted(rows)])
    stands = set(rows)
    if books.destinations:  # on some timelines it stands because somebody said so
        stands.update(_STANDS(conn, [subject.id for subject in subjects if subject.row]))
        outgoing.tell(conn, books.destinations, stands, books.new_id, now)
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
