"""The inbox page with 100,000 open conversations beside the page with 1,000, on both databases.

Pages are read as an agent reads them, through the visibility function: all that is open, her own, what nobody has, and
what has waited longest. The two stores take turns; each figure is the median of a page.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from hub.inbox.listing import Box, Sort, State, Wanted, page
from hub.privacy.visibility import Actor, Authority
from hub.store import Store
from hub.store.schema import activities, contacts, conversations, interactions, micros, participants
from hub.store.sets import SetWrite
from tests.bench.report import Ratio, median
from tests.servers.postgresql import postgresql

SMALL = 1_000
LARGE = 100_000
PEOPLE = 1_000
READS = 60
CHUNK = 20_000
ADA = Actor("ada", Authority.AGENT, "ada")

PAGES = {
    "all": Wanted(states=(State.OPEN,)),
    "mine, longest waiting": Wanted(states=(State.OPEN,), box=Box.MINE, sort=Sort.LONGEST_WAITING),
    "mine": Wanted(states=(State.OPEN,), box=Box.MINE),
    "unassigned": Wanted(states=(State.OPEN,), box=Box.UNASSIGNED),
    "open and closed": Wanted(states=(State.OPEN, State.CLOSED)),
    "longest waiting": Wanted(states=(State.OPEN,), sort=Sort.LONGEST_WAITING),
    "calls": Wanted(states=(State.OPEN,), channel="calls"),
}

_CONTACTS = SetWrite(contacts, ("id", "name", "created_at", "updated_at"))
_CONVERSATIONS = SetWrite(
    conversations,
    ("id", "channel", "title", "last_at", "last_interaction_id", "state", "owner", "team", "waiting_since"),
)
_INTERACTIONS = SetWrite(
    interactions,
    (
        "id", "key", "channel", "kind", "direction", "occurred_at", "title", "preview", "state", "outcome",
        "conversation_id", "source", "open_level", "facts", "revision", "recorded_at",
    ),
)  # fmt: skip
_ACTIVITIES = SetWrite(activities, ("contact_id", "interaction_id", "occurred_at"))
_PARTICIPANTS = SetWrite(participants, ("interaction_id", "position", "handle", "role", "name", "ours"))


async def fill(store: Store, count: int) -> None:
    """*count* open conversations of two mails each: a hundredth are calls, a tenth is Ada's, a tenth nobody's."""
    now = micros(datetime.now(UTC))
    people = [store.ids() for _ in range(PEOPLE)]
    await store.write(lambda conn: _CONTACTS(conn, [(id, f"Person {n}", now, now) for n, id in enumerate(people)]))
    for start in range(0, count, CHUNK):

        def chunk(conn: Connection, start: int = start) -> None:
            threads, rows, links, parts = [], [], [], []
            for number in range(start, min(start + CHUNK, count)):
                conversation, at = store.ids(), now - number * 1_000_000
                channel = "voice" if number % 100 == 50 else "email"
                owner = ("ada", "", *("ben",) * 8)[number % 10]
                for mail in range(2):
                    id, when = store.ids(), at - (1 - mail) * 500_000
                    rows.append(
                        (id, f"mail:<{number}.{mail}@x.example>", channel, "message", "inbound", when,
                         f"Offer {number}", "Could you please send us the offer? " * 5, "", "", conversation, "mail", 3,
                         '{"title":"Offer"}', 1, now)
                    )  # fmt: skip
                    links.append((people[number % PEOPLE], id, when))
                    parts.append((id, 0, f"mailto:p{number % PEOPLE}@customer.example", "sender", "", False))
                threads.append((conversation, channel, f"Offer {number}", at, id, "open", owner, "support", at))
            _CONVERSATIONS(conn, threads)
            _INTERACTIONS(conn, rows)
            _ACTIVITIES(conn, links)
            _PARTICIPANTS(conn, parts)

        await store.write(chunk)
    await store.write(lambda conn: conn.exec_driver_sql("ANALYZE") and None)


async def _measure(small_url: str, large_url: str) -> dict[str, tuple[float, float]]:
    async with Store.open(small_url) as small, Store.open(large_url) as large:
        await fill(small, SMALL)
        await fill(large, LARGE)
        times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in PAGES}
        for _ in range(READS):
            for name, wanted in PAGES.items():
                for store, taken in zip((small, large), times[name], strict=True):
                    began = time.perf_counter()
                    found = await store.read(lambda conn, wanted=wanted: page(conn, ADA, wanted))
                    taken.append(time.perf_counter() - began)
                    if not found.rows:
                        raise AssertionError(f"an empty page of {name}")
        return {name: (median(one) * 1e3, median(other) * 1e3) for name, (one, other) in times.items()}


def _lines(database: str, measured: dict[str, tuple[float, float]]) -> list[str]:
    return [str(Ratio(f"{database}: {name}", large, small, "ms", "<= 2")) for name, (small, large) in measured.items()]


def run() -> str:
    """Milliseconds per page of 50."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:

        def url(name: str) -> str:
            return f"sqlite:///{Path(folder) / name / 'hub.sqlite3'}"

        lines += _lines("SQLite", asyncio.run(_measure(url("small"), url("large"))))
    with postgresql(durable=False) as server:
        fresh: Callable[[], str] = lambda: server.url(server.create())  # noqa: E731
        lines += _lines("PostgreSQL", asyncio.run(_measure(fresh(), fresh())))
    return "\n".join(lines)
