"""`hub sources`: how every source does, and how far first readings are."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from hub.config import Config, load
from hub.control import answers, perform
from hub.sources import State
from hub.sources.reading import Progress, progress
from hub.sources.states import listed
from hub.store import Store

STYLES = {
    State.LISTENING.value: "green",
    State.REJECTED.value: "red",
    State.MISCONFIGURED.value: "red",
    State.FAILED.value: "red",
    State.WAITING.value: "yellow",
    State.CONNECTING.value: "yellow",
}
SECONDS = 1.0


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser(
        "sources",
        help="how every source does, and how far first readings are",
        description="How every source does: its state and why, how far it is behind, and how far its first reading is.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--watch", action="store_true", help="go on showing it until Ctrl-C")


def run(args: argparse.Namespace) -> int:
    """Show the table once, or for as long as somebody looks."""
    config = load(args.config)
    if args.watch:
        asyncio.run(_watch(config, args.names))
        return 0
    rows = _chosen(config, asyncio.run(perform(config, "sources", {})), args.names)
    if not rows:
        print("There is no such source." if args.names else "There are no sources yet.")
        return 1 if args.names else 0
    console = Console()
    if console.is_terminal:
        console.print(_table(rows, datetime.now(UTC)))
    else:
        for line in lines(rows, datetime.now(UTC)):
            print(line)
    return 0


async def _watch(config: Config, names: Sequence[str]) -> None:
    """The table, once a second. With a running hub it is asked; else the store is read beside the other hubs."""
    with Live(console=Console(), refresh_per_second=4, screen=False) as shown:
        if await answers(config) or config.store_path is not None:
            while True:
                rows = await perform(config, "sources", {})
                shown.update(_table(_chosen(config, rows, names), datetime.now(UTC)))
                await asyncio.sleep(SECONDS)
        async with Store.open(config.store, migrate=False) as store:
            while True:
                rows = await store.read(listed)
                shown.update(_table(_chosen(config, rows, names), datetime.now(UTC)))
                await asyncio.sleep(SECONDS)


def _chosen(config: Config, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Mapping[str, Any]]:
    """Every source of the config, also those of which the store knows nothing yet; what is wrong first."""
    known = {row["name"]: row for row in rows}
    broken = {problem.source: str(problem) for problem in config.problems if problem.source}
    wanted = dict.fromkeys((*config.sources, *broken))
    found = []
    for name in wanted:
        if not names or name in names:
            row = {"name": name, "state": State.NEW.value, "cause": "", **known.get(name, {})}
            found.append(row | {"state": State.MISCONFIGURED.value, "cause": broken[name]} if name in broken else row)
    return sorted(found, key=lambda row: (STYLES.get(row["state"]) != "red", row["name"]))


def lines(rows: Sequence[Mapping[str, Any]], now: datetime) -> list[str]:
    """A line for each source, for a pipe."""
    width = max(len(row["name"]) for row in rows)
    return [f"{row['name']:{width}}  {'  '.join(filter(None, _said(row, now)))}" for row in rows]


def _said(row: Mapping[str, Any], now: datetime) -> tuple[str, str, str, str]:
    """State, lag, first reading and cause in words."""
    state = str(row["state"])
    again = _moment(row.get("next_try_at"))
    if state == State.WAITING and again is not None:
        state += f", again in {lasting(max(0.0, (again - now).total_seconds()))}"
    behind = row.get("behind_messages")
    lag = "" if behind is None else "up to date" if not behind else f"behind by {behind:,}"
    if behind and row.get("behind_seconds"):
        lag += f", {lasting(row['behind_seconds'])}"
    reading = _reading(row, now)
    return state, lag, told(reading) if reading else "", _visible(str(row.get("cause") or ""))


def told(reading: Progress) -> str:
    """`1,204 of 9,800, 62/s, 2 min left`."""
    words = f"{reading.done:,} of {reading.total:,}"
    if reading.rate is None or reading.left is None:
        return words
    return f"{words}, {reading.rate:,.0f}/s, {lasting(reading.left)} left"


def lasting(seconds: float) -> str:
    """A duration in its largest unit."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _reading(row: Mapping[str, Any], now: datetime) -> Progress | None:
    began = _moment(row.get("backfill_began_at"))
    reads = row["state"] == State.LISTENING
    return progress(row.get("backfill_done"), row.get("backfill_total"), began, now, reads=reads)


def _table(rows: Sequence[Mapping[str, Any]], now: datetime) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for heading in ("Source", "State", "Lag", "First reading"):
        table.add_column(heading, overflow="fold")
    table.add_column("", width=20)
    for row in rows:
        state, lag, reads, cause = _said(row, now)
        reading = _reading(row, now)
        words = f"[{STYLES.get(row['state'], 'default')}]{escape(state)}[/]" + (f"\n{escape(cause)}" if cause else "")
        bar = ProgressBar(total=1.0, completed=reading.share, width=20) if reading else ""
        table.add_row(escape(row["name"]), words, lag, reads, bar)
    return table


def _moment(value: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _visible(text: str) -> str:
    """*text* without what a terminal would obey: a server wrote it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
