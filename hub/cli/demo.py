"""`hub demo`: a day in a small firm, played through the real doors of a hub of its own."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from hub import logs
from hub.cli.serve import running
from hub.config import Config
from hub.control import perform
from hub.demo import firm
from hub.demo.day import World, day, weeks_before
from hub.demo.doors import Door, MailServer, PhoneSystem, Twilio
from hub.demo.inbox import worked
from hub.demo.public import said, visited
from hub.service import Service

PATIENCE_SECONDS = 90.0
"""The day begins when a page is open, or after this long."""

FOLDER = Path("data") / "demo"


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser(
        "demo",
        help="play a day in a small firm",
        description="Start a hub of its own in data/demo, and play a day in a small firm through its doors: signed "
        "callbacks, JSON and SMTP. Your own store and config are not touched.",
    )
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="N times as fast (1: about a minute)")
    parser.add_argument("--once", action="store_true", help="begin at once, and stop when the day is over")


def run(args: argparse.Namespace) -> int:
    """Play it."""
    folder = args.config.parent / FOLDER
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_demo(folder, args.speed, once=args.once))
    return 0


async def _demo(folder: Path, speed: float, *, once: bool) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.forgotten_error)
    config = await firm.founded(folder)
    logs.begin(config.secrets)
    for name in logs.OURS:  # what a log would say is told below in other words
        logging.getLogger(name).setLevel(logging.WARNING)
    playing = asyncio.create_task(_play(config, speed, once=once))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, playing.cancel)
    try:
        await playing
    except asyncio.CancelledError:
        print("The demo has ended.", flush=True)


async def _play(config: Config, speed: float, *, once: bool) -> None:
    async with running(config) as (service, address), _world(config, address, speed) as world:
        await firm.filled(service)
        await weeks_before(world)
        await said(service)
        passwords = await firm.staffed(service)
        await worked(service)
        await visited(service)
        _introduce(config, passwords, speed)
        if not once:
            await _audience(service)
        await day(world)
        world.says("17:30", "The day is over. Look at People, Inbox, Calls and Sources.")
        if once:
            print(f"\nTo look at it again: hub serve --config {config.path}", flush=True)
            return
        print("\nThe hub goes on until Ctrl-C.", flush=True)
        await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def _world(config: Config, address: str, speed: float) -> AsyncGenerator[World]:
    """Who speaks to the hub at *address* from outside."""

    async def passes(seconds: float) -> None:
        await asyncio.sleep(seconds / speed)

    async def ingest(name: str, content: str) -> None:
        path = config.path.with_name(name)
        await asyncio.to_thread(path.write_text, content, "utf-8")
        await perform(
            config, "ingest", {"paths": [str(path.absolute())], "source": "files", "level": "", "audience": ""}
        )

    async with aiohttp.ClientSession() as client:

        def door(name: str) -> Door:
            return Door(client, name, f"{address}/webhooks/{name}", config.webhook_url(name))

        account = config.sources["front-desk"].settings["account_sid"]
        host, _, port = config.sources["dropbox"].settings["listen"].rpartition(":")
        yield World(
            Twilio(door("front-desk"), account, firm.secret(config, "twilio"), firm.LINE),
            PhoneSystem(door("showroom"), firm.secret(config, "showroom")),
            MailServer(host, int(port)),
            ingest,
            _say,
            passes,
        )


async def _audience(service: Service) -> None:
    """Return when somebody has a page open, or has not for a while."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not service.live.agents() and time.monotonic() < until:  # noqa: ASYNC110  # nobody tells who comes
        await asyncio.sleep(0.2)
    await asyncio.sleep(1)  # so that she sees the page before the phone rings


def _introduce(config: Config, passwords: Mapping[str, str], speed: float) -> None:
    print("A day at Lumen, a lamp maker in Berlin. Everybody in it is invented.\n")
    print(f"  Open    {config.public_url}")
    print(f"  Log in  ada   {passwords['ada']}")
    print(f"          ben   {passwords['ben']}   (in a private window: two phones, two screens)")
    print(f"  Book    {config.public_url}/book/   (as a customer would)")
    print(f"  Chat    {config.public_url}/chat/website-chat   (as a visitor of the web site)\n")
    print(
        f"The day takes about {60 / speed:.0f} s, and begins when a page is open. The pages show the real time.\n",
        flush=True,
    )


def _say(clock: str, line: str) -> None:
    print(f"{clock}  {line}", flush=True)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0
    if not 0.01 <= speed <= 1000:
        raise argparse.ArgumentTypeError(f'"{text}" is no number from 0.01 to 1000')
    return speed
