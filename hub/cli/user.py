"""`hub user`: who may log in."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from typing import Any

from hub.accounts import AccountError, hash_password
from hub.config import load
from hub.control import perform
from hub.operation import Failure
from hub.privacy.visibility import Authority


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser("user", help="who may log in", description="Who may log in.")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    adding = actions.add_parser("add", help="a new login; asks for its password")
    adding.add_argument("name", metavar="NAME")
    adding.add_argument("--agent", default="", metavar="ID", help="the colleague she is: an agent of the config")
    adding.add_argument("--role", default=Authority.AGENT.value, choices=[role.value for role in Authority])
    adding.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    actions.add_parser("list", help="all logins")
    for name, what in (
        ("disable", "close a login and end its sessions"),
        ("enable", "open it again"),
        ("reset", "print a link, good once, to set a new password"),
    ):
        actions.add_parser(name, help=what).add_argument("name", metavar="NAME")


def run(args: argparse.Namespace) -> int:
    """Add, list, disable, enable or reset."""
    config = load(args.config)
    if args.action == "add":
        hashed = hash_password(_password(args))  # here, so that the running hub need not
        question = {"name": args.name, "role": args.role, "agent": args.agent, "password_hash": hashed}
        login = asyncio.run(perform(config, "user.add", question))
        print(f'"{login["name"]}" may log in.')
    elif args.action == "list":
        _list(asyncio.run(perform(config, "user.list", {})))
    elif args.action == "reset":
        print(asyncio.run(perform(config, "user.reset", {"name": args.name}))["link"])
    else:
        disabled = args.action == "disable"
        login = asyncio.run(perform(config, "user.disable", {"name": args.name, "disabled": disabled}))
        print(f'"{login["name"]}" may {"not log in any more" if disabled else "log in again"}.')
    return 0


def _password(args: argparse.Namespace) -> str:
    if args.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Failure("There is nobody to ask for the password. Use --password-stdin.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise AccountError("The two passwords differ. Nothing was changed.")
    return password


def _list(logins: list[dict[str, Any]]) -> None:
    for login in logins:
        agent = f", agent {login['agent']}" if login["agent"] else ""
        state = ", disabled" if login["disabled"] else ""
        print(f"{login['name']}: {login['role']}{agent}{state}")
    if not logins:
        print("Nobody can log in yet.")
