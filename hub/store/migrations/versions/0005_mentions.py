"""Mentions: queries, posts, and what was found among them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "mention_bands",
        sa.Column("band", sa.Integer(), nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("posted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("band", "interaction_id", name="pk_mention_bands"),
    )
    op.create_index("ix_mention_bands_interaction_id", "mention_bands", ["interaction_id"], unique=False)
    op.create_table(
        "mention_corrections",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mention_corrections"),
    )
    op.create_index("ix_mention_corrections_interaction_id", "mention_corrections", ["interaction_id"], unique=False)
    op.create_table(
        "mention_counts",
        sa.Column("query_id", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("query_id", "hour", name="pk_mention_counts"),
    )
    op.create_table(
        "mention_episodes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("query_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("usual", sa.Float(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("peak", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mention_episodes"),
    )
    op.create_index("ix_mention_episodes_query_id_began_at", "mention_episodes", ["query_id", "began_at"], unique=False)
    op.create_index(
        "uq_mention_episodes_open",
        "mention_episodes",
        ["query_id", "kind"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "mention_matches",
        sa.Column("query_id", sa.BigInteger(), nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("spans", sa.Text(), nullable=False),
        sa.Column("stands", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("posted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("query_id", "interaction_id", name="pk_mention_matches"),
    )
    op.create_index("ix_mention_matches_interaction_id", "mention_matches", ["interaction_id"], unique=False)
    op.create_index("ix_mention_matches_query_id_posted_at", "mention_matches", ["query_id", "posted_at"], unique=False)
    op.create_table(
        "mention_spread",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("reach", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_mention_spread"),
    )
    op.create_index("ix_mention_spread_author", "mention_spread", ["author"], unique=False)
    op.create_index("ix_mention_spread_interaction_id", "mention_spread", ["interaction_id"], unique=False)
    op.create_table(
        "mentions",
        sa.Column("interaction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="new", nullable=False),
        sa.Column("author", sa.Text(), server_default="", nullable=False),
        sa.Column("site", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("sentiment", sa.Text(), server_default="unclear", nullable=False),
        sa.Column("score", sa.Float(), server_default="0", nullable=False),
        sa.Column("confidence", sa.Float(), server_default="0", nullable=False),
        sa.Column("corrected_by", sa.Text(), server_default="", nullable=False),
        sa.Column("reach", sa.BigInteger(), nullable=True),
        sa.Column("fingerprint", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("spread", sa.Integer(), server_default="0", nullable=False),
        sa.Column("addressed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("posted_at", sa.BigInteger(), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", name="pk_mentions"),
        sa.UniqueConstraint("key", name="uq_mentions_key"),
    )
    op.create_index("ix_mentions_author", "mentions", ["author"], unique=False)
    op.create_index("ix_mentions_posted_at_interaction_id", "mentions", ["posted_at", "interaction_id"], unique=False)
    op.create_index("ix_mentions_state_posted_at", "mentions", ["state", "posted_at"], unique=False)
    op.create_index("ix_mentions_url", "mentions", ["url"], unique=False)
    op.create_table(
        "posts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), server_default="", nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_posts"),
    )
    op.create_index("ix_posts_author", "posts", ["author"], unique=False)
    op.create_index("ix_posts_heard_at", "posts", ["heard_at"], unique=False)
    op.create_table(
        "watch_queries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("agents", sa.Text(), server_default="[]", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_watch_queries"),
    )
