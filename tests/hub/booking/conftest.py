"""An office on both databases: see `tests.hub.booking.office`."""

from __future__ import annotations

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
