"""Lists of numbers that an agent calls one after the other, as the store has them.

Functions take a connection and run inside somebody's transaction. `hub.dialing.runner` works on what is running.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.dialing.known import number_of
from hub.dialing.states import OPEN, EntryState, ListState
from hub.store.schema import call_keys, contacts, dial_entries, dial_lists, dials, interactions

MOST = 20_000
"""Entries of one list."""

_HEADINGS: Mapping[str, frozenset[str]] = {
    "number": frozenset({"number", "phone", "telephone", "tel", "nummer", "telefon", "telefonnummer", "电话", "電話"}),
    "name": frozenset({"name", "contact", "kontakt", "姓名"}),
    "note": frozenset({"note", "notes", "notiz", "bemerkung", "备注", "備註"}),
}


class BadList(Exception):
    """No list can be made of this, or this cannot be done to it. The text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody to be called."""

    handle: str
    name: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is left out: its *line* (or its place, from 1) and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """A list as people see it. *counts* are its entries by state; *reason* is why it stands still, where something
    stopped it. A number that is not reached is tried *attempts* times, *retry_minutes* apart."""

    id: int
    name: str
    agent: str
    state: ListState
    line: str
    source: str
    attempts: int
    retry_minutes: int
    reason: str
    created_at: datetime
    counts: Mapping[EntryState, int]

    @property
    def total(self) -> int:
        """How many entries it has."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """How many of them need nothing more."""
        return self.total - sum(self.counts.get(state, 0) for state in OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """An entry as people see it. *due_at*: not before. *interaction* is the latest call to it, *dial* that wish."""

    id: int
    position: int
    handle: str
    name: str
    note: str
    state: EntryState
    attempts: int
    due_at: datetime
    reason: str
    dial: int | None
    interaction: int | None
    changed_at: datetime


def read_csv(text: str, handle: Callable[[str], str]) -> tuple[list[Entry], list[BadRow]]:
    """The entries of a CSV file, and the rows that hold no number, by line. The first row may name the columns number,
    name and note; without that they stand in this order. *handle* reads a number, "" where it is none. Raises
    `BadList`."""
    entries: list[Entry] = []
    bad: list[BadRow] = []
    seen: set[str] = set()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    columns: Mapping[str, int] | None = None
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if columns is None:
                columns = _columns(row)
                if columns is not None:
                    continue
                columns = {name: place for place, name in enumerate(_HEADINGS)}
            cells = {name: row[place].strip() if place < len(row) else "" for name, place in columns.items()}
            found = handle(cells["number"])
            if not found:
                bad.append(BadRow(reader.line_num, f'"{cells["number"][:50]}" is no number that can be called'))
            elif found in seen:
                bad.append(BadRow(reader.line_num, "this number stands in the list already"))
            else:
                seen.add(found)
                entries.append(Entry(found, cells.get("name", "")[:200], cells.get("note", "")[:2000]))
    except csv.Error as error:
        raise BadList(f"Line {reader.line_num} is no CSV: {error}.") from error
    if len(entries) > MOST:
        raise BadList(f"A list has at most {MOST:,} numbers. Make several.")
    return entries, bad


def of_contacts(conn: Connection, ids: Sequence[int]) -> tuple[list[Entry], list[BadRow]]:
    """An entry for each contact, in that order, and those who have no number."""
    named = sa.select(contacts.c.id, contacts.c.name).where(contacts.c.id.in_(list(ids)))
    names: dict[int, str] = {row.id: row.name for row in conn.execute(named)}
    entries, bad = [], []
    for place, contact in enumerate(dict.fromkeys(ids), start=1):
        number = number_of(conn, contact) if contact in names else ""
        if number:
            entries.append(Entry(number, names[contact]))
        else:
            bad.append(BadRow(place, f"{names[contact]} has no number" if contact in names else "no such contact"))
    return entries, bad


def add(conn: Connection, made: ListView, entries: Iterable[Entry], new_id: Callable[[], int]) -> None:
    """Keep a new list."""
    row = {name: getattr(made, name) for name in _COLUMNS}
    conn.execute(dial_lists.insert().values(row))
    rows = [
        {
            "id": new_id(),
            "list_id": made.id,
            "position": position,
            "handle": each.handle,
            "name": each.name,
            "note": each.note,
            "state": EntryState.WAITING,
            "due_at": made.created_at,
            "changed_at": made.created_at,
        }
        for position, each in enumerate(entries, start=1)
    ]
    if rows:
        conn.execute(dial_entries.insert(), rows)


def listed(conn: Connection, limit: int = 200) -> list[ListView]:
    """The lists, the newest first."""
    return _read(conn, sa.true(), limit)


def by_id(conn: Connection, list_id: int) -> ListView | None:
    """The list of that id."""
    return next(iter(_read(conn, dial_lists.c.id == list_id)), None)


def active(conn: Connection) -> list[int]:
    """The lists that are being called, and those that were paused in the middle of a call."""
    calling = sa.select(dial_entries.c.list_id).where(dial_entries.c.state == EntryState.CALLING)
    wanted = sa.select(dial_lists.c.id).where(
        sa.or_(
            dial_lists.c.state == ListState.RUNNING,
            sa.and_(dial_lists.c.state == ListState.PAUSED, dial_lists.c.id.in_(calling)),
        )
    )
    return list(conn.execute(wanted).scalars())


def remove(conn: Connection, list_id: int) -> None:
    """Forget a list and its entries. What was called stays on the timelines."""
    conn.execute(dial_entries.delete().where(dial_entries.c.list_id == list_id))
    conn.execute(dial_lists.delete().where(dial_lists.c.id == list_id))


def entries_of(conn: Connection, list_id: int, after: int = 0, limit: int = 500) -> list[EntryView]:
    """At most *limit* entries beyond the position *after*, in order."""
    key = sa.func.coalesce(call_keys.c.into_key, dials.c.key)
    rows = conn.execute(
        sa.select(dial_entries, interactions.c.id.label("interaction"))
        .join(dials, dials.c.id == dial_entries.c.dial_id, isouter=True)
        .join(call_keys, call_keys.c.key == dials.c.key, isouter=True)
        .join(interactions, sa.and_(interactions.c.key == key, dials.c.key != ""), isouter=True)
        .where(dial_entries.c.list_id == list_id, dial_entries.c.position > after)
        .order_by(dial_entries.c.position)
        .limit(limit)
    )
    return [
        EntryView(
            id=row.id, position=row.position, handle=row.handle, name=row.name, note=row.note,
            state=EntryState(row.state), attempts=row.attempts, due_at=row.due_at, reason=row.reason,
            dial=row.dial_id, interaction=row.interaction, changed_at=row.changed_at,
        )
        for row in rows
    ]  # fmt: skip


def start(conn: Connection, view: ListView) -> None:
    """Begin, or go on. Raises `BadList` where the agent's other list is running, or nothing is left to do."""
    others = sa.select(dial_lists.c.name).where(
        dial_lists.c.agent == view.agent, dial_lists.c.state == ListState.RUNNING, dial_lists.c.id != view.id
    )
    if (other := conn.execute(others.limit(1)).scalar_one_or_none()) is not None:
        raise BadList(f'The list "{other}" is running. Pause it first: one person calls one at a time.')
    if view.done == view.total:
        raise BadList("Nothing is left to call in this list.")
    move(conn, view.id, ListState.RUNNING)


def move(conn: Connection, list_id: int, state: ListState, reason: str = "") -> None:
    """Give a list its next state, and the reason for it."""
    conn.execute(dial_lists.update().where(dial_lists.c.id == list_id).values(state=state, reason=reason))


def skip(conn: Connection, list_id: int, now: datetime, entry_id: int | None = None) -> bool:
    """Do not call an entry: the next one that waits, or that of *entry_id*. False where none waits."""
    wanted = sa.select(dial_entries.c.id).where(
        dial_entries.c.list_id == list_id, dial_entries.c.state == EntryState.WAITING
    )
    if entry_id is not None:
        wanted = wanted.where(dial_entries.c.id == entry_id)
    # What is due comes next, by its place in the list; what is to be tried later comes after.
    found = conn.execute(
        wanted.order_by(dial_entries.c.due_at > now, dial_entries.c.position).limit(1)
    ).scalar_one_or_none()
    if found is None:
        return False
    skipped = {"state": EntryState.SKIPPED, "reason": "", "changed_at": now}
    still = sa.and_(dial_entries.c.id == found, dial_entries.c.state == EntryState.WAITING)
    return bool(conn.execute(dial_entries.update().where(still).values(skipped)).rowcount)


_COLUMNS = ("id", "name", "agent", "state", "line", "source", "attempts", "retry_minutes", "reason", "created_at")


def _read(conn: Connection, which: sa.ColumnElement[bool], limit: int = 1) -> list[ListView]:
    rows = conn.execute(
        sa.select(dial_lists).where(which).order_by(dial_lists.c.created_at.desc(), dial_lists.c.id.desc()).limit(limit)
    ).all()
    counts: dict[int, dict[EntryState, int]] = {row.id: {} for row in rows}
    grouped = (
        sa.select(dial_entries.c.list_id, dial_entries.c.state, sa.func.count())
        .where(dial_entries.c.list_id.in_(list(counts)))
        .group_by(dial_entries.c.list_id, dial_entries.c.state)
    )
    for list_id, state, number in conn.execute(grouped):
        counts[list_id][EntryState(state)] = number
    return [
        ListView(
            id=row.id, name=row.name, agent=row.agent, state=ListState(row.state), line=row.line, source=row.source,
            attempts=row.attempts, retry_minutes=row.retry_minutes, reason=row.reason, created_at=row.created_at,
            counts=counts[row.id],
        )
        for row in rows
    ]  # fmt: skip


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=first.count)


def _columns(row: Sequence[str]) -> Mapping[str, int] | None:
    """Where the columns are, where *row* names them."""
    headings = [cell.strip().casefold() for cell in row]
    found = {
        name: next(place for place, heading in enumerate(headings) if heading in words)
        for name, words in _HEADINGS.items()
        if any(heading in words for heading in headings)
    }
    return found if "number" in found else None
