"""docs/COMMANDS.md names every command, and every option of it."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.cli import COMMANDS, Parser

PAGE = Path(__file__).parents[2] / "docs" / "COMMANDS.md"
EVERYWHERE = {"-h", "--help", "--config"}


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The long options of a command and of its actions."""
    for action in parser._actions:
        yield from (option for option in action.option_strings if option not in EVERYWHERE)
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from options(inner)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_its_options(name: str) -> None:
    subparsers = Parser(prog="hub").add_subparsers()
    importlib.import_module(f"hub.cli.{name}").add(subparsers)
    page = PAGE.read_text("utf-8")

    assert f"`hub {name}" in page
    assert [option for option in options(subparsers.choices[name]) if option not in page] == []
