"""`hub token`: keys for machines."""

from __future__ import annotations

import argparse
import asyncio
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.config import Config, load
from hub.control import perform
from hub.privacy.visibility import Scope


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser(
        "token",
        help="keys for machines",
        description="Keys for machines, sent as Authorization: Bearer. One with --agent also reads that agent's /live.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    adding = actions.add_parser("add", help="a new token; it is shown this once")
    adding.add_argument("name", metavar="NAME", help="the keys of interactions it tells of begin with this name")
    adding.add_argument("--scope", required=True, choices=[scope.value for scope in Scope])
    adding.add_argument("--agent", default="", metavar="ID", help="whose /live and pops it may read")
    actions.add_parser("list", help="all tokens, without their secrets")
    actions.add_parser("revoke", help="end a token").add_argument("name", metavar="NAME")


def run(args: argparse.Namespace) -> int:
    """Add, list or revoke."""
    config = load(args.config)
    if args.action == "add":
        question = {"name": args.name, "scope": args.scope, "agent": args.agent}
        made = asyncio.run(perform(config, "token.add", question))
        print(f'Token "{args.name}" is made. Keep it: it is not shown again. {made["token"]}')
    elif args.action == "list":
        _list(asyncio.run(perform(config, "token.list", {})), config)
    else:
        asyncio.run(perform(config, "token.revoke", {"name": args.name}))
        print(f'Token "{args.name}" opens nothing any more.')
    return 0


def _list(tokens: list[dict[str, Any]], config: Config) -> None:
    for token in tokens:
        agent = f", agent {token['agent']}" if token["agent"] else ""
        used = f"last used {_when(token['used_at'], config)}" if token["used_at"] else "never used"
        print(f"{token['name']}: {token['scope']}{agent}, made {_when(token['created_at'], config)}, {used}")
    if not tokens:
        print("There is no token yet.")


def _when(text: str, config: Config) -> str:
    return datetime.fromisoformat(text).astimezone(ZoneInfo(config.timezone)).strftime("%Y-%m-%d %H:%M")
