"""The shared inbox, what we write, and what a mailbox that is read for good needs."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "canaries",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("arrived_at", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_canaries")),
    )
    op.create_table(
        "canned",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("shortcut", sa.Text(), server_default="", nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("team", sa.Text(), server_default="", nullable=False),
        sa.Column("uses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned")),
    )
    op.create_table(
        "canned_uses",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("canned_id", sa.BigInteger(), nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_uses")),
    )
    op.create_index(op.f("ix_canned_uses_canned_id"), "canned_uses", ["canned_id"], unique=False)
    op.create_index(op.f("ix_canned_uses_used_at"), "canned_uses", ["used_at"], unique=False)
    op.create_table(
        "conversation_reads",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent", "conversation_id", name=op.f("pk_conversation_reads")),
    )
    op.create_index(
        op.f("ix_conversation_reads_conversation_id"), "conversation_reads", ["conversation_id"], unique=False
    )
    op.create_table(
        "deeds",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deeds")),
    )
    op.create_index(op.f("ix_deeds_done_at"), "deeds", ["done_at"], unique=False)
    op.create_table(
        "drafts",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent", "conversation_id", name=op.f("pk_drafts")),
    )
    op.create_index(op.f("ix_drafts_conversation_id"), "drafts", ["conversation_id"], unique=False)
    op.create_table(
        "grant_requests",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("login_id", sa.BigInteger(), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_grant_requests")),
    )
    op.create_table(
        "grants",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("refresh_token", sa.Text(), nullable=False),
        sa.Column("access_token", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("renewed_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_grants")),
    )
    op.create_table(
        "lags",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("source", "at", name=op.f("pk_lags")),
    )
    op.create_table(
        "letter_recipients",
        sa.Column("letter_id", sa.BigInteger(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("letter_id", "handle", name=op.f("pk_letter_recipients")),
    )
    op.create_index(op.f("ix_letter_recipients_handle"), "letter_recipients", ["handle"], unique=False)
    op.create_table(
        "letters",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("blob", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("unless_answered", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("remote_id", sa.Text(), server_default="", nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("filed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
        sa.UniqueConstraint("key", name=op.f("uq_letters_key")),
    )
    op.create_index(op.f("ix_letters_conversation_id"), "letters", ["conversation_id"], unique=False)
    op.create_index(op.f("ix_letters_state_due_at"), "letters", ["state", "due_at"], unique=False)
    op.create_index(op.f("ix_letters_filed_at_state_due_at"), "letters", ["filed_at", "state", "due_at"], unique=False)
    op.create_table(
        "merged_conversations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("into_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merged_conversations")),
    )
    op.create_index(op.f("ix_merged_conversations_into_id"), "merged_conversations", ["into_id"], unique=False)
    op.create_table(
        "note_mentions",
        sa.Column("note_id", sa.BigInteger(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("note_id", "agent", name=op.f("pk_note_mentions")),
    )
    op.create_index(op.f("ix_note_mentions_agent_seen_at"), "note_mentions", ["agent", "seen_at"], unique=False)
    op.create_table(
        "keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_keys")),
    )
    op.create_table(
        "split_conversations",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", "from_id", name=op.f("pk_split_conversations")),
    )
    op.create_index(op.f("ix_split_conversations_from_id"), "split_conversations", ["from_id"], unique=False)
    op.create_table(
        "signatures",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agent", "source", name=op.f("pk_signatures")),
    )
    op.create_table(
        "team_turns",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("team", name=op.f("pk_team_turns")),
    )
    op.create_table(
        "tombstones",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_tombstones")),
    )
    op.create_table(
        "undeliverable",
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("diagnostic", sa.Text(), server_default="", nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handle", name=op.f("pk_undeliverable")),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("blob", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_uploaded_at"), "uploads", ["uploaded_at"], unique=False)
    op.add_column("conversations", sa.Column("team", sa.Text(), server_default="", nullable=False))
    op.add_column("conversations", sa.Column("snoozed_until", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("waiting_since", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("topic", sa.Text(), server_default="", nullable=False))
    op.add_column("conversations", sa.Column("sharing", sa.Text(), server_default="", nullable=False))
    op.add_column("conversations", sa.Column("deal_id", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("case_id", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("revision", sa.Integer(), server_default="1", nullable=False))
    op.create_index(
        op.f("ix_conversations_owner_state_last_at_id"),
        "conversations",
        ["owner", "state", "last_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_conversations_snoozed_until"), "conversations", ["snoozed_until"], unique=False)
    op.create_index(
        op.f("ix_conversations_state_last_at_id"), "conversations", ["state", "last_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_conversations_team_state_last_at_id"),
        "conversations",
        ["team", "state", "last_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_conversations_topic_last_at"), "conversations", ["topic", "last_at"], unique=False)
    for name, columns, where in (
        ("ix_conversations_waiting", ["waiting_since", "id"], sa.text("waiting_since IS NOT NULL")),
        ("ix_conversations_owner_waiting", ["owner", "waiting_since", "id"], sa.text("waiting_since IS NOT NULL")),
        ("ix_conversations_channel", ["channel", "state", "last_at", "id"], sa.text("channel <> 'email'")),
    ):
        op.create_index(name, "conversations", columns, sqlite_where=where, postgresql_where=where)
    op.add_column("copies", sa.Column("size", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("copies", sa.Column("received_at", sa.BigInteger(), nullable=True))
    op.add_column("copies", sa.Column("gone", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("copies", sa.Column("labels", sa.Text(), server_default="", nullable=False))
    op.create_index(
        op.f("ix_copies_source_place_provider_id"), "copies", ["source", "place", "provider_id"], unique=False
    )
    op.add_column("sources", sa.Column("next_try_at", sa.BigInteger(), nullable=True))
    op.add_column("sources", sa.Column("backfill_done", sa.BigInteger(), nullable=True))
    op.add_column("sources", sa.Column("backfill_total", sa.BigInteger(), nullable=True))
    op.add_column("sources", sa.Column("backfill_began_at", sa.BigInteger(), nullable=True))
    _settle()


def _settle() -> None:
    """What stands in a store from before: what a person outside said last, and not long ago, waits for an answer."""
    recent = time.time_ns() // 1000 - 14 * 86_400 * 1_000_000
    waits = (
        "SELECT 1 FROM interactions i WHERE i.id = conversations.last_interaction_id AND i.direction = 'inbound'"
        " AND i.occurred_at > :recent AND (i.outcome IN ('missed', 'voicemail')"
        " OR (i.kind = 'message' AND i.facts NOT LIKE :automatic))"
    )
    automatic = '%"automatic":"%'
    conn = op.get_bind()
    for statement in (
        f"UPDATE conversations SET waiting_since = last_at WHERE EXISTS ({waits})",  # noqa: S608
        f"UPDATE conversations SET state = 'closed' WHERE NOT EXISTS ({waits})",  # noqa: S608
    ):
        conn.execute(sa.text(statement), {"recent": recent, "automatic": automatic})
