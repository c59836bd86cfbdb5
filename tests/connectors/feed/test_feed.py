"""What feeds tell as they change, how politely they are asked, and what a hub of theirs is told."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from contextlib import aclosing
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

import hub
from connectors.feed import Connector
from connectors.feed.progress import Progress
from connectors.feed.settings import FeedSettings
from tests.connectors.feed.conftest import SETUP, mention, settings, titles
from tests.contracts.connector import SECONDS, assert_readable, heard
from tests.fakes.news import News


async def read(news: News, cursor: str | None, items: int, **changed: object) -> tuple[list[hub.Arrival], str]:
    """The next arrivals after *cursor* until they hold *items* items, and the cursor after them."""
    async with aclosing(Connector(settings(news.port, **changed), SETUP).listen(cursor)) as arrivals:
        told = await heard(arrivals, items)
    assert told[-1].cursor is not None
    return told, told[-1].cursor


async def refused(news: News, cursor: str | None, verdict: type[hub.Verdict], words: str, **changed: object) -> None:
    """Listening ends in *verdict*."""
    async with aclosing(Connector(settings(news.port, **changed), SETUP).listen(cursor)) as arrivals:
        with pytest.raises(verdict, match=words) as told:
            await heard(arrivals, 1_000)
    assert_readable(told.value)


async def asked(news: News, path: str, times: int) -> None:
    """Wait until the feed at *path* was asked so often."""
    async with asyncio.timeout(SECONDS):
        while len(news.paper(path).asked) < times:  # noqa: ASYNC110 — the server runs in a thread
            await asyncio.sleep(0.01)


async def test_a_feed_that_did_not_change_is_not_sent_again(news: News) -> None:
    paper = news.paper()
    paper.headers = {"Last-Modified": "Mon, 02 Mar 2026 09:00:00 GMT"}
    paper.put("one")
    _, cursor = await read(news, None, 1)
    async with aclosing(Connector(settings(news.port), SETUP).listen(cursor)) as arrivals:
        waiting = asyncio.ensure_future(heard(arrivals, 1))
        await asked(news, "/news.xml", 3)
        assert paper.asked[-1]["If-Modified-Since"] == "Mon, 02 Mar 2026 09:00:00 GMT"
        assert "If-None-Match" in paper.asked[-1]
        # After all those 304s nothing comes twice.
        paper.put("two")
        assert titles(await waiting) == ["two"]


async def test_without_validators_nothing_comes_twice_either(news: News) -> None:
    news.paper().validates = False
    news.paper().put("one")
    _, cursor = await read(news, None, 1)
    news.paper().put("two")
    told, cursor = await read(news, cursor, 1)
    assert titles(told) == ["two"]
    assert await Connector(settings(news.port), SETUP).freshness(cursor) == hub.Freshness(0, 0.0)


async def test_an_edited_entry_is_the_same_post_and_one_that_went_is_not_deleted(news: News) -> None:
    news.paper().put("a", "Title", "first")
    news.paper().put("b", "Other")
    before, cursor = await read(news, None, 2)
    news.paper().put("a", "Title", "second")
    del news.paper().items["b"]
    after, cursor = await read(news, cursor, 1)
    (edited,) = [item for arrival in after for item in arrival.items]
    first = before[0].items[0]
    assert isinstance(edited, hub.Event)
    assert isinstance(first, hub.Event)
    assert (edited.key, mention(edited).text) == (first.key, "second")
    assert (edited.at, edited.order) >= (first.at, first.order)
    news.paper().put("c")
    assert titles((await read(news, cursor, 1))[0]) == ["c"]


async def test_an_address_that_moved_for_good_is_remembered(news: News) -> None:
    news.paper().status, news.paper().headers = 301, {"Location": "/new.xml"}
    news.paper("/new.xml").put("one")
    _, cursor = await read(news, None, 1)
    assert Progress.read(cursor).of(news.url()).moved == news.url("/new.xml")
    news.paper("/new.xml").put("two")
    _, cursor = await read(news, cursor, 1)
    assert len(news.paper().asked) == 1
    # Where the new address fails, the old one is asked again.
    news.papers.pop("/new.xml")
    news.paper().status, news.paper().headers = 200, {}
    news.paper().put("three")
    async with aclosing(Connector(settings(news.port), SETUP).listen(cursor)) as arrivals:
        back = await anext(arrivals)
    assert titles((await read(news, back.cursor, 1))[0]) == ["three"]


async def test_a_feed_that_redirects_to_a_private_address_is_refused(news: News) -> None:
    news.paper().status, news.paper().headers = 302, {"Location": "http://169.254.169.254/latest/meta-data/"}
    await refused(news, None, hub.Unavailable, "not a public one")


async def test_a_feed_that_is_gone_for_good_is_not_asked_again(news: News) -> None:
    news.paper().status = 410
    await refused(news, None, hub.Misconfigured, "gone for good; take it out of sources.news.urls")


async def test_a_busy_server_says_when_to_come_back(news: News) -> None:
    for status in (429, 503):
        news.paper().status, news.paper().headers = status, {"Retry-After": "120"}
        async with aclosing(Connector(settings(news.port), SETUP).listen(None)) as arrivals:
            with pytest.raises(hub.Unavailable) as told:
                await anext(arrivals)
        assert told.value.retry_after == 120


async def test_what_is_no_feed_is_said_in_one_line(news: News) -> None:
    news.paper().body = b"<html><title>Log in</title></html>"
    await refused(news, None, hub.Unavailable, "no feed")
    news.paper().status = 404
    await refused(news, None, hub.Unavailable, "404")
    news.paper().status, news.paper().body = 200, b" " * ((16 << 20) + 1)
    await refused(news, None, hub.Unavailable, "bytes")


async def test_one_feed_that_fails_does_not_hold_up_the_others(news: News, caplog: pytest.LogCaptureFixture) -> None:
    paths = ("/a.xml", "/b.xml", "/gone.xml")
    news.paper("/a.xml").put("a")
    news.paper("/b.xml").status = 500
    news.paper("/gone.xml").status = 410
    async with aclosing(Connector(settings(news.port, *paths), SETUP).listen(None)) as arrivals:
        assert titles(await heard(arrivals, 1)) == ["a"]
        coming = asyncio.ensure_future(heard(arrivals, 1))
        await asked(news, "/b.xml", 1)
        news.paper("/b.xml").put("b")
        news.paper("/b.xml").status = 200
        told = await coming
        assert titles(told) == ["b"]
        assert not any(arrival.live for arrival in told if arrival.items)
        waiting = asyncio.ensure_future(heard(arrivals, 1))
        await asked(news, "/a.xml", 5)
        news.paper("/a.xml").put("a2")
        assert titles(await waiting) == ["a2"]
    assert len(news.paper("/gone.xml").asked) == 1
    assert "/b.xml: 127.0.0.1 answers 500" in caplog.text


async def test_one_host_is_not_asked_too_often(news: News) -> None:
    for path in ("/a.xml", "/b.xml"):
        news.paper(path).put(path)
    connector = Connector(settings(news.port, "/a.xml", "/b.xml", pause_seconds=30), SETUP)
    async with aclosing(connector.listen(None)) as arrivals:
        assert titles(await heard(arrivals, 1)) == ["/a.xml"]
        waiting = asyncio.ensure_future(anext(arrivals))
        await asyncio.sleep(0)
        await connector.wake()
        assert not waiting.done()
        assert news.paper("/b.xml").asked == []
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_of_a_feed_with_too_many_entries_the_newest_are_read_and_the_rest_is_said(
    news: News, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(12):
        news.paper().put(f"n{number}")
    told, _ = await read(news, None, 5, most=5)
    assert titles(told) == ["n7", "n8", "n9", "n10", "n11"]
    assert "holds 12 entries, of which the newest 5 are read" in caplog.text


async def test_a_password_goes_to_the_feed_it_is_for(news: News) -> None:
    news.paper().put("one")
    await read(news, None, 1, username="us", password="s3cret")
    assert news.paper().asked[0]["Authorization"] == f"Basic {base64.b64encode(b'us:s3cret').decode()}"


async def test_a_cursor_that_cannot_be_read_begins_anew(news: News) -> None:
    news.paper().put("one")
    for cursor in ("", "nothing", "[2,{}]", '[1,{"a":[1]}]', "[]", "7"):
        told, _ = await read(news, cursor, 1)
        assert titles(told) == ["one"]
        assert not told[0].live


async def test_feeds_that_are_not_asked_any_more_are_forgotten(news: News) -> None:
    news.paper("/a.xml").put("a")
    news.paper().put("one")
    async with aclosing(Connector(settings(news.port, "/a.xml", "/news.xml"), SETUP).listen(None)) as arrivals:
        cursor = (await heard(arrivals, 2))[-1].cursor
    assert cursor is not None
    assert len(json.loads(cursor)[1]) == 2
    news.paper().put("two")
    _, cursor = await read(news, cursor, 1)
    assert len(json.loads(cursor)[1]) == 1


class TestWebSub:
    """The feed names a hub; the connector subscribes, once a day."""

    @pytest.fixture(autouse=True)
    def named(self, news: News) -> None:
        news.paper().headers = {"Link": f'</hub>; rel="hub", <{news.url()}>; rel="self"'}
        news.paper().put("one")

    def listening(self, news: News) -> Connector:
        return Connector(settings(news.port, websub=True, secret="of our own", every=60), SETUP)

    async def begun(self, news: News, cursor: str | None) -> Sequence[hub.Arrival]:
        async with aclosing(self.listening(news).listen(cursor)) as arrivals:
            return [await anext(arrivals), await anext(arrivals)]

    async def test_the_hub_is_asked_once_a_day_with_a_secret_of_the_topic(self, news: News) -> None:
        told = await self.begun(news, None)
        ((asked),) = news.subscriptions
        callback = urlsplit(asked["hub.callback"])
        about = {name: values[0] for name, values in parse_qs(callback.query).items()}
        assert (asked["hub.mode"], asked["hub.topic"]) == ("subscribe", news.url())
        assert f"{callback.scheme}://{callback.netloc}{callback.path}" == SETUP.webhook_url
        assert about["topic"] == news.url()
        assert asked["hub.secret"] not in (about["token"], "of our own")
        assert len(asked["hub.secret"]) < 200
        # A restart does not subscribe again, and what comes after a day does.
        progress = Progress.read(told[-1].cursor)
        known = progress.of(news.url())
        news.paper().put("two")
        async with aclosing(self.listening(news).listen(told[-1].cursor)) as arrivals:
            await heard(arrivals, 1)
        assert len(news.subscriptions) == 1
        fields = json.loads(str(progress))
        (feed,) = fields[1].values()
        assert feed[-1] == known.subscribed
        feed[-1] -= 86_401
        async with aclosing(self.listening(news).listen(json.dumps(fields))) as arrivals:
            await heard(arrivals, 1)
            await anext(arrivals)
        assert len(news.subscriptions) == 2

    async def test_a_hub_that_refuses_leaves_it_at_polling(self, news: News, caplog: pytest.LogCaptureFixture) -> None:
        news.hub_status = 403
        await self.begun(news, None)
        assert "does not take us on" in caplog.text

    async def test_a_hub_at_a_private_address_is_not_asked(self, news: News, caplog: pytest.LogCaptureFixture) -> None:
        news.paper().headers = {"Link": '<http://169.254.169.254/hub>; rel="hub"'}
        await self.begun(news, None)
        assert "not a public one" in caplog.text

    async def test_who_is_woken_asks_at_once(self, news: News) -> None:
        connector = self.listening(news)
        async with aclosing(connector.listen(None)) as arrivals:
            await anext(arrivals)
            await anext(arrivals)
            news.paper().put("two")
            coming = asyncio.ensure_future(heard(arrivals, 1))
            await asyncio.sleep(0)
            await connector.wake()
            assert titles(await coming) == ["two"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"urls": []},
        {"urls": ["ftp://news.example.org/"]},
        {"urls": ["https://us:them@news.example.org/"]},
        {"urls": ["https://news.example.org/a", "https://news.example.org/a"]},
        {"urls": ["https://news.example.org/"], "username": "us"},
        {"urls": ["http://news.example.org/"], "username": "us", "password": "s3cret"},
        {"urls": ["https://news.example.org/"], "websub": True},
        {"urls": ["https://news.example.org/"], "every": 0},
    ],
)
def test_settings_that_cannot_be_right_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FeedSettings.model_validate(wrong)


def test_a_feed_in_our_own_network_may_be_named() -> None:
    named = FeedSettings.model_validate({"urls": ["http://wiki.internal:9000/feed", "feed://news.example.org/rss"]})
    assert named.places == {"wiki.internal:9000", "news.example.org:80"}
