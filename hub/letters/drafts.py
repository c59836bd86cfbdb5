"""What an agent has begun to write in a conversation, and the files that lie beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub.letters.states import STUCK, WAITING
from hub.store.blobs import Blobs
from hub.store.schema import drafts, letters, uploads

KEPT = timedelta(days=2)
"""How long a file is kept that belongs to no draft."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is written so far: *content* has to, cc, bcc, subject, text, source, uploads, canned and template."""

    content: Mapping[str, Any]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Upload:
    """A file for a letter. *size* is in bytes, *blob* names the bytes."""

    id: int
    name: str
    media_type: str
    size: int
    blob: str


def read(conn: Connection, agent: str, conversation_id: int) -> Draft | None:
    """The draft of *agent* in a conversation."""
    row = conn.execute(sa.select(drafts).where(_one(agent, conversation_id))).one_or_none()
    return None if row is None else Draft(row.content, row.updated_at)


def write(conn: Connection, agent: str, conversation_id: int, content: Mapping[str, Any], now: datetime) -> None:
    """Keep *content* as the draft of *agent*, in the place of what was there."""
    row = {"content": dict(content), "updated_at": now}
    conn.execute(
        _insert(conn)
        .values(agent=agent, conversation_id=conversation_id, **row)
        .on_conflict_do_update(index_elements=["agent", "conversation_id"], set_=row)
    )


def restore(conn: Connection, agent: str, conversation_id: int, content: Mapping[str, Any], now: datetime) -> None:
    """Make what was a letter a draft again, unless she has begun another."""
    kept = {name: value for name, value in content.items() if name in FIELDS}
    conn.execute(
        _insert(conn)
        .values(agent=agent, conversation_id=conversation_id, content=kept, updated_at=now)
        .on_conflict_do_nothing()
    )


FIELDS = ("to", "cc", "bcc", "subject", "text", "source", "uploads", "canned", "template")
"""What a draft has."""


def discard(conn: Connection, agent: str, conversation_id: int) -> bool:
    """Forget the draft; False where there is none."""
    return bool(conn.execute(drafts.delete().where(_one(agent, conversation_id))).rowcount)


def upload(conn: Connection, blobs: Blobs, made: Upload, agent: str, data: bytes, now: datetime) -> None:
    """Keep a file of *agent*. `blobs.settle` was called before."""
    blobs.keep(conn, [(made.blob, data)])
    conn.execute(
        uploads.insert().values(
            id=made.id, agent=agent, name=made.name, media_type=made.media_type, size=made.size, blob=made.blob,
            uploaded_at=now,
        )
    )  # fmt: skip


def uploaded(conn: Connection, agent: str, ids: list[int]) -> list[Upload]:
    """Those of the files *ids* that *agent* added, in the order of *ids*."""
    rows = conn.execute(sa.select(uploads).where(uploads.c.id.in_(ids), uploads.c.agent == agent))
    found = {row.id: Upload(row.id, row.name, row.media_type, row.size, row.blob) for row in rows}
    return [found[each] for each in ids if each in found]


def remove(conn: Connection, blobs: Blobs, agent: str, upload_id: int) -> bool:
    """Forget a file of *agent*; False where she has none of that id."""
    mine = sa.and_(uploads.c.id == upload_id, uploads.c.agent == agent)
    row = conn.execute(uploads.delete().where(mine).returning(uploads.c.blob)).one_or_none()
    if row is None:
        return False
    blobs.release(conn, [row.blob])
    return True


def clean(conn: Connection, blobs: Blobs, now: datetime) -> int:
    """Forget files that have belonged to no draft, and to no letter that may become one again, for two days. Answers
    how many."""
    needed: set[str] = set()
    unsent = sa.select(letters.c.content).where(letters.c.state.in_((*WAITING, *STUCK)))
    for content in (*conn.scalars(sa.select(drafts.c.content)), *conn.scalars(unsent)):
        needed.update(str(each) for each in content.get("uploads", ()))
    old = conn.execute(sa.select(uploads.c.id, uploads.c.blob).where(uploads.c.uploaded_at < now - KEPT)).all()
    gone = [row for row in old if str(row.id) not in needed]
    conn.execute(uploads.delete().where(uploads.c.id.in_([row.id for row in gone])))
    blobs.release(conn, [row.blob for row in gone])
    return len(gone)


def _one(agent: str, conversation_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(drafts.c.agent == agent, drafts.c.conversation_id == conversation_id)


def _insert(conn: Connection) -> Any:
    return (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(drafts)
