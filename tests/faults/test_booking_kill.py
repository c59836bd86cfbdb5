"""A hub is killed at each step of a booking: afterwards nothing lies in the calendar that is not booked, and nothing is
booked that does not lie there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp import ClientSession, web

from tests.servers.postgresql import postgresql
from tests.servers.process import free_port
from tests.servers.radicale import CalendarServer, radicale

PATIENCE = 180
STEPS = {"sqlite": ("to be written", "written", "answered"), "postgresql": ("written",)}


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty store."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'hub.sqlite3'}"
        return
    with postgresql() as server:
        yield server.url(server.create())
        server.process.kill()


@pytest.fixture(scope="module")
def calendars() -> Iterator[CalendarServer]:
    """A Radicale with Ada's calendar."""
    with radicale() as server:
        server.make("work")
        yield server


@dataclass
class Gate:
    """Stands before the calendar server and holds what passes at one *step* ("": nothing)."""

    target: str
    step: str = ""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_on(self, request: web.Request) -> web.Response:
        """Ask the server, and answer what it does."""
        body = await request.read()
        written = request.method == "PUT"
        if written and self.step == "to be written":
            await self._hold()
        async with (
            ClientSession() as client,
            client.request(
                request.method, self.target + request.raw_path, data=body, headers=_without_hop(request.headers.items())
            ) as answer,
        ):
            said = web.Response(
                status=answer.status, body=await answer.read(), headers=_without_hop(answer.headers.items())
            )
        if written and self.step == "written":
            await self._hold()
        if written and self.step == "answered":
            asyncio.get_running_loop().call_soon(self.reached.set)
        return said

    async def _hold(self) -> None:
        self.reached.set()
        await self.closed.wait()


def _without_hop(headers: object) -> dict[str, str]:
    dropped = ("host", "content-length", "transfer-encoding", "connection", "content-encoding", "accept-encoding")
    return {name: value for name, value in headers if name.lower() not in dropped}  # type: ignore[attr-defined]


@asynccontextmanager
async def started(config: Path, days: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A hub that holds a time, killed at the end of the block."""
    hub = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.booking_hub", str(config), str(days),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert hub.stdout is not None
        assert await hub.stdout.readline() == b"held\n"
        yield hub
    finally:
        hub.kill()
        await hub.wait()


@asynccontextmanager
async def gate(target: str) -> AsyncIterator[tuple[Gate, int]]:
    """A running one, and its port."""
    it, port = Gate(target), free_port()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", it.pass_on)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield it, port
    finally:
        it.closed.set()
        await runner.cleanup()


async def test_killed_at_each_step_of_a_booking(tmp_path: Path, store: str, calendars: CalendarServer) -> None:
    for path in lying(calendars):
        calendars.delete(path)
    async with asyncio.timeout(PATIENCE), gate(calendars.url) as (it, port):
        secret = tmp_path / "secret"
        secret.write_text("secret-a")
        config = tmp_path / "config.toml"
        config.write_text(f"""
[hub]
listen = "127.0.0.1:{free_port()}"
public_url = "https://hub.example.org"
store = "{store}"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.org"]

[sources.diary]
provider = "caldav"
agents = ["ada"]
url = "http://127.0.0.1:{port}"
username = "alice"
password = "file:{secret}"
write_to = "work"
poll_seconds = 1

[event_types.intro]
title = "Introduction"
durations = [30]
hosts = ["ada"]
notice = 0
""")
        steps = STEPS[store.partition(":")[0]]
        for number, step in enumerate(steps):
            await killed_at(step, it, config, number + 1)
            await run_out(store)
        async with started(config, len(steps) + 1) as hub:  # what is left is seen to, and the next one is booked
            assert hub.stdin is not None
            assert hub.stdout is not None
            hub.stdin.write(b"go\n")
            assert await hub.stdout.readline() == b"booked\n"
            await agreed(store, calendars)


async def killed_at(step: str, it: Gate, config: Path, days: int) -> None:
    """A hub books a time, and is killed when it is so far; at "never" it is when it has booked."""
    async with started(config, days) as hub:
        it.reached.clear()
        it.closed.clear()
        it.step = step
        assert hub.stdin is not None
        hub.stdin.write(b"go\n")
        await it.reached.wait()
    it.step = ""
    it.closed.set()


async def agreed(store: str, calendars: CalendarServer) -> None:
    """Return once the one that is booked is what lies in the calendar, and nothing waits."""
    while True:
        booked, waiting = await asyncio.to_thread(stands, store)
        there = {path.rpartition("/")[2].removesuffix(".ics").replace("%40", "@") for path in lying(calendars)}
        if booked == there and len(booked) == 1 and not waiting:
            return
        await asyncio.sleep(0.1)


def stands(store: str) -> tuple[set[str], int]:
    """The UIDs of what is booked, and how many writes wait."""
    engine = sa.create_engine(store.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as conn:
        booked = set(conn.scalars(sa.text("SELECT uid FROM appointments WHERE state = 'confirmed'")))
        waiting = conn.scalar(sa.text("SELECT count(*) FROM appointment_writes WHERE state <> 'done'"))
    engine.dispose()
    return booked, int(waiting or 0)


async def run_out(store: str) -> None:
    """Minutes go by: what a killed hub held and claimed is not its own any more."""

    def work() -> None:
        engine = sa.create_engine(store.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as conn:
            for table in ("bookings", "appointments"):
                conn.execute(sa.text(f"UPDATE {table} SET held_until = 1 WHERE state = 'held'"))
            conn.execute(sa.text("UPDATE appointment_writes SET claimed_until = 1, due_at = 1"))
        engine.dispose()

    await asyncio.to_thread(work)


def lying(calendars: CalendarServer) -> list[str]:
    """The paths of what lies in the calendar."""
    asked = '<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>'
    status, _, body = calendars.ask("PROPFIND", calendars.path("work"), asked, Depth="1")
    assert status == 207
    text = body.decode()
    return [
        part.partition("</href>")[0].partition("</D:href>")[0]
        for part in text.replace("<D:href>", "<href>").split("<href>")[1:]
        if ".ics" in part.partition("<")[0]
    ]
