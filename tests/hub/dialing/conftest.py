"""The firm of `tests.hub.dialing.board`."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hub.dialing.board import Firm, open_firm


@pytest.fixture
async def firm(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Firm]:
    """A firm that calls, on SQLite."""
    path = tmp_path / "hub.sqlite3"
    shutil.copyfile(migrated_sqlite, path)
    async with open_firm(f"sqlite:///{path}", tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
async def each_firm(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Firm]:
    """A firm that calls, on each of the databases: for what its SQL must get right."""
    async with open_firm(store_url, tmp_path, monkeypatch) as opened:
        yield opened
