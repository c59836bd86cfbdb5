"""What is told of rooms: edits, deletions, files, threads, gaps, invitations, and whose word counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import hub
from connectors.matrix.connector import Connector
from connectors.matrix.names import handle_of, key_of, media_of
from tests.connectors.matrix.conftest import Talk
from tests.contracts.connector import heard
from tests.servers.synapse import Synapse

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


async def all_of(connector: Connector, items: int, cursor: str | None = None) -> tuple[list[hub.Item], str]:
    """At least so many items beyond *cursor*, and the cursor after them."""
    async with aclosing(connector.listen(cursor)) as arrivals:
        arrived = await heard(arrivals, items)
    last = arrived[-1].cursor
    assert last is not None
    return [item for arrival in arrived for item in arrival.items], last


def events(items: Sequence[hub.Item]) -> list[tuple[hub.Event, hub.Message]]:
    """The events among *items* with their facts."""
    return [(item, item.facts) for item in items if isinstance(item, hub.Event) and isinstance(item.facts, hub.Message)]


async def test_a_message_an_edit_and_a_deletion_are_events_of_one_key(talk: Talk) -> None:
    event_id = talk.ada.say(talk.room, "Is the lamp red?")
    _, cursor = await all_of(talk.connector(), 1)
    edit = talk.ada.edit(talk.room, event_id, "Is the lamp green?")
    gone = talk.ada.take_back(talk.room, event_id)
    items, _ = await all_of(talk.connector(), 2, cursor)
    (changed, edited), (removed, deleted) = events(items)
    assert {changed.key, removed.key} == {key_of(event_id)}
    assert (changed.id, removed.id) == (edit, gone)
    assert (edited.text, edited.edited_at) == ("Is the lamp green?", changed.at)
    assert deleted.deleted
    assert deleted.text is None
    assert [each.handle for each in deleted.participants or ()] == [handle_of(talk.ada.user), handle_of(talk.us.user)]
    # Its relation went with its words: nobody knows any more whether it stood in a thread.
    assert {changed.conversation, removed.conversation} == {""}


async def test_what_happens_in_a_thread_stays_in_it(talk: Talk) -> None:
    root = talk.ada.say(talk.room, "root")
    _, cursor = await all_of(talk.connector(), 1)
    relation = {"rel_type": "m.thread", "event_id": root}
    answer = talk.ada.say(talk.room, {"msgtype": "m.text", "body": "in it", "m.relates_to": relation})
    items, cursor = await all_of(talk.connector(), 1, cursor)
    talk.ada.edit(talk.room, answer, "still in it")
    items += (await all_of(talk.connector(), 1, cursor))[0]
    assert [event.conversation for event, _ in events(items)] == [f"{talk.room}/{root}"] * 2


async def test_only_the_writer_edits_and_reactions_are_no_messages(talk: Talk, homeserver: Synapse) -> None:
    mallory = homeserver.person("mallory")
    talk.ada.ask("POST", f"/_matrix/client/v3/rooms/{talk.room}/invite", {"user_id": mallory.user})
    mallory.join(talk.room)
    event_id = talk.ada.say(talk.room, "I pay 100")
    mallory.edit(talk.room, event_id, "I pay 9000")
    reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": "👍"}}
    liked = talk.ada.say(talk.room, reaction, "m.reaction")
    talk.ada.take_back(talk.room, liked)
    talk.ada.say(talk.room, "end")
    items, _ = await all_of(talk.connector(), 2)
    assert [facts.text for _, facts in events(items)] == ["I pay 100", "end"]


async def test_names_files_notices_and_quotes_are_read(talk: Talk) -> None:
    url = talk.ada.upload("lamp.png", "image/png", PNG)
    about = {"mimetype": "image/png", "size": len(PNG)}
    first = talk.ada.say(talk.room, {"msgtype": "m.image", "body": "lamp.png", "url": url, "info": about})
    talk.ada.say(
        talk.room,
        {"msgtype": "m.file", "body": "See the last page", "filename": "offer.pdf", "url": url, "info": {"size": "x"}},
    )
    talk.ada.say(talk.room, {"msgtype": "m.notice", "body": "I am a robot"})
    talk.ada.say(talk.room, {"msgtype": "m.emote", "body": "waves"})
    answer = {"m.in_reply_to": {"event_id": first}}
    talk.ada.say(
        talk.room,
        {"msgtype": "m.text", "body": "> <@ada:hub.test> lamp.png\n\nThat one", "m.relates_to": answer},
    )
    threaded = {"rel_type": "m.thread", "event_id": first, "is_falling_back": True, **answer}
    talk.ada.say(talk.room, {"msgtype": "m.text", "body": "in a thread", "m.relates_to": threaded})
    talk.ada.say(talk.room, {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"}, "m.room.encrypted")
    items, _ = await all_of(talk.connector(), 7)
    picture, letter, robot, emote, quoted, thread, sealed = events(items)
    assert picture[1].participants == (
        hub.Participant(handle_of(talk.ada.user), hub.Role.SENDER, "Ada Lovelace"),
        hub.Participant(handle_of(talk.us.user), hub.Role.RECIPIENT),
    )
    assert picture[1].text == ""
    assert picture[1].files == (hub.File(url, "lamp.png", "image/png", len(PNG), inline=True),)
    assert (letter[1].text, letter[1].files) == ("See the last page", (hub.File(url, "offer.pdf"),))
    assert robot[1].automatic == "notice"
    assert emote[1].text == "* waves"
    assert (quoted[1].text, quoted[1].thread) == ("That one", (key_of(first),))
    assert thread[0].conversation == f"{talk.room}/{first}"
    assert (sealed[1].text, sealed[1].protection) == ("", "encrypted")


async def test_what_does_not_fit_between_two_answers_is_read_page_by_page_without_gap_or_double(talk: Talk) -> None:
    talk.ada.say(talk.room, "before")
    _, cursor = await all_of(talk.connector(), 1)
    put = [f"number {number}" for number in range(170)]
    for text in put:
        await asyncio.to_thread(talk.ada.say, talk.room, text)
    assert await talk.connector().freshness(cursor) != hub.Freshness(0, 0.0)
    got: list[str] = []
    while len(got) < len(put):
        async with aclosing(talk.connector().listen(cursor)) as arrivals:
            arrival = await anext(arrivals)
        got += [facts.text or "" for _, facts in events(arrival.items)]
        assert arrival.live
        cursor = str(arrival.cursor)
    assert sorted(got) == sorted(put)


async def test_history_goes_back_so_many_days_and_a_lost_place_begins_anew(talk: Talk) -> None:
    talk.ada.say(talk.room, "old")
    async with aclosing(talk.connector(days=0).listen(None)) as arrivals:
        assert (await anext(arrivals)).items == ()
    items, _ = await all_of(talk.connector(), 1, '["s_no_such_place",[]]')
    assert [facts.text for _, facts in events(items)] == ["old"]
    items, _ = await all_of(talk.connector(), 1, "no cursor of ours")
    assert [facts.text for _, facts in events(items)] == ["old"]


@pytest.mark.parametrize(("accept", "listed", "joins"), [
    ("nobody", (), False), ("anyone", (), True), ("listed", ("hub.test",), True), ("listed", ("@eve:hub.test",), False),
])  # fmt: skip
async def test_invitations_are_accepted_from_whom_the_settings_name(
    talk: Talk, accept: str, listed: tuple[str, ...], joins: bool
) -> None:
    connector = talk.connector(accept=accept, accept_from=listed)
    room = talk.ada.room(talk.us.user)
    talk.ada.say(room, "Hello?")
    talk.ada.say(talk.room, "and here")
    items, cursor = await all_of(connector, 1)
    if joins:
        items, _ = await all_of(connector, 1, cursor)
        assert [(event.conversation, facts.text) for event, facts in events(items)] == [(room, "Hello?")]
    assert (room in talk.us.rooms()) is joins


async def test_who_read_what_we_wrote_is_told(talk: Talk) -> None:
    talk.ada.say(talk.room, "Hello")
    _, cursor = await all_of(talk.connector(), 1)
    connector = talk.connector()
    async with aclosing(connector.listen(cursor)) as arrivals:
        first = talk.us.say(talk.room, "one")
        last = talk.us.say(talk.room, "two")
        ours = events([item for arrival in await heard(arrivals, 2) for item in arrival.items])
        reading = asyncio.ensure_future(heard(arrivals, 2))
        await asyncio.to_thread(talk.ada.read, talk.room, last)
        receipts = [item for arrival in await reading for item in arrival.items if isinstance(item, hub.Receipt)]
    assert [(facts.participants or ())[1].handle for _, facts in ours] == [handle_of(talk.ada.user)] * 2
    assert [(each.key, each.state) for each in receipts] == [
        (key_of(event), hub.Delivered.READ) for event in (first, last)
    ]
    assert receipts[0].at > datetime.now(UTC) - timedelta(minutes=5)


async def test_files_are_fetched_and_elsewhere_nothing_is_asked(talk: Talk) -> None:
    url = talk.ada.upload("lamp.png", "image/png", PNG)
    fetcher = talk.fetcher()
    try:
        assert (await fetcher.fetch(hub.File(url), 1 << 20)).data == PNG
        with pytest.raises(hub.Unsupported):
            await fetcher.fetch(hub.File(url), 10)
        for wrong in ("mxc://hub.test/nothing", "https://evil.test/x", "mxc://hub.test/../../x", ""):
            with pytest.raises(hub.Unsupported):
                await fetcher.fetch(hub.File(wrong), 1 << 20)
    finally:
        await fetcher.close()
    assert media_of("mxc://hub.test/a?b=c") is None


async def test_several_files_are_one_message_of_ours_and_a_thread_is_answered_in_it(talk: Talk) -> None:
    root = talk.ada.say(talk.room, "Which?")
    files = tuple(hub.Enclosure(f"{name}.bin", "application/octet-stream", name.encode()) for name in "ab")
    letter = hub.Letter(
        key="letter:1",
        sender=handle_of(talk.us.user),
        recipients=(handle_of(talk.ada.user),),
        raw=b"These",
        channel=hub.Channel.CHAT,
        conversation=f"{talk.room}/{root}",
        answers=key_of(root),
        enclosures=files,
    )
    sender = talk.sender()
    try:
        sent = await sender.send(letter)
        await sender.send(replace(letter))
    finally:
        await sender.close()
    came = [each["content"] for each in talk.ada.messages(talk.room)][1:]
    assert [(each["body"], each["filename"]) for each in came] == [("These", "a.bin"), ("b.bin", "b.bin")]
    assert {each["m.relates_to"]["event_id"] for each in came} == {root}
    talk.ada.say(talk.room, "end")
    items, _ = await all_of(talk.connector(), 3)
    assert [(event.key, facts.text) for event, facts in events(items)][1:-1] == [(sent.key, "These")]


async def test_what_is_said_in_a_public_room_are_posts_and_each_begins_a_thread(talk: Talk) -> None:
    room, public = talk.room, {"public": [talk.room]}
    post = talk.ada.say(room, "The new lamp of ExampleBrand is bright")
    named = {"msgtype": "m.text", "body": "What do you say?", "m.mentions": {"user_ids": [talk.us.user]}}
    question = talk.ada.say(room, named)
    relation = {"rel_type": "m.thread", "event_id": post}
    ours = talk.us.say(room, {"msgtype": "m.text", "body": "Thank you", "m.relates_to": relation})
    answer = {"msgtype": "m.text", "body": "You too", "m.relates_to": {"m.in_reply_to": {"event_id": ours}}}
    answered = talk.ada.say(room, answer)
    talk.ada.edit(room, post, "The new lamp of ExampleBrand is very bright")
    talk.ada.take_back(room, question)
    items, _ = await all_of(talk.connector(**public), 5)
    told = [item for item in items if isinstance(item, hub.Event)]
    assert {each.channel for each in told} == {hub.Channel.SOCIAL}
    assert [(each.key, each.conversation) for each in told] == [
        (key_of(post), f"{room}/{post}"),
        (key_of(ours), f"{room}/{post}"),
        (key_of(answered), f"{room}/{answered}"),
        (key_of(post), f"{room}/{post}"),
        (key_of(question), ""),
    ]
    said, mine, reply, edit, gone = (each.facts for each in told)
    assert isinstance(said, hub.Mention)
    assert (said.text, said.addressed) == ("The new lamp of ExampleBrand is bright", None)
    assert [each.name for each in said.participants or ()] == ["Ada Lovelace"]
    assert isinstance(mine, hub.Mention)
    assert mine.addressed is None
    assert isinstance(reply, hub.Mention)
    assert (reply.answers, reply.addressed) == (key_of(ours), True)
    assert isinstance(edit, hub.Mention)
    assert edit.text == "The new lamp of ExampleBrand is very bright"
    assert edit.edited_at is not None
    assert gone == hub.Mention(deleted=True)
