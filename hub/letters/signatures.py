"""What stands under an agent's mails: her text for a source, else her text for all."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.schema import signatures


def read(conn: Connection, agent: str, source: str) -> str:
    """What *agent* keeps for exactly that *source* ("" is all of them); "" where she keeps nothing."""
    wanted = sa.select(signatures.c.text).where(signatures.c.agent == agent, signatures.c.source == source)
    return conn.execute(wanted).scalar() or ""


def under(conn: Connection, agent: str, source: str) -> str:
    """What stands under a mail of *agent* from *source*."""
    return read(conn, agent, source) or read(conn, agent, "")


def write(conn: Connection, agent: str, source: str, text: str) -> None:
    """Keep *text*; "" forgets it."""
    if not text.strip():
        mine = sa.and_(signatures.c.agent == agent, signatures.c.source == source)
        conn.execute(signatures.delete().where(mine))
        return
    insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(signatures)
    conn.execute(
        insert.values(agent=agent, source=source, text=text).on_conflict_do_update(
            index_elements=["agent", "source"], set_={"text": text}
        )
    )
