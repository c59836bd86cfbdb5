"""An office on both databases: see `tests.hub.booking.office`."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hub.booking.office import Office, open_office
from tests.hub.core import Core


@pytest.fixture
async def office(core: Core, tmp_path: Path) -> AsyncIterator[Office]:
    """A firm that can be booked, whose keeper does not run."""
    async with open_office(core, tmp_path) as opened:
        yield opened


@pytest.fixture
async def ruled_office(core: Core, tmp_path: Path) -> AsyncIterator[Office]:
    """The same, offering what the rules say."""
    async with open_office(core, tmp_path, blind=False) as opened:
        yield opened


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a migrated SQLite store; of one on PostgreSQL where a test is parametrized with `postgresql`."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / "hub.sqlite3")
    return f"sqlite:///{tmp_path / 'hub.sqlite3'}"
