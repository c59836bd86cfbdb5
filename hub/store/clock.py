"""The store's time, by which whatever several hubs agree on is claimed, leased and let go."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection


def clock(conn: Connection) -> datetime:
    """Now, UTC: the database's own time, so that the clocks of several hubs need not agree."""
    if conn.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = conn.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)
