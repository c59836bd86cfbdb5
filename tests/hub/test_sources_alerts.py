"""One alert for each episode, with its end; and the status does not lie (FIELD: any channel)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa

import hub
from hub.config import Plugins, load
from hub.live import LiveEvent, Subscription
from hub.service import Service
from hub.sources.keeper import Status
from hub.sources.pace import Pace
from hub.sources.states import State
from hub.sources.supervisor import Supervisor
from hub.store.schema import logins, sources
from tests.fakes.ticker import Connector, TickerSettings, TickServer, tick_server

PACE = Pace(
    lease=3, retry_lease=0.05, freshness=0.02, rarest=0.02, first_delay=0.01, longest_delay=0.02, healthy=0.1, alarm=0.2
)
SETUP = hub.Setup("clock", "DE", (), (), (), "")
SECONDS = 20


class Screen:
    """An administrator's screen: the alerts it was sent."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._waiting: list[dict[str, str]] = []

    async def alert(self) -> str:
        """The state in the next alert about the clock."""
        async with asyncio.timeout(SECONDS):
            while not self._waiting:
                for frame in ((await self._subscription.frames()) or b"").split(b"\n\n"):
                    lines = dict(line.split(b": ", 1) for line in frame.splitlines() if b": " in line)
                    if lines.get(b"event") == b"alert":
                        self._waiting.append(orjson.loads(lines[b"data"]))
        alert = self._waiting.pop(0)
        assert (alert["kind"], alert["source"]) == ("source", "clock")
        return alert["state"]


@pytest.fixture
async def clock() -> AsyncIterator[TickServer]:
    async with tick_server() as server:
        yield server


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    path = tmp_path / "config.toml"
    path.write_text("")
    now = datetime.now(UTC)
    rows = [
        {"id": number, "name": name, "password": "", "role": role, "agent": name, "created_at": now}
        for number, (name, role) in enumerate((("ada", "admin"), ("ben", "agent")), 1)
    ]
    async with Service.open(load(path)) as service:
        await service.store.write(lambda conn: conn.execute(logins.insert(), rows).rowcount)
        yield service


@pytest.fixture
def screen(service: Service) -> Iterator[Screen]:
    with service.live.subscribe("ada") as subscription:
        yield Screen(subscription)


def supervised(service: Service, clock: TickServer, pace: Pace = PACE) -> Supervisor:
    plugins = Plugins(Connector(TickerSettings(port=clock.port), SETUP), None, None, None)
    return Supervisor(service.store, service.ingest, {"clock": plugins}, pace=pace, live=service.live)


async def test_many_failures_are_one_alert_and_one_end(service: Service, clock: TickServer, screen: Screen) -> None:
    await clock.stop()
    async with supervised(service, clock), asyncio.timeout(SECONDS):
        assert await screen.alert() == "waiting"
        await asyncio.sleep(3 * PACE.alarm)  # more failures, which are not news
        await clock.start()
        assert await screen.alert() == "listening"
        await clock.stop()
        assert await screen.alert() == "waiting"
    await clock.start()


async def test_a_connection_that_comes_back_soon_alerts_nobody(
    service: Service, clock: TickServer, screen: Screen
) -> None:
    patient = replace(PACE, alarm=60)
    async with supervised(service, clock, patient), asyncio.timeout(SECONDS):
        for _ in range(5):
            (await clock.peer()).hang_up()
        (await clock.peer()).say("NO Wrong password.")

        assert await screen.alert() == "rejected", "and nothing before it"


async def test_who_must_act_is_told_in_an_episode_that_has_begun(
    service: Service, clock: TickServer, screen: Screen
) -> None:
    await clock.stop()
    async with supervised(service, clock) as supervisor, asyncio.timeout(SECONDS):
        assert await screen.alert() == "waiting"
        await clock.start()
        (await clock.peer()).say("NO Wrong password.")
        assert await screen.alert() == "rejected"
        supervisor.retry("clock")
        (await clock.peer()).tick(1)
        assert await screen.alert() == "listening"


async def test_only_administrators_are_alerted(service: Service, clock: TickServer, screen: Screen) -> None:
    with service.live.subscribe("ben") as subscription:
        async with supervised(service, clock), asyncio.timeout(SECONDS):
            (await clock.peer()).say("NO Wrong password.")
            await screen.alert()
            service.live.publish([LiveEvent("ringing", {"pops": []})])
            frames = b""
            while b"event: ringing" not in frames:
                frames += await subscription.frames() or b""

    assert b"event: alert" not in frames


async def test_connected_and_nothing_arrives_is_said(
    service: Service, clock: TickServer, screen: Screen, caplog: pytest.LogCaptureFixture
) -> None:
    clock.behind = "312 1200"
    async with supervised(service, clock), asyncio.timeout(SECONDS):
        peer = await clock.peer()

        assert await screen.alert() == "behind"
        row = await service.store.read(lambda conn: conn.execute(sa.select(sources)).one())
        assert (row.state, row.behind_messages, row.behind_seconds) == ("listening", 312, 1200)
        clock.behind = "0 0"
        peer.tick(1)
        assert await screen.alert() == "listening"
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert told == ["source clock is behind: 312 messages"]


async def test_a_first_reading_is_behind_and_alerts_nobody(service: Service, clock: TickServer, screen: Screen) -> None:
    clock.behind = "9000 86400"
    async with supervised(service, clock), asyncio.timeout(SECONDS):
        peer = await clock.peer()
        peer.say("READ 1000 10000")
        for _ in range(20):
            await clock.measured()
        peer.say("NO Wrong password.")

        assert await screen.alert() == "rejected", "and nothing before it"


async def test_after_any_number_of_failures_it_is_tried_again_and_the_page_knows_when(
    service: Service, clock: TickServer
) -> None:
    states: asyncio.Queue[Status] = asyncio.Queue()
    plugins = Plugins(Connector(TickerSettings(port=clock.port), SETUP), None, None, None)
    hurry = replace(PACE, first_delay=0.0001, longest_delay=0.0002)
    async with (
        Supervisor(
            service.store, service.ingest, {"clock": plugins}, pace=hurry, on_change=states.put_nowait
        ) as supervisor,
        asyncio.timeout(SECONDS),
    ):
        for _ in range(60):
            (await clock.peer()).hang_up()
        peer = await clock.peer()
        peer.tick(1)
        assert await peer.done() == "1"
        assert supervisor.statuses()["clock"].state is State.LISTENING

    patient = replace(PACE, first_delay=600, longest_delay=600)
    async with supervised(service, clock, patient), asyncio.timeout(SECONDS):
        (await clock.peer()).hang_up()
        wanted = sa.select(sources.c.state, sources.c.next_try_at)
        while (row := await service.store.read(lambda conn: conn.execute(wanted).one())).state != "waiting":
            pass
        assert row.next_try_at > datetime.now(UTC)
