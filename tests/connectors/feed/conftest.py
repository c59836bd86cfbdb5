from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

import hub
from connectors.feed.settings import FeedSettings
from tests.contracts.connector import setup
from tests.fakes.news import News, printed

SETUP = setup("news")


@pytest.fixture
def news() -> Iterator[News]:
    """A server with an empty feed."""
    with printed() as running:
        running.paper()
        yield running


def settings(port: int, *paths: str, **changed: object) -> FeedSettings:
    """Settings for the feeds at *paths* on *port*, asked ten times a second."""
    urls = [f"http://127.0.0.1:{port}{path}" for path in paths or ("/news.xml",)]
    return FeedSettings.model_validate({"urls": urls, "every": 0.1 / 60, "pause_seconds": 0, **changed})


def titles(arrivals: Sequence[hub.Arrival]) -> list[str]:
    """The titles of all entries in *arrivals*."""
    return [facts.title or "" for arrival in arrivals for facts in map(mention, arrival.items)]


def mention(item: hub.Item) -> hub.Mention:
    """What *item* says of a post."""
    assert isinstance(item, hub.Event)
    assert isinstance(item.facts, hub.Mention)
    return item.facts
