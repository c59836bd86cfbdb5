"""Interactions recorded durably in batches of 64, beside the bare driver running the same statements on the same rows.

Ours is `hub.record` through `Store.write`. The statements that it sends are noted in a first pass and replayed by
sqlite3 and psycopg into an equal, empty store: same tables, same rows, same transactions, fsync on. What is left
between the two is our own code. `five` replays only the five statements without which there is no interaction on a
timeline (who is it, event, interaction, participants, activity).
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from hub import Channel, Event, Message, Participant, Role
from hub.batch import Books, Entry, Part
from hub.ours import Line, Ours
from hub.record import record
from hub.store import Store
from tests.bench.people import add_contacts
from tests.bench.report import Ratio, median
from tests.servers.postgresql import postgresql

BATCH = 64
BATCHES = 50
ROUNDS = 3
PEOPLE = 10_000
OURS = Ours((), {"chat": Line(frozenset(["mailto:us@example.org"]))})
FIVE = ("identities", "into events", "into interactions", "into participants", "into activities")


@dataclass
class Noted:
    """A cursor that notes what is sent through it. Each note is (sql, values, many, reads)."""

    cursor: Any
    notes: list[tuple[str, Any, bool]]

    def execute(self, sql: str, values: Any = ()) -> None:
        self.notes.append((sql, values, False))
        self.cursor.execute(sql, values)

    def executemany(self, sql: str, rows: Sequence[Any]) -> None:
        self.notes.append((sql, rows, True))
        self.cursor.executemany(sql, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)


@dataclass
class Noting:
    """Stands in for a SQLAlchemy connection: all that the set statements use of it."""

    conn: sa.Connection
    notes: list[tuple[str, Any, bool]] = field(default_factory=list)

    @property
    def dialect(self) -> sa.Dialect:
        return self.conn.dialect

    @property
    def connection(self) -> Noting:
        return self

    def exec_driver_sql(self, sql: str) -> None:
        self.notes.append((sql, (), False))
        self.conn.exec_driver_sql(sql)

    def cursor(self) -> Noted:
        return Noted(self.conn.connection.cursor(), self.notes)


def batches(first: int) -> Iterator[list[Part]]:
    """Short chat messages of known people."""
    now = datetime.now(UTC)
    for start in range(first, first + BATCH * BATCHES, BATCH):
        events = [
            Event(
                key=f"chat:{number}",
                id="1",
                channel=Channel.CHAT,
                at=now + timedelta(seconds=number),
                facts=Message(
                    participants=(
                        Participant(f"mailto:p{number % PEOPLE}@customer.example", Role.SENDER, f"Person {number}"),
                        Participant("mailto:us@example.org", Role.RECIPIENT),
                    ),
                    text=f"Is the offer of last week still good? We need {number} pieces by Friday.",
                    ident=str(number),
                ),
            )
            for number in range(start, start + BATCH)
        ]
        yield [Part("chat", tuple(Entry(event, True) for event in events))]


async def _ours(store: Store, first: int) -> float:
    books = Books(OURS, store.ids, store.blobs)
    began = time.perf_counter()
    for parts in batches(first):
        await store.write(lambda conn, parts=parts: record(conn, parts, books))  # type: ignore[misc]
    return BATCH * BATCHES / (time.perf_counter() - began)


async def _noted(store: Store, first: int) -> list[list[tuple[str, Any, bool]]]:
    books = Books(OURS, store.ids, store.blobs)
    notes = []
    for parts in batches(first):

        def work(conn: sa.Connection, parts: list[Part] = parts) -> list[tuple[str, Any, bool]]:
            noting = Noting(conn)
            record(noting, parts, books)  # type: ignore[arg-type]
            return noting.notes

        notes.append(await store.write(work))
    return notes


def _replay(connection: Any, begin: str, notes: list[list[tuple[str, Any, bool]]]) -> float:
    cursor = connection.cursor()
    began = time.perf_counter()
    for batch in notes:
        cursor.execute(begin)
        for sql, values, many in batch:
            (cursor.executemany if many else cursor.execute)(sql, values)
            if sql.startswith("SELECT"):
                cursor.fetchall()
        cursor.execute("COMMIT")
    return BATCH * BATCHES / (time.perf_counter() - began)


def _sqlite(url: str) -> tuple[Any, str]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, cached_statements=256)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection, "BEGIN IMMEDIATE"


def _postgresql(url: str) -> tuple[Any, str]:
    return psycopg.connect(url, autocommit=True), "BEGIN"


async def _measure(fresh: Callable[[], str], connect: Callable[[str], tuple[Any, str]]) -> list[tuple[str, float]]:
    found: dict[str, list[float]] = {"ours": [], "same": [], "five": []}
    for _ in range(ROUNDS):
        url = fresh()
        async with Store.open(url) as store:
            await add_contacts(store, PEOPLE, "mailto:p{}@customer.example")
            found["ours"].append(await _ours(store, 0))
        url = fresh()
        async with Store.open(url) as store:
            await add_contacts(store, PEOPLE, "mailto:p{}@customer.example")
            notes = await _noted(store, 0)
        for name in ("same", "five"):
            url = fresh()
            async with Store.open(url) as store:
                await add_contacts(store, PEOPLE, "mailto:p{}@customer.example")
            chosen = [
                [note for note in batch if name == "same" or any(word in note[0] for word in map(_statement, FIVE))]
                for batch in notes
            ]
            connection, begin = connect(url)
            found[name].append(_replay(connection, begin, chosen))
            connection.close()
    return [(name, median(values)) for name, values in found.items()]


def _statement(words: str) -> str:
    return words.replace("into ", "INSERT INTO ")


@contextmanager
def _folder() -> Iterator[Callable[[], str]]:
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(1000))
        yield lambda: f"sqlite:///{Path(folder) / str(next(numbers)) / 'hub.sqlite3'}"


def run() -> str:
    """Both databases; the lines say interactions per second."""
    lines = []
    with _folder() as fresh:
        lines += _lines("SQLite", asyncio.run(_measure(fresh, _sqlite)))
    with postgresql(durable=True) as server:
        measured = asyncio.run(_measure(lambda: server.url(server.create()), _postgresql))
        lines += _lines("PostgreSQL", measured)
    return "\n".join(lines)


def _lines(name: str, measured: list[tuple[str, float]]) -> list[str]:
    found = dict(measured)
    return [
        str(Ratio(f"{name}, beside the same statements", found["ours"], found["same"], "/s", ">= 0.5")),
        str(Ratio(f"{name}, beside five of them", found["ours"], found["five"], "/s", ">= 0.5")),
    ]
