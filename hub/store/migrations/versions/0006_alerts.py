"""Alerts: what people are told, why, and by which ways."""

from __future__ import annotations

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """To this revision."""
