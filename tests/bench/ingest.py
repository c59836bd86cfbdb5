"""10,000 mixed mails through parse, match and durable record, beside `email.policy.default` merely parsing them.

70 % of 3 kB, 25 % of 30 kB with HTML, 5 % of 300 kB with an attachment. Ours goes the production way: the mailroom's
processes, the lane, SQLite with synchronous=FULL, blobs and full-text index included. Then one line says where the
time goes: each stage measured alone over the same mails, in one thread.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from hub import Copy, RawMail
from hub.batch import Books, Entry, Part
from hub.ingest import Ingest
from hub.live import Live
from hub.mailroom import Mailroom
from hub.match import match
from hub.metrics import Metrics
from hub.ours import Line, Ours
from hub.privacy.never_log import NeverLog
from hub.record import record
from hub.store import Store
from hub.understanding import Guide, Opened, understand
from hub.unrecorded import Unrecorded
from tests.bench.corpus import mails
from tests.bench.people import add_contacts
from tests.bench.report import Ratio, median

MAILS = 10_000
PARSED = 500
ROUNDS = 3
ARRIVAL = 64
ARRIVALS_AT_ONCE = 4
CONTACTS = 10_000
OURS = Ours((), {"mail": Line(frozenset(["mailto:support@example.org"]))})


def letters(count: int, seed: int = 1) -> list[RawMail]:
    """The corpus between our mailbox and 5,000 people, 2,500 of whom are contacts."""
    people = [(f"Person {n}", f"p{n * 4}@customer.example") for n in range(5000)]
    now = datetime.now(UTC)
    corpus = mails(count, seed, [*people, *[("Support", "support@example.org")] * 5000])
    return [RawMail(raw, Copy("INBOX", f"1:{uid}"), now) for uid, raw in enumerate(corpus)]


def _baseline(sample: list[RawMail]) -> float:
    began = time.perf_counter()
    for letter in sample:
        message = email.message_from_bytes(letter.raw, policy=email.policy.default)
        _ = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
        _ = [message[name] for name in ("From", "To", "Cc", "Subject", "Date", "Message-ID", "References")]
    return len(sample) / (time.perf_counter() - began)


def _arrivals(corpus: list[RawMail]) -> Iterator[list[RawMail]]:
    for start in range(0, len(corpus), ARRIVAL):
        yield corpus[start : start + ARRIVAL]


async def _ours(url: str, corpus: list[RawMail]) -> float:
    never, live = NeverLog(), Live()
    async with Store.open(url) as store, Mailroom(Guide()) as mailroom:
        await add_contacts(store, CONTACTS, "mailto:p{}@customer.example")
        books = Books(OURS, store.ids, store.blobs)
        ingest = Ingest(
            store, live, mailroom, books, never, Unrecorded(live, OURS, store.ids), Metrics(), lambda source: None
        )
        await mailroom.open("mail", corpus[:1])  # the workers are up, as in a hub that runs
        turn = asyncio.Semaphore(ARRIVALS_AT_ONCE)

        async def take(arrival: list[RawMail]) -> None:
            async with turn:
                await ingest.record("mail", arrival, live=False)

        began = time.perf_counter()
        await asyncio.gather(*(take(arrival) for arrival in _arrivals(corpus)))
        seconds = time.perf_counter() - began
        stored = await store.read(lambda conn: conn.execute(sa.text("SELECT count(*) FROM interactions")).scalar_one())
        if stored != len(corpus):
            raise AssertionError(f"{stored} interactions of {len(corpus)} mails")
        return len(corpus) / seconds


async def _stages(url: str, corpus: list[RawMail]) -> dict[str, float]:
    """Seconds per stage for *corpus*, each alone in one thread."""
    async with Store.open(url) as store:
        await add_contacts(store, CONTACTS, "mailto:p{}@customer.example")
        books = Books(OURS, store.ids, store.blobs)
        began = time.perf_counter()
        opened = [understand("mail", letter, Guide()) for letter in corpus]
        parsing = time.perf_counter() - began
        entries = [
            Entry(each.event, False, each.blob, 0)
            for each in opened
            if isinstance(each, Opened) and each.event is not None
        ]
        groups = [entries[start : start + ARRIVAL] for start in range(0, len(entries), ARRIVAL)]
        matching = storing = 0.0
        for group in groups:
            handles = {p.handle for entry in group for p in entry.event.facts.participants or ()}

            def work(conn: sa.Connection, group: list[Entry] = group, handles: set[str] = handles) -> float:
                began = time.perf_counter()
                match(conn, handles)
                seconds = time.perf_counter() - began
                record(conn, [Part("mail", tuple(group))], books)
                return seconds

            began = time.perf_counter()
            seconds = await store.write(work)
            matching += seconds
            storing += time.perf_counter() - began - 2 * seconds
        return {"parsing": parsing, "matching": matching, "storing": storing}


def run() -> str:
    """Mails per second, and the shares of the three stages."""
    corpus = letters(MAILS)
    sample = random.Random(1).sample(corpus, PARSED)
    ours, baseline = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            baseline.append(_baseline(sample))
            ours.append(asyncio.run(_ours(f"sqlite:///{Path(folder) / str(number) / 'hub.sqlite3'}", corpus)))
        stages = asyncio.run(_stages(f"sqlite:///{Path(folder) / 'stages' / 'hub.sqlite3'}", corpus[:2000]))
    total = sum(stages.values())
    shares = ", ".join(f"{name} {100 * seconds / total:.0f} %" for name, seconds in stages.items())
    return "\n".join(
        [
            str(Ratio("mails through to a durable timeline", median(ours), median(baseline), "/s", ">= 6")),
            f"  of the work on a mail ({1e6 * total / 2000:.0f} µs in one thread): {shares}",
        ]
    )
