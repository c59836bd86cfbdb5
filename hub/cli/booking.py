"""`hub booking`: what can be booked and when, what is booked, booking for somebody, and one-time links."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

import orjson

from hub.booking.links import DAYS, LONGEST_DAYS
from hub.booking.operations import MOST_LISTED
from hub.config import load
from hub.control import perform

LONGEST_ASKED = 62
_TIME = "such as 2026-12-24T10:00; without an offset it is the hub's own clock"


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser(
        "booking",
        help="what can be booked, what is booked, and booking for somebody",
        description="What can be booked and when, why a time is offered or not, what is booked, and booking for "
        "somebody.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    types = actions.add_parser("types", help="what can be booked, with the address of its page")
    types.add_argument("--json", action="store_true", help="one JSON document for a program")

    slots = actions.add_parser("slots", help="the times that are offered")
    _slug(slots)
    slots.add_argument("--from", dest="since", default="", metavar="TIME", help=f"{_TIME}; without it, now")
    slots.add_argument("--days", type=_number(1, LONGEST_ASKED), default=7, metavar="N", help="how many (default: 7)")
    slots.add_argument("--zone", default="", metavar="NAME", help="the time zone they are written in")
    _wishes(slots)

    explain = actions.add_parser(
        "explain",
        help="why a time is offered or not",
        description="Says for each host why a time is offered or not, with the calendar behind each reason and how "
        "fresh that is.",
    )
    _slug(explain)
    explain.add_argument("time", metavar="TIME", help=_TIME)
    _duration(explain)

    listed = actions.add_parser("list", help="what is booked from now on")
    listed.add_argument("--host", default="", metavar="ID", help="only with this colleague")
    listed.add_argument("--days", type=_number(1, 365), default=14, metavar="N", help="how far (default: 14)")
    listed.add_argument("--json", action="store_true", help="one JSON document for a program")

    _book(actions)
    move = actions.add_parser("move", help="move a booking to a time at which its hosts are free")
    _id(move)
    move.add_argument("time", metavar="TIME", help=_TIME)
    cancel = actions.add_parser("cancel", help="cancel a booking")
    _id(cancel)
    cancel.add_argument("--reason", default="", metavar="TEXT", help="what the invitee is told")
    link = actions.add_parser("link", help="make a link with which one person books once")
    _slug(link)
    link.add_argument("--contact", type=_record, metavar="ID", help="the contact whose booking it will be")
    span = _number(1, LONGEST_DAYS)
    link.add_argument("--days", type=span, default=DAYS, metavar="N", help=f"good for so long (default: {DAYS})")


def _book(actions: Any) -> None:
    book = actions.add_parser(
        "book",
        help="book for somebody",
        description="Books a time that is offered. Where it is taken, the three nearest that are free are named.",
    )
    _slug(book)
    book.add_argument("time", metavar="TIME", help=_TIME)
    book.add_argument("--name", required=True, help="who comes")
    book.add_argument("--mail", required=True, metavar="ADDRESS", help="where she is told of it")
    book.add_argument("--phone", default="", metavar="NUMBER", help="where she is called")
    book.add_argument("--place", default="", metavar="TEXT", help="where, for what is held wherever the invitee wants")
    book.add_argument("--zone", default="", metavar="NAME", help="her time zone, in which she is told of it")
    book.add_argument(
        "--answer",
        dest="answers",
        action="append",
        default=[],
        type=_answer,
        metavar="ID=VALUE",
        help="the answer to one question; again for another, or for one more of several choices",
    )
    _wishes(book)


def run(args: argparse.Namespace) -> int:
    """Do what is asked."""
    actions: dict[str, Callable[[argparse.Namespace], None]] = {
        "types": _types,
        "slots": _slots,
        "explain": _explain,
        "list": _list,
        "book": _booked,
        "move": _moved,
        "cancel": _cancelled,
        "link": _link,
    }
    actions[args.action](args)
    return 0


def _types(args: argparse.Namespace) -> None:
    found: list[dict[str, Any]] = _ask(args, "types", {})
    if args.json:
        _write(found)
        return
    if not found:
        print("Nothing can be booked yet. Make an event type on the page, or write [event_types.<slug>].")
    _columns((each["slug"], each["title"], ", ".join(each["hosts"]), each["url"]) for each in found)


def _slots(args: argparse.Namespace) -> None:
    question = {"slug": args.slug, "from": args.since, "days": args.days, "zone": args.zone}
    found = _ask(args, "slots", {**question, "duration": args.duration, "host": args.host})
    if found["stale"]:
        print(f"{', '.join(found['stale'])}: left out, a calendar is out of date. See: hub sources", file=sys.stderr)
    if not found["slots"]:
        later = f" The next is {found['next'][:16]} ({found['zone']})." if found["next"] else ""
        print(f"No time is offered then.{later}")
        return
    print(f"{found['title']}, {found['duration']} min, on the clock of {found['zone']}")
    for day, times in groupby(found["slots"], key=lambda each: each["starts_at"][:10]):
        clocks = " ".join(each["starts_at"][11:16] for each in times)
        print(f"{day} {datetime.fromisoformat(day):%a}  {clocks}")


def _explain(args: argparse.Namespace) -> None:
    found = _ask(args, "explain", {"slug": args.slug, "at": args.time, "duration": args.duration})
    print(f"{_clock(found['at'])} is {'offered' if found['open'] else 'not offered'}.")
    for host in found["hosts"]:
        print(f"{host['name']}: {'open' if host['open'] else 'closed'}")
        for each in host["reasons"]:
            read = f"as of {each['fresh']}" if each["fresh"] else "not read yet"
            print(f"  {'yes' if each['opens'] else 'no '}  {each['text']}{_behind(each['source'], read)}")


def _behind(source: str, read: str) -> str:
    return f" ({source}, {read})" if source else ""


def _list(args: argparse.Namespace) -> None:
    found: list[dict[str, Any]] = _ask(args, "list", {"host": args.host, "days": args.days})
    if len(found) == MOST_LISTED:
        print(f"There may be more than these {MOST_LISTED}: ask for fewer days, or for one host.", file=sys.stderr)
    if args.json:
        _write(found)
        return
    if not found:
        print("Nothing is booked then.")
    _columns(
        (each["id"], _clock(each["starts_at"]), each["title"], each["name"], ", ".join(each["with"]), _state(each))
        for each in found
    )


def _booked(args: argparse.Namespace) -> None:
    answers: dict[str, str | list[str]] = {}
    for name, some in groupby(sorted(args.answers, key=lambda each: str(each[0])), key=lambda each: each[0]):
        values = [value for _, value in some]
        answers[name] = values[0] if len(values) == 1 else values
    question = {"slug": args.slug, "at": args.time, "duration": args.duration, "host": args.host, "zone": args.zone}
    invitee = {"name": args.name, "mail": args.mail, "phone": args.phone, "place": args.place, "answers": answers}
    made = _ask(args, "book", {**question, **invitee})
    print(f"{'Asked for, a host has to agree' if made['state'] == 'asked' else 'Booked'}: {_told(made)}")


def _moved(args: argparse.Namespace) -> None:
    print(f"Moved: {_told(_ask(args, 'move', {'id': args.id, 'at': args.time}))}")


def _cancelled(args: argparse.Namespace) -> None:
    print(f"Cancelled: {_told(_ask(args, 'cancel', {'id': args.id, 'reason': args.reason}))}")


def _link(args: argparse.Namespace) -> None:
    made = _ask(args, "link", {"slug": args.slug, "contact": args.contact or "", "days": args.days})
    print(f"Good for one booking within {args.days} days, and shown this once: {made['url']}")


def _ask(args: argparse.Namespace, action: str, question: dict[str, Any]) -> Any:
    return asyncio.run(perform(load(args.config), f"booking.{action}", question))


def _told(made: dict[str, Any]) -> str:
    """A booking in one line; its id is the last word."""
    when = f"{_clock(made['starts_at'])} to {made['ends_at'][11:16]}"
    return f"{made['title']}, {when}, {made['name']} with {', '.join(made['with'])}. Booking {made['id']}"


def _state(made: dict[str, Any]) -> str:
    return f"{made['state']}, conflicts with something in a calendar" if made["conflict"] else str(made["state"])


def _clock(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _columns(rows: Iterable[tuple[str, ...]]) -> None:
    """Print *rows* with their columns one under the other."""
    shown = [tuple("".join(each for each in cell if each.isprintable()) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _write(found: Any) -> None:
    sys.stdout.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")


def _slug(parser: Any) -> None:
    parser.add_argument("slug", metavar="SLUG", help="what is booked, as `hub booking types` names it")


def _id(parser: Any) -> None:
    parser.add_argument("id", type=_record, metavar="ID", help="the booking, as `hub booking list` names it")


def _duration(parser: Any) -> None:
    parser.add_argument(
        "--duration", type=_number(1, 720), default=0, metavar="MIN", help="how long, where there are several lengths"
    )


def _wishes(parser: Any) -> None:
    _duration(parser)
    parser.add_argument("--host", default="", metavar="ID", help="only with this colleague")


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text[:9]) <= most:
            raise argparse.ArgumentTypeError(f'"{text}" is no number from {least} to {most}')
        return int(text)

    return read


def _record(text: str) -> str:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f'"{text}" is no id')
    return text


def _answer(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f'"{text}" is no answer. Write ID=VALUE')
    return name, value
