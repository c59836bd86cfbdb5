"""What Reddit tells, and what it wants in return."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import hub
from connectors.reddit import Connector, Sender
from connectors.reddit.posts import event, marked_down, plain
from connectors.reddit.settings import RedditSettings
from tests.connectors.reddit.conftest import SETUP, mention, settings
from tests.contracts.connector import heard
from tests.fakes.reddit import Reddit

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RECORDINGS = Path(__file__).with_name("recordings")


def recorded(name: str) -> list[dict[str, Any]]:
    """Every thing in a recording of Reddit, with the answers below it."""

    def things(said: Any) -> list[dict[str, Any]]:
        if isinstance(said, list):
            return [thing for each in said for thing in things(each)]
        if not isinstance(said, dict):
            return []
        if said.get("kind") == "Listing":
            return things(said["data"]["children"])
        return [said, *things(said["data"].get("replies"))] if "data" in said else []

    return things(json.loads((RECORDINGS / f"{name}.json").read_text()))


def events(arrivals: list[hub.Arrival]) -> list[hub.Event]:
    return [item for arrival in arrivals for item in arrival.items if isinstance(item, hub.Event)]


def test_a_recorded_comment_as_a_post() -> None:
    (thing,) = recorded("TestComment.test_refresh.01")
    told = event(thing, NOW)
    assert told is not None
    at = datetime(2016, 9, 25, 22, 33, 23, tzinfo=UTC)
    assert (told.key, told.channel, told.at) == ("reddit:t1_a6c871", hub.Channel.SOCIAL, at)
    author = "https://www.reddit.com/user/user_003"
    assert told.facts == hub.Mention(
        participants=(hub.Participant(author, hub.Role.SENDER, "user_003"),),
        text="Lorem mention of ExampleBrand (127 chars in the original)",
        url="https://www.reddit.com",
        posted_at=at,
        author_url=author,
        site="reddit.com/r/examplebrand",
        links=(),
        answers="reddit:t3_7885f1",
    )


def test_a_recorded_post_as_a_post() -> None:
    told = event(recorded("TestComment.test_refresh.02")[0], NOW)
    assert told is not None
    assert told.key == "reddit:t3_7885f1"
    post = mention(told)
    assert post.title == "Lorem mention of ExampleBrand (40 chars in the original)"
    assert post.url == "https://www.reddit.com/r/examplebrand/comments/abc123/lorem/"
    assert (post.answers, post.links) == (None, ())


def test_a_recorded_naming_of_the_account_is_addressed() -> None:
    things = recorded("TestInbox.test_mentions.01")
    assert things
    for thing in things:
        told = event(thing, NOW, addressed=True)
        bare = event(thing, NOW)
        assert told is not None
        assert bare is not None
        assert mention(told).addressed
        assert mention(told).answers == f"reddit:{thing['data']['parent_id']}"
        assert mention(told).url == "https://www.reddit.com/r/examplebrand/comments/abc123/lorem/"
        assert told.key == bare.key
        assert told.id != bare.id


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.json")), ids=lambda path: path.stem)
def test_every_recording_can_be_read(path: Path) -> None:
    things = recorded(path.stem)
    assert things
    told = [event(thing, NOW) for thing in things if thing["kind"] in ("t1", "t3")]
    assert all(each is not None and each.key.startswith("reddit:t") for each in told)


@pytest.mark.parametrize(
    "changed",
    [{"body": "[deleted]", "author": "[deleted]"}, {"body": "[removed]"}, {"removed_by_category": "moderator"}],
)
def test_what_is_deleted_or_removed_is_a_deletion(changed: dict[str, str]) -> None:
    (thing,) = recorded("TestComment.test_refresh.01")
    told = event({**thing, "data": {**thing["data"], **changed}}, NOW)
    assert told is not None
    assert (told.key, told.id, told.at) == ("reddit:t1_a6c871", "t1_a6c871/deleted", NOW)
    assert told.facts == hub.Mention(deleted=True)


def test_what_looks_like_markup_is_shown_word_for_word() -> None:
    for text in ("*not* _either_ <b> & [x](y) # > 1. ~~ ^ `", "a\nb\n\nc", "\\*", "报价 https://a.example/x_y?b=1&c"):
        assert plain(marked_down(text)) == text
    told = event(
        {"kind": "t1", "data": {"name": "t1_1", "author": "a", "body": "see [x](https://a.example/b_c)."}}, NOW
    )
    assert told is not None
    assert mention(told).links == ("https://a.example/b_c",)


async def test_posts_comments_searches_and_what_names_us_are_heard(reddit: Reddit) -> None:
    post = reddit.post("ExampleBrand or not?")
    comment = reddit.comment("Rather &lt; not", post)
    reddit.mentions.append(
        {"kind": "t1", "data": {**reddit.things[comment]["data"], "was_comment": True, "type": "username_mention"}}
    )
    async with aclosing(Connector(settings(reddit.port, searches=["ExampleBrand"]), SETUP).listen(None)) as arrivals:
        told = events(await heard(arrivals, 3))
    assert [each.key for each in told] == [f"reddit:{post}", f"reddit:{comment}", f"reddit:{comment}"]
    assert [mention(each).addressed for each in told] == [None, None, True]
    assert mention(told[1]).text == "Rather &lt; not"
    assert "/search" in reddit.asked


async def test_edits_and_deletions_are_heard_because_what_is_deleted_must_go(reddit: Reddit) -> None:
    names = [reddit.post(title) for title in ("one", "two", "three")]
    every = {"recheck_minutes": 0.001}
    async with aclosing(Connector(settings(reddit.port, **every), SETUP).listen(None)) as arrivals:
        before = events(await heard(arrivals, 3))
        coming = asyncio.ensure_future(heard(arrivals, 2))
        reddit.change(names[0], selftext="more", edited=reddit.things[names[0]]["data"]["created_utc"] + 60)
        reddit.change(names[1], selftext="[deleted]", author="[deleted]")
        after = events(await coming)
        # Nothing of it is told a second time.
        coming = asyncio.ensure_future(heard(arrivals, 1))
        rounds = len(reddit.asked)
        async with asyncio.timeout(20):
            while len(reddit.asked) < rounds + 12:  # noqa: ASYNC110 — the server runs in a thread
                await asyncio.sleep(0.01)
        reddit.post("four")
        assert [mention(each).title for each in events(await coming)] == ["four"]
    told = {each.key: each for each in after}
    edited, gone = told[f"reddit:{names[0]}"], told[f"reddit:{names[1]}"]
    assert mention(edited).text == "more"
    assert mention(edited).edited_at == edited.at
    assert edited.at > before[0].at
    assert mention(gone).deleted


async def test_a_token_that_was_revoked_is_renewed_once(reddit: Reddit) -> None:
    reddit.post("one")
    async with aclosing(Connector(settings(reddit.port), SETUP).listen(None)) as arrivals:
        await heard(arrivals, 1)
        coming = asyncio.ensure_future(heard(arrivals, 1))
        reddit.tokens += 1  # the one we have is none any more
        reddit.post("two")
        assert [mention(each).title for each in events(await coming)] == ["two"]


async def test_a_quota_that_is_used_up_is_waited_for(reddit: Reddit) -> None:
    reddit.left = 0
    async with aclosing(Connector(settings(reddit.port), SETUP).listen(None)) as arrivals:
        with pytest.raises(hub.Unavailable, match="quota") as told:
            await heard(arrivals, 1)
    assert told.value.retry_after is not None
    assert 200 < told.value.retry_after <= 240


async def test_reddit_asks_a_writer_to_wait(reddit: Reddit) -> None:
    name = reddit.post("one")
    letter = hub.Letter(key="l", sender="", recipients=(), raw=b"hello", answers=f"reddit:{name}")
    sender = Sender(settings(reddit.port), SETUP)
    reddit.errors = [["RATELIMIT", "Take a break for 3 minutes before trying again.", "ratelimit"]]
    with pytest.raises(hub.Unavailable, match="Take a break"):
        await sender.send(letter)
    reddit.errors = [["THREAD_LOCKED", "Comments are locked.", "parent"]]
    with pytest.raises(hub.Unsupported, match="Comments are locked"):
        await sender.send(letter)
    await sender.close()
    assert not Sender(settings(reddit.port, refresh_token=None), SETUP).ready


@pytest.mark.parametrize("wrong", [{"subreddits": []}, {"subreddits": ["r/crm"]}, {"username": "no one"}])
def test_settings_that_cannot_be_right_are_refused(wrong: dict[str, object]) -> None:
    about = {"client_id": "a", "client_secret": "b", "username": "us", "subreddits": ["crm"]}
    with pytest.raises(ValidationError):
        RedditSettings.model_validate({**about, **wrong})
