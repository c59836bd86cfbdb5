"""What the hub does with a source: listen, record in order, wait, try again, give up loudly, hand over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import hub
from hub.config import Config, Plugins, Problem, load
from hub.service import Service
from hub.sources import State
from hub.sources.keeper import Status
from hub.sources.leases import take
from hub.sources.listener import AHEAD
from hub.sources.pace import Pace
from hub.sources.supervisor import Supervisor, rebuilder
from hub.store.schema import interactions
from hub.store.schema import sources as table
from tests.fakes.ticker import HOST, Connector, Door, DoorSettings, TickerSettings, TickServer, tick_server
from tests.servers.postgresql import PostgreSQL

PACE = Pace(lease=3, retry_lease=0.05, freshness=0.05, first_delay=0.01, longest_delay=0.05, healthy=0.2)
PATIENT = Pace(lease=3, retry_lease=0.05, freshness=0.05, first_delay=600, longest_delay=600, healthy=0.2)
SECONDS = 20
SETUP = hub.Setup("clock", "DE", (), (), (), "")


class Watch:
    """Every change of a supervisor's sources, to be waited for."""

    def __init__(self) -> None:
        self._changes: asyncio.Queue[Status] = asyncio.Queue()

    def __call__(self, status: Status) -> None:
        self._changes.put_nowait(status)

    async def until(self, state: State) -> Status:
        """The next change to *state*."""
        async with asyncio.timeout(SECONDS):
            while (status := await self._changes.get()).state is not state:
                pass
            return status


class Hub:
    """One hub that supervises one clock: its service, its supervisor, and what they do."""

    def __init__(self, service: Service, plugins: Plugins, pace: Pace, name: str) -> None:
        self.service = service
        self.watch = Watch()
        self.hold: Callable[[Sequence[hub.Item]], Awaitable[None]] | None = None
        self.supervisor = Supervisor(
            service.store, self, {"clock": plugins}, holder_name=name, pace=pace, on_change=self.watch
        )

    async def record(
        self,
        source: str,
        items: Sequence[hub.Item],
        *,
        live: bool = True,
        cursor: str | None = None,
        epoch: int | None = None,
        after: asyncio.Future[None] | None = None,
    ) -> None:
        """The real ingest, which a test can hold up."""
        if after is not None:
            await asyncio.wait([after])
            after.result()
        if self.hold is not None:
            await self.hold(items)
        await self.service.ingest.record(source, items, live=live, cursor=cursor, epoch=epoch)

    async def row(self) -> sa.Row[tuple[object, ...]]:
        """What the store knows of the clock."""
        return await self.service.store.read(
            lambda conn: conn.execute(sa.select(table).where(table.c.name == "clock")).one()
        )

    async def ticks(self) -> list[str]:
        """The ticks on record, in the order in which they were taken in."""
        statement = sa.select(interactions.c.title).order_by(interactions.c.id)
        return list(await self.service.store.read(lambda conn: conn.execute(statement).scalars().all()))


@pytest.fixture
async def clock() -> AsyncIterator[TickServer]:
    async with tick_server() as server:
        yield server


def config(folder: Path, text: str = "") -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with Service.open(config(tmp_path)) as service:
        yield service


def connector(clock: TickServer) -> Connector:
    return Connector(TickerSettings(port=clock.port), SETUP)


@asynccontextmanager
async def supervised(
    service: Service, plugin: hub.Connector | hub.Door, pace: Pace = PACE, name: str = "one"
) -> AsyncGenerator[Hub, None]:
    """A hub that runs *plugin* as its source "clock"."""
    is_door = isinstance(plugin, hub.Door)
    plugins = Plugins(None if is_door else plugin, plugin if is_door else None, None, None)  # type: ignore[arg-type]
    running = Hub(service, plugins, pace, name)
    async with running.supervisor:
        yield running


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name.startswith("hub.sources")]


# --- listening ------------------------------------------------------------------------------------------------------


async def test_what_is_heard_is_recorded_and_then_acknowledged(service: Service, clock: TickServer) -> None:
    async with supervised(service, connector(clock)) as running, asyncio.timeout(SECONDS):
        peer = await clock.peer()
        peer.tick(1, 2, 3)

        assert [await peer.done() for _ in range(3)] == ["1", "2", "3"]
        assert await running.ticks() == ["Tick 1", "Tick 2", "Tick 3"]
        assert (await running.row()).cursor == "3"
        assert peer.after == "0"


async def test_a_cursor_without_items_is_kept(service: Service, clock: TickServer) -> None:
    async with supervised(service, connector(clock)) as running, asyncio.timeout(SECONDS):
        peer = await clock.peer()
        peer.say("SEEN 40")

        assert await peer.done() == "40"
        assert (await running.row()).cursor == "40"


async def test_a_new_connection_goes_on_where_the_last_was_safe(service: Service, clock: TickServer) -> None:
    async with supervised(service, connector(clock)), asyncio.timeout(SECONDS):
        peer = await clock.peer()
        peer.tick(1, 2)
        while await peer.done() != "2":
            pass
        peer.hang_up()

        assert (await clock.peer()).after == "2"


async def test_what_was_heard_before_a_failure_is_recorded_first(service: Service, clock: TickServer) -> None:
    async with supervised(service, connector(clock), PATIENT) as running, asyncio.timeout(SECONDS):
        peer = await clock.peer()
        peer.tick(1)
        peer.say("NO You are not welcome any more.")
        await running.watch.until(State.REJECTED)

        assert await running.ticks() == ["Tick 1"]


async def test_a_connector_is_never_more_than_two_ahead(service: Service, clock: TickServer) -> None:
    plugin = connector(clock)
    safe = 0
    ahead = []

    async def hold(items: Sequence[hub.Item]) -> None:
        nonlocal safe
        for _ in range(50):  # whoever could run ahead gets the time to
            await asyncio.sleep(0)
        ahead.append(plugin.taken - safe)
        safe += len(items)

    async with supervised(service, plugin) as running, asyncio.timeout(SECONDS):
        running.hold = hold
        peer = await clock.peer()
        peer.tick(*range(1, 31))
        while await peer.done() != "30":
            pass

        assert max(ahead) == AHEAD
        assert await running.ticks() == [f"Tick {number}" for number in range(1, 31)]


async def test_freshness_is_measured_again_and_again(service: Service, clock: TickServer) -> None:
    clock.behind = "312 120.5"
    async with supervised(service, connector(clock)) as running, asyncio.timeout(SECONDS):
        await running.watch.until(State.LISTENING)
        first = await running.row()
        clock.behind = "0 0"

        assert (first.behind_messages, first.behind_seconds) == (312, 120.5)
        while (await running.row()).behind_messages:
            await clock.measured()
        assert (await running.row()).measured_at > first.measured_at


async def test_that_freshness_cannot_be_had_is_said_once_and_stops_nothing(
    service: Service, clock: TickServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock.behind = "many few"
    async with supervised(service, connector(clock)) as running, asyncio.timeout(SECONDS):
        peer = await clock.peer()
        for number in range(1, 6):
            peer.tick(number)
            await peer.done()
            await clock.measured()

        assert await running.ticks() == [f"Tick {number}" for number in range(1, 6)]
        assert warnings(caplog) == ["source clock: how far it is behind cannot be measured: ValueError"]


async def test_a_webhook_wakes_the_connector(service: Service, clock: TickServer) -> None:
    plugin = connector(clock)
    async with supervised(service, plugin) as running, asyncio.timeout(SECONDS):
        await clock.peer()
        await running.supervisor.wake("clock")
        await running.supervisor.wake("nobody")

        assert plugin.woken.is_set()


async def test_stopping_hangs_up_and_says_so(service: Service, clock: TickServer) -> None:
    async with supervised(service, connector(clock)) as running, asyncio.timeout(SECONDS):
        peer = await clock.peer()
        await running.watch.until(State.LISTENING)
    async with asyncio.timeout(SECONDS):
        await peer.gone()

    row = await running.row()
    assert (row.state, row.holder, row.leased_until) == ("off", "", None)


# --- verdicts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "state"),
    [("NO Wrong password. Correct it.", State.REJECTED), ("WRONG There is no such clock.", State.MISCONFIGURED)],
)
async def test_a_final_verdict_waits_until_somebody_acts(
    service: Service, clock: TickServer, line: str, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised(service, connector(clock)) as running, asyncio.timeout(SECONDS):
        (await clock.peer()).say(line)
        status = await running.watch.until(state)

        cause = line.partition(" ")[2]
        assert (status.cause, status.next_try) == (cause, None)
        row = await running.row()
        assert (row.state, row.cause, row.holder) == (state, cause, "")
        assert warnings(caplog) == [f"source clock is {state}: {cause}"]

        await running.supervisor.wake("clock")
        assert clock.listeners == 1
        assert running.supervisor.retry("clock")
        peer = await clock.peer()
        peer.tick(1)
        assert await peer.done() == "1"
        assert clock.listeners == 2


async def test_unavailable_is_tried_again_and_said_once(
    service: Service, clock: TickServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised(service, connector(clock)), asyncio.timeout(SECONDS):
        for _ in range(4):
            (await clock.peer()).hang_up()
        await clock.peer()

        assert warnings(caplog) == ["source clock is waiting: The clock hung up."]


async def test_after_a_healthy_while_an_episode_is_over(
    service: Service, clock: TickServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hub.sources")
    async with supervised(service, connector(clock)), asyncio.timeout(SECONDS):
        (await clock.peer()).hang_up()
        peer = await clock.peer()
        while len(warnings(caplog)) < 2:
            await clock.measured()
        peer.hang_up()
        await clock.peer()

        assert warnings(caplog) == [
            "source clock is waiting: The clock hung up.",
            "source clock: listening again",
            "source clock is waiting: The clock hung up.",
        ]


async def test_the_providers_own_waiting_time_is_kept(service: Service, clock: TickServer) -> None:
    async with supervised(service, connector(clock)) as running, asyncio.timeout(SECONDS):
        before = datetime.now(UTC)
        (await clock.peer()).say("BUSY 3600 Too many listeners.")
        status = await running.watch.until(State.WAITING)

        assert status.cause == "Too many listeners."
        assert status.next_try is not None
        assert status.next_try >= before + timedelta(seconds=3600)
        running.supervisor.retry("clock")
        await clock.peer()


async def test_a_server_that_was_down_is_found_again(service: Service, clock: TickServer) -> None:
    plugin = connector(clock)
    await clock.stop()
    async with supervised(service, plugin) as running, asyncio.timeout(SECONDS):
        status = await running.watch.until(State.WAITING)
        await clock.start()

        assert status.cause == "The clock does not answer."
        peer = await clock.peer()
        peer.tick(1)
        assert await peer.done() == "1"


async def test_a_bug_is_logged_with_its_place_and_tried_again(
    service: Service, clock: TickServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised(service, connector(clock)) as running, asyncio.timeout(SECONDS):
        (await clock.peer()).say("NONSENSE")
        status = await running.watch.until(State.FAILED)
        (await clock.peer()).say("NONSENSE")
        peer = await clock.peer()
        peer.tick(1)

        assert await peer.done() == "1"
        assert status.cause == "A fault in the hub (ValueError). The log has the details."
        (record,) = [record for record in caplog.records if record.name.startswith("hub.sources")]
        assert record.levelno == logging.ERROR
        assert record.exc_info is not None


async def test_while_the_store_takes_nothing_the_cursor_stays(service: Service, clock: TickServer) -> None:
    refusals = 2

    async def hold(_: Sequence[hub.Item]) -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise hub.Unavailable("The disk is full.")

    async with supervised(service, connector(clock)) as running, asyncio.timeout(SECONDS):
        running.hold = hold
        for _ in range(2):
            peer = await clock.peer()
            assert peer.after == "0"
            peer.tick(1)
        status = await running.watch.until(State.WAITING)
        peer = await clock.peer()
        peer.tick(1)

        assert await peer.done() == "1"
        assert status.cause == "The disk is full."
        assert await running.ticks() == ["Tick 1"]


async def test_a_store_that_was_away_is_found_again_however_long_it_took(
    tmp_path: Path, postgres: PostgreSQL, postgres_url: str, clock: TickServer
) -> None:
    async with Service.open(config(tmp_path, f'[hub]\nstore = "{postgres_url}"')) as service:
        away = ExitStack()
        away.enter_context(postgres.out_of_reach(str(sa.make_url(postgres_url).database)))
        async with supervised(service, connector(clock), PATIENT) as running, asyncio.timeout(SECONDS):
            status = await running.watch.until(State.WAITING)
            away.close()
            peer = await clock.peer()
            peer.tick(1)
            assert await peer.done() == "1"
    assert status.cause.startswith("the store cannot write: ")


def test_the_waiting_time_doubles_up_to_five_minutes() -> None:
    pace = Pace()
    for failures in range(1, 200):
        full = min(300, 2 ** (failures - 1))
        assert full / 2 <= pace.delay(failures) <= full


# --- one listener for each source -----------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
async def services(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Service, Service]]:
    """Two hubs on one store. SQLite has one writing process, so there both are the same."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            service = await stack.enter_async_context(Service.open(config(tmp_path)))
            yield service, service
        else:
            text = f'[hub]\nstore = "{request.getfixturevalue("postgres_url")}"'
            first = await stack.enter_async_context(Service.open(config(tmp_path, text)))
            yield first, await stack.enter_async_context(Service.open(config(tmp_path, text)))


async def test_the_second_hub_waits_and_takes_over_where_the_first_was(
    services: tuple[Service, Service], clock: TickServer
) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(SECONDS):
        async with supervised(services[0], connector(clock), name="one") as one:
            peer = await clock.peer()
            two = await stack.enter_async_context(supervised(services[1], connector(clock), name="two"))
            await two.watch.until(State.ELSEWHERE)
            peer.tick(1, 2)
            while await peer.done() != "2":
                pass
            assert two.supervisor.statuses()["clock"].state is State.ELSEWHERE
            assert (await one.row()).state == "listening"
            assert (await one.row()).holder == "one"

        peer = await clock.peer()
        assert peer.after == "2"
        peer.tick(3)
        assert await peer.done() == "3"
        assert await two.ticks() == ["Tick 1", "Tick 2", "Tick 3"]
        assert clock.listeners == 2


async def test_a_lost_lease_stops_the_connector_and_records_nothing_more(
    services: tuple[Service, Service], clock: TickServer
) -> None:
    async with supervised(services[0], connector(clock), name="one") as one, asyncio.timeout(SECONDS):
        peer = await clock.peer()
        peer.tick(1)
        await peer.done()
        later = datetime.now(UTC) + timedelta(minutes=1)
        lease = await services[1].store.write(lambda conn: take(conn, ["clock"], "two", 3600, later))

        peer.tick(2)
        await peer.gone()
        await one.watch.until(State.ELSEWHERE)

        row = await one.row()
        assert (row.cursor, row.holder, row.epoch) == ("1", "two", lease["clock"].epoch)
        assert await one.ticks() == ["Tick 1"]


async def test_a_lease_that_was_taken_is_noticed_without_any_arrival(service: Service, clock: TickServer) -> None:
    quick = Pace(lease=0.3, retry_lease=0.05, freshness=0.05)
    async with supervised(service, connector(clock), quick, name="one") as one, asyncio.timeout(SECONDS):
        peer = await clock.peer()
        later = datetime.now(UTC) + timedelta(minutes=1)
        await service.store.write(lambda conn: take(conn, ["clock"], "two", 3600, later))

        await peer.gone()
        await one.watch.until(State.ELSEWHERE)


async def test_a_renewed_lease_outlives_its_time(service: Service, clock: TickServer) -> None:
    quick = Pace(lease=0.3, retry_lease=0.05, freshness=0.05)
    async with supervised(service, connector(clock), quick, name="one") as one, asyncio.timeout(SECONDS):
        peer = await clock.peer()
        first = await one.row()
        while (await one.row()).leased_until < first.leased_until + timedelta(seconds=3 * quick.lease):
            await clock.measured()
        peer.tick(1)

        assert await peer.done() == "1"
        assert (await one.row()).epoch == first.epoch
        assert clock.listeners == 1


async def test_many_sources_share_one_renewal(service: Service) -> None:
    quick = Pace(lease=0.6, retry_lease=0.05)
    plugins = {f"mail-{number}": Plugins(Idle(), None, None, None) for number in range(100)}
    renewals = 0

    @sa.event.listens_for(service.store._engine, "before_cursor_execute")
    def count(_: object, __: object, statement: str, *___: object) -> None:
        nonlocal renewals
        renewals += statement.startswith("UPDATE sources SET leased_until")

    async with Supervisor(service.store, service.ingest, plugins, pace=quick) as supervisor, asyncio.timeout(SECONDS):
        wanted = sa.select(sa.func.min(table.c.leased_until), sa.func.count()).where(table.c.holder != "")
        first, number = datetime.now(UTC), 0
        while number < 100:
            first, number = await service.store.read(lambda conn: tuple(conn.execute(wanted).one()))
        before, later = renewals, first
        while later < first + timedelta(seconds=3 * quick.lease):
            later, _ = await service.store.read(lambda conn: tuple(conn.execute(wanted).one()))
        states = {status.state for status in supervisor.statuses().values()}

    assert states <= {State.CONNECTING, State.LISTENING}, "no lease was lost"
    assert renewals - before < 3 * 3 * 3, "not one for each source"


class Idle(hub.Connector):
    """A mailbox in which nothing ever happens."""

    Settings = hub.Settings

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Nothing."""
        yield hub.Arrival((), cursor)
        await asyncio.get_running_loop().create_future()

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """Nothing."""
        return hub.Freshness(0, 0.0)


# --- trying again with what the config says now ---------------------------------------------------------------------


async def test_who_tries_again_gets_what_the_config_says_now(service: Service, clock: TickServer) -> None:
    wrong = Connector(TickerSettings(port=1), SETUP)
    watch = Watch()
    built: list[str] = []

    def rebuild(source: str) -> Plugins:
        built.append(source)
        if len(built) == 1:
            raise hub.Misconfigured("sources.clock.port: is missing.")
        return Plugins(connector(clock), None, None, None)

    supervisor = Supervisor(
        service.store, service.ingest, {"clock": Plugins(wrong, None, None, None)}, pace=PATIENT, rebuild=rebuild,
        on_change=watch,
    )  # fmt: skip
    async with supervisor, asyncio.timeout(SECONDS):
        await watch.until(State.WAITING)
        assert supervisor.retry("clock")
        status = await watch.until(State.MISCONFIGURED)
        assert supervisor.retry("clock")
        await clock.peer()
        await watch.until(State.LISTENING)
        supervisor.retry("clock")

    assert status.cause == "sources.clock.port: is missing."
    assert built == ["clock", "clock"], "and not while it listens"


async def test_the_config_file_is_read_again_with_its_secrets(tmp_path: Path) -> None:
    source = '[sources.pbx]\nprovider = "calls"\ntoken = "file:token"\n'
    secret = tmp_path / "token"
    secret.write_text("pbx-7b8c09d4e2")
    rebuild = rebuilder(config(tmp_path, source))
    secret.write_text("another-7b8c09d4e2")

    assert rebuild("pbx").webhook is not None
    secret.unlink()
    with pytest.raises(hub.Misconfigured, match=r"sources\.pbx\.token"):
        rebuild("pbx")
    config(tmp_path)
    with pytest.raises(hub.Misconfigured, match="no source pbx any more"):
        rebuild("pbx")
    (tmp_path / "config.toml").write_text("[hub")
    with pytest.raises(hub.Misconfigured, match="not valid TOML"):
        rebuild("pbx")


# --- doors, and what was left out -----------------------------------------------------------------------------------


async def knock(door: Door, line: str) -> str:
    """What the door answers to *line*."""
    reader, writer = await asyncio.open_connection(*door.address)
    writer.write(f"{line}\n".encode())
    answer = (await reader.readline()).decode().strip()
    writer.close()
    return answer


async def test_a_door_records_before_it_says_accepted(service: Service) -> None:
    door = Door(DoorSettings(), SETUP)
    async with supervised(service, door) as running, asyncio.timeout(SECONDS):
        before = running.supervisor.doors_up
        await running.supervisor.doors_tried()

        assert (before, running.supervisor.doors_up) == (False, True)
        assert await knock(door, "TICK 7") == "DONE 7"
        assert await running.ticks() == ["Tick 7"]
        assert (await running.row()).state == "listening"


async def test_a_door_that_breaks_is_opened_again(service: Service) -> None:
    door = Door(DoorSettings(), SETUP)
    async with supervised(service, door) as running, asyncio.timeout(SECONDS):
        await running.watch.until(State.LISTENING)
        await knock(door, "NONSENSE")
        await running.watch.until(State.FAILED)
        await running.watch.until(State.LISTENING)

        assert await knock(door, "TICK 7") == "DONE 7"


async def test_a_port_in_use_is_said_and_tried_when_asked(service: Service, clock: TickServer) -> None:
    door = Door(DoorSettings(port=clock.port), SETUP)
    async with supervised(service, door) as running, asyncio.timeout(SECONDS):
        status = await running.watch.until(State.MISCONFIGURED)
        await running.supervisor.doors_tried()

        assert status.cause == f"Port {clock.port} cannot be had. Take another, or stop who has it."
        assert not running.supervisor.doors_up
        await clock.stop()
        running.supervisor.retry("clock")
        await running.watch.until(State.LISTENING)
        assert await knock(door, "TICK 7") == "DONE 7"
    await clock.start()


async def test_a_source_left_out_is_shown_with_its_cause(service: Service) -> None:
    problem = Problem("sources.clock.port", "is missing.", source="clock")
    async with Supervisor(service.store, service.ingest, {}, [problem]) as supervisor:
        statuses = supervisor.statuses()
        retried = supervisor.retry("clock")

    assert statuses == {"clock": Status("clock", State.MISCONFIGURED, "sources.clock.port: is missing.")}
    assert not retried
    row = await service.store.read(lambda conn: conn.execute(sa.select(table)).one())
    assert (row.name, row.state, row.cause) == ("clock", "misconfigured", "sources.clock.port: is missing.")


async def test_both_halves_of_a_source_are_shown_by_the_worse(service: Service, clock: TickServer) -> None:
    door = Door(DoorSettings(), SETUP)
    watch = Watch()
    plugins = {"clock": Plugins(connector(clock), door, None, None)}
    async with Supervisor(service.store, service.ingest, plugins, pace=PATIENT, on_change=watch) as supervisor:
        async with asyncio.timeout(SECONDS):
            peer = await clock.peer()
            while not supervisor.doors_up or supervisor.statuses()["clock"].state is not State.LISTENING:
                await watch.until(State.LISTENING)
            peer.say("NO Wrong password.")
            await watch.until(State.REJECTED)

        assert door.address[0] == HOST
        assert supervisor.statuses()["clock"].state is State.REJECTED
        assert supervisor.doors_up
