"""The first page of a contact with 10,000 activities: in a store of 1,000,000 interactions, beside one of 10,000.

The page is read as an agent reads it, through the visibility function; the two stores take turns.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from hub.privacy.visibility import Actor, Authority
from hub.store import Store
from hub.store.schema import activities, contacts, interactions, micros, participants
from hub.store.sets import SetWrite
from hub.timeline import Wanted, timeline
from tests.bench.report import Ratio, median

OF_CONTACT = 10_000
SMALL = 10_000
LARGE = 1_000_000
OTHERS = 20_000
PAGE = 50
READS = 300
CHUNK = 20_000
ADA = Actor("ada", Authority.AGENT, "ada")

_CONTACTS = SetWrite(contacts, ("id", "name", "created_at", "updated_at"))
_INTERACTIONS = SetWrite(
    interactions,
    (
        "id", "key", "channel", "kind", "direction", "occurred_at", "title", "preview", "state", "outcome",
        "conversation_id", "source", "open_level", "facts", "revision", "recorded_at",
    ),
)  # fmt: skip
_ACTIVITIES = SetWrite(activities, ("contact_id", "interaction_id", "occurred_at"))
_PARTICIPANTS = SetWrite(participants, ("interaction_id", "position", "handle", "role", "name", "ours"))


async def _fill(store: Store, count: int) -> int:
    """*count* mails in the store, 10,000 of them spread evenly over it on the timeline of the answered contact."""
    draw = random.Random(1)
    now = micros(datetime.now(UTC))
    ids = [store.ids() for _ in range(OTHERS)]

    def people(conn: Connection) -> None:
        _CONTACTS(conn, [(id, f"Person {number}", now, now) for number, id in enumerate(ids)])

    await store.write(people)
    every = count // OF_CONTACT
    for start in range(0, count, CHUNK):

        def chunk(conn: Connection, start: int = start) -> None:
            rows, links, parts = [], [], []
            for number in range(start, min(start + CHUNK, count)):
                id, at = store.ids(), now - number * 1_000_000
                preview = "Could you please send us the offer that we spoke about on Monday? " * 3
                rows.append(
                    (id, f"mail:<{number}@x.example>", "email", "message", "inbound", at, f"Offer {number}", preview,
                     "", "", id, "mail", 3, '{"title":"Offer"}', 1, now)
                )  # fmt: skip
                contact = 0 if number % every == 0 else draw.randrange(1, OTHERS)
                links.append((ids[contact], id, at))
                parts.append((id, 0, f"mailto:p{contact}@customer.example", "sender", "", False))
            _INTERACTIONS(conn, rows)
            _ACTIVITIES(conn, links)
            _PARTICIPANTS(conn, parts)

        await store.write(chunk)
    await store.write(lambda conn: conn.exec_driver_sql("ANALYZE") and None)
    return ids[0]


async def _measure(folder: Path) -> tuple[float, float]:
    async with (
        Store.open(f"sqlite:///{folder / 'small' / 'hub.sqlite3'}") as small,
        Store.open(f"sqlite:///{folder / 'large' / 'hub.sqlite3'}") as large,
    ):
        stores = [(small, await _fill(small, SMALL), []), (large, await _fill(large, LARGE), [])]
        for _ in range(READS):
            for store, contact, times in stores:
                began = time.perf_counter()
                items = await store.read(lambda conn, contact=contact: timeline(conn, ADA, contact, Wanted(), PAGE))
                times.append(time.perf_counter() - began)
                if len(items) != PAGE:
                    raise AssertionError(f"a page of {len(items)}")
        return median(stores[0][2]) * 1e3, median(stores[1][2]) * 1e3


def run() -> str:
    """Milliseconds per page, SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = asyncio.run(_measure(Path(folder)))
    return str(Ratio("first page in a store of 1,000,000", large, small, "ms", "<= 1.5"))
