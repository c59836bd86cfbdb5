"""What came before joins the timeline: activities for the interactions of a handle whose owner became known.

The rule is that of ingest: an outside participant with one candidate gets an activity; with several, none until a
person says whose it is.
"""

from __future__ import annotations

from collections.abc import Collection

import orjson
from sqlalchemy import Connection

from hub.store.sets import Run

_LOCK = 0x6964656E  # "iden"
_SHARED = f"SELECT pg_advisory_xact_lock_shared({_LOCK})"
_EXCLUSIVE = f"SELECT pg_advisory_xact_lock({_LOCK})"

_JOIN = """
INSERT INTO activities (contact_id, interaction_id, occurred_at)
SELECT DISTINCT d.contact_id, i.id, i.occurred_at
FROM identities d
JOIN participants p ON p.handle = d.handle AND NOT p.ours
JOIN interactions i ON i.id = p.interaction_id
WHERE d.handle {among}
AND NOT EXISTS (SELECT 1 FROM identities o WHERE o.handle = d.handle AND o.contact_id <> d.contact_id)
ON CONFLICT DO NOTHING
RETURNING contact_id, interaction_id
"""
_JOINS = {
    "sqlite": _JOIN.format(among="IN (SELECT value FROM json_each(?))"),
    "postgresql": _JOIN.format(among="= ANY(%s)"),
}

_LEAVE = """
DELETE FROM activities
WHERE contact_id = ? AND confirmed_by = ''
AND interaction_id IN (SELECT interaction_id FROM participants WHERE handle = ? AND NOT ours)
AND NOT EXISTS (
    SELECT 1 FROM participants p JOIN identities d ON d.handle = p.handle
    WHERE p.interaction_id = activities.interaction_id AND NOT p.ours AND d.contact_id = activities.contact_id
)
"""
_leave = Run(_LEAVE)


def read_identities(conn: Connection) -> None:
    """Ingest says this before it matches: until its transaction ends, nobody's identities change unseen.

    Otherwise an interaction and the identity of its sender, committed at the same moment, would miss each other on
    PostgreSQL. SQLite has one writer at a time.
    """
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(_SHARED)


def change_identities(conn: Connection) -> None:
    """Said before identities change and join in one short transaction: waits for the ingest that is under way."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(_EXCLUSIVE)


def join(conn: Connection, handles: Collection[str]) -> list[tuple[int, int]]:
    """Put the interactions of each of *handles* that belongs to exactly one contact on that contact's timeline.

    Answers which are new there, as (contact, interaction); those that were there stay.
    """
    wanted = sorted(set(handles))
    if not wanted:
        return []
    name = conn.dialect.name
    cursor = conn.connection.cursor()
    cursor.execute(_JOINS[name], (orjson.dumps(wanted).decode() if name == "sqlite" else wanted,))
    made = [(contact_id, interaction_id) for contact_id, interaction_id in cursor.fetchall()]
    cursor.close()
    return made


def leave(conn: Connection, contact_id: int, handle: str) -> int:
    """Take off the contact's timeline what stood there only because of *handle*, after that identity was deleted.

    What a person confirmed stays. Answers how many activities went.
    """
    return _leave(conn, contact_id, handle)
