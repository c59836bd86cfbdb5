"""A whole hub behind a real HTTP server on loopback, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hub.web.office import Office, open_office


@pytest.fixture
async def office(store_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """A small firm's hub: see `tests.hub.web.office`."""
    async with open_office(store_url, tmp_path) as opened:
        yield opened
