"""The tables of the files of chats, and what web pages send in."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from hub.store.columns import Instant, id_column, metadata, text_column

# The files of messages. position: counted from 0 within the message. provider_id, url: as the source calls it.
chat_files = Table(
    "chat_files",
    metadata,
    id_column(),
    Column("interaction_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    text_column("url"),
    text_column("name"),
    text_column("media_type"),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("inline", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    text_column("reason"),
    text_column("blob"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    Index(None, "interaction_id", "position"),
    Index(None, "state", "due_at"),
)

# What a source calls the thread in which it told of a message, so that it is answered over that source and there.
chat_threads = Table(
    "chat_threads",
    metadata,
    Column("interaction_id", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Text, primary_key=True),
    Column("thread", Text, nullable=False),
)
