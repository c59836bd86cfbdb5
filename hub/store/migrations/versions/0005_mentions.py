"""Mentions: queries, posts, and what was found among them."""

from __future__ import annotations

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """To this revision."""
