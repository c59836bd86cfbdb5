"""`hub ingest`: old mail and old meetings, from files."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from hub.config import load
from hub.control import perform
from hub.vocabulary import Level

SOURCE = "files"


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser(
        "ingest",
        help="take in mails and meetings from files",
        description="Take in mails (.eml, mbox, Maildir, folders of them) and meetings (.ics). Nobody is alerted, no "
        "file is changed, and what is known already stays as it is: a run that was broken off may be repeated.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--source", default=SOURCE, help=f"the source whose mails they are (default: {SOURCE})")
    parser.add_argument("--level", choices=list(Level), default="", help="how much of them people may read")
    parser.add_argument("--audience", default="", metavar="AGENT", help="the only colleague who may read them")


def run(args: argparse.Namespace) -> int:
    """Take them in with a progress bar; 1 where some could not be read."""
    config = load(args.config)
    question = {
        "paths": [str(path.absolute()) for path in args.files],
        "source": args.source,
        "level": args.level,
        "audience": args.audience,
    }
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task("mails", total=None)

        def tell(news: Mapping[str, Any]) -> None:
            bar.update(task, description=_said(news), completed=news["bytes"], total=news["of"])

        result = asyncio.run(perform(config, "ingest", question, tell))
    print(f"{_said(result)} taken in.")
    if result["quarantined"]:
        print(f"{result['quarantined']:,} could not be understood: hub quarantine list --source {args.source}")
    for why in result["failed"]:
        print(f"hub: {why}", file=sys.stderr)
    return 1 if result["failed"] else 0


def _said(news: Mapping[str, Any]) -> str:
    mails = _count(news["mails"], "mail")
    return f"{mails} and {_count(news['meetings'], 'meeting')}" if news["meetings"] else mails


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
