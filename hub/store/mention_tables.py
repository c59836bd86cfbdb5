"""The tables of what is watched for, the posts that were heard, and the mentions among them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text

from hub.store.columns import Document, Instant, id_column, metadata, text_column

# What people want to hear of. agents: who watches it, and is told. version counts its changes.
watch_queries = Table(
    "watch_queries",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("agents", Document, nullable=False, server_default="[]"),
    Column("enabled", Boolean, nullable=False, server_default=sa.true()),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("archived_at", Instant),
)

# A sample of what no query found, so that a new query can be tried on it. weight: how many such posts it stands for.
posts = Table(
    "posts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("source", Text, nullable=False),
    text_column("author"),
    Column("heard_at", Instant, nullable=False, index=True),
    Column("weight", Float, nullable=False),
    Column("facts", Document, nullable=False),
    Index(None, "author"),
)

# What the hub makes of an interaction that is a mention. state: new | seen | done | irrelevant. corrected_by: who said
# how it speaks. fingerprint: see hub.mentions.reading.near. spread: how often it was heard elsewhere.
mentions = Table(
    "mentions",
    metadata,
    Column("interaction_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False, server_default="new"),
    text_column("author"),
    text_column("site"),
    text_column("url"),
    text_column("language"),
    Column("sentiment", Text, nullable=False, server_default="unclear"),
    Column("score", Float, nullable=False, server_default="0"),
    Column("confidence", Float, nullable=False, server_default="0"),
    text_column("corrected_by"),
    Column("reach", BigInteger),
    Column("fingerprint", BigInteger, nullable=False, server_default="0"),
    Column("spread", Integer, nullable=False, server_default="0"),
    Column("addressed", Boolean, nullable=False, server_default=sa.false()),
    Column("posted_at", Instant, nullable=False),
    Column("heard_at", Instant, nullable=False),
    Index(None, "posted_at", "interaction_id"),
    Index(None, "author"),
    Index(None, "url"),
    Index(None, "state", "posted_at"),
)

mention_bands = Table(
    "mention_bands",
    metadata,
    Column("band", Integer, primary_key=True),
    Column("interaction_id", BigInteger, primary_key=True),
    Column("posted_at", Instant, nullable=False),
    Index(None, "interaction_id"),
)

# Why it is one. spans: where in it, as [field, start, end]; stands: false once an edit took the words away.
mention_matches = Table(
    "mention_matches",
    metadata,
    Column("query_id", BigInteger, primary_key=True),
    Column("interaction_id", BigInteger, primary_key=True),
    Column("spans", Document, nullable=False),
    Column("stands", Boolean, nullable=False, server_default=sa.true()),
    Column("posted_at", Instant, nullable=False),
    Index(None, "interaction_id"),
    Index(None, "query_id", "posted_at"),
)

# The same post heard through another source (same), a repost (repost), somebody's near copy (copy).
mention_spread = Table(
    "mention_spread",
    metadata,
    Column("key", Text, primary_key=True),
    Column("interaction_id", BigInteger, nullable=False, index=True),
    Column("how", Text, nullable=False),
    Column("source", Text, nullable=False),
    text_column("author"),
    text_column("url"),
    Column("reach", BigInteger),
    Column("at", Instant, nullable=False),
    Index(None, "author"),
)

# What people said of mentions: of how they speak, their language, or that they are none. text: what it was said of.
mention_corrections = Table(
    "mention_corrections",
    metadata,
    id_column(),
    Column("interaction_id", BigInteger, nullable=False, index=True),
    Column("field", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

# Far more than usual (spike), or none where many are usual (silence); open until ended_at.
mention_episodes = Table(
    "mention_episodes",
    metadata,
    id_column(),
    Column("query_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("usual", Float, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("peak", Integer, nullable=False),
    Index(
        "uq_mention_episodes_open",
        "query_id",
        "kind",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
    Index(None, "query_id", "began_at"),
)

# How many mentions a query found of each hour; hour is its beginning.
mention_counts = Table(
    "mention_counts",
    metadata,
    Column("query_id", BigInteger, primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("count", Integer, nullable=False),
)
