"""Runs every source: a keeper for each connector and door, and what they share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Self

from sqlalchemy import Connection

from hub.config import Config, ConfigError, Lend, Plugins, Problem, load
from hub.contracts import Misconfigured
from hub.live import Live, LiveEvent
from hub.sources.alerts import Alerts, Happened
from hub.sources.flights import Flights, Route
from hub.sources.gathered import Gathered
from hub.sources.habits import Habits
from hub.sources.keeper import Desk, DoorKeeper, Keeper, Recorder, Status
from hub.sources.lag import Measures
from hub.sources.leases import Leases, holder
from hub.sources.listener import Listener
from hub.sources.pace import Pace, Turns
from hub.sources.reading import Readings
from hub.sources.states import Said, State, say
from hub.store import Store

log = logging.getLogger(__name__)


class Supervisor:
    """`async with Supervisor(...)` runs every connector and door until the end of the block.

    *live* tells screens what changed, *rebuild* builds a source's plug-ins anew when somebody asks to try it again,
    *routes* are the ways round for canaries (`routes`), *on_change* hears of every change of a state.
    """

    def __init__(
        self,
        store: Store,
        ingest: Recorder,
        plugins: Mapping[str, Plugins],
        problems: Sequence[Problem] = (),
        *,
        holder_name: str = "",
        pace: Pace | None = None,
        live: Live | None = None,
        rebuild: Callable[[str], Plugins] | None = None,
        routes: Sequence[Route] = (),
        on_change: Callable[[Status], None] | None = None,
        happened: Happened | None = None,
    ) -> None:
        pace = pace or Pace()
        self._live = live
        self._on_change = on_change
        self.habits = Habits(store)
        self._alerts = Alerts(store, live, happened)
        self._leases = Leases(store, holder_name or holder(store.dialect), pace)
        self._measures = Measures(store, pace, self._too_quiet)
        self._readings = Readings(store, pace.progress, self._news)
        self._desk = desk = Desk(
            ingest=ingest,
            pace=pace,
            leases=self._leases,
            measures=self._measures,
            readings=self._readings,
            alerts=self._alerts,
            starts=Turns(pace.starts),
            says=Gathered(store, _say_all),
            rebuild=rebuild,
            on_change=self._changed,
        )
        self._connectors = {
            name: Listener(name, desk, found.connector) for name, found in plugins.items() if found.connector
        }
        self._doors = {name: DoorKeeper(name, desk, found.door) for name, found in plugins.items() if found.door}
        self._left_out = {
            problem.source: Status(problem.source, State.MISCONFIGURED, str(problem))
            for problem in problems
            if problem.source
        }
        flown = {route.source: route for route in routes}
        self._flights = Flights(store, self._alerts, flown, self._listens, look=pace.look)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._alerts)
            for status in self._left_out.values():
                log.error("source %s is left out: %s", status.source, status.cause)
            await asyncio.gather(*(self._desk.write(status) for status in self._left_out.values()))
            for status in self._left_out.values():
                self._changed(status)
            stack.push_async_callback(self._readings.close)
            await stack.enter_async_context(self._leases)
            await stack.enter_async_context(self._measures)
            tasks = [asyncio.create_task(keeper.run(), name=f"source {keeper.name}") for keeper in self._keepers()]
            tasks.append(asyncio.create_task(self.habits.keep(), name="habits"))
            tasks.append(asyncio.create_task(self._flights.run(), name="canaries"))
            stack.push_async_callback(_ended, tasks)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def statuses(self) -> dict[str, Status]:
        """How every source does as this hub sees it. Of one that is both, what is worse: its door or its connector."""
        found = dict(self._left_out)
        for keeper in self._keepers():
            other = found.get(keeper.name)
            if other is None or other.state is State.LISTENING:
                found[keeper.name] = keeper.status
        return found

    @property
    def doors_up(self) -> bool:
        """Whether every door can be knocked at."""
        return all(keeper.status.state is State.LISTENING for keeper in self._doors.values())

    async def doors_tried(self) -> None:
        """Return once every door is open, or has failed to open."""
        await asyncio.gather(*(door.tried.wait() for door in self._doors.values()))

    async def wake(self, source: str, word: str = "") -> None:
        """A webhook said that *source* has news, with *word*. Nothing happens where this hub does not listen to it."""
        if source in self._connectors:
            await self._connectors[source].wake(word)

    def retry(self, source: str) -> bool:
        """Try *source* at once, whatever it waits for, with what its config and its secrets say now. False where there
        is nothing to try."""
        keepers = [keeper for keeper in self._keepers() if keeper.name == source]
        for keeper in keepers:
            keeper.retry()
        return bool(keepers)

    def _keepers(self) -> list[Keeper]:
        return [*self._doors.values(), *self._connectors.values()]

    def _listens(self, source: str) -> bool:
        """Whether it is this hub that hears it."""
        listener = self._connectors.get(source)
        return listener is not None and listener.status.state is State.LISTENING

    def _too_quiet(self, source: str) -> bool:
        """Whether it should be looked at sooner than others."""
        week, listener = self.habits.known, self._connectors.get(source)
        return bool(week and listener and week.quiet(source, listener.heard_at, datetime.now(UTC)))

    def _changed(self, status: Status) -> None:
        self._news(status.source)
        if self._on_change is not None:
            self._on_change(status)

    def _news(self, source: str) -> None:
        """The sources page shows something new."""
        if self._live is not None:
            self._live.publish([LiveEvent("activity", {"sources": [source]})])


def rebuilder(config: Config, lend: Lend | None = None) -> Callable[[str], Plugins]:
    """Builds the plug-ins of a source from the file of *config* and the secrets it names, as they are now. What it
    answers raises `Misconfigured` where they cannot be right; it blocks."""

    def rebuild(source: str) -> Plugins:
        try:
            fresh = load(config.path)
        except ConfigError as error:
            raise Misconfigured(str(error.problems[0])) from error
        for problem in fresh.problems:
            if problem.source == source:
                raise Misconfigured(str(problem))
        if source not in fresh.sources:
            raise Misconfigured(f"the config has no source {source} any more; restart the hub")
        return fresh.plugins(source, lend)

    return rebuild


def routes(config: Config, plugins: Mapping[str, Plugins]) -> list[Route]:
    """The ways round of the sources that are to send themselves canaries."""
    found = []
    for name, source in config.sources.items():
        address = next((each for each in source.ours if each.startswith("mailto:")), "")
        sender = plugins[name].sender if name in plugins else None
        if source.canary_minutes and sender is not None and address:
            found.append(Route(name, source.canary_minutes * 60, address, sender))
    return found


def _say_all(conn: Connection, news: Sequence[Said]) -> list[None]:
    say(conn, news)
    return [None] * len(news)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
