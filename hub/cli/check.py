"""`hub check`: connect to every source, and say what is wrong, which URL is verified, and how far we are behind."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from hub.cli.borrowing import Borrowing
from hub.config import Config, Plugins, load
from hub.contracts import Connector, Door, Unavailable, Verdict
from hub.control import answers, perform
from hub.operation import Failure
from hub.sources.keeper import opened
from hub.store import StoreLocked
from hub.vocabulary import Freshness, Item

SECONDS = 30.0
"""How long one source may take to answer."""

FAULT = "has a fault of its own ({}). Run `hub serve` with HUB_DEBUG=1 to see where, and tell whoever made it."


@dataclass(slots=True)
class Report:
    """What there is to say of one source, or of the hub itself."""

    name: str
    good: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def add(subparsers: Any) -> None:
    """The command line."""
    subparsers.add_parser(
        "check",
        help="connect to every source and say what is wrong",
        description="Connect to the store and to every source. Nothing is taken in, and nothing at a provider changes.",
    )


def run(args: argparse.Namespace) -> int:
    """Print a line for each finding; 1 where something is wrong."""
    logging.getLogger().setLevel(logging.CRITICAL)  # what plug-ins log is said here in other words
    config = load(args.config)
    reports = asyncio.run(_reports(config))
    width = max(len(report.name) for report in reports) + 2
    for report in reports:
        for grade, lines in (("ok", report.good), ("note", report.notes), ("wrong", report.wrong)):
            for line in lines:
                print(f"{grade:6}{report.name:{width}}{line}")
    return 1 if any(report.wrong for report in reports) else 0


async def _reports(config: Config) -> list[Report]:
    store, rows, runs = await _store(config)
    plugins, problems = config.built(Borrowing(config).lend)
    reports = await asyncio.gather(
        *(_source(config, name, plugin, rows.get(name), runs) for name, plugin in plugins.items())
    )
    left_out: dict[str, Report] = {}
    for problem in problems:
        report = left_out.setdefault(problem.source, Report(problem.source))
        report.wrong.append(f"{config.path}: {problem}")
    webhooks = any(plugin.webhook for plugin in plugins.values())
    return [store, *([_public_url(config)] if webhooks else []), *reports, *left_out.values()]


async def _store(config: Config) -> tuple[Report, Mapping[str, dict[str, Any]], bool]:
    """Whether the store can be had, what it knows of each source, and whether a hub is running on it here."""
    report = Report("store")
    runs = await answers(config)
    try:
        rows = await perform(config, "sources", {})
    except (Failure, Unavailable, StoreLocked) as error:
        report.wrong.append(f"{config.path}: hub.store: {error}")
        return report, {}, runs
    where = config.store_path or urlsplit(config.store)._replace(netloc=urlsplit(config.store).hostname or "").geturl()
    report.good.append(f"{where}{', where the hub is running' if runs else ''}")
    return report, {row["name"]: row for row in rows}, runs


def _public_url(config: Config) -> Report:
    report = Report("public_url", good=[config.public_url])
    host = urlsplit(config.public_url).hostname or ""
    if _is_loopback(host):
        report.notes.append(
            f"no provider reaches {host} from outside. Set [hub] public_url to the address that providers call."
        )
    return report


async def _source(config: Config, name: str, plugins: Plugins, row: dict[str, Any] | None, runs: bool) -> Report:
    report = Report(name)
    if plugins.connector is not None:
        await _connector(plugins.connector, row["cursor"] if row else None, report)
    if plugins.door is not None:
        # On PostgreSQL nobody says whether a hub runs here; that its door was open when it was last seen comes close.
        await _door(plugins.door, report, runs or bool(row and row["state"] == "listening" and not config.store_path))
    if plugins.webhook is not None:
        report.good.append(f"verifies deliveries to {config.webhook_url(name)}")
        report.notes.extend(plugins.webhook.advice())
    if row and row["state"] in ("rejected", "misconfigured", "failed"):
        report.notes.append(f"the hub says it is {row['state']}: {row['cause']}")
    return report


async def _connector(connector: Connector, cursor: str | None, report: Report) -> None:
    try:
        async with asyncio.timeout(SECONDS):
            fresh = await connector.freshness(cursor)
    except Verdict as verdict:
        report.wrong.append(str(verdict))
    except TimeoutError:
        report.wrong.append(f"did not answer within {SECONDS:.0f} seconds. Look at the network between.")
    except Exception as error:
        report.wrong.append(FAULT.format(type(error).__name__))
    else:
        report.good.append(f"answers, {_lag(fresh)}")


async def _door(door: Door, report: Report, runs: bool) -> None:
    """A running hub has its doors open; otherwise each is opened for a moment."""
    if runs:
        await _knock(door, report)
        return
    serving = asyncio.create_task(door.serve(_refuse))
    knocking = asyncio.create_task(opened(door))
    done, _ = await asyncio.wait((serving, knocking), timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for task in (serving, knocking):
        task.cancel()
    ended, _ = await asyncio.gather(serving, knocking, return_exceptions=True)
    host, port = door.address
    if isinstance(ended, Verdict):
        report.wrong.append(str(ended))
    elif serving in done:
        report.wrong.append(FAULT.format(type(ended).__name__))
    elif knocking in done:
        report.good.append(f"can listen on {host}:{port}")
    else:
        report.wrong.append(f"does not answer on {host}:{port} within {SECONDS:.0f} seconds.")


async def _knock(door: Door, report: Report) -> None:
    host, port = door.address
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        report.wrong.append(f"the hub is running and does not listen on {host}:{port}. Restart it.")
    else:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        report.good.append(f"listens on {host}:{port}")


async def _refuse(_: Sequence[Item]) -> None:
    raise Unavailable("This is only a check.")


def _lag(fresh: Freshness) -> str:
    if fresh.messages == 0:
        return "up to date"
    behind = "an unknown number of messages" if fresh.messages is None else _count(fresh.messages, "message")
    if fresh.seconds is None:
        return f"behind by {behind}"
    return f"behind by {behind}, the oldest {_duration(fresh.seconds)} old"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _duration(seconds: float) -> str:
    for size, what in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return _count(int(seconds // size), what)
    return _count(int(seconds), "second")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
