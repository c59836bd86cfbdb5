"""What every connector must do."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from random import Random

import pytest

import hub
from tests.contracts.proxy import Proxy, proxy
from tests.servers.process import free_port

SECONDS = 20
"""Longest wait for something that must happen."""


def setup(name: str = "contract", **changes: object) -> hub.Setup:
    """What the core would tell the connector about itself."""
    common = {"region": "DE", "ours": (), "rings": (), "agents": (), "webhook_url": f"https://hub.example.test/{name}"}
    return hub.Setup(name=name, **{**common, **changes})  # type: ignore[arg-type]


async def heard(arrivals: AsyncGenerator[hub.Arrival, None], items: int) -> list[hub.Arrival]:
    """The next arrivals until they hold *items* items or more."""
    taken: list[hub.Arrival] = []
    async with asyncio.timeout(SECONDS):
        while sum(len(arrival.items) for arrival in taken) < items:
            taken.append(await anext(arrivals))
    return taken


class ConnectorContract(ABC):
    """Subclass it, name it `Test...`, and say how the provider is spoken to.

    *provider_port* is a fixture of the subclass: where the real or fake server listens.
    """

    @abstractmethod
    def connector(self, port: int) -> hub.Connector:
        """A connector with right settings, to the server on *port* of this machine."""

    @abstractmethod
    def refused(self, port: int) -> hub.Connector:
        """The same with a credential that the provider refuses."""

    @abstractmethod
    def put(self, names: Sequence[str]) -> None:
        """Make the provider hold one thing more for each of *names*, in this order. Blocks."""

    @abstractmethod
    def name(self, item: hub.Item) -> str:
        """The name under which *item* was put."""

    @pytest.fixture
    async def between(self, provider_port: int) -> AsyncIterator[Proxy]:
        """A proxy in front of the provider, so that the suite sees and breaks the connection."""
        async with proxy(provider_port) as running:
            yield running

    def names(self, arrivals: Sequence[hub.Arrival]) -> list[str]:
        """What was heard, by name."""
        return [self.name(item) for arrival in arrivals for item in arrival.items]

    async def test_what_was_there_before_is_backfill_and_what_comes_then_is_live(self, provider_port: int) -> None:
        self.put(["old-1", "old-2"])
        async with aclosing(self.connector(provider_port).listen(None)) as arrivals:
            before = await heard(arrivals, 2)
            coming = asyncio.ensure_future(heard(arrivals, 1))
            await asyncio.to_thread(self.put, ["new"])
            after = await coming
        assert sorted(self.names(before)) == ["old-1", "old-2"]
        assert not any(arrival.live for arrival in before if arrival.items)
        assert self.names(after) == ["new"]
        assert all(arrival.live for arrival in after if arrival.items)

    async def test_resumes_after_every_cursor_without_gap_or_repeat(self, provider_port: int) -> None:
        random = Random(7)
        put = [f"thing-{number}" for number in range(120)]
        self.put(put)
        cursor: str | None = None
        got: list[str] = []
        async with asyncio.timeout(SECONDS):
            while len(got) < len(put):
                async with aclosing(self.connector(provider_port).listen(cursor)) as arrivals:
                    for _ in range(random.randint(1, 3)):
                        arrival = await anext(arrivals)
                        got += self.names([arrival])
                        cursor = arrival.cursor
                        if len(got) >= len(put):
                            break
        assert sorted(got) == sorted(put)

    async def test_what_came_while_nobody_listened_is_heard_next_time(self, provider_port: int) -> None:
        self.put(["first"])
        async with aclosing(self.connector(provider_port).listen(None)) as arrivals:
            cursor = (await heard(arrivals, 1))[-1].cursor
        await asyncio.to_thread(self.put, ["missed-1", "missed-2"])
        async with aclosing(self.connector(provider_port).listen(cursor)) as arrivals:
            assert self.names(await heard(arrivals, 2)) == ["missed-1", "missed-2"]

    async def test_a_refused_credential_is_rejected(self, provider_port: int) -> None:
        connector = self.refused(provider_port)
        async with aclosing(connector.listen(None)) as arrivals:
            with pytest.raises(hub.Rejected) as told:
                await anext(arrivals)
        assert_readable(told.value)
        with pytest.raises(hub.Rejected):
            await connector.freshness(None)

    async def test_a_server_that_is_not_there_is_unavailable(self) -> None:
        connector = self.connector(free_port())
        async with aclosing(connector.listen(None)) as arrivals:
            with pytest.raises(hub.Unavailable) as told:
                await anext(arrivals)
        assert_readable(told.value)
        with pytest.raises(hub.Unavailable):
            await connector.freshness(None)

    async def test_a_server_that_goes_away_is_unavailable(self, between: Proxy) -> None:
        self.put(["before"])
        async with aclosing(self.connector(between.port).listen(None)) as arrivals:
            await heard(arrivals, 1)
            listening = asyncio.ensure_future(heard(arrivals, 1))
            await between.until(open=1)
            between.edit = lambda _: None  # it does not come back, which a connector that asks again would find
            between.cut()
            with pytest.raises(hub.Unavailable) as told:
                await listening
        assert_readable(told.value)

    async def test_closing_it_closes_its_socket_and_ends_its_threads(self, between: Proxy) -> None:
        self.put(["before"])
        threads = set(threading.enumerate())
        arrivals = self.connector(between.port).listen(None)
        await heard(arrivals, 1)
        await between.until(open=1)
        await arrivals.aclose()
        await between.until(open=0)
        await asyncio.to_thread(_join, threads)

    async def test_cancelling_it_while_it_waits_closes_its_socket_and_ends_its_threads(self, between: Proxy) -> None:
        self.put(["before"])
        threads = set(threading.enumerate())
        arrivals = self.connector(between.port).listen(None)
        await heard(arrivals, 1)
        waiting = asyncio.ensure_future(heard(arrivals, 1))
        # It has begun to wait when it next yields to the loop.
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await between.until(open=0)
        await asyncio.to_thread(_join, threads)

    async def test_freshness_counts_what_is_beyond_the_cursor(self, between: Proxy) -> None:
        connector = self.connector(between.port)
        self.put(["heard"])
        async with aclosing(connector.listen(None)) as arrivals:
            cursor = (await heard(arrivals, 1))[-1].cursor
        assert await connector.freshness(cursor) in (hub.Freshness(0, 0.0), hub.Freshness(None, None))
        await asyncio.to_thread(self.put, ["unheard-1", "unheard-2"])
        lag = await connector.freshness(cursor)
        assert lag.messages in (2, None)
        assert lag.seconds is None or lag.seconds >= 0
        await between.until(open=0)


def assert_readable(verdict: hub.Verdict) -> None:
    """A verdict's text is for people: one line that says something."""
    text = str(verdict)
    assert text
    assert "\n" not in text
    assert "Traceback" not in text
    assert verdict.__cause__ is None or str(verdict.__cause__) != text


def _join(known: set[threading.Thread]) -> None:
    # The event loop's own helpers stay; a plug-in names its threads after itself.
    for thread in set(threading.enumerate()) - known:
        if not thread.name.startswith("asyncio_"):
            thread.join(SECONDS)
            assert not thread.is_alive(), f"{thread.name} goes on"
