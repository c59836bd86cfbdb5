"""Ways: by which people are told of alerts, and who subscribes to them."""

from __future__ import annotations

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """To this revision."""
