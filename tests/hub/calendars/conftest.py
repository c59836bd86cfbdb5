"""A core whose sources are calendars, and short ways to say what lies in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from hub.mailroom import Mailroom
from hub.store import Store
from hub.understanding import Guide
from tests.hub.calendars.diary import OWNERS
from tests.hub.core import Core, open_core


@pytest.fixture(scope="session")
def workers() -> Iterator[Mailroom]:
    """One worker for all tests: its start takes longer than what it computes."""
    mailroom = Mailroom(Guide(), workers=1)
    yield mailroom
    mailroom.close()


@pytest.fixture
async def core(store: Store, workers: Mailroom) -> AsyncIterator[Core]:
    """The hub's core, with the calendars of `OWNERS`."""
    async with open_core(store, owners=OWNERS, workers=workers) as opened:
        yield opened
