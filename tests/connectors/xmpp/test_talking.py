"""What is told of an account and its rooms: edits, deletions, receipts, colleagues, rooms, and what breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

import hub
from connectors.xmpp.connector import Connector
from connectors.xmpp.names import handle_of, key_of
from tests.connectors.xmpp.conftest import Talk
from tests.contracts.connector import heard
from tests.contracts.proxy import proxy
from tests.servers.prosody import ROOMS

SAID = "<message to='{{us}}' type='chat' id='{id}'><body>{text}</body></message>"
BACK = "<message to='{us}' type='chat'>"


def said(ident: str, text: str) -> str:
    """A message of Ada's."""
    return SAID.format(id=ident, text=text)


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


def letter(talk: Talk, text: str, **changes: Any) -> hub.Letter:
    """An answer to Ada."""
    common = {"conversation": talk.conversation, "recipients": (handle_of(talk.ada),)}
    return hub.Letter(
        key="letter:1",
        sender=handle_of(talk.us),
        raw=text.encode(),
        channel=hub.Channel.CHAT,
        **{**common, **changes},
    )


@pytest.mark.parametrize("later", [False, True])
async def test_corrections_and_retractions_are_events_of_the_message_they_mean(talk: Talk, later: bool) -> None:
    eve = talk.server.person("eve")
    talk.say(said("m1", "I pay 100"))
    before, cursor = await all_of(talk.connector(), 1)
    talk.say(f"{BACK}<body>I pay 9000</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>", jid=eve)
    talk.say(
        f"{BACK}<body>I pay 200</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>",
        f"{BACK}<body>taken back</body><retract xmlns='urn:xmpp:message-retract:1' id='m1'/></message>",
    )
    items, _ = await all_of(talk.connector(), 3, cursor) if later else await all_of(talk.connector(), 4)
    found = events(items if later else items[1:])
    (first, _), (stranger, wrong), (edit, edited), (gone, deleted) = events(before) + found
    assert {edit.key, gone.key} == {first.key}
    assert (edited.text, edited.edited_at) == ("I pay 200", edit.at)
    assert (deleted.deleted, deleted.text) == (True, None)
    assert first.order < edit.order < gone.order or later
    assert stranger.key != first.key
    assert wrong.edited_at is None


async def test_a_colleagues_answer_elsewhere_is_ours_and_states_of_typing_are_nothing(talk: Talk) -> None:
    connector = talk.connector()
    async with aclosing(connector.listen(None)) as arrivals:
        await anext(arrivals)
        hearing = asyncio.ensure_future(heard(arrivals, 2))
        await asyncio.to_thread(
            talk.say,
            "<message to='{ada}' type='chat' id='c1'><body>Gladly</body>"
            "<origin-id xmlns='urn:xmpp:sid:0' id='c1'/></message>",
            jid=talk.us,
        )
        await asyncio.to_thread(
            talk.say,
            f"{BACK}<composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
            f"{BACK}<encrypted xmlns='eu.siacs.conversations.axolotl'/><body>No OMEMO</body></message>",
        )
        ((ours, facts), (_, sealed)) = events([item for each in await hearing for item in each.items])
    assert (ours.key, ours.conversation) == (key_of(talk.us, "c1"), talk.conversation)
    assert [each.handle for each in facts.participants or ()] == [handle_of(talk.us), handle_of(talk.ada)]
    assert (sealed.text, sealed.protection) == ("", "encrypted")
    again, _ = await all_of(talk.connector(), 2)
    assert events(again)[0][0].key == ours.key


async def test_receipts_and_markers_are_told_of_what_we_sent(talk: Talk) -> None:
    sender = talk.sender()
    try:
        sent = await sender.send(letter(talk, "Here it is"))
    finally:
        await sender.close()
    ident = sent.provider_id
    talk.say(
        f"{BACK}<received xmlns='urn:xmpp:receipts' id='{ident}'/></message>",
        f"{BACK}<displayed xmlns='urn:xmpp:chat-markers:0' id='{ident}'/></message>",
    )
    items, _ = await all_of(talk.connector(), 3)
    receipts = [(each.key, each.state) for each in items if isinstance(each, hub.Receipt)]
    assert receipts == [(sent.key, hub.Delivered.DELIVERED), (sent.key, hub.Delivered.READ)]


async def test_what_is_repeated_after_a_cut_comes_once_and_in_order(talk: Talk) -> None:
    talk.say(said("m0", "number 0"))
    got: list[str] = []
    cursor: str | None = None
    async with proxy(talk.server.port) as between:
        for turn in range(3):
            async with aclosing(talk.connector(between.port).listen(cursor)) as arrivals:
                arrived = await heard(arrivals, 1)
                got += [facts.text or "" for each in arrived for _, facts in events(each.items)]
                cursor = arrived[-1].cursor
                between.cut()
                with pytest.raises(hub.Unavailable):
                    await anext(arrivals)
            talk.say(said(f"m{turn + 1}", f"number {turn + 1}"))
    items, _ = await all_of(talk.connector(), 1, cursor)
    got += [facts.text or "" for _, facts in events(items)]
    assert got == [f"number {number}" for number in range(4)]


async def test_a_lost_place_is_read_on_by_time_and_a_strange_cursor_anew(talk: Talk) -> None:
    talk.say(said("m1", "old"))
    _, cursor = await all_of(talk.connector(), 1)
    ident = cursor.split('["')[1].split('"')[0]
    for strange in (cursor.replace(ident, "no-such-id"), "no cursor of ours"):
        items, _ = await all_of(talk.connector(), 1, strange)
        assert [facts.text for _, facts in events(items)] == ["old"]


async def test_a_room_is_heard_and_answered(talk: Talk) -> None:
    room = f"{talk.us.partition('@')[0]}@{ROOMS}"
    with talk.client() as ada:
        ada.enter(room, "Ada")
        ada.write(f"<message to='{room}' type='groupchat' id='r1'><body>Anybody?</body></message>")
        ada.settle()
        first, cursor = await all_of(talk.connector(rooms=(room,)), 1)
        sender = talk.sender(rooms=(room,))
        try:
            sent = await sender.send(letter(talk, "Yes", conversation=room, recipients=()))
            with pytest.raises(hub.Unsupported):
                await sender.send(letter(talk, "Yes", conversation=f"elsewhere@{ROOMS}"))
        finally:
            await sender.close()
        second, _ = await all_of(talk.connector(rooms=(room,)), 1, cursor)
    ((asked, question), (answered, answer)) = events([*first, *second])
    assert (asked.conversation, question.text) == (room, "Anybody?")
    assert question.participants == (
        hub.Participant(handle_of(f"{room}/Ada"), hub.Role.SENDER, "Ada"),
        hub.Participant(handle_of(talk.us), hub.Role.RECIPIENT),
    )
    assert (answered.key, answer.text) == (sent.key, "Yes")
    assert [each.handle for each in answer.participants or ()] == [handle_of(talk.us)]


async def test_files_are_links_that_are_fetched_from_public_addresses_and_named_hosts_alone(talk: Talk) -> None:
    sender = talk.sender()
    try:
        await sender.send(letter(talk, "See", enclosures=(hub.Enclosure("a b.txt", "text/plain", b"lamp"),)))
    finally:
        await sender.close()
    items, _ = await all_of(talk.connector(), 1)
    ((_, facts),) = events(items)
    (file,) = facts.files or ()
    assert (facts.text, file.name) == ("See", "a b.txt")
    for fetcher, allowed in ((talk.fetcher(), True), (talk.fetcher(file_hosts=()), False)):
        try:
            if allowed:
                assert (await fetcher.fetch(file, 1 << 20)).data == b"lamp"
            with pytest.raises(hub.Unsupported):
                await fetcher.fetch(file, 2)
        finally:
            await fetcher.close()


async def test_tls_is_verified_and_a_certificate_of_ones_own_can_be_named(talk: Talk) -> None:
    talk.say(said("m1", "over TLS"))
    items, _ = await all_of(talk.connector(security="starttls", ca_file=str(talk.server.certificate)), 1)
    assert [facts.text for _, facts in events(items)] == ["over TLS"]
    async with aclosing(talk.connector(security="starttls").listen(None)) as arrivals:
        with pytest.raises(hub.Misconfigured, match="certificate is not to be trusted"):
            await anext(arrivals)
    with pytest.raises(ValueError, match="in clear"):
        talk.settings(host="xmpp.example.org")


@pytest.mark.parametrize(("accept", "listed", "let_in"), [
    ("nobody", (), False), ("anyone", (), True), ("listed", ("hub.test",), True), ("listed", ("eve@hub.test",), False),
])  # fmt: skip
async def test_who_may_see_our_presence_is_whom_the_settings_name(
    talk: Talk, accept: str, listed: tuple[str, ...], let_in: bool
) -> None:
    with talk.client() as ada:
        ada.write("<presence/>")
        async with aclosing(talk.connector(accept=accept, accept_from=listed).listen(None)) as arrivals:
            await anext(arrivals)
            hearing = asyncio.ensure_future(heard(arrivals, 1))

            ada.write(f"<presence to='{talk.us}' type='subscribe'/>")
            came = await asyncio.to_thread(ada.ask, "<ping xmlns='urn:xmpp:ping'/>", "get", "hub.test")
            await asyncio.to_thread(talk.say, said("m1", "still there"))
            await hearing
            came += await asyncio.to_thread(ada.ask, "<ping xmlns='urn:xmpp:ping'/>", "get", "hub.test")
    seen = [each for each in came if each.get("from", "").startswith(f"{talk.us}/")]
    assert bool(seen) is let_in
