"""Every setting there is stands in config.toml, and every example in it is one that works."""

from __future__ import annotations

import pkgutil
import re
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import connectors
import webhooks
from hub import registry
from hub.config import TABLES, Config, load
from hub.references import EXAMPLES

TOP = Path(__file__).parents[2]
SHIPPED = TOP / "config.toml"
EXAMPLE_LINE = re.compile(r"^#(?=[\[a-z])", re.MULTILINE)
REFERENCE = re.compile(r"\benv:(\w+)")


def with_examples() -> str:
    """The shipped file with its examples in force, except the second value of a key that has one already."""
    text = EXAMPLE_LINE.sub("", SHIPPED.read_text("utf-8"))
    return text.replace('store      = "postgresql', '#store      = "postgresql')


def documented() -> dict[str, Any]:
    """The shipped file and its examples as a document."""
    return tomllib.loads(with_examples())


def our_providers() -> list[str]:
    """Every provider in our folders."""
    return sorted(
        {module.name for folder in (connectors, webhooks) for module in pkgutil.iter_modules(folder.__path__)}
    )


def test_it_runs_as_it_stands() -> None:
    config = load(SHIPPED, environ={})

    assert config.problems == ()
    assert config.address == ("127.0.0.1", 8080)
    assert config.store_path == TOP / "data" / "hub.sqlite3"
    assert {name: source.provider for name, source in config.sources.items()} == {"dropbox": "smtp"}
    door = config.plugins("dropbox").door
    assert door is not None
    assert door.address == ("127.0.0.1", 2525)


@pytest.fixture
def examples(tmp_path: Path) -> Config:
    """The config with every example in force, and the secrets it names set."""
    path = tmp_path / "config.toml"
    path.write_text(with_examples())
    secrets = {name: f"{name.lower()}-7f3a" for name in REFERENCE.findall(with_examples())}
    return load(path, secrets | {"HUB_KEY": b64encode(bytes(32)).decode()})


def test_every_example_works(examples: Config) -> None:
    assert examples.problems == ()
    assert set(examples.sources) == set(documented()["sources"])
    for name in examples.sources:
        examples.plugins(name)


def test_every_key_of_the_frame_is_documented() -> None:
    document = documented()
    keys = {
        "hub": set(document["hub"]),
        "privacy": set(document["privacy"]),
        "watch": set(document["watch"]),
        "inbox": set(document["inbox"]),
        "calls": set(document["calls"]),
        "hours": {key for hours in document["hours"].values() for key in hours},
        "booking": set(document["booking"]),
        "event_types": {key for each in document["event_types"].values() for key in each},
        "booking_forms": {key for each in document["booking_forms"].values() for key in each},
        "lines": {key for line in document["lines"].values() for key in line},
        "templates": {key for template in document["templates"].values() for key in template},
        "plans": {key for plan in document["plans"].values() for key in plan},
        "agents": {key for agent in document["agents"].values() for key in agent},
        "teams": {key for team in document["teams"].values() for key in team},
        "sources": {key for source in document["sources"].values() for key in source},
        "alerts": set(document["alerts"]),
        "rules": {key for rule in document["rules"].values() for key in rule},
        "ways": {key for way in document["ways"].values() for key in way},
        "oauth": {key for app in document["oauth"].values() for key in app},
        "crm": {"adapter"} if "`adapter`" in SHIPPED.read_text("utf-8") else set(),
    }

    assert {name: set(table.model_fields) - keys[name] for name, table in TABLES.items()} == {
        name: set() for name in TABLES
    }


@pytest.mark.parametrize("provider", our_providers())
def test_every_setting_of_a_plugin_is_documented(provider: str) -> None:
    tables = [table for table in documented()["sources"].values() if table["provider"] == provider]
    keys = {key for table in tables for key in table} | set(in_docs(provider))

    for settings in registry.provider(provider).settings:
        assert set(settings.model_fields) - keys == set(), f"add them to config.toml or to docs/ for {provider}"


def in_docs(provider: str) -> Iterator[str]:
    """The keys that a page of docs/ names in backticks, where the page is about *provider*."""
    for page in (TOP / "docs").glob("*.md"):
        text = page.read_text("utf-8")
        if f'provider = "{provider}"' in text:
            yield from re.findall(r"`([a-z_]+)`", text)


def test_no_secret_in_the_docs_would_be_taken() -> None:
    """What a page exports as a secret, a reader will export too: it must be one that the hub refuses, or be made."""
    for page in [*(TOP / "docs").glob("*.md"), TOP / "README.md"]:
        for value in re.findall(
            r"^\s*export \w+=(.+)$", page.read_text("utf-8") if page.is_file() else "", re.MULTILINE
        ):
            assert value.strip("'\"") in EXAMPLES or value.startswith(("$(", '"$(')), f"{page.name}: {value}"
