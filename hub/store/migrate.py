"""Brings a store to the newest schema, in one transaction."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

_ADVISORY_LOCK = 0x687562  # "hub": two hubs that start on one PostgreSQL must not migrate at the same time


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Upgrade the store behind *engine* to *revision*. Safe to call at every start and from several hubs at once."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with engine.begin() as conn:
        if conn.dialect.name == "postgresql":
            conn.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        config.attributes["connection"] = conn
        command.upgrade(config, revision)
