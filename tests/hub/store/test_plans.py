"""Every set statement finds its rows by an index: a full scan would show only with 100,000 contacts, as a late pop."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hub import match, record, threads
from hub.calls import blocking
from hub.inbox import apart, states
from hub.pops import rows, writing
from hub.store import Store
from hub.store.sets import SetRead
from tests.bench.people import add_contacts

READS = [
    (f"{module.__name__}.{name}", value)
    for module in (match, rows, writing, blocking, record, threads, states, apart)
    for name, value in vars(module).items()
    if isinstance(value, SetRead)
]


def test_there_is_something_to_check() -> None:
    assert len(READS) >= 7


@pytest.mark.parametrize(("name", "read"), READS, ids=[name for name, _ in READS])
async def test_a_set_read_scans_no_table(store: Store, name: str, read: SetRead) -> None:
    await add_contacts(store, 2000, "tel:+49301{:08d}")

    def plan(conn: sa.Connection) -> list[str]:
        if conn.dialect.name == "sqlite":
            rows = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {read.sql('sqlite')}", {"keys": "[]"})
            # What a subquery has limited is called "anon".
            return [row[3] for row in rows if "SCAN" in row[3] and "json_each" not in row[3] and "anon_" not in row[3]]
        conn.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the tables are too small to be worth an index yet
        rows = conn.exec_driver_sql(f"EXPLAIN {read.sql('postgresql')}", {"keys": ["1"]})
        return [row[0] for row in rows if "Seq Scan" in row[0] and "companies" not in row[0]]

    assert await store.read(plan) == []
