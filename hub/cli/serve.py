"""`hub serve`: the running hub."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uvloop
from aiohttp import web

from hub import logs
from hub.config import Config, load
from hub.control import Control
from hub.operation import Failure
from hub.service import Service
from hub.sources.supervisor import Supervisor, rebuilder, routes
from hub.web.app import make_app
from hub.web.auth import first_link

log = logging.getLogger(__name__)

GRACE_SECONDS = 3.0
"""How long open requests may take to end when the hub stops."""

SWITCH_SECONDS = 0.0002
"""How long one thread may compute while another waits. Python's own 5 ms would stand between a call and its pop."""


def add(subparsers: Any) -> None:
    """The command line."""
    subparsers.add_parser(
        "serve",
        help="run the hub",
        description="Run the hub: its pages, its API, its doors and its sources, until SIGTERM or Ctrl-C.",
    )


def run(args: argparse.Namespace) -> int:
    """Run until told to stop."""
    config = load(args.config)
    logs.begin(config.secrets)
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config))
    return 0


async def _serve(config: Config) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.forgotten_error)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(config) as (service, address):
        print(f"The hub is ready: {address}", flush=True)
        if address != config.public_url:
            print(f"From outside it is: {config.public_url}", flush=True)
        link = await first_link(service)
        if link is not None:
            print(f"Nobody can log in yet. This link makes the first administrator, once: {link}", flush=True)
        await stop.wait()
        log.info("stopping")


@asynccontextmanager
async def running(config: Config) -> AsyncGenerator[tuple[Service, str]]:
    """The whole hub, and the address at which its pages are.

    Raises `StoreLocked`, `Unavailable` (no store), and `Failure` where the address cannot be had.
    """
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(Service.open(config))
        plugins, problems = config.built(service.lend)
        supervisor = Supervisor(
            service.store,
            service.ingest,
            plugins,
            problems,
            live=service.live,
            rebuild=rebuilder(config, service.lend),
            routes=routes(config, plugins),
            happened=service.alerts.happened,
        )
        await stack.enter_async_context(Control(service))
        address = await stack.enter_async_context(_site(config, service, supervisor))
        await stack.enter_async_context(service.outbox)
        await stack.enter_async_context(service.letters)
        await stack.enter_async_context(service.recordings)
        await stack.enter_async_context(service.files)
        await stack.enter_async_context(service.overdue)
        await stack.enter_async_context(service.closing)
        await stack.enter_async_context(service.dialing)
        await stack.enter_async_context(service.dial_lists)
        await stack.enter_async_context(service.bookings)
        await stack.enter_async_context(service.notices)
        await stack.enter_async_context(service.calendars)
        await stack.enter_async_context(service.alerts)
        await stack.enter_async_context(service.watch)
        await stack.enter_async_context(service.authors)
        await stack.enter_async_context(service.ways)
        await stack.enter_async_context(service.subscribers)
        await stack.enter_async_context(supervisor)
        await supervisor.doors_tried()
        yield service, address


@asynccontextmanager
async def _site(config: Config, service: Service, supervisor: Supervisor) -> AsyncGenerator[str]:
    """The web application on its address."""
    host, port = config.address
    # An access log would hold addresses of people: they stand in paths and queries.
    runner = web.AppRunner(make_app(service, supervisor), access_log=None, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            cure = "Stop what uses it, or set [hub] listen to another address."
            raise Failure(f"{config.path}: hub.listen: {config.listen} cannot be had. {cure}") from error
        yield f"http://{config.listen}" if port else f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
