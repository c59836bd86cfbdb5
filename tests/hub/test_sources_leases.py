"""Who listens to a source: one hub at a time, on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.sources import State
from hub.sources.lag import Measured, measured
from hub.sources.leases import Lease, release, renew, take
from hub.sources.states import Said, say
from hub.store.clock import clock
from hub.store.engine import Store
from hub.store.schema import sources as table
from hub.vocabulary import Freshness

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[tuple[Store, Store], None]:
    """The store as two hubs see it. SQLite has one writing process, so there both are the same."""
    if request.param == "sqlite":
        async with Store.open(f"sqlite:///{tmp_path / 'hub.sqlite3'}") as store:
            yield store, store
    else:
        url = request.getfixturevalue("postgres_url")
        async with Store.open(url) as one, Store.open(url, migrate=False) as other:
            yield one, other


async def taken(store: Store, holder: str, now: datetime = NOON, seconds: float = 15) -> Lease | None:
    return (await store.write(lambda conn: take(conn, ["mail"], holder, seconds, now))).get("mail")


async def row(store: Store) -> sa.Row[tuple[object, ...]]:
    return await store.read(lambda conn: conn.execute(sa.select(table).where(table.c.name == "mail")).one())


async def test_one_of_many_gets_the_lease(stores: tuple[Store, Store]) -> None:
    holders = [f"hub-{number}" for number in range(20)]

    found = await asyncio.gather(*(taken(stores[place % 2], holder) for place, holder in enumerate(holders)))

    (lease,) = [lease for lease in found if lease]
    assert lease == Lease("mail", lease.holder, 1, None, NOON + timedelta(seconds=15))


async def test_a_running_lease_keeps_others_out(stores: tuple[Store, Store]) -> None:
    one, other = stores
    await taken(one, "a")

    assert await taken(other, "b", NOON + timedelta(seconds=15)) is None


async def test_an_ended_lease_is_taken_over_with_its_cursor_and_a_new_epoch(stores: tuple[Store, Store]) -> None:
    one, other = stores
    first = await taken(one, "a")
    await one.write(lambda conn: conn.execute(table.update().values(cursor="uid:41")))

    second = await taken(other, "b", NOON + timedelta(seconds=15, microseconds=1))

    assert first is not None
    assert second is not None
    assert (second.holder, second.epoch, second.cursor) == ("b", first.epoch + 1, "uid:41")
    late = NOON + timedelta(seconds=16)
    assert await one.write(lambda conn: renew(conn, [first], 15, late)) == (set(), {"mail"})
    assert await other.write(lambda conn: renew(conn, [second], 15, late)) == ({"mail"}, set())


async def test_a_renewed_lease_runs_on(stores: tuple[Store, Store]) -> None:
    one, other = stores
    lease = await taken(one, "a")
    assert lease is not None

    late = NOON + timedelta(seconds=10)
    assert await one.write(lambda conn: renew(conn, [lease], 15, late)) == ({"mail"}, set())

    assert await taken(other, "b", NOON + timedelta(seconds=20)) is None


async def test_a_released_lease_is_free_at_once(stores: tuple[Store, Store]) -> None:
    one, other = stores
    lease = await taken(one, "a")
    assert lease is not None

    await one.write(lambda conn: release(conn, [lease]))

    assert await taken(other, "b") is not None


async def test_a_former_holder_releases_nothing(stores: tuple[Store, Store]) -> None:
    one, other = stores
    first = await taken(one, "a")
    assert first is not None
    await taken(other, "b", NOON + timedelta(minutes=1))

    await one.write(lambda conn: release(conn, [first]))

    assert (await row(one)).holder == "b"


async def test_the_same_holder_takes_it_again_with_a_new_epoch(stores: tuple[Store, Store]) -> None:
    first, again = await taken(stores[0], "a"), await taken(stores[0], "a")

    assert first is not None
    assert again is not None
    assert again.epoch == first.epoch + 1


async def test_a_former_holder_does_not_say_how_the_source_does(stores: tuple[Store, Store]) -> None:
    one, other = stores
    first = await taken(one, "a")
    second = await taken(other, "b", NOON + timedelta(minutes=1))
    assert first is not None
    assert second is not None

    await other.write(lambda conn: say(conn, [Said("mail", State.LISTENING, epoch=second.epoch)]))
    await one.write(lambda conn: say(conn, [Said("mail", State.WAITING, "no route to host", epoch=first.epoch)]))

    assert ((await row(one)).state, (await row(one)).cause) == ("listening", "")


async def test_freshness_is_kept_with_its_time(stores: tuple[Store, Store]) -> None:
    one, _ = stores

    await one.write(lambda conn: measured(conn, [Measured("mail", Freshness(312, 120.5))], NOON))

    found = await row(one)
    assert (found.behind_messages, found.behind_seconds, found.measured_at) == (312, 120.5, NOON)


async def test_the_clock_is_aware_and_near_ours(stores: tuple[Store, Store]) -> None:
    before = datetime.now(UTC)
    told = await stores[0].read(clock)

    assert told.tzinfo is UTC
    assert abs(told - before) < timedelta(minutes=1)
