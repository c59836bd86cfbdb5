"""What the docs name exists: commands and options, settings, addresses, files, links, pictures, targets of make."""

from __future__ import annotations

import argparse
import importlib
import re
import tomllib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pydantic import BaseModel

from hub import registry
from hub.cli import COMMANDS
from hub.config import TABLES, ConfigError, HubTable, SourceTable, load
from hub.web.api import ENDPOINTS

ROOT = Path(__file__).parents[1]
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *sorted(ROOT.glob("docs/*.md"))]
EXAMPLE = "guestbook"
"""The provider that CONTRIBUTING.md makes up; `tests/test_contributing.py` runs it."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@cache
def text(page: Path) -> str:
    return page.read_text("utf-8")


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", text(page))


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(text(page)) if language in languages]


def said(page: Path) -> Iterator[str]:
    """Whatever a page says in code: spans, and the lines of its shell examples."""
    yield from SPAN.findall(prose(page))
    for block in blocks(page, "sh", "console"):
        yield from block.replace("\\\n", " ").splitlines()


# --- links ----------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(page)))
    return {heading.strip().replace(" ", "-") for heading in plain}


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for link in (one or other for one, other in LINK.findall(prose(page))):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = page.parent / name if name else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


@pages
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = re.compile(r"(?:hub|connectors|webhooks|adapters|tests|docs)/[\w./*-]+|config\.toml|\.ci/run")
    found = {span for span in SPAN.findall(prose(page)) if named.fullmatch(span) and EXAMPLE not in span}
    assert [span for span in sorted(found) if not any(ROOT.glob(span.rstrip("/")))] == []


def test_the_readme_shows_each_page_on_a_desk_and_on_a_phone() -> None:
    shown = {one or other for one, other in LINK.findall(text(ROOT / "README.md"))}
    assert {
        f"docs/images/{name}-{on}.png" for name in ("pop", "timeline", "inbox") for on in ("desktop", "phone")
    } <= shown


# --- commands -------------------------------------------------------------------------------------------------------


def commands() -> Mapping[str, argparse.ArgumentParser]:
    """Every command, and `command action` where it has actions."""
    subparsers = argparse.ArgumentParser().add_subparsers()
    for name in COMMANDS:
        importlib.import_module(f"hub.cli.{name}").add(subparsers)
    found: dict[str, argparse.ArgumentParser] = dict(subparsers.choices)
    for name, parser in list(found.items()):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                found.update({f"{name} {inner}": each for inner, each in action.choices.items()})
    return found


def test_the_docs_tell_of_every_command() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "COMMANDS.md"):
        for name in COMMANDS:
            assert f"hub {name}" in text(page), f"{page.name}: hub {name}"


@pages
def test_every_command_and_option_exists(page: Path) -> None:
    known = commands()
    globally = {"--config", "--help"}
    for line in said(page):
        asked = re.match(r"\s*(?:\$ )?(?:\w+=\S+ )*(?:\.venv/bin/)?hub ([a-z]+)(?: ([a-z][a-z-]*)\b)?(.*)", line)
        if asked is None:
            continue
        command, action, rest = asked.groups()
        assert command in known, line
        actions = {name.partition(" ")[2] for name in known if name.startswith(f"{command} ")}
        assert not (actions and action) or action in actions, line
        parsers = [known[f"{command} {action}"]] if action in actions else [known[command]]
        if not action:  # `hub user` with its actions to follow
            parsers += [known[f"{command} {each}"] for each in actions]
        options = globally.union(*(parser._option_string_actions for parser in parsers))
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", f"{action or ''}{rest}")) <= options, line


@pages
def test_every_option_that_stands_alone_is_one(page: Path) -> None:
    foreign = {"--json"}  # curl's
    known = (
        {option for parser in commands().values() for option in parser._option_string_actions} | {"--config"} | foreign
    )
    alone = {span.split()[0] for span in SPAN.findall(prose(page)) if span.startswith("--")}
    assert alone - known == set()


@pages
def test_every_target_of_make_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {target for line in said(page) for target in re.findall(r"^\s*make ([a-z]+)", line)}
    assert asked <= targets


# --- settings -------------------------------------------------------------------------------------------------------


def keys() -> set[str]:
    """Every key that may stand somewhere in a config."""
    models: list[type[BaseModel]] = [*TABLES.values()]
    for name in registry.provider_names():
        models += registry.provider(name).settings
    return {key for model in models for key in model.model_fields}


def without_a_table(block: str) -> bool:
    return not re.search(r"^\[", block, re.MULTILINE)


@pages
def test_every_config_works(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "toml"):
        document = tomllib.loads(block)
        if without_a_table(block):
            assert set(document) <= keys(), block
        elif "project" not in document and not _is_made_up(document):
            secrets = {name: f"{name.lower()}-7f3a" for name in re.findall(r'"env:(\w+)"', block)}
            secrets |= {"TELEGRAM_TOKEN": "123456789:as-BotFather-wrote-it", "WECOM_AES_KEY": "A" * 43}
            secrets |= {"HUB_STORE": "postgresql://hub@db.example.org/hub", "HUB_REDIS": "redis://redis.example.org"}
            secrets["HUB_KEY"] = b64encode(bytes(32)).decode()
            path = tmp_path / "config.toml"
            path.write_text(block, "utf-8")
            try:
                config = load(path, secrets)
            except ConfigError as error:
                pytest.fail(f"{error}\n{block}")
            assert config.problems == (), block


def _is_made_up(document: Mapping[str, Any]) -> bool:
    return any(table.get("provider") == EXAMPLE for table in document.get("sources", {}).values())


@pages
def test_every_setting_in_the_text_is_one(page: Path) -> None:
    """`key = value` in a sentence is a line of the config."""
    found = {match[1] for span in SPAN.findall(prose(page)) if (match := re.match(r"([a-z_]+) += ", span))}
    assert found <= keys()


def test_the_readmes_frame_is_what_the_shipped_config_says() -> None:
    shipped = tomllib.loads((ROOT / "config.toml").read_text("utf-8"))["hub"]
    document = next(
        tomllib.loads(block)
        for block in blocks(ROOT / "README.md", "toml")
        if "listen" in tomllib.loads(block).get("hub", {})
    )
    told = document["hub"]
    assert set(HubTable.model_fields) - set(told) <= {"redis", "key"}
    assert {key: told[key] for key in told if key != "public_url"} == {
        key: shipped[key] for key in told if key != "public_url"
    }
    assert set(SourceTable.model_fields) <= keys()


# --- addresses ------------------------------------------------------------------------------------------------------


@pages
def test_every_address_of_the_hub_exists(page: Path) -> None:
    known = {_plain(endpoint.path) for endpoint in ENDPOINTS} | {"/api/v1", "/api/v1/openapi.json"}
    found = {path.rstrip(".") for line in said(page) for path in re.findall(r"/api/v1[\w/{}.-]*", line)}
    assert {path for path in found if _plain(path) not in known} == set()


def _plain(path: str) -> str:
    """A path with all that stands for an id written alike."""
    return re.sub(r"\{\w*\}|(?<=/)\d+", "{}", path.rstrip("/"))
