from __future__ import annotations

import json
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import hub
from connectors.mastodon import Connector, Sender
from connectors.mastodon.statuses import Us, event
from tests.connectors.mastodon.conftest import SETUP, settings
from tests.contracts.connector import heard
from tests.fakes.mastodon import Mastodon

RECORDINGS = Path(__file__).parents[3] / "connectors/mastodon/recordings"


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text("utf-8"))


def events(arrivals: list[hub.Arrival]) -> list[hub.Event]:
    return [item for arrival in arrivals for item in arrival.items if isinstance(item, hub.Event)]


def test_a_post_that_names_us_as_a_real_server_says_it() -> None:
    said = event(recorded("mention.json")["status"], Us("localhost:3000", "localhost:3000", "117440810532227399", "us"))
    at = datetime(2026, 10, 14, 19, 5, 25, 72_000, tzinfo=UTC)
    assert said == hub.Event(
        key="mastodon:localhost:3000/117440821662233205",
        id="first",
        channel=hub.Channel.SOCIAL,
        at=at,
        facts=hub.Mention(
            participants=(hub.Participant("acct:admin@localhost:3000", hub.Role.SENDER, "admin"),),
            text="@mastodonpy_test hello!",
            url="http://localhost:3000/@admin/117440821662233205",
            posted_at=at,
            author_url="http://localhost:3000/@admin",
            reach=0,
            site="localhost:3000",
            language="en",
            links=(),
            addressed=True,
        ),
    )


def test_a_private_message_is_one_of_a_chat_and_only_for_whom_it_names() -> None:
    (private,) = (
        status
        for frame in recorded("stream_user_direct.json")
        if frame["event"] == "notification"
        and (status := json.loads(frame["payload"])["status"])["visibility"] == "direct"
    )
    us = private["mentions"][0]["id"]
    said = event(private, Us("localhost:3000", "localhost:3000", us, "mastodonpy_test"))
    assert said is not None
    assert said.channel is hub.Channel.CHAT
    assert isinstance(said.facts, hub.Message)
    assert [each.role for each in said.facts.participants or ()] == [hub.Role.SENDER, hub.Role.RECIPIENT]
    assert event(private, Us("localhost:3000", "localhost:3000", "7", "somebody")) is None


async def test_edits_deletions_and_reposts(server: Mastodon) -> None:
    async with aclosing(Connector(settings(server.port, public="all"), SETUP).listen(None)) as arrivals:
        id = server.post("li@elsewhere.test", "I like it")
        await heard(arrivals, 1)
        server.edit(id, "I like it a lot")
        server.post("wang@elsewhere.test", "", reblog=server.statuses[id])
        server.delete(id)
        edit, repost, gone = events(await heard(arrivals, 3))
    assert isinstance(edit.facts, hub.Mention)
    assert isinstance(repost.facts, hub.Mention)
    assert edit.key == gone.key == repost.facts.repost_of == f"mastodon:127.0.0.1:{server.port}/{id}"
    assert edit.facts.text == "I like it a lot"
    assert edit.facts.edited_at == edit.at
    assert repost.facts.text is None
    assert gone.facts == hub.Mention(deleted=True)


async def test_a_post_heard_twice_is_told_once_and_one_that_names_us_says_so(server: Mastodon) -> None:
    connector = Connector(settings(server.port, public="all", hashtags=["brand"], search=["brand"]), SETUP)
    async with aclosing(connector.listen(None)) as arrivals:
        server.post("li@elsewhere.test", "brand, are you there?", to=("us",), tags=("brand",))
        server.post("li@elsewhere.test", "the last one")
        first, last = events(await heard(arrivals, 2))
    assert isinstance(first.facts, hub.Mention)
    assert isinstance(last.facts, hub.Mention)
    assert first.facts.addressed
    assert last.facts.text == "the last one"


async def test_what_is_searched_for_is_found_without_a_stream(server: Mastodon) -> None:
    connector = Connector(settings(server.port, search=["ExampleBrand"], search_seconds=0.05), SETUP)
    async with aclosing(connector.listen(None)) as arrivals:
        server.post("li@elsewhere.test", "No word of it")
        server.post("li@elsewhere.test", "ExampleBrand is 好用")
        (found,) = events(await heard(arrivals, 1))
    assert isinstance(found.facts, hub.Mention)
    assert found.facts.text == "ExampleBrand is 好用"


async def test_a_cut_stream_is_mended_from_the_timelines_and_late_posts_are_not_missed(server: Mastodon) -> None:
    wanted = settings(server.port, hashtags=["brand"])
    async with aclosing(Connector(wanted, SETUP).listen(None)) as arrivals:
        server.post("li@elsewhere.test", "before", tags=("brand",))
        (arrival,) = await heard(arrivals, 1)
        await server.cut()
        with pytest.raises(hub.Unavailable):
            await anext(arrivals)
    # Written on another server a while ago, and come only now: its number is an early one.
    late = server.post("wang@elsewhere.test", "late", tags=("brand",))
    status = server.statuses.pop(late)
    early = str(int(late) - (60_000 << 16))
    server.statuses[early] = {**status, "id": early}
    for number in range(100):
        server.post("li@elsewhere.test", f"missed {number}", tags=("brand",))
    async with aclosing(Connector(wanted, SETUP).listen(arrival.cursor)) as arrivals:
        told = events(await heard(arrivals, 101))
    texts = [each.facts.text for each in told if isinstance(each.facts, hub.Mention)]
    assert texts == ["late", *(f"missed {number}" for number in range(100))]


async def test_a_stream_that_the_server_does_not_have_is_misconfigured(server: Mastodon) -> None:
    connector = Connector(settings(server.port, public="local"), SETUP)
    for stream in connector._streams:
        if stream.name == "public":
            assert stream.subscribe == {"stream": "public:local"}
    server.post("li@elsewhere.test", "there before")
    async with aclosing(connector.listen(None)) as arrivals:
        (arrival,) = await heard(arrivals, 1)
    assert not arrival.live


async def test_an_answer_is_as_open_as_what_it_answers(server: Mastodon) -> None:
    private = server.post("li@elsewhere.test", "Only for you", visibility="direct", to=("us",))
    sender = Sender(settings(server.port), SETUP)
    letter = hub.Letter(
        key="letter:1",
        sender="acct:us@social.test",
        recipients=("acct:li@elsewhere.test",),
        raw=b"Thank you",
        channel=hub.Channel.CHAT,
        answers=f"mastodon:127.0.0.1:{server.port}/{private}",
    )
    try:
        sent = await sender.send(letter)
    finally:
        await sender.close()
    answer = server.statuses[sent.key.rpartition("/")[2]]
    assert (answer["visibility"], answer["in_reply_to_id"]) == ("direct", private)
