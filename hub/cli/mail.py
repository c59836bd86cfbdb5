"""`hub mail`: what would be recorded of a mailbox, and the addresses at which agents hand in mail."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import orjson
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hub.cli.borrowing import Borrowing
from hub.config import Config, load
from hub.contracts import Misconfigured
from hub.operation import Failure
from hub.privacy.preview import Kept, Mails, Preview, Reason, preview
from hub.registry import nearest

DAYS = 30

_KEPT: Mapping[Kept, str] = MappingProxyType(
    {
        Kept.WHOLE: "whole",
        Kept.SUBJECT: "who, when and subject",
        Kept.METADATA: "who and when",
        Kept.NOTHING: "not at all",
        Kept.QUARANTINE: "in quarantine",
    }
)
_STYLES: Mapping[Kept, str] = MappingProxyType(
    {Kept.WHOLE: "green", Kept.NOTHING: "red", Kept.QUARANTINE: "yellow", Kept.SUBJECT: "cyan", Kept.METADATA: "cyan"}
)
_WHY: Mapping[str, str] = MappingProxyType(
    {
        "": "",
        "never-log": "somebody in it is in privacy.never_log",
        "internal": "only our own people are in it (privacy.internal)",
        "folder": "its folder is in privacy.skip_folders: {}",
        "label": "its label is in privacy.skip_folders: {}",
        "header": "its header is in privacy.skip_headers: {}",
        "level": "the source's level",
        "canary": "a test mail of the hub",
        "unreadable": "{}",
    }
)


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser(
        "mail",
        help="what would be recorded of a mailbox, and agents' addresses for BCC and forwarding",
        description="What would be recorded of a mailbox, and the addresses at which agents hand in mail.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    shown = actions.add_parser(
        "preview",
        help="what would be recorded of a mailbox, and what not, and why",
        description="Reads a mailbox over a connection of its own and says what the privacy rules would keep of it, "
        "and why. Nothing is stored, nothing in the mailbox changes, and a hub that runs is not disturbed.",
    )
    shown.add_argument("source", metavar="SOURCE")
    shown.add_argument("--days", type=_days, default=DAYS, metavar="N", help=f"how far back (default: {DAYS})")
    shown.add_argument("--no-examples", action="store_true", help="numbers only: no dates, senders and subjects")
    shown.add_argument("--json", action="store_true", help="one JSON document for a program")
    listed = actions.add_parser(
        "addresses",
        help="the addresses to which each agent sends copies and forwards mail",
        description="The addresses to which each agent sends copies and forwards mail. Whoever knows one can hand in "
        "mail in that agent's name.",
    )
    listed.add_argument("source", nargs="?", default="", metavar="SOURCE", help="only those of this door")
    listed.add_argument("--json", action="store_true", help="one JSON document for a program")


def run(args: argparse.Namespace) -> int:
    """Preview, or list."""
    config = load(args.config)
    return _preview(config, args) if args.action == "preview" else _addresses(config, args)


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 36_500:
        raise argparse.ArgumentTypeError(f'"{text}" is no number of days')
    return int(text)


def _known(config: Config, source: str) -> None:
    """Raises `Failure` where the config has no such source that is right."""
    if source in config.sources:
        return
    for problem in config.problems:
        if problem.source == source:
            raise Failure(f"{config.path}: {problem}")
    guess = nearest(source, config.sources)
    cure = f'Did you mean "{guess}"?' if guess else f"There are: {', '.join(config.sources) or 'none'}."
    raise Failure(f'There is no source "{source}". {cure}')


# --- preview --------------------------------------------------------------------------------------------------------


def _preview(config: Config, args: argparse.Namespace) -> int:
    _known(config, args.source)
    found = _read(config, args.source, args.days)
    examples = not args.no_examples
    if args.json:
        sys.stdout.write(orjson.dumps(_document(found, examples), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _print(found, examples, Console(highlight=False))
    if not found.complete:
        print(f"hub: {args.source} fell silent before all of it was read. Try again.", file=sys.stderr)
    return 0 if found.complete else 1


def _read(config: Config, source: str, days: int) -> Preview:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task("mails", total=None)
        return asyncio.run(
            preview(
                config,
                source,
                days,
                Borrowing(config).lend,
                lambda read, total: bar.update(task, completed=read, total=total),
            )
        )


def _print(found: Preview, examples: bool, console: Console) -> None:
    totals = [f"{count:,} {_KEPT[kept]}" for kept, count in found.totals().items() if count]
    for line in (
        f"{found.source}: {_count(found.mails)} since {found.since:%Y-%m-%d}. Nothing was stored.",
        *([f"Would be recorded: {', '.join(totals)}."] if totals else []),
    ):
        print(line)
    if not found.found:
        return
    print()
    if console.is_terminal:
        console.print(_table(found, examples))
        return
    for reason, mails in _ordered(found):
        words = (_visible(reason.folder), f"{mails.count:,}", _KEPT[reason.kept], _visible(_why(reason)))
        print("  ".join(word for word in words if word))
        for line in _examples(mails) if examples else ():
            print(f"    {line}")


def _table(found: Preview, examples: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Folder", overflow="fold")
    table.add_column("Mails", justify="right")
    table.add_column("Recorded", no_wrap=True)
    table.add_column("Why", overflow="fold")
    before = None
    for reason, mails in _ordered(found):
        shown = [escape(_visible(_why(reason)))] if _why(reason) else []
        shown += [f"[dim]{escape(line)}[/]" for line in _examples(mails)] if examples else []
        kept = f"[{_STYLES[reason.kept]}]{_KEPT[reason.kept]}[/]"
        folder = "" if reason.folder == before else escape(_visible(reason.folder))
        table.add_row(folder, f"{mails.count:,}", kept, "\n".join(shown))
        before = reason.folder
    return table


def _ordered(found: Preview) -> list[tuple[Reason, Mails]]:
    """By folder; in it, what is kept most comes first."""
    order = list(Kept)
    return sorted(
        found.found.items(), key=lambda each: (each[0].folder, order.index(each[0].kept), each[0].rule, each[0].what)
    )


def _why(reason: Reason) -> str:
    return _WHY[reason.rule].format(reason.what)


def _examples(mails: Mails) -> Iterator[str]:
    for each in mails.examples:
        yield _visible("  ".join(filter(None, (f"{each.at:%Y-%m-%d}", each.sender, each.subject))))


def _document(found: Preview, examples: bool) -> dict[str, Any]:
    return {
        "source": found.source,
        "since": found.since,
        "mails": found.mails,
        "complete": found.complete,
        "recorded": {kept.value: count for kept, count in found.totals().items()},
        "reasons": [
            {
                "folder": reason.folder,
                "recorded": reason.kept,
                "rule": reason.rule,
                "what": reason.what,
                "mails": mails.count,
            }
            | (
                {"examples": [{"at": e.at, "from": e.sender, "subject": e.subject} for e in mails.examples]}
                if examples
                else {}
            )
            for reason, mails in _ordered(found)
        ],
    }


def _count(number: int) -> str:
    return f"{number:,} mail" if number == 1 else f"{number:,} mails"


def _visible(text: str) -> str:
    """*text* without what a terminal would obey: strangers wrote it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


# --- addresses ------------------------------------------------------------------------------------------------------


def _addresses(config: Config, args: argparse.Namespace) -> int:
    if args.source:
        _known(config, args.source)
    found = {}
    for name in [args.source] if args.source else config.sources:
        try:
            door = config.plugins(name).door
        except Misconfigured:
            if args.source:
                raise
            continue
        if door is not None and (addresses := door.addresses()):
            found[name] = addresses
    if args.json:
        sys.stdout.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")
        return 0
    if not found:
        raise Failure("No door has addresses for agents. Set dropbox or forward, and secret, at a source of mail.")
    for name, agents in found.items():
        for agent, purposes in agents.items():
            for purpose, address in purposes.items():
                print(f"{name}  {agent}  {purpose}  {address}")
    return 0
