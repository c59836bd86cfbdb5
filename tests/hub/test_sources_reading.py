"""How far first readings are: what is written, and what it says of rate and time left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from hub.sources.leases import Lease, take
from hub.sources.reading import Progress, Readings, progress
from hub.store import Store
from hub.store.schema import sources
from hub.vocabulary import Backfill

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECONDS = 20


class Told:
    """Waits until it was told of a source."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[str] = asyncio.Queue()

    def __call__(self, source: str) -> None:
        self._news.put_nowait(source)

    async def of(self, source: str) -> None:
        async with asyncio.timeout(SECONDS):
            while await self._news.get() != source:
                pass


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def readings(store: Store, told: Told) -> AsyncIterator[Readings]:
    readings = Readings(store, 0.01, told)
    yield readings
    await readings.close()


async def leased(store: Store, name: str = "mail", holder: str = "one") -> Lease:
    return (await store.write(lambda conn: take(conn, [name], holder, 15, datetime.now(UTC))))[name]


async def columns(store: Store) -> tuple[int | None, int | None, datetime | None]:
    wanted = sa.select(sources.c.backfill_done, sources.c.backfill_total, sources.c.backfill_began_at)
    return tuple(await store.read(lambda conn: conn.execute(wanted).one()))


@pytest.mark.parametrize(
    ("done", "total", "seconds", "expected"),
    [
        (None, None, 60, None),
        (0, 9800, 60, Progress(0, 9800, None, None)),
        (600, 9800, 1, Progress(600, 9800, None, None)),
        (600, 9800, 60, Progress(600, 9800, 10.0, 920.0)),
        (9800, 9800, 60, Progress(9800, 9800, 9800 / 60, 0.0)),
        (10, 0, 60, Progress(10, 0, 10 / 60, 0.0)),
    ],
)
def test_rate_and_time_left_follow_from_three_columns(
    done: int | None, total: int | None, seconds: int, expected: Progress | None
) -> None:
    assert progress(done, total, NOON - timedelta(seconds=seconds), NOON) == expected


def test_of_a_reading_that_stands_still_nobody_knows_when_it_ends() -> None:
    assert progress(600, 9800, NOON - timedelta(minutes=1), NOON, reads=False) == Progress(600, 9800, None, None)


async def test_it_is_written_while_it_goes_on_and_cleared_when_it_is_over(
    store: Store, readings: Readings, told: Told
) -> None:
    lease = await leased(store)
    readings.resume("mail", lease.epoch, reading=lease.reading)
    readings.note("mail", lease.epoch, Backfill(0, 100))
    await told.of("mail")
    before = await columns(store)
    readings.note("mail", lease.epoch, Backfill(40, 100))
    await told.of("mail")
    going = await columns(store)
    readings.note("mail", lease.epoch, None)
    await told.of("mail")

    assert before == (0, 100, None)
    assert going[:2] == (40, 100)
    assert going[2] is not None
    assert await columns(store) == (None, None, None)


async def test_the_time_in_which_nobody_read_does_not_count(store: Store, readings: Readings, told: Told) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=3)
    await leased(store, holder="gone")
    await store.write(
        lambda conn: (
            conn.execute(
                sources.update().values(
                    backfill_done=5000, backfill_total=9000, backfill_began_at=long_ago, leased_until=long_ago
                )
            ).rowcount
        )
    )
    lease = await leased(store)
    readings.resume("mail", lease.epoch, reading=lease.reading)
    readings.note("mail", lease.epoch, Backfill(5000, 9000))
    await told.of("mail")
    readings.note("mail", lease.epoch, Backfill(6000, 9000))
    await told.of("mail")

    assert lease.reading
    done, _, began = await columns(store)
    assert done == 6000
    assert began is not None
    assert datetime.now(UTC) - began < timedelta(hours=1)


async def test_what_a_killed_hub_left_is_cleared_where_the_reading_is_over(
    store: Store, readings: Readings, told: Told
) -> None:
    lease = await leased(store)
    await store.write(lambda conn: conn.execute(sources.update().values(backfill_done=99, backfill_total=100)).rowcount)
    lease = await leased(store)
    readings.resume("mail", lease.epoch, reading=lease.reading)
    readings.note("mail", lease.epoch, None)
    await told.of("mail")

    assert await columns(store) == (None, None, None)


async def test_a_former_holder_writes_nothing(store: Store, readings: Readings, told: Told) -> None:
    former = await leased(store)
    await leased(store)
    readings.note("mail", former.epoch, Backfill(1, 2))
    await told.of("mail")

    assert await columns(store) == (None, None, None)


async def test_a_thousand_sources_are_written_together(store: Store, told: Told) -> None:
    names = [f"mail-{number}" for number in range(1000)]
    leases = await store.write(lambda conn: take(conn, names, "one", 15, datetime.now(UTC)))
    readings = Readings(store, 0.01, told)
    writes = count(store)
    for name in names:
        readings.note(name, leases[name].epoch, Backfill(1, 2))
    await told.of(names[-1])

    assert writes() == 1
    await readings.close()


def count(store: Store) -> Callable[[], int]:
    """How many transactions were written since."""
    seen = 0

    @sa.event.listens_for(store._engine, "commit")
    def commit(_: sa.Connection) -> None:
        nonlocal seen
        seen += 1

    return lambda: seen
