"""Two hubs on one PostgreSQL sell every time once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from hub.booking.states import Gone
from hub.store import Store
from tests.hub.booking.office import LI_NA, Office, open_office, tomorrow
from tests.hub.core import open_core


@pytest.fixture
def store_url(request: pytest.FixtureRequest) -> str:
    """Two hubs need PostgreSQL."""
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def hubs(store_url: str, tmp_path: Path) -> AsyncIterator[tuple[Office, Office]]:
    """Two hubs on one store, with the same calendars."""
    async with AsyncExitStack() as stack:
        opened = []
        for number in range(2):
            store = await stack.enter_async_context(Store.open(store_url))
            core = await stack.enter_async_context(open_core(store))
            folder = tmp_path / str(number)
            folder.mkdir()
            opened.append(await stack.enter_async_context(open_office(core, folder)))
        opened[1].diaries.update(opened[0].diaries)
        yield opened[0], opened[1]


async def test_every_time_is_sold_once_by_two_hubs(hubs: tuple[Office, Office]) -> None:
    times = [tomorrow(hour, minute) for hour in (9, 10, 11) for minute in (0, 15, 30, 45)]

    async def tried(office: Office, number: int) -> bool:
        try:
            held = await office.hold(times[number % len(times)], "both", 60)
        except Gone:
            return False
        await office.bookings.confirm(held.secret, LI_NA)
        return True

    made = await asyncio.gather(*(tried(office, number) for number in range(36) for office in hubs))
    rows = await hubs[0].core.rows("SELECT starts_at FROM appointments WHERE state = 'confirmed' ORDER BY starts_at")
    hour = 3600 * 1_000_000
    starts = [starts_at for (starts_at,) in rows]
    assert sum(made) == len(starts) >= 2
    assert all(later - earlier >= hour for earlier, later in pairwise(starts))
    assert len(hubs[0].ada.events) == len(hubs[0].ben.events) == len(starts)


async def test_both_hubs_confirm_one_hold_and_it_is_one_booking(hubs: tuple[Office, Office]) -> None:
    held = await hubs[0].hold(tomorrow())
    first, second = await asyncio.gather(*(office.bookings.confirm(held.secret, LI_NA) for office in hubs))
    assert first.booking.id == second.booking.id == held.booking_id
    assert len(hubs[0].ada.puts) == 1
    assert await hubs[0].core.one("SELECT count(*) FROM booking_notices WHERE way = 'mail'") == 1
