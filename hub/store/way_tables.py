"""The tables of the ways by which people are told of alerts, and of who subscribes to them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from hub.store.columns import Document, Instant, id_column, metadata, text_column

# What a person made herself to be told by: a browser that takes pushes. *address* is unique to it (a hash).
ways = Table(
    "ways",
    metadata,
    id_column(),
    Column("agent", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False, unique=True),
    text_column("label"),
    Column("settings", Document, nullable=False, server_default="{}"),
    Column("created_at", Instant, nullable=False),
)

# How each way did when it was last used: *way* is its name, and *way_id* one that a person made (0: none).
way_states = Table(
    "way_states",
    metadata,
    Column("way", Text, primary_key=True),
    Column("way_id", BigInteger, primary_key=True, autoincrement=False),
    Column("agent", Text, primary_key=True),
    Column("sent_at", Instant),
    Column("failed_at", Instant),
    text_column("reason"),
)

# *since*: what happened before is not told.
# *secret* is encrypted, or "" where it is derived from the key of the store; *generation* counts how often it changed.
subscribers = Table(
    "subscribers",
    metadata,
    id_column(),
    Column("url", Text, nullable=False),
    text_column("label"),
    Column("events", Document, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=sa.true()),
    text_column("secret"),
    text_column("old_secret"),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("rolled_at", Instant),
    Column("failing_since", Instant),
    text_column("reason"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("since", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
)

subscriber_events = Table(
    "subscriber_events",
    metadata,
    id_column(),
    Column("subscriber_id", BigInteger, ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False),
    Column("type", Text, nullable=False),
    Column("alert_id", BigInteger, index=True),
    Column("data", Document, nullable=False),
    Column("at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("claimed_until", Instant),
    Index(None, "state", "due_at"),
    Index(None, "subscriber_id", "alert_id", "type", unique=True),
)

subscriber_attempts = Table(
    "subscriber_attempts",
    metadata,
    id_column(),
    Column("event_id", BigInteger, ForeignKey("subscriber_events.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("subscriber_id", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("status", Integer, nullable=False, server_default="0"),
    Column("milliseconds", Integer, nullable=False),
    text_column("answer"),
    text_column("reason"),
    Index(None, "subscriber_id", "id"),
)
