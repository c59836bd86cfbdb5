"""Who chats: a visitor is whoever has the secret that her browser drew. Only its hash is stored.

Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub.formats.digest import digest
from hub.store.chat_tables import chat_threads
from hub.store.visitor_tables import visitor_sessions

GOOD_FOR = timedelta(days=30)
"""After so long without a look, nobody reads a chat by its secret any more. What was said stays on our side."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Session:
    """A visitor's chat with *source*: the *thread* is what it calls the conversation, *handle* her mail address or her
    handle in this chat."""

    id: int
    source: str
    thread: str
    name: str
    mail: str
    language: str

    @property
    def handle(self) -> str:
        """Who she is, as far as she said."""
        return self.mail or f"web:{self.thread}"


def is_secret(text: str) -> bool:
    """Whether *text* has the form of a secret: 32 random bytes in base64url (RFC 4648)."""
    return _SECRET.fullmatch(text) is not None


def find(conn: Connection, source: str, secret: str, now: datetime) -> Session | None:
    """The chat of whoever has *secret*, None where there is none (any more)."""
    row = conn.execute(
        sa.select(visitor_sessions).where(
            visitor_sessions.c.secret_hash == _hash(source, secret), visitor_sessions.c.seen_at > now - GOOD_FOR
        )
    ).one_or_none()
    return _session(row) if row else None


def begin(conn: Connection, new_id: int, source: str, secret: str, language: str, now: datetime) -> Session:
    """The chat of whoever has *secret*, begun where there is none. What nobody looked at for long is forgotten."""
    conn.execute(visitor_sessions.delete().where(visitor_sessions.c.seen_at <= now - GOOD_FOR))
    row = {
        "id": new_id,
        "source": source,
        "thread": secrets.token_hex(10),
        "secret_hash": _hash(source, secret),
        "language": language,
        "began_at": now,
        "seen_at": now,
    }
    insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(visitor_sessions)
    conn.execute(insert.values(row).on_conflict_do_nothing())
    found = find(conn, source, secret, now)
    assert found is not None, "it was just written"
    return found


def seen(conn: Connection, session: int, now: datetime) -> None:
    """She looks at it."""
    conn.execute(visitor_sessions.update().where(visitor_sessions.c.id == session).values(seen_at=now))


def introduce(conn: Connection, session: int, name: str, mail: str) -> None:
    """She says who she is; *mail* is a handle."""
    conn.execute(visitor_sessions.update().where(visitor_sessions.c.id == session).values(name=name, handle=mail))


def forget(conn: Connection, interaction_id: int) -> None:
    """An interaction is being deleted: where it was the last of a chat, nothing is left of its visitor either."""
    mine = sa.select(chat_threads.c.source, chat_threads.c.thread).where(
        chat_threads.c.interaction_id == interaction_id, chat_threads.c.thread != ""
    )
    for source, thread in conn.execute(mine).all():
        this = sa.and_(visitor_sessions.c.source == source, visitor_sessions.c.thread == thread)
        if not conn.execute(sa.select(sa.exists().where(this))).scalar():
            continue
        others = sa.exists().where(
            chat_threads.c.source == source,
            chat_threads.c.thread == thread,
            chat_threads.c.interaction_id != interaction_id,
        )
        if not conn.execute(sa.select(others)).scalar():
            conn.execute(visitor_sessions.delete().where(this))


def _hash(source: str, secret: str) -> str:
    return digest(f"{source}\n{secret}".encode())


def _session(row: sa.Row[tuple[object, ...]]) -> Session:
    return Session(row.id, row.source, row.thread, row.name, row.handle, row.language)
