"""The core on both databases: any test that asks for `store` or `core` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.store import Store
from hub.store.migrate import upgrade
from tests.hub.core import Core, open_core
from tests.servers.postgresql import PostgreSQL


def _migrate(url: str) -> None:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with the newest schema and nothing in it, to copy."""
    path = tmp_path_factory.mktemp("migrated") / "hub.sqlite3"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that no hub has opened yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a migrated store with nothing in it."""
    if request.param == "sqlite":
        path = tmp_path / "hub.sqlite3"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgreSQL = request.getfixturevalue("postgres")
    with server.lent(server.prepared("migrated", _migrate)) as name:
        yield server.url(name)


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
