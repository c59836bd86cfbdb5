"""Hacker News: every item once, in the order of its number."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import pytest

import hub
from connectors.hackernews import Connector
from connectors.hackernews.items import event
from connectors.hackernews.settings import HackernewsSettings
from tests.contracts.connector import ConnectorContract, heard, setup
from tests.fakes.hackernews import HackerNews, answering

SETUP = setup("hn")


@pytest.fixture
def api() -> Iterator[HackerNews]:
    with answering() as running:
        yield running


def connector(port: int, **changed: object) -> Connector:
    about = {"base_url": f"http://127.0.0.1:{port}", "poll_seconds": 0.05, **changed}
    return Connector(HackernewsSettings.model_validate(about), SETUP)


def mention(item: hub.Item) -> hub.Mention:
    assert isinstance(item, hub.Event)
    assert isinstance(item.facts, hub.Mention)
    return item.facts


def titles(arrivals: Sequence[hub.Arrival]) -> list[str]:
    return [mention(item).title or "" for arrival in arrivals for item in arrival.items]


class TestContract(ConnectorContract):
    @pytest.fixture(autouse=True)
    def running(self, api: HackerNews) -> None:
        self.api = api

    @pytest.fixture
    def provider_port(self) -> int:
        return self.api.port

    def connector(self, port: int) -> hub.Connector:
        return connector(port)

    def refused(self, port: int) -> hub.Connector:
        self.api.status = 401
        return connector(port)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.api.put(name)

    def name(self, item: hub.Item) -> str:
        return mention(item).title or ""


def test_a_comment_as_a_post() -> None:
    # As the API's documentation shows it, with a link as Hacker News writes them.
    told = event(
        {
            "by": "norvig",
            "id": 2921983,
            "kids": [2922097],
            "parent": 2921506,
            "text": 'Aw shucks, guys ... you make me blush.<p>See <a href="https:&#x2F;&#x2F;a.example&#x2F;?b&amp;c"'
            ' rel="nofollow">this</a>',
            "time": 1314211127,
            "type": "comment",
        }
    )
    at = datetime(2011, 8, 24, 18, 38, 47, tzinfo=UTC)
    assert told is not None
    assert (told.key, told.channel, told.at) == ("hackernews:2921983", hub.Channel.SOCIAL, at)
    author = "https://news.ycombinator.com/user?id=norvig"
    assert told.facts == hub.Mention(
        participants=(hub.Participant(author, hub.Role.SENDER, "norvig"),),
        text="Aw shucks, guys ... you make me blush.\n\nSee this",
        url="https://news.ycombinator.com/item?id=2921983",
        posted_at=at,
        author_url=author,
        site="news.ycombinator.com",
        links=("https://a.example/?b&c",),
        answers="hackernews:2921506",
    )


def test_a_story_names_what_it_links_to_and_a_poll_option_is_no_post() -> None:
    told = event(
        {"by": "dhouston", "id": 8863, "time": 1, "title": "My YC app", "type": "story", "url": "http://d.example"}
    )
    assert told is not None
    assert mention(told).links == ("http://d.example",)
    assert mention(told).title == "My YC app"
    assert event({"by": "pg", "id": 1, "parent": 2, "score": 3, "time": 1, "type": "pollopt"}) is None


async def test_edits_and_deletions_are_heard(api: HackerNews) -> None:
    first, second, third = (api.put(title) for title in ("one", "two", "three"))
    async with aclosing(connector(api.port).listen(None)) as arrivals:
        before = await heard(arrivals, 3)
        coming = asyncio.ensure_future(heard(arrivals, 3))
        api.change(first, title="One")
        api.change(second, deleted=True, title="")
        api.change(third, dead=True)
        after = await coming
    old = {item.key: item for arrival in before for item in arrival.items if isinstance(item, hub.Event)}
    for item in (each for arrival in after for each in arrival.items):
        assert isinstance(item, hub.Event)
        assert (item.at, item.order) > (old[item.key].at, old[item.key].order)
        assert item.id != old[item.key].id
        assert mention(item).deleted is (None if item.key == f"hackernews:{first}" else True)


async def test_votes_and_answers_change_nothing(api: HackerNews) -> None:
    number = api.put("one")
    async with aclosing(connector(api.port).listen(None)) as arrivals:
        await heard(arrivals, 1)
        coming = asyncio.ensure_future(heard(arrivals, 1))
        api.change(number, score=7, kids=[9])
        await asyncio.to_thread(api.put, "two")
        assert titles(await coming) == ["two"]


async def test_an_item_that_is_not_there_yet_is_waited_for_and_one_that_never_comes_is_not(api: HackerNews) -> None:
    api.put("one")
    api.items[2] = None
    api.put("three")
    async with aclosing(connector(api.port).listen(None)) as arrivals:
        assert titles(await heard(arrivals, 1)) == ["one"]
        coming = asyncio.ensure_future(heard(arrivals, 2))
        api.items[2] = {"by": "bo", "id": 2, "time": 1772443800, "title": "two", "type": "story"}
        assert titles(await coming) == ["two", "three"]
        api.items[4] = None
        api.put("five")
        assert titles(await heard(arrivals, 1)) == ["five"]


async def test_who_was_away_for_too_long_is_told_what_is_left_out(
    api: HackerNews, caplog: pytest.LogCaptureFixture
) -> None:
    api.put("one")
    async with aclosing(connector(api.port).listen(None)) as arrivals:
        cursor = (await heard(arrivals, 1))[-1].cursor
    for number in range(9):
        api.put(f"missed-{number}")
    assert await connector(api.port).freshness(cursor) == hub.Freshness(9, None)
    async with aclosing(connector(api.port, most_behind=3).listen(cursor)) as arrivals:
        assert titles(await heard(arrivals, 3)) == ["missed-6", "missed-7", "missed-8"]
    assert "9 items were written since we last listened; 6 of them, up to 7, are left out" in caplog.text
