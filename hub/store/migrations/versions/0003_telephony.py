"""Calls as people work on them: who can be reached, what is missed, recorded, dialled, and to be done."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "absences",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("stand_in", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
    )
    op.create_index(op.f("ix_absences_agent_until_at"), "absences", ["agent", "until_at"], unique=False)
    op.create_table(
        "availability",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_availability")),
    )
    op.create_table(
        "receipts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "state", name=op.f("pk_receipts")),
    )
    op.create_index(op.f("ix_receipts_at"), "receipts", ["at"], unique=False)
    op.create_table(
        "blocked_numbers",
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handle", name=op.f("pk_blocked_numbers")),
    )
    op.create_table(
        "call_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("into_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_call_keys")),
    )
    op.create_index(op.f("ix_call_keys_into_key"), "call_keys", ["into_key"], unique=False)
    op.create_table(
        "consents",
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.Text(), server_default="", nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handle", "purpose", name=op.f("pk_consents")),
    )
    op.create_table(
        "dial_lists",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="3", nullable=False),
        sa.Column("retry_minutes", sa.Integer(), server_default="60", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dial_lists")),
    )
    op.create_table(
        "dials",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("callee", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dials")),
    )
    op.create_index(op.f("ix_dials_agent_at"), "dials", ["agent", "at"], unique=False)
    op.create_index(op.f("ix_dials_callee_at"), "dials", ["callee", "at"], unique=False)
    op.create_index(op.f("ix_dials_key"), "dials", ["key"], unique=False)
    op.create_index(op.f("ix_dials_state_at"), "dials", ["state", "at"], unique=False)
    op.create_table(
        "missed_calls",
        sa.Column("interaction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("missed_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.BigInteger(), nullable=True),
        sa.Column("closed_how", sa.Text(), server_default="", nullable=False),
        sa.Column("alerted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("pk_missed_calls")),
    )
    op.create_index(op.f("ix_missed_calls_contact_id_state"), "missed_calls", ["contact_id", "state"], unique=False)
    op.create_index(op.f("ix_missed_calls_handle_state"), "missed_calls", ["handle", "state"], unique=False)
    op.create_index(op.f("ix_missed_calls_state_due_at"), "missed_calls", ["state", "due_at"], unique=False)
    op.create_table(
        "queued_calls",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_queued_calls")),
    )
    op.create_index(op.f("ix_queued_calls_queue_since"), "queued_calls", ["queue", "since"], unique=False)
    op.create_table(
        "recordings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("voicemail", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("blob", sa.Text(), server_default="", nullable=False),
        sa.Column("media_type", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.Column("keep_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recordings")),
    )
    op.create_index(op.f("ix_recordings_interaction_id"), "recordings", ["interaction_id"], unique=False)
    op.create_index(op.f("ix_recordings_keep_until"), "recordings", ["keep_until"], unique=False)
    op.create_index(op.f("ix_recordings_source_provider_id"), "recordings", ["source", "provider_id"], unique=True)
    op.create_index(op.f("ix_recordings_state_due_at"), "recordings", ["state", "due_at"], unique=False)
    op.create_table(
        "wrap_ups",
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("disposition", sa.Text(), server_default="", nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("interaction_id", "agent", name=op.f("pk_wrap_ups")),
    )
    op.create_index(op.f("ix_wrap_ups_agent_state"), "wrap_ups", ["agent", "state"], unique=False)
    op.create_index(op.f("ix_wrap_ups_state_ends_at"), "wrap_ups", ["state", "ends_at"], unique=False)
    op.create_table(
        "dial_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("dial_id", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id"], ["dial_lists.id"], name=op.f("fk_dial_entries_list_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dial_entries")),
    )
    op.create_index(op.f("ix_dial_entries_dial_id"), "dial_entries", ["dial_id"], unique=False)
    op.create_index(
        op.f("ix_dial_entries_list_id_state_due_at_position"),
        "dial_entries",
        ["list_id", "state", "due_at", "position"],
        unique=False,
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("interaction_id", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_tasks_contact_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_contact_id"), "tasks", ["contact_id"], unique=False)
    op.create_index(op.f("ix_tasks_interaction_id"), "tasks", ["interaction_id"], unique=False)
    op.create_index(op.f("ix_tasks_owner_done_at_due_at"), "tasks", ["owner", "done_at", "due_at"], unique=False)
    alive = sa.text("kind = 'call' AND state <> 'ended'")
    op.create_index(
        "ix_interactions_alive", "interactions", ["occurred_at"], sqlite_where=alive, postgresql_where=alive
    )
    for name in ("queue", "preferred", "passed_by"):
        op.add_column("pops", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("pops", sa.Column("answered_at", sa.BigInteger()))
    _settle()


def _settle() -> None:
    """Missed calls that wait for an answer from before are in the ledger, due four hours after they came. Nobody is
    alerted of those that are late already."""
    now = time.time_ns() // 1000
    caller = (
        "SELECT p.handle FROM participants p WHERE p.interaction_id = i.id AND p.role = 'caller' AND NOT p.ours"
        " ORDER BY p.position LIMIT 1"
    )
    op.get_bind().execute(
        sa.text(
            "INSERT INTO missed_calls (interaction_id, handle, contact_id, owner, state, missed_at, due_at, alerted_at)"  # noqa: S608
            f" SELECT i.id, COALESCE(({caller}), ''),"
            " (SELECT MIN(a.contact_id) FROM activities a WHERE a.interaction_id = i.id),"
            " c.owner, 'open', i.occurred_at, i.occurred_at + 14400000000, :now"
            " FROM conversations c JOIN interactions i ON i.conversation_id = c.id"
            " WHERE c.channel = 'voice' AND c.waiting_since IS NOT NULL AND i.kind = 'call'"
            " AND i.direction = 'inbound' AND i.outcome IN ('missed', 'voicemail')"
        ),
        {"now": now},
    )
