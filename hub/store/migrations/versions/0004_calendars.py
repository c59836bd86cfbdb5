"""Calendars: what lies in them, when it takes place, and what is booked between it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_OVERLAP = """
CREATE TRIGGER appointment_hosts_overlap_{when} BEFORE {event} ON appointment_hosts
WHEN NEW.active AND EXISTS (
    SELECT 1 FROM appointment_hosts AS other
    WHERE other.agent = NEW.agent AND other.active AND other.appointment_id <> NEW.appointment_id
      AND other.blocked_from < NEW.blocked_until AND other.blocked_until > NEW.blocked_from
)
BEGIN SELECT RAISE(ABORT, 'appointment_hosts_overlap'); END
"""


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "appointments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("organizer", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), server_default="[]", nullable=False),
        sa.Column("notifier", sa.Text(), server_default="hub", nullable=False),
        sa.Column("overlaps", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointments")),
        sa.UniqueConstraint("uid", name=op.f("uq_appointments_uid")),
    )
    op.create_index(
        op.f("ix_appointments_event_type_starts_at"), "appointments", ["event_type", "starts_at"], unique=False
    )
    op.create_index(op.f("ix_appointments_starts_at"), "appointments", ["starts_at"], unique=False)
    op.create_index(op.f("ix_appointments_state_held_until"), "appointments", ["state", "held_until"], unique=False)
    op.create_table(
        "calendar_busy",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.LargeBinary(), nullable=False),
        sa.Column("refused", sa.Text(), server_default="", nullable=False),
        sa.Column("begins_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "place", "uid", name=op.f("pk_calendar_busy")),
    )
    op.create_index(op.f("ix_calendar_busy_begins_at"), "calendar_busy", ["begins_at"], unique=False)
    op.create_index(op.f("ix_calendar_busy_until"), "calendar_busy", ["until"], unique=False)
    op.create_table(
        "calendar_feeds",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_calendar_feeds")),
    )
    op.create_index(op.f("ix_calendar_feeds_agent"), "calendar_feeds", ["agent"], unique=False)
    op.create_table(
        "calendar_objects",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), server_default="", nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("audience", sa.Text(), server_default="", nullable=False),
        sa.Column("private", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("expanded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_objects")),
        sa.UniqueConstraint(
            "source", "place", "provider_id", name=op.f("uq_calendar_objects_source_place_provider_id")
        ),
    )
    op.create_index(
        op.f("ix_calendar_objects_source_place_uid"), "calendar_objects", ["source", "place", "uid"], unique=False
    )
    op.create_index(op.f("ix_calendar_objects_uid"), "calendar_objects", ["uid"], unique=False)
    op.create_table(
        "calendar_versions",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_calendar_versions")),
    )
    op.create_table(
        "event_types",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("archived", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_event_types")),
    )
    op.create_table(
        "appointment_hosts",
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("blocked_from", sa.BigInteger(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"],
            ["appointments.id"],
            name=op.f("fk_appointment_hosts_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("appointment_id", "agent", name=op.f("pk_appointment_hosts")),
    )
    op.create_index(
        op.f("ix_appointment_hosts_agent_blocked_until"), "appointment_hosts", ["agent", "blocked_until"], unique=False
    )
    op.create_table(
        "appointment_writes",
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_id", sa.Text(), server_default="", nullable=False),
        sa.Column("etag", sa.Text(), server_default="", nullable=False),
        sa.Column("uid", sa.Text(), server_default="", nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"],
            ["appointments.id"],
            name=op.f("fk_appointment_writes_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("appointment_id", "agent", name=op.f("pk_appointment_writes")),
    )
    op.create_index(op.f("ix_appointment_writes_state_due_at"), "appointment_writes", ["state", "due_at"], unique=False)
    op.create_index(op.f("ix_appointment_writes_uid"), "appointment_writes", ["uid"], unique=False)
    op.create_table(
        "booking_links",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_booking_links_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_links")),
        sa.UniqueConstraint("hash", name=op.f("uq_booking_links_hash")),
    )
    op.create_table(
        "bookings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("seat", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("mail", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text(), server_default="{}", nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("link_id", sa.BigInteger(), nullable=True),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("no_show", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_bookings_appointment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_bookings_contact_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookings")),
        sa.UniqueConstraint("secret", name=op.f("uq_bookings_secret")),
    )
    op.create_index(op.f("ix_bookings_appointment_id"), "bookings", ["appointment_id"], unique=False)
    op.create_index(op.f("ix_bookings_contact_id"), "bookings", ["contact_id"], unique=False)
    op.create_index(op.f("ix_bookings_mail"), "bookings", ["mail"], unique=False)
    op.create_index(
        "uq_bookings_seat",
        "bookings",
        ["appointment_id", "seat"],
        unique=True,
        sqlite_where=sa.text("state IN ('held', 'asked', 'confirmed')"),
        postgresql_where=sa.text("state IN ('held', 'asked', 'confirmed')"),
    )
    op.create_table(
        "booking_notices",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="due", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("letter_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["bookings.id"], name=op.f("fk_booking_notices_booking_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_notices")),
        sa.UniqueConstraint(
            "booking_id",
            "kind",
            "way",
            "recipient",
            "sequence",
            "due_at",
            name=op.f("uq_booking_notices_booking_id_kind_way_recipient_sequence_due_at"),
        ),
    )
    op.create_index(op.f("ix_booking_notices_state_due_at"), "booking_notices", ["state", "due_at"], unique=False)
    op.add_column("conversation_reads", sa.Column("seen_id", sa.BigInteger(), nullable=True))
    op.add_column("sources", sa.Column("current_at", sa.BigInteger(), nullable=True))

    _never_two_at_once()


def _never_two_at_once() -> None:
    """The promise of booking, kept by the database itself: what takes one agent's time never overlaps."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_OVERLAP.format(when="insert", event="INSERT"))
        op.execute(_OVERLAP.format(when="update", event="UPDATE"))
        return
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute(
        "ALTER TABLE appointment_hosts ADD CONSTRAINT appointment_hosts_overlap"
        " EXCLUDE USING gist (agent WITH =, int8range(blocked_from, blocked_until) WITH &&) WHERE (active)"
    )
