from __future__ import annotations

from collections.abc import Iterator

import pytest

import hub
from connectors.reddit.settings import RedditSettings
from tests.contracts.connector import setup
from tests.fakes.reddit import CLIENT, ME, REFRESH, SECRET, Reddit, answering

SETUP = setup("reddit")


@pytest.fixture
def reddit() -> Iterator[Reddit]:
    with answering() as running:
        yield running


def settings(port: int, **changed: object) -> RedditSettings:
    """Settings for the fake on *port*: r/crm and what names our account."""
    url = f"http://127.0.0.1:{port}"
    about = {"client_id": CLIENT, "client_secret": SECRET, "username": ME, "refresh_token": REFRESH}
    where = {"subreddits": ["crm"], "poll_seconds": 0.05, "api_url": url, "login_url": url}
    return RedditSettings.model_validate({**about, **where, **changed})


def mention(item: hub.Item) -> hub.Mention:
    """What *item* says of a post."""
    assert isinstance(item, hub.Event)
    assert isinstance(item.facts, hub.Mention)
    return item.facts
