from __future__ import annotations

import json
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import hub
from connectors.bluesky import Connector
from connectors.bluesky.frames import POST, read
from connectors.bluesky.posts import Us, news
from tests.connectors.bluesky.conftest import SETUP, settings
from tests.contracts.connector import heard
from tests.fakes.jetstream import Jetstream, jetstream

GOLDEN = Path(__file__).parents[3] / "connectors/bluesky/recordings/jetstream_v1.scrubbed.jsonl"
US = Us("did:plc:us", "https://bsky.app")


def events(arrivals: list[hub.Arrival]) -> list[hub.Event]:
    return [item for arrival in arrivals for item in arrival.items if isinstance(item, hub.Event)]


def facts(event: hub.Event) -> hub.Mention:
    assert isinstance(event.facts, hub.Mention)
    return event.facts


def test_of_what_the_public_stream_says_posts_and_reposts_count() -> None:
    said = [read(line, "v1") for line in GOLDEN.read_text("utf-8").splitlines()]
    post, repost = (news(each, US) for each in said if each is not None)
    assert isinstance(post, hub.Event)
    assert isinstance(repost, hub.Event)
    at = datetime(2026, 5, 25, 14, 23, 28, 757_000, tzinfo=UTC)
    assert post.key == "at:at://did:plc:caebb655ce5bd3d4bde6f2c4/app.bsky.feed.post/3mmoojp4cd223"
    assert post.id == "3mmoojpaqkn2z"
    assert post.at == datetime(2026, 5, 25, 14, 23, 29, 157_119, tzinfo=UTC)
    assert facts(post) == hub.Mention(
        participants=(hub.Participant("did:plc:caebb655ce5bd3d4bde6f2c4", hub.Role.SENDER),),
        text="Synthetic text mentioning ExampleBrand, original was 26 chars",
        url="https://bsky.app/profile/did:plc:caebb655ce5bd3d4bde6f2c4/post/3mmoojp4cd223",
        posted_at=at,
        author_url="https://bsky.app/profile/did:plc:caebb655ce5bd3d4bde6f2c4",
        site="bsky.app",
        language="en",
        links=(),
        answers="at:at://did:plc:ddcddbbbbffbcabdea57a2ac/app.bsky.feed.post/3mmojbrjwbs26",
    )
    assert post.conversation == "at://did:plc:ddcddbbbbffbcabdea57a2ac/app.bsky.feed.post/3mmojbrjwbs26"
    assert facts(repost).repost_of == "at:at://did:plc:7bebc7aa575d62cf454bbbc2/app.bsky.feed.post/3mmood3a6hc25"


@pytest.mark.parametrize("wire", ["v1", "v2"])
async def test_edits_deletions_and_accounts_that_go(stream: Jetstream, wire: str) -> None:
    async with aclosing(Connector(settings(stream.port, wire=wire), SETUP).listen(None)) as arrivals:
        uri = stream.post("did:plc:li", "3k1", "I like it", langs=["en"])
        stream.post("did:plc:li", "3k1", "I like it a lot", operation="update")
        stream.delete("did:plc:li", "3k1")
        stream.leave("did:plc:wang", "takendown")
        stream.leave("did:plc:away", "throttled")
        stream.post("did:plc:last", "3k2", "the last one")
        items = [item for arrival in await heard(arrivals, 5) for item in arrival.items]
    first, edit, deletion, gone, _ = items
    assert isinstance(first, hub.Event)
    assert isinstance(edit, hub.Event)
    assert isinstance(deletion, hub.Event)
    assert {first.key, edit.key, deletion.key} == {f"at:{uri}"}
    assert len({first.id, edit.id, deletion.id}) == 3
    assert (facts(first).edited_at, facts(edit).text) == (None, "I like it a lot")
    assert facts(edit).edited_at is not None
    assert facts(deletion) == hub.Mention(deleted=True)
    assert isinstance(gone, hub.Withdrawn)
    assert gone.author == "did:plc:wang"


async def test_our_account_is_addressed_by_name_and_by_answer(stream: Jetstream) -> None:
    facet = {
        "index": {"byteStart": 0, "byteEnd": 4},
        "features": [{"$type": "app.bsky.richtext.facet#mention", "did": US.did}],
    }
    named = {"did": "did:plc:li", "kind": "commit", "time_us": stream.now()}
    commit = {"rev": "a", "operation": "create", "collection": "app.bsky.feed.post", "rkey": "3k1"}
    parent = {"uri": f"at://{US.did}/app.bsky.feed.post/3k0", "cid": "bafy"}

    def addressed(did: str, **record: object) -> bool | None:
        said = read(
            json.dumps({**named, "did": did, "commit": {**commit, "record": {"text": "@us hi", **record}}}), "v1"
        )
        assert said is not None
        event = news(said, US)
        assert isinstance(event, hub.Event)
        return facts(event).addressed

    assert addressed("did:plc:li", facets=[facet])
    assert addressed("did:plc:li", reply={"parent": parent, "root": parent})
    assert addressed("did:plc:li") is None
    assert addressed(US.did, reply={"parent": parent, "root": parent}) is None


async def test_a_cut_stream_goes_on_where_it_was_although_the_server_repeats_its_last_seconds(
    stream: Jetstream,
) -> None:
    connector = Connector(settings(stream.port), SETUP)
    cursor, got = None, []
    stream.repeats = timedelta(seconds=1)
    for round in range(4):
        async with aclosing(connector.listen(cursor)) as arrivals:
            for number in range(5):
                stream.post(f"did:plc:p{number}", f"{round}", f"{round}.{number}")
            while len(got) < 5 * (round + 1):
                (arrival,) = await heard(arrivals, 1)
                got += [facts(event).text for event in events([arrival])]
                cursor = arrival.cursor
            await stream.cut()
            with pytest.raises(hub.Unavailable):
                await anext(arrivals)
    assert got == [f"{round}.{number}" for round in range(4) for number in range(5)]


async def test_an_instance_that_is_down_gives_way_to_the_next_which_is_asked_from_a_little_before(
    stream: Jetstream,
) -> None:
    async with jetstream() as other:
        both = [stream.url, other.url]
        async with aclosing(Connector(settings(0, jetstreams=both, wire="v2"), SETUP).listen(None)) as arrivals:
            stream.post("did:plc:li", "1", "before")
            (arrival,) = await heard(arrivals, 1)
        other.told = [{**each, "seq": 7000} for each in stream.told]
        other.post("did:plc:li", "2", "meanwhile")
        stream.refuses = 1
        connector = Connector(settings(0, jetstreams=both, wire="v2"), SETUP)
        async with aclosing(connector.listen(arrival.cursor)) as arrivals:
            told = events(await heard(arrivals, 1))
        assert [facts(event).text for event in told] == ["meanwhile"]
        # Its numbers mean nothing there: it is asked by time.
        assert int(other.asked[0]["cursor"][0]) > 10**15


async def test_what_the_server_has_forgotten_is_left_and_what_it_has_is_heard(stream: Jetstream) -> None:
    async with aclosing(Connector(settings(stream.port, wire="v2"), SETUP).listen(None)) as arrivals:
        stream.post("did:plc:li", "1", "first")
        (arrival,) = await heard(arrivals, 1)
    stream.post("did:plc:li", "2", "forgotten")
    stream.post("did:plc:li", "3", "kept")
    stream.oldest = 3
    async with aclosing(Connector(settings(stream.port, wire="v2"), SETUP).listen(arrival.cursor)) as arrivals:
        told = events(await heard(arrivals, 1))
    assert [facts(event).text for event in told] == ["kept"]
    assert "CursorTooOld" not in str(stream.asked)
    assert len(stream.asked) == 3


async def test_what_is_unreadable_is_passed_over(stream: Jetstream) -> None:
    async with aclosing(Connector(settings(stream.port), SETUP).listen(None)) as arrivals:
        stream.tell({"did": "did:plc:li", "kind": "commit", "commit": {"operation": "create", "collection": POST}})
        stream.tell({"did": "did:plc:li", "kind": "a kind of next year"})
        stream.post("did:plc:li", "1", "x" * 30_000, createdAt="some day", langs="en", facets={"no": "list"})
        (event,) = events(await heard(arrivals, 1))
    assert len(facts(event).text or "") == 20_000
    assert abs((facts(event).posted_at or event.at) - event.at) < timedelta(seconds=1)


async def test_a_stream_that_falls_silent_is_unavailable(stream: Jetstream) -> None:
    async with aclosing(Connector(settings(stream.port, silence_seconds=0.05), SETUP).listen(None)) as arrivals:
        with pytest.raises(hub.Unavailable, match="has said nothing"):
            await anext(arrivals)


async def test_without_the_stream_an_account_is_asked_for() -> None:
    with pytest.raises(ValueError, match="identifier and password"):
        settings(1, stream=False)
