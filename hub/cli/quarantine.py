"""`hub quarantine`: what could not be understood, to look at and to try again."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.config import Config, load
from hub.control import perform

SHOWN = 4000


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser(
        "quarantine",
        help="what could not be understood: list, show, replay",
        description="What could not be understood is kept with its bytes and the reason, until it can be.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    listing = actions.add_parser("list", help="what lies there, newest first")
    listing.add_argument("--source", default="", help="only of this source")
    listing.add_argument("--all", action="store_true", help="also what has been replayed")
    listing.add_argument("--limit", type=int, default=100, help="at most so many (default: 100)")
    show = actions.add_parser("show", help="one thing, with its bytes")
    show.add_argument("id", type=int)
    show.add_argument("--raw", action="store_true", help="the bytes alone, as they came, for a file")
    replay = actions.add_parser("replay", help="try again")
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("ids", nargs="*", type=int, metavar="ID", default=[])
    which.add_argument("--source", default="", help="all that is open of this source")
    which.add_argument("--all", action="store_true", help="all that is open")


def run(args: argparse.Namespace) -> int:
    """List, show or replay."""
    config = load(args.config)
    actions = {"list": _list, "show": _show, "replay": _replay}
    return actions[args.action](config, args)


def _list(config: Config, args: argparse.Namespace) -> int:
    question = {"source": args.source, "state": "" if args.all else "open", "limit": args.limit}
    found = asyncio.run(perform(config, "quarantine.list", question))
    for held in found:
        state = "" if held["state"] == "open" else f" ({held['state']})"
        about = f"{held['source']}  {held['kind']}, {held['size']:,} bytes{state}"
        print(f"{held['id']}  {_when(held, config)}  {about}: {_visible(held['reason'])}")
    if not found:
        print("Nothing lies in quarantine.")
    return 0


def _show(config: Config, args: argparse.Namespace) -> int:
    held = asyncio.run(perform(config, "quarantine.show", {"id": args.id}))
    raw = base64.b64decode(held["raw"])
    if args.raw:
        sys.stdout.buffer.write(raw)
        return 0
    for name in ("id", "source", "kind", "state"):
        print(f"{name:8}{held[name]}")
    print(f"{'at':8}{_when(held, config)}")
    print(f"{'reason':8}{_visible(held['reason'])}")
    print(f"{'about':8}{_visible(json.dumps(held['about'], ensure_ascii=False))}")
    print(f"{'size':8}{held['size']:,} bytes\n")
    print(_visible(raw[:SHOWN].decode("utf-8", "backslashreplace").replace("\r\n", "\n")))
    if len(raw) > SHOWN:
        print(f"… {len(raw) - SHOWN:,} bytes more: hub quarantine show {held['id']} --raw")
    return 0


def _replay(config: Config, args: argparse.Namespace) -> int:
    question = {"ids": args.ids, "source": args.source}
    result = asyncio.run(perform(config, "quarantine.replay", question))
    print(f"{result['done']} replayed.")
    for held_id, why in result["failed"]:
        print(f"hub: {held_id} stays in quarantine: {why}", file=sys.stderr)
    return 1 if result["failed"] else 0


def _when(held: dict[str, Any], config: Config) -> str:
    moment = datetime.fromisoformat(held["at"]).astimezone(ZoneInfo(config.timezone))
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z")


def _visible(text: str) -> str:
    """*text* without what a terminal would obey: a stranger wrote it."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
