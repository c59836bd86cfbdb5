"""Keeps one plug-in of a source going: attempts, verdicts, back-off, and what is said of it.

A plug-in retries nothing and stores nothing; it raises a verdict, and here is decided what follows. Only `Rejected`
and `Misconfigured` end the attempts, until somebody acts; everything else is tried again for ever.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from hub.config import Plugins
from hub.contracts import Door, Misconfigured, Rejected, Unavailable
from hub.ingest import LeaseLost
from hub.sources.alerts import Alerts
from hub.sources.gathered import Gathered
from hub.sources.lag import Measures
from hub.sources.leases import Leases
from hub.sources.pace import Pace, Turns
from hub.sources.reading import Readings
from hub.sources.states import Said, State
from hub.vocabulary import Item

log = logging.getLogger(__name__)

KNOCK_SECONDS = 0.02

LONGEST_CAUSE = 500
"""Characters of a cause that are kept: some servers answer with a whole page."""


class Recorder(Protocol):
    """Where arrivals go: what `hub.ingest.Ingest` is to the supervisor."""

    async def record(
        self,
        source: str,
        items: Sequence[Item],
        *,
        live: bool = True,
        cursor: str | None = None,
        epoch: int | None = None,
        after: asyncio.Future[None] | None = None,
    ) -> None:
        """Return when *items* are durable, and after all that *after* stands for is. Raises `Unavailable`, `LeaseLost`
        where *epoch* is not ours any more, and what *after* raised."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a source does as this hub sees it. *cause* is for people; *next_try* is UTC, set while it waits."""

    source: str
    state: State
    cause: str = ""
    since: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)
    next_try: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the keepers share. *rebuild* builds a source's plug-ins anew from the config file and its secrets."""

    ingest: Recorder
    pace: Pace
    leases: Leases
    measures: Measures
    readings: Readings
    alerts: Alerts
    starts: Turns
    says: Gathered[Said, None]
    rebuild: Callable[[str], Plugins] | None
    on_change: Callable[[Status], None]

    async def write(self, status: Status, epoch: int | None = None) -> None:
        """Write down how a source does. It goes on, whether the store takes this or not."""
        try:
            await self.says(Said(status.source, status.state, status.cause, status.next_try, epoch))
        except Unavailable as error:
            log.debug("source %s: its state could not be written: %s", status.source, error)
        except Exception:
            log.exception("source %s: its state could not be written", status.source)


class Keeper(ABC):
    """Keeps one connector or door going."""

    def __init__(self, name: str, desk: Desk) -> None:
        self.name = name
        self.desk = desk
        self.status = Status(name, State.NEW)
        self.tried = asyncio.Event()
        self._failures = 0
        self._failing_since = 0.0
        self._complained: Status | None = None
        self._asked = asyncio.Event()
        self._stale = False
        self._up = False
        self._settling: asyncio.TimerHandle | None = None

    @abstractmethod
    async def attempt(self) -> None:
        """Run the plug-in until it fails."""

    @abstractmethod
    async def write(self, status: Status) -> None:
        """Write down how it does, where that is ours to say."""

    @abstractmethod
    def use(self, plugins: Plugins) -> None:
        """From now on this is the plug-in."""

    async def run(self) -> None:
        """Attempt for ever; between two attempts do what the verdict says."""
        try:
            while True:
                self._down()
                self._asked.clear()
                try:
                    await self._rebuilt()
                    await self.attempt()
                    await self._failed(State.WAITING, "The connection ended.")
                except LeaseLost:
                    log.info("source %s: the lease is lost", self.name)
                    await self._pause(self.desk.pace.retry_lease)
                except Unavailable as verdict:
                    await self._failed(State.WAITING, str(verdict), verdict.retry_after)
                except Rejected as verdict:
                    await self._failed(State.REJECTED, str(verdict))
                except Misconfigured as verdict:
                    await self._failed(State.MISCONFIGURED, str(verdict))
                except Exception as error:
                    cause = f"A fault in the hub ({type(error).__name__}). The log has the details."
                    await self._failed(State.FAILED, cause, bug=error)
        finally:
            self._down()
            await self.say(State.OFF)

    def retry(self) -> None:
        """Somebody asks to try at once, perhaps after a change of the config or of a secret."""
        self._failures = 0
        self._stale = self.status.state is not State.LISTENING
        self._asked.set()

    async def _rebuilt(self) -> None:
        """Where somebody asked, what the config and its secrets say now counts. Raises `Misconfigured`."""
        stale, self._stale = self._stale, False
        if stale and self.desk.rebuild is not None:
            self.use(await asyncio.to_thread(self.desk.rebuild, self.name))

    async def say(self, state: State, cause: str = "", next_try: datetime | None = None) -> None:
        """Remember and tell how it does, where that is news."""
        status = Status(self.name, state, " ".join(cause.replace("\0", "").split())[:LONGEST_CAUSE], next_try=next_try)
        changed, again = status != self.status, next_try is not None
        self.status = status
        if changed or again:
            await self.write(status)
        if changed:
            self.desk.on_change(status)

    async def listening(self) -> None:
        """It works, as far as can be seen. After a healthy minute the failures before it are forgotten."""
        if not self._up:
            self._up = True
            self._settling = asyncio.get_running_loop().call_later(self.desk.pace.healthy, self._settled)
            await self.say(State.LISTENING)
            self.tried.set()

    def _settled(self) -> None:
        self._failures = 0
        self._settling = None
        if self._complained:
            log.info("source %s: listening again", self.name)
            self._complained = None
        self.desk.alerts.over(self.name, "connection")

    def _down(self) -> None:
        self._up = False
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    async def _failed(
        self, state: State, cause: str, retry_after: float | None = None, bug: Exception | None = None
    ) -> None:
        """An attempt failed: wait as long as the verdict asks for, and longer after each failure."""
        self._down()
        self._failures += 1
        delay = None if state.final else self.desk.pace.delay(self._failures)
        if delay is not None and retry_after is not None:
            delay = max(delay, retry_after)
        await self.wait(state, cause, delay, bug)

    async def wait(self, state: State, cause: str, delay: float | None, bug: Exception | None = None) -> None:
        """Say what is wrong, and wait *delay* seconds (`None`: for ever), or until somebody asks."""
        next_try = None if delay is None else datetime.now(UTC) + timedelta(seconds=delay)
        await self.say(state, cause, next_try)
        now = asyncio.get_running_loop().time()
        if self._complained is None:
            self._failing_since = now
        if self._complained != self.status:
            self._complained = self.status
            level = logging.ERROR if delay is None or bug else logging.WARNING
            log.log(level, "source %s is %s: %s", self.name, state.value, self.status.cause, exc_info=bug)
        if state is not State.WAITING or now - self._failing_since >= self.desk.pace.alarm:
            self.desk.alerts.trouble(self.name, "connection", state.value)
        self.tried.set()
        await self._pause(delay)

    async def _pause(self, seconds: float | None) -> None:
        """Wait *seconds* (`None`: for ever), or until somebody asks."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()


class DoorKeeper(Keeper):
    """Keeps a door open."""

    def __init__(self, name: str, desk: Desk, door: Door) -> None:
        super().__init__(name, desk)
        self._door = door

    async def attempt(self) -> None:
        """Serve until the door fails."""
        await self.say(State.CONNECTING)
        await first(self._door.serve(self._record), self._knock())

    async def write(self, status: Status) -> None:
        """Every hub has a door of its own: the last word counts."""
        await self.desk.write(status)

    def use(self, plugins: Plugins) -> None:
        """A door newly built."""
        self._door = plugins.door or self._door

    async def _record(self, items: Sequence[Item]) -> None:
        await self.desk.ingest.record(self.name, items)

    async def _knock(self) -> None:
        await opened(self._door)
        await self.listening()
        await asyncio.get_running_loop().create_future()


async def opened(door: Door) -> None:
    """Return once somebody answers at *door*, which has no way to say that it is open."""
    while True:
        await asyncio.sleep(KNOCK_SECONDS)  # first, so that a port that somebody else has is refused to us before
        host, port = door.address
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
            return


async def first(*parts: Coroutine[Any, Any, None] | asyncio.Future[None]) -> None:
    """Run *parts* together until one of them ends, end the others, and raise what it raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if task in done:
            task.result()
