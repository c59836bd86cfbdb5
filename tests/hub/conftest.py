"""The core on both databases: any test that asks for `store` or `core` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.store import Store
from tests.hub.core import Core, open_core


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An open store with the newest schema."""
    async with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
async def core(store: Store) -> AsyncIterator[Core]:
    """The hub's core without doors: see `tests.hub.core`."""
    async with open_core(store) as opened:
        yield opened
