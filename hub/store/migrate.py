"""Brings a store to the newest schema, in one transaction."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

_MIGRATIONS = Path(__file__).with_name("migrations")
_ADVISORY_LOCK = 0x687562  # "hub": two hubs that start on one PostgreSQL must not migrate at the same time


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Upgrade the store behind *engine* to *revision*. Safe to call at every start and from several hubs at once."""
    if revision == "head" and _revision(engine) == _newest():
        return
    # Every command opens a store, and hardly one has to upgrade it: Alembic takes longer to load than all the rest.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as conn:
        if conn.dialect.name == "postgresql":
            conn.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        config.attributes["connection"] = conn
        command.upgrade(config, revision)


def _revision(engine: sa.Engine) -> str:
    """The revision that the store has, "" where it has none."""
    with engine.connect() as conn:
        if not sa.inspect(conn).has_table("alembic_version"):
            return ""
        return str(conn.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or "")


def _newest() -> str:
    """The revision that the last of our migrations, by their numbers, leads to."""
    return max(path.name for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]
