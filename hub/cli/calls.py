"""`hub calls`: place a call, work on lists of numbers that are called one after the other, try a routing plan out."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson

from hub.config import load
from hub.control import perform
from hub.operation import Failure

SHOWN = 50


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser(
        "calls", help="place a call, and lists that are called", description="Place calls, one or a whole list."
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    dialling = actions.add_parser(
        "dial",
        help="call a number for an agent",
        description="Calls a number: a phone of the agent rings first, then the number. Who does not want to be "
        "called, quiet hours and missing consent are looked at before; whatever stands in the way is said.",
    )
    dialling.add_argument("number", metavar="NUMBER", help="as people write it, such as +49 30 123456")
    dialling.add_argument("--agent", required=True, metavar="ID", help="who calls")
    dialling.add_argument("--line", default="", metavar="NUMBER", help="our number that the other side sees")
    dialling.add_argument("--source", default="", metavar="NAME", help="the phone system that places the call")
    dialling.add_argument("--override", default="", metavar="REASON", help="call although the hour or the day is quiet")
    listed = actions.add_parser("lists", help="the lists that are called, and how far they are")
    listed.add_argument("--json", action="store_true", help="one JSON document for a program")
    importing = actions.add_parser(
        "list-import",
        help="make a list of a CSV file",
        description="Makes a paused list of a CSV file with the columns number, name and note. Rows that hold no "
        "number are named by their line and left out.",
    )
    importing.add_argument("name", metavar="NAME", help="what the list is called")
    importing.add_argument("file", type=Path, metavar="FILE", help="FILE.csv")
    importing.add_argument("--agent", required=True, metavar="ID", help="who calls")
    importing.add_argument("--line", default="", metavar="NUMBER", help="our number that the other side sees")
    importing.add_argument("--source", default="", metavar="NAME", help="the phone system that places the calls")

    trying = actions.add_parser(
        "simulate",
        help="try a routing plan out",
        description="Goes through a routing plan as a call would, and says each step with its reason. Nothing rings.",
    )
    trying.add_argument("plan", metavar="PLAN", help="the name of its table [plans.NAME]")
    trying.add_argument("--from", dest="caller", default="", metavar="NUMBER", help="who calls; without it, withheld")
    trying.add_argument("--to", dest="line", default="", metavar="NUMBER", help="our number that is called")
    trying.add_argument("--at", default="", metavar="TIME", help="such as 2026-12-24T10:00; without it, now")
    trying.add_argument("--press", dest="presses", default="", metavar="KEYS", help="one key for each menu, such as 12")
    trying.add_argument("--nobody-answers", action="store_true", help="whoever is rung does not pick up")


def run(args: argparse.Namespace) -> int:
    """Do what is asked."""
    actions = {"dial": _dial, "lists": _lists, "list-import": _import, "simulate": _simulate}
    return int(actions[args.action](args))


def _simulate(args: argparse.Namespace) -> int:
    question = {
        "plan": args.plan,
        "caller": args.caller,
        "line": args.line,
        "at": args.at,
        "presses": args.presses,
        "taken": not args.nobody_answers,
    }
    steps: list[dict[str, Any]] = asyncio.run(perform(load(args.config), "calls.simulate", question))
    for step in steps:
        print(f"{step['at'][11:19]}  {step['does']}")
        for passed in step["passed"]:
            print(f"          because {passed}")
        if step["digits"]:
            print(f"          the caller presses {step['digits']}")
        elif step["heard"] in ("nothing", "answered", "unanswered"):
            print(f"          {_THEN[step['heard']]}")
    return 0


_THEN = {
    "nothing": "the caller presses nothing",
    "answered": "somebody picks up",
    "unanswered": "nobody picks up",
}


def _dial(args: argparse.Namespace) -> int:
    config = load(args.config)
    question = {
        "callee": args.number,
        "agent": args.agent,
        "line": args.line,
        "source": args.source,
        "override": args.override,
    }
    placed: dict[str, str] = asyncio.run(perform(config, "calls.dial", question))
    if placed["state"] != "placed":
        raise Failure(placed["reason"])
    print(f"{placed['phone']} rings, then {placed['callee']}.")
    return 0


def _lists(args: argparse.Namespace) -> int:
    found: list[dict[str, Any]] = asyncio.run(perform(load(args.config), "calls.lists", {}))
    if args.json:
        sys.stdout.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")
        return 0
    if not found:
        print("There is no list. Make one with: hub calls list-import NAME FILE.csv --agent ID")
    for each in found:
        print(f"{each['name']}: {each['state']}, {each['done']} of {each['total']} done, for {each['agent']}")
    return 0


def _import(args: argparse.Namespace) -> int:
    config = load(args.config)
    try:
        text = args.file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{args.file}: it cannot be read as UTF-8 text: {error}") from error
    question = {"name": args.name, "csv": text, "agent": args.agent, "line": args.line, "source": args.source}
    made: dict[str, Any] = asyncio.run(perform(config, "calls.list-import", question))
    for row in made["refused"][:SHOWN]:
        print(f"line {row['line']}: {row['reason']}", file=sys.stderr)
    if len(made["refused"]) > SHOWN:
        print(f"… and {len(made['refused']) - SHOWN:,} lines more.", file=sys.stderr)
    if not made["total"]:
        return 1
    print(f'"{args.name}": {made["total"]:,} numbers. It is paused; {args.agent} starts it on its page.')
    return 0
