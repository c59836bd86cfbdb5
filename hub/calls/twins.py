"""Two doors that report one call make one record: its key at the second door becomes another name of the first's.

A phone company and the phone system behind it know nothing of each other, so the hub concludes: the same person
outside, on the same line of ours, at the same time, told by two sources of which neither has told of the other's call.
Of mail nothing is asked here; an event of a call costs one indexed read, the first one that names both ends another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import sqlalchemy as sa

from hub.batch import Entry, Row
from hub.store.ids import since
from hub.store.schema import (
    activities,
    call_keys,
    canned_uses,
    consents,
    conversations,
    copies,
    events,
    interactions,
    micros,
    missed_calls,
    notes,
    participants,
    pops,
    recordings,
    tasks,
    wrap_ups,
)
from hub.store.sets import Run, SetRead, SetWrite, among
from hub.threads import unite
from hub.vocabulary import Call, Role

APART_SECONDS = 10
"""Two doors tell of one call's beginning no further apart than this."""

RECENT_SECONDS = 86_400
"""Of what was recorded earlier nothing is looked for."""

PRESUMES = "hub"
"""Who is no door (`hub.calls.closing`)."""

_NAMES = SetRead(sa.select(call_keys.c.key, call_keys.c.into_key).where(among(call_keys.c.key)))
_SOURCES = SetRead(sa.select(events.c.key, events.c.source).distinct().where(among(events.c.key)))
_NAME = SetWrite(call_keys, ("key", "into_key"), "ON CONFLICT (key) DO NOTHING")
_RENAME = Run("UPDATE call_keys SET into_key = ? WHERE into_key = ?")
_MOVE_EVENTS = Run("UPDATE events SET event_id = key || ' ' || event_id, key = ? WHERE key = ?")
_DIALS = Run("UPDATE dials SET key = ? WHERE key = ?")
_LAST = Run("UPDATE conversations SET last_interaction_id = ? WHERE last_interaction_id = ?")
_FORGET_SEARCH = Run("DELETE FROM search WHERE rowid = ?", "DELETE FROM search WHERE interaction_id = %s")
_DERIVED = (activities, copies, participants, pops, missed_calls)
_KEPT = (notes, tasks, consents, canned_uses, recordings, wrap_ups)
_OF_PEOPLE = (
    "SELECT i.id, i.key, i.conversation_id, i.occurred_at, i.facts FROM participants p"
    " JOIN interactions i ON i.id = p.interaction_id WHERE {among} AND p.interaction_id >= {since} AND i.kind = 'call'"
)
_OF_PEOPLE_IN = {
    "sqlite": _OF_PEOPLE.format(among="p.handle IN (SELECT value FROM json_each(:keys))", since=":since"),
    "postgresql": _OF_PEOPLE.format(among="p.handle = ANY(%(keys)s::text[])", since="%(since)s"),
}

Said = tuple[str, Entry]


@dataclass(frozen=True, slots=True)
class _Ends:
    """Both ends of a call: who outside, in which role, and the line of ours."""

    role: Role
    handle: str
    line: str


@dataclass(slots=True)
class _Known:
    """A call that may be another's twin. *began* is in microseconds since 1970; *id* 0 is not recorded yet."""

    key: str
    ends: _Ends
    began: int
    sources: set[str] = field(default_factory=set)
    id: int = 0
    conversation: int = 0

    def far_from(self, other: _Known) -> int:
        """Between the two beginnings, in microseconds."""
        return abs(self.began - other.began)


def by_first_name(conn: sa.Connection, entries: Sequence[Said]) -> list[Said]:
    """*entries* with every call under the key it is recorded by."""
    keys = {entry.event.key for _, entry in entries if isinstance(entry.event.facts, Call)}
    names: dict[str, str] = dict(_NAMES(conn, sorted(keys)))
    return _renamed(entries, names)


def made_one(
    conn: sa.Connection,
    entries: Sequence[Said],
    found: MutableMapping[str, Row],
    ours: frozenset[str],
    read: Callable[[Sequence[str]], Iterable[Row]],
) -> list[Said]:
    """*entries* with those calls under one key that turn out to be one. *found* are the interactions of their keys; it
    is brought up to date, with *read*, where two of them were recorded already and become one."""
    fresh = _with_both_ends(entries, found, ours)
    if not fresh:
        return list(entries)
    known = _of_the_same_people(conn, fresh.values(), ours)
    _add_sources(conn, fresh, known)
    names: dict[str, str] = {}
    for call in fresh.values():
        others = [each for each in known.values() if each.key != call.key and _twins(call, each)]
        twin = min(others, key=lambda each: (call.far_from(each), _age(each), each.key), default=None)
        if twin is None:
            known[call.key] = call
            continue
        gone, into = (twin, call) if _age(call) < _age(twin) else (call, twin)
        if gone.id and into.id:
            _move(conn, gone, into)
        names = {key: into.key if name == gone.key else name for key, name in names.items()} | {gone.key: into.key}
        into.sources |= gone.sources
        known.pop(gone.key, None)
        known[into.key] = into
    if not names:
        return list(entries)
    for gone_key, into_key in names.items():
        _RENAME(conn, into_key, gone_key)
        found.pop(gone_key, None)
    _NAME(conn, sorted(names.items()))
    found.update({row.key: row for row in read(sorted(set(names.values())))})
    return _renamed(entries, names)


def _renamed(entries: Sequence[Said], names: Mapping[str, str]) -> list[Said]:
    """An event's id is unique under its own key only, so that key goes in front."""
    if not names:
        return list(entries)
    renamed = []
    for source, entry in entries:
        event = entry.event
        if event.key in names:
            event = replace(event, key=names[event.key], id=f"{event.key} {event.id}")
            entry = replace(entry, event=event)
        renamed.append((source, entry))
    return renamed


def _with_both_ends(entries: Sequence[Said], found: Mapping[str, Row], ours: frozenset[str]) -> dict[str, _Known]:
    """The calls of which both ends are known only now, by key."""
    told: dict[str, list[tuple[str, Entry, Call]]] = {}
    for source, entry in entries:
        facts = entry.event.facts
        if isinstance(facts, Call) and source != PRESUMES and (facts.participants or facts.line):
            told.setdefault(entry.event.key, []).append((source, entry, facts))
    calls = {}
    for key, said in told.items():
        row = found.get(key)
        before = _facts(row.facts) if row else {}
        if before and _ends(_people(before), before.get("line"), ours):
            continue
        people = [each for _, _, facts in said for each in _of(facts)] + _people(before)
        line = next((facts.line for _, _, facts in said if facts.line), before.get("line"))
        ends = _ends(people, line, ours)
        if ends is not None:
            began = min(micros(facts.started_at or entry.event.at) for _, entry, facts in said)
            began = min(began, row.occurred_at) if row else began
            id, conversation = (row.id, row.conversation_id) if row else (0, 0)
            calls[key] = _Known(key, ends, began, {source for source, _, _ in said}, id, conversation)
    return calls


def _of(facts: Call) -> list[tuple[Role, str]]:
    return [(each.role, each.handle) for each in facts.participants or ()]


def _facts(text: str) -> dict[str, Any]:
    known: dict[str, Any] = orjson.loads(text)
    return known


def _people(facts: Mapping[str, Any]) -> list[tuple[Role, str]]:
    return [(Role(each["role"]), each["handle"]) for each in facts.get("participants") or ()]


def _ends(people: Sequence[tuple[Role, str]], line: str | None, ours: frozenset[str]) -> _Ends | None:
    """None where either is not known, or the person's address is withheld."""
    if not line:
        return None
    for role in (Role.CALLER, Role.CALLEE):
        for handle in (handle for each, handle in people if each is role):
            if handle and handle not in ours and handle != line:
                return _Ends(role, handle, line)
    return None


def _of_the_same_people(conn: sa.Connection, calls: Iterable[_Known], ours: frozenset[str]) -> dict[str, _Known]:
    """The calls of late with those people outside, by key."""
    handles = sorted({call.ends.handle for call in calls})
    name = conn.dialect.name
    keys = orjson.dumps(handles).decode() if name == "sqlite" else handles
    cursor = conn.connection.cursor()
    cursor.execute(_OF_PEOPLE_IN[name], {"keys": keys, "since": since(time.time() - RECENT_SECONDS)})
    rows = list(cursor.fetchall())
    cursor.close()
    known = {}
    for id, key, conversation, began, text in rows:
        facts = _facts(text)
        ends = _ends(_people(facts), facts.get("line"), ours)
        if ends is not None:
            known[key] = _Known(key, ends, began, set(), id, conversation)
    return known


def _add_sources(conn: sa.Connection, fresh: Mapping[str, _Known], known: Mapping[str, _Known]) -> None:
    """Who told of the calls that may be twins; it is asked only where some may."""
    near = {each.key for each in known.values() for call in fresh.values() if _near(call, each)}
    if not near:
        return
    recorded = {key for key, call in fresh.items() if call.id}
    for key, source in _SOURCES(conn, sorted(near | recorded)):
        for calls in (fresh, known):
            if key in calls and source != PRESUMES:
                calls[key].sources.add(source)


def _near(call: _Known, other: _Known) -> bool:
    return call.ends == other.ends and call.far_from(other) <= APART_SECONDS * 1_000_000


def _twins(call: _Known, other: _Known) -> bool:
    return _near(call, other) and bool(other.sources) and not call.sources & other.sources


def _age(call: _Known) -> int:
    """The less the earlier it was recorded."""
    return call.id or 1 << 63


def _move(conn: sa.Connection, gone: _Known, into: _Known) -> None:
    """The recorded call *gone* was *into*: its events and what people did with it go there, the rest is folded anew."""
    _MOVE_EVENTS(conn, into.key, gone.key)
    _DIALS(conn, into.key, gone.key)
    doubled = sa.select(wrap_ups.c.agent).where(wrap_ups.c.interaction_id == into.id)
    conn.execute(wrap_ups.delete().where(wrap_ups.c.interaction_id == gone.id, wrap_ups.c.agent.in_(doubled)))
    for table in _KEPT:
        conn.execute(table.update().where(table.c.interaction_id == gone.id).values(interaction_id=into.id))
    for table in _DERIVED:
        conn.execute(table.delete().where(table.c.interaction_id == gone.id))
    _FORGET_SEARCH(conn, gone.id)
    conn.execute(interactions.delete().where(interactions.c.id == gone.id))
    standing = conn.execute(sa.select(conversations.c.id).where(conversations.c.id == gone.conversation)).first()
    if standing and gone.conversation != into.conversation:
        unite(conn, gone.conversation, into.conversation)
    _LAST(conn, into.id, gone.id)
