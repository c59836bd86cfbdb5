"""`hub contacts`: contact lists into the Directory."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hub.config import Config, load
from hub.control import perform
from hub.crm.columns import BadMapping, Column, Field
from hub.crm.files import BadFile, read
from hub.crm.imports import Person, Remark, prepare
from hub.operation import Failure

SHOWN = 50


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser("contacts", help="import contact lists", description="Contact lists.")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    importing = actions.add_parser(
        "import",
        help="take in a CSV or vCard file",
        description="Take in a CSV or vCard file. Who is known already is completed, not doubled; the same file twice "
        "changes nothing. Columns are understood by their headings, in English, German and Chinese.",
    )
    importing.add_argument("file", type=Path, metavar="FILE", help="FILE.csv or FILE.vcf")
    importing.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    importing.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="HEADER=FIELD",
        type=_pair,
        help=f"what a column is: {', '.join(Field)}, where - leaves it out; any other word keeps it under that name",
    )
    importing.add_argument("--encoding", default="", help="of a CSV file, where it is guessed wrongly, such as gb18030")


def run(args: argparse.Namespace) -> int:
    """Import."""
    config = load(args.config)
    try:
        found = read(args.file, dict(args.map), args.encoding)
        _say_columns(found.columns)
        people, remarks = _prepared(found.rows, config)
    except (BadFile, BadMapping) as error:
        raise Failure(f"{args.file}: {error}") from error
    result = _imported(config, people, dry_run=args.dry_run)
    remarks += [Remark(*remark) for remark in result["remarks"]]
    refused = [remark for remark in remarks if not remark.kept]
    would = "Would have been taken in" if args.dry_run else "Taken in"
    counts = ", ".join(f"{result[name]:,} {word}" for name, word in _WORDS.items())
    print(f"{would}: {counts}, {len(refused):,} refused.")
    _say_remarks(sorted(remarks, key=lambda remark: remark.number))
    return 1 if refused and not people else 0


_FIELDS = tuple(field.name for field in fields(Person))
_WORDS = {"added": "new", "changed": "changed", "same": "known already"}


def _pair(text: str) -> tuple[str, str]:
    heading, equals, field = text.rpartition("=")
    if not equals or not heading or not field.strip():
        raise argparse.ArgumentTypeError(f'"{text}" is not HEADER=FIELD, such as "Kd-Nr=id"')
    return heading, field


def _prepared(rows: Any, config: Config) -> tuple[list[Person], list[Remark]]:
    people: list[Person] = []
    remarks: list[Remark] = []
    for row in rows:
        person, said = prepare(row, config.region)
        remarks += said
        if person is not None:
            people.append(person)
    return people, remarks


def _imported(config: Config, people: list[Person], *, dry_run: bool) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("contacts", total=len(people))

        def tell(news: Mapping[str, Any]) -> None:
            bar.update(task, completed=news["done"])

        question = {"people": [_document(person) for person in people], "dry_run": dry_run}
        result: dict[str, Any] = asyncio.run(perform(config, "contacts.import", question, tell))
    return result


def _document(person: Person) -> dict[str, Any]:
    # dataclasses.asdict copies deeply, which for a long list takes longer than the import itself.
    return {field: getattr(person, field) for field in _FIELDS}


def _say_columns(columns: tuple[Column, ...]) -> None:
    for column in columns:
        if column.field is None:
            print(f'"{column.heading}" is kept as it is.')
        elif column.field is Field.NOTHING:
            print(f'"{column.heading}" is left out.')
        else:
            print(f'"{column.heading}" is the {column.field}.')


def _say_remarks(remarks: list[Remark]) -> None:
    for remark in remarks[:SHOWN]:
        what = "the rest of it was taken" if remark.kept else "refused"
        print(f"row {remark.number}: {remark.reason}; {what}.", file=sys.stderr)
    if len(remarks) > SHOWN:
        print(f"… and {len(remarks) - SHOWN:,} rows more.", file=sys.stderr)
