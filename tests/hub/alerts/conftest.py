"""A small firm's rules: who is told of what, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.alerts.book import Rulebook
from hub.alerts.ways.registry import Reach, WayOf
from hub.config import Config, load

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""

CONFIG = """
[agents.ada]
name = "Ada"
stand_in = "ben"
[agents.ben]
name = "Ben"
[agents.eve]
name = "Eve"
[teams.sales]
agents = ["ada", "ben"]
"""

WAYS = {
    "ada": (WayOf("push", 7, "push", "Phone", True), WayOf("chat-team", None, "chat", "team", True)),
    "ben": (WayOf("push", 8, "push", "Phone", True),),
}


class FixedReach(Reach):
    """People have the ways of `WAYS`, whatever senders there are."""

    def of(self, agent: str) -> tuple[WayOf, ...]:
        return WAYS.get(agent, ())


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Config]:
    """The config with these lines added."""

    def made(more: str) -> Config:
        path = tmp_path / "alerts.toml"
        path.write_text(CONFIG + more)
        return load(path, {})

    return made


@pytest.fixture
def booked(configured: Callable[[str], Config]) -> Callable[[str], Rulebook]:
    """The rules of the config with these lines added."""

    def made(more: str) -> Rulebook:
        config = configured(more)
        return Rulebook(config, FixedReach(config, {}, {}))

    return made
