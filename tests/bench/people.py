"""A Directory to measure with."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from hub.store import Store
from hub.store.schema import contacts, identities
from hub.store.sets import SetWrite

_CONTACTS = SetWrite(contacts, ("id", "name", "created_at", "updated_at"))
_IDENTITIES = SetWrite(identities, ("handle", "contact_id", "how", "learned_at"))


async def add_contacts(store: Store, count: int, handle: str) -> None:
    """*count* contacts, each with one handle: *handle* with its number filled in."""
    now = time.time_ns() // 1000

    def work(conn: Connection) -> None:
        ids = [store.ids() for _ in range(count)]
        _CONTACTS(conn, [(id, f"Person {number}", now, now) for number, id in enumerate(ids)])
        _IDENTITIES(conn, [(handle.format(number), id, "import", now) for number, id in enumerate(ids)])

        conn.exec_driver_sql("ANALYZE")  # as autovacuum would have done by itself

    await store.write(work)
