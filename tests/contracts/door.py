"""What every door must do."""

from __future__ import annotations

import asyncio
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

import pytest

import hub
from tests.contracts.connector import assert_readable
from tests.servers.process import free_port

SECONDS = 20
"""Longest wait for something that must happen."""


class PutOff(Exception):
    """The door said: not now. A sender keeps what it has and comes again."""


class Ledger:
    """Stands for the core: takes items as `Record`, waits where it is told to, and fails where it is told to."""

    def __init__(self) -> None:
        self.items: list[hub.Item] = []
        self.begun = 0
        self.failure: Exception | None = None
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()
        self._changed = asyncio.Condition()

    async def __call__(self, items: Sequence[hub.Item]) -> None:
        """Record *items*."""
        async with self._changed:
            self.begun += len(items)
            self._changed.notify_all()
        await self._may_go_on.wait()
        if self.failure is not None:
            raise self.failure
        self.items.extend(items)

    def hold(self) -> None:
        """From now on nothing is recorded until `release`."""
        self._may_go_on.clear()

    def release(self) -> None:
        """What waits is recorded."""
        self._may_go_on.set()

    async def until_begun(self, items: int) -> None:
        """Return when so many items have been handed over."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(lambda: self.begun >= items)


@asynccontextmanager
async def open_door(door: hub.Door, record: hub.Record) -> AsyncIterator[asyncio.Task[None]]:
    """*door* while it listens, as the task that serves."""
    serving = asyncio.ensure_future(door.serve(record))
    try:
        async with asyncio.timeout(SECONDS):
            while not serving.done():
                host, port = door.address
                try:
                    _, writer = await asyncio.open_connection(host, port)
                except OSError:
                    # A door has no way to say that it is open: knocking is the only way.
                    await asyncio.sleep(0.005)
                    continue
                writer.close()
                await writer.wait_closed()
                break
        yield serving
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


class DoorContract(ABC):
    """Subclass it, name it `Test...`, and say how one speaks to the door."""

    @abstractmethod
    def door(self, port: int) -> hub.Door:
        """A door with right settings on *port* of this machine."""

    @abstractmethod
    def listen_key(self) -> str:
        """The TOML key under which the address of `door` stands."""

    @abstractmethod
    def hand_in(self, address: tuple[str, int], name: str) -> None:
        """Hand in one thing called *name* and return when the door has accepted it. Blocks. Raises `PutOff`."""

    @abstractmethod
    def name(self, item: hub.Item) -> str:
        """The name under which *item* was handed in."""

    async def test_what_is_handed_in_is_recorded(self) -> None:
        door, ledger = self.door(free_port()), Ledger()
        async with open_door(door, ledger):
            await asyncio.to_thread(self.hand_in, door.address, "one")
            await asyncio.to_thread(self.hand_in, door.address, "two")
        assert [self.name(item) for item in ledger.items] == ["one", "two"]

    async def test_accepted_is_said_only_after_it_was_recorded(self) -> None:
        door, ledger = self.door(free_port()), Ledger()
        ledger.hold()
        async with open_door(door, ledger):
            sending = asyncio.ensure_future(asyncio.to_thread(self.hand_in, door.address, "one"))
            await ledger.until_begun(1)
            # Time enough for an answer to come, were there one.
            _, still_sending = await asyncio.wait({sending}, timeout=0.2)
            assert still_sending
            assert ledger.items == []
            ledger.release()
            await sending
        assert [self.name(item) for item in ledger.items] == ["one"]

    @pytest.mark.parametrize("failure", [hub.Unavailable("the disk is full"), RuntimeError("a fault")])
    async def test_what_cannot_be_recorded_is_put_off_and_not_lost(
        self, failure: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.CRITICAL, "connectors")
        door, ledger = self.door(free_port()), Ledger()
        async with open_door(door, ledger):
            ledger.failure = failure
            with pytest.raises(PutOff):
                await asyncio.to_thread(self.hand_in, door.address, "one")
            assert ledger.items == []
            ledger.failure = None
            await asyncio.to_thread(self.hand_in, door.address, "one")
        assert [self.name(item) for item in ledger.items] == ["one"]

    async def test_many_are_served_at_once(self) -> None:
        """A commit takes many items together, so that nobody may wait for another's."""
        door, ledger = self.door(free_port()), Ledger()
        ledger.hold()
        names = [f"thing-{number}" for number in range(20)]
        hand_in = partial(asyncio.get_running_loop().run_in_executor, ThreadPoolExecutor(len(names)), self.hand_in)
        async with open_door(door, ledger):
            sending = [hand_in(door.address, name) for name in names]
            await ledger.until_begun(len(names))
            assert ledger.items == []
            ledger.release()
            await asyncio.gather(*sending)
        assert sorted(self.name(item) for item in ledger.items) == sorted(names)

    async def test_the_end_waits_for_what_is_on_its_way_in(self) -> None:
        door, ledger = self.door(free_port()), Ledger()
        ledger.hold()
        async with open_door(door, ledger) as serving:
            sending = asyncio.ensure_future(asyncio.to_thread(self.hand_in, door.address, "one"))
            await ledger.until_begun(1)
            serving.cancel()
            await asyncio.sleep(0)
            assert not serving.done()
            ledger.release()
            await sending
            with pytest.raises(asyncio.CancelledError):
                await serving
        assert [self.name(item) for item in ledger.items] == ["one"]

    async def test_the_port_is_free_again_afterwards(self) -> None:
        port, ledger = free_port(), Ledger()
        for name in ("one", "two"):
            door = self.door(port)
            async with open_door(door, ledger):
                assert door.address == ("127.0.0.1", port)
                await asyncio.to_thread(self.hand_in, door.address, name)
        assert [self.name(item) for item in ledger.items] == ["one", "two"]

    async def test_a_port_that_is_taken_is_misconfigured(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(hub.Misconfigured) as told:
                await self.door(port).serve(Ledger())
        assert_readable(told.value)
        assert f"127.0.0.1:{port}" in str(told.value)
        assert self.listen_key() in str(told.value)
