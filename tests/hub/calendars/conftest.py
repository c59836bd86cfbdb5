"""A core whose sources are calendars, and short ways to say what lies in them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.store import Store
from tests.hub.calendars.diary import OWNERS
from tests.hub.core import Core, open_core


@pytest.fixture
async def core(store: Store) -> AsyncIterator[Core]:
    """The hub's core, with the calendars of `OWNERS`."""
    async with open_core(store, owners=OWNERS) as opened:
        yield opened
