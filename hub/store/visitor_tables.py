"""The tables of what strangers write on our web pages: leads that look like spam, and who chats."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint

from hub.store.columns import Document, Instant, id_column, metadata, text_column

# Leads that wait for a person to say whether they are any. key: the interaction's, once it is released. text: as it
# will be read. reasons: why it waits.
suspected_leads = Table(
    "suspected_leads",
    metadata,
    id_column(),
    Column("key", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("handle", Text, nullable=False),
    text_column("name"),
    text_column("title"),
    Column("text", Text, nullable=False),
    Column("reasons", Document, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("key"),
    Index(None, "at"),
)

# Visitors of a web chat. thread: what the chat calls the conversation. secret_hash: of what the visitor's browser
# keeps; nobody else knows it. handle: her mail address, "" until she gives it.
visitor_sessions = Table(
    "visitor_sessions",
    metadata,
    id_column(),
    Column("source", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    text_column("name"),
    text_column("handle"),
    text_column("language"),
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    UniqueConstraint("thread"),
    UniqueConstraint("secret_hash"),
    Index(None, "seen_at"),
)
