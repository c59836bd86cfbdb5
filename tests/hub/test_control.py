"""Commands act through the running hub where there is one, and by themselves where there is none."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.config import Config, load
from hub.control import Control, answers, perform, socket_path
from hub.operation import Failure, Operation, Progress
from hub.quarantine import NotHeld
from hub.service import Service
from hub.sources import State
from hub.sources.states import Said, say
from hub.store import StoreLocked

SECONDS = 20


class Bench:
    """Operations that a test can watch."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    @property
    def table(self) -> Mapping[str, Operation]:
        return {"count": self.count, "fail": self.fail, "break": self.broken, "odd": self.odd, "wait": self.wait}

    async def count(self, service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        for number in range(args["to"]):
            await progress({"at": number})
        return {"counted": args["to"], "text": "x" * args.get("size", 0)}

    async def fail(self, service: Service, args: Mapping[str, Any], progress: Progress) -> None:
        raise Failure("There is no such thing. Name another.")

    async def broken(self, service: Service, args: Mapping[str, Any], progress: Progress) -> None:
        raise ValueError("ada@example.org")

    async def odd(self, service: Service, args: Mapping[str, Any], progress: Progress) -> object:
        return object()

    async def wait(self, service: Service, args: Mapping[str, Any], progress: Progress) -> None:
        await progress({"begun": True})
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.cancelled.set()


def make_config(folder: Path, text: str = "") -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_config(tmp_path)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
async def running(config: Config, bench: Bench) -> AsyncIterator[Service]:
    """A running hub that serves the bench's operations."""
    async with Service.open(config) as service, Control(service, bench.table):
        yield service


@pytest.mark.usefixtures("running")
class TestRunningHub:
    async def test_does_the_operation_and_tells_how_far_it_is(self, config: Config) -> None:
        heard: list[Mapping[str, Any]] = []

        result = await perform(config, "count", {"to": 3}, heard.append)

        assert result == {"counted": 3, "text": ""}
        assert heard == [{"at": 0}, {"at": 1}, {"at": 2}]

    async def test_may_answer_at_length(self, config: Config) -> None:
        result = await perform(config, "count", {"to": 0, "size": 5_000_000})

        assert len(result["text"]) == 5_000_000

    async def test_says_why_it_failed(self, config: Config) -> None:
        with pytest.raises(Failure, match=r"^There is no such thing\. Name another\.$"):
            await perform(config, "fail", {})

    async def test_keeps_an_unexpected_error_to_its_log(self, config: Config) -> None:
        with pytest.raises(Failure, match=r"^The running hub failed with ValueError; its log says where\.$"):
            await perform(config, "break", {})
        with pytest.raises(Failure, match=r"^The running hub failed with TypeError; its log says where\.$"):
            await perform(config, "odd", {})

    async def test_of_another_version_says_so(self, config: Config) -> None:
        with pytest.raises(Failure, match=r"of another version: it cannot do sources\. Restart it\."):
            await perform(config, "sources", {})

    async def test_stops_what_nobody_waits_for_any_more(self, config: Config, bench: Bench) -> None:
        async with asyncio.timeout(SECONDS):
            begun = asyncio.Event()
            asked = asyncio.create_task(perform(config, "wait", {}, lambda _: begun.set()))
            await begun.wait()
            asked.cancel()

            await bench.cancelled.wait()
        await asyncio.gather(asked, return_exceptions=True)

    async def test_serves_this_user_only(self, config: Config) -> None:
        path = socket_path(config)

        assert path is not None
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await answers(config)


async def test_it_goes_away_with_the_hub(config: Config, bench: Bench) -> None:
    async with Service.open(config) as service:
        async with Control(service, bench.table):
            assert await answers(config)

        assert not await answers(config)
        path = socket_path(config)
        assert path is not None
        assert not path.exists()


async def test_a_hub_that_stops_ends_what_it_does(config: Config, bench: Bench) -> None:
    async with Service.open(config) as service, asyncio.timeout(SECONDS):
        begun = asyncio.Event()
        async with Control(service, bench.table):
            asked = asyncio.create_task(perform(config, "wait", {}, lambda _: begun.set()))
            await begun.wait()

        with pytest.raises(Failure, match=r"^The running hub stopped before it was done\. Try again\.$"):
            await asked
        assert bench.cancelled.is_set()


async def test_without_a_running_hub_the_store_is_opened_here(config: Config) -> None:
    async with Service.open(config) as service:
        await service.store.write(lambda conn: say(conn, [Said("mail", State.REJECTED, "Wrong password.")]))

    (row,) = await perform(config, "sources", {})

    assert (row["name"], row["state"], row["cause"]) == ("mail", "rejected", "Wrong password.")


async def test_a_store_that_another_process_has_says_so(config: Config) -> None:
    async with Service.open(config):
        with pytest.raises(StoreLocked, match=r"hub\.sqlite3 is in use by another hub"):
            await perform(config, "sources", {})


async def test_what_a_crash_left_behind_is_in_nobodys_way(config: Config, bench: Bench) -> None:
    path = socket_path(config)
    assert path is not None
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    assert await perform(config, "sources", {}) == []
    async with Service.open(config) as service, Control(service, bench.table):
        assert await perform(config, "count", {"to": 1}) == {"counted": 1, "text": ""}


async def test_postgresql_lets_several_write(tmp_path: Path, postgres_url: str, bench: Bench) -> None:
    config = make_config(tmp_path, f'[hub]\nstore = "{postgres_url}"')

    async with Service.open(config) as service, Control(service, bench.table):
        assert socket_path(config) is None
        assert await perform(config, "sources", {}) == []


async def test_a_path_too_long_for_a_socket_says_so(tmp_path: Path, bench: Bench) -> None:
    config = make_config(tmp_path, f'[hub]\nstore = "sqlite:///{"long/" * 20}hub.sqlite3"')

    async with Service.open(config) as service:
        with pytest.raises(Failure, match=r"is too long for a socket \(100 bytes\)\. Move the store to a shorter path"):
            await Control(service, bench.table).__aenter__()


# --- the quarantine -------------------------------------------------------------------------------------------------


@pytest.fixture
async def held(config: Config) -> None:
    """Two things in quarantine, of two sources."""
    async with Service.open(config) as service:
        about: dict[str, Any] = {"received_at": "2026-05-04T12:00:00+00:00"}
        await service.ingest.quarantine("mail", "mail", "no header at all", b"\x1b[31mred\r\n\xff", about)
        await service.ingest.quarantine("pbx", "delivery", "an event of tomorrow", b"{}", about)


@pytest.mark.usefixtures("held")
class TestQuarantine:
    async def test_is_listed_newest_first(self, config: Config) -> None:
        found = await perform(config, "quarantine.list", {"source": "", "state": "open", "limit": 10})

        assert [(one["source"], one["kind"], one["reason"], one["size"], one["state"]) for one in found] == [
            ("pbx", "delivery", "an event of tomorrow", 2, "open"),
            ("mail", "mail", "no header at all", 11, "open"),
        ]

    async def test_is_listed_by_source(self, config: Config) -> None:
        found = await perform(config, "quarantine.list", {"source": "mail", "state": "", "limit": 10})

        assert [one["source"] for one in found] == ["mail"]

    async def test_shows_one_thing_with_its_bytes(self, config: Config) -> None:
        (listed,) = await perform(config, "quarantine.list", {"source": "mail", "state": "open", "limit": 1})

        shown = await perform(config, "quarantine.show", {"id": listed["id"]})

        assert shown["raw"] == "G1szMW1yZWQNCv8="
        assert shown["about"] == {"received_at": "2026-05-04T12:00:00+00:00"}

    async def test_has_nothing_of_an_unknown_id(self, config: Config) -> None:
        with pytest.raises(NotHeld, match="There is nothing of id 7 in quarantine"):
            await perform(config, "quarantine.show", {"id": 7})
