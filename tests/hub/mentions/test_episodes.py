"""Spikes and silence, in a stream of eight weeks that is told again: one episode, one alert, one end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.book import Rulebook
from hub.mentions.desk import Watch
from hub.mentions.watching import Watching
from hub.privacy.visibility import HUB
from hub.store.alert_tables import alerts
from hub.store.mention_tables import mention_counts
from hub.store.schema import sources
from tests.hub.mentions.posts import post
from tests.hub.web.office import Office, open_office

MONDAY = datetime(2026, 11, 16, 10, tzinfo=UTC)


@pytest.fixture
async def office(store_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(store_url, tmp_path) as opened:
        yield opened


class Clock:
    """A time that a test sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


async def watching(office: Office, usual: int) -> tuple[Watch, Clock, int]:
    """A query that for eight weeks has found *usual* posts an hour, watched by Ada."""
    service, clock = office.service, Clock(MONDAY)
    made = await service.watch.make(HUB, "Brand", "ExampleBrand", ["ada"])
    hours = [MONDAY - timedelta(hours=hour) for hour in range(1, 8 * 168)]

    def before(conn: Connection) -> None:
        rows = [{"query_id": made.id, "hour": hour, "count": usual} for hour in hours]
        conn.execute(mention_counts.insert(), rows)

    await service.store.write(before)
    book = Rulebook(service.config)
    watch = Watch(service.config, service.store, service.live, Watching(), book, clock)
    await watch.refresh()
    return watch, clock, made.id


async def count(office: Office, query: int, hour: datetime, number: int) -> None:
    """So many were found in *hour*."""

    def work(conn: Connection) -> None:
        here = mention_counts.c.query_id == query, mention_counts.c.hour == hour
        conn.execute(mention_counts.delete().where(*here))
        conn.execute(mention_counts.insert().values(query_id=query, hour=hour, count=number))

    await office.service.store.write(work)


async def told(office: Office) -> list[tuple[str, str, str]]:
    wanted = sa.select(alerts.c.kind, alerts.c.agent, alerts.c.state).order_by(alerts.c.id)
    return await office.service.store.read(lambda conn: [tuple(row) for row in conn.execute(wanted)])


async def test_a_spike_is_one_episode_with_one_alert_and_an_end(office: Office) -> None:
    watch, clock, query = await watching(office, 4)
    for minute, number in ((5, 3), (20, 12), (40, 40), (55, 60)):
        clock.now = MONDAY + timedelta(minutes=minute)
        await count(office, query, MONDAY, number)
        await watch.judge()
        await watch.judge()
    assert await told(office) == [("spike", "ada", "open")]
    for hour, number in ((1, 55), (2, 4), (3, 5), (4, 4)):
        at = MONDAY + timedelta(hours=hour)
        await count(office, query, at, number)
        clock.now = at + timedelta(minutes=59)
        await watch.judge()
    assert await told(office) == [("spike", "ada", "ended")]
    (episode,) = await watch.episodes(query)
    assert (episode.kind, episode.began_at, episode.peak) == ("spike", MONDAY, 60)
    assert episode.ended_at is not None
    assert round(episode.usual) == 4


async def test_silence_where_forty_an_hour_are_usual_is_one_alert_until_somebody_speaks(office: Office) -> None:
    watch, clock, query = await watching(office, 40)
    for hour in (1, 2, 3):
        clock.now = MONDAY + timedelta(hours=hour, minutes=5)
        await watch.judge()
    assert await told(office) == [("silence", "ada", "open")]
    await count(office, query, MONDAY + timedelta(hours=3), 12)
    await watch.judge()
    assert await told(office) == [("silence", "ada", "ended")]


async def test_a_source_that_is_down_is_no_silence(office: Office) -> None:
    watch, clock, _ = await watching(office, 40)
    await office.service.ingest.record("bluesky", [post("at:1", "ExampleBrand", at=MONDAY - timedelta(days=1))])
    down = sources.update().where(sources.c.name == "bluesky").values(state="waiting")
    await office.service.store.write(lambda conn: conn.execute(down))
    clock.now = MONDAY + timedelta(hours=3)
    await watch.judge()
    assert await told(office) == []
    assert await watch.episodes() == []


async def test_a_spike_is_noticed_between_two_rounds_and_once(office: Office) -> None:
    watch, clock, query = await watching(office, 4)
    for minute, number in ((5, 9), (6, 30), (7, 30), (8, 31)):
        clock.now = MONDAY + timedelta(minutes=minute)
        await count(office, query, MONDAY, number)
        await watch.look()
        assert bool(await told(office)) == (number >= 30)
    assert await told(office) == [("spike", "ada", "open")]


async def test_what_is_usual_is_known_of_a_new_query_from_what_was_heard_before_it(office: Office) -> None:
    service, now = office.service, datetime.now(UTC)
    heard = [now - timedelta(weeks=week) for week in (1, 2, 3, 4) for _ in range(30)]
    heard += [now] * 45
    await service.ingest.record(
        "feed", [post(f"feed:{place}", f"Lamps, number {place}", at=at) for place, at in enumerate(heard)]
    )
    made = await service.watch.make(HUB, "Lamps", "lamps", ["ada"])
    await service.watch.judge()
    assert await told(office) == [], "45 are not many where 30 are usual"
    other = await service.watch.change(HUB, made.id, made.version, text="lamps 120 OR 121")
    counts = sa.select(sa.func.sum(mention_counts.c.count)).where(mention_counts.c.query_id == other.id)
    assert await service.store.read(lambda conn: conn.scalar(counts)) == 2
