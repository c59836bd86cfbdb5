"""The tables of alerts, the rules that raise them, and what each of us is told of them.

Alerts hold ids and numbers only: what they say is made of these when somebody is told, as she may see it then.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from hub.store.columns import Document, Instant, id_column, metadata, text_column

# One row per episode, rule and agent. state: open | acknowledged | snoozed | ended | expired. ended_at: nothing more
# adds to it, and the next fact of its key begins another one. about: the fact's other ids and its values. escalate_at:
# somebody else is told then, unless she has seen to it.
alerts = Table(
    "alerts",
    metadata,
    id_column(),
    Column("rule", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("count", Integer, nullable=False, server_default="1"),
    Column("interaction_id", BigInteger, index=True),
    Column("contact_id", BigInteger, index=True),
    Column("about", Document, nullable=False, server_default="{}"),
    Column("fact_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("acknowledged_at", Instant),
    text_column("acknowledged_by"),
    Column("snoozed_until", Instant),
    Column("escalate_at", Instant),
    Column("escalated_at", Instant),
    text_column("escalated_to"),
    Column("ended_at", Instant),
    Column("expires_at", Instant),
    Index(
        "ix_alerts_open",
        "rule",
        "agent",
        "key",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
    Index(None, "key", "ended_at"),
    Index(None, "agent", "state", "id"),
    Index(None, "rule", "agent", "created_at"),
    Index(None, "snoozed_until"),
    Index(None, "escalate_at"),
    Index(None, "expires_at"),
)

# Rules that were made on a page. *rule* is what they say, as the config file would.
alert_rules = Table(
    "alert_rules",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("rule", Document, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=sa.true()),
    Column("version", Integer, nullable=False, server_default="1"),
    text_column("made_by"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# How each of us wants to be told: quiet hours, digest, ways, and the rules of which she wants to hear nothing.
alert_settings = Table(
    "alert_settings",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("settings", Document, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("updated_at", Instant, nullable=False),
)

# What is to be told by which way. kind: alert | update | digest | test. state: held (until her quiet hours are over, or
# the next digest) | queued | sent | perhaps | failed | cancelled | expired. way_id: a way that she made herself.
# digest_id: the telling that tells of this one, too.
alert_tellings = Table(
    "alert_tellings",
    metadata,
    id_column(),
    Column("alert_id", BigInteger, ForeignKey("alerts.id", ondelete="CASCADE"), index=True),
    Column("agent", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("way_id", BigInteger),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("claimed_until", Instant),
    text_column("reason"),
    text_column("provider_id"),
    Column("digest_id", BigInteger, index=True),
    Column("sent_at", Instant),
    Column("created_at", Instant, nullable=False),
    Index(None, "state", "due_at"),
    Index(None, "way", "state", "due_at"),
    Index(None, "agent", "state"),
)

# What somebody wants to be reminded of. The note is for her alone. done_at: the reminder was raised.
reminders = Table(
    "reminders",
    metadata,
    id_column(),
    Column("agent", Text, nullable=False),
    Column("interaction_id", BigInteger, nullable=False, index=True),
    Column("due_at", Instant, nullable=False),
    text_column("note"),
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    Index(None, "done_at", "due_at"),
)

# At which stage each deal was when that was last looked at: whoever moves it, it is noticed.
deal_stages = Table(
    "deal_stages",
    metadata,
    Column("deal_id", BigInteger, primary_key=True, autoincrement=False),
    Column("stage", Text, nullable=False),
)
