"""The life of a text of ours: answered from the number that was written to, sent once, and followed to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from hub import Channel, Delivered, Participant, Receipt, Role
from hub.letters import receipts
from hub.letters.compose import Person
from hub.letters.post import CannotSend, Wanted
from hub.letters.states import State
from hub.letters.texts import CLOSED
from tests.fakes.texter import Texter
from tests.hub.letters.firm import ADA, Firm, said
from tests.hub.texts.conftest import LI_NA, OURS, Phone

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


def receipt(key: str, state: Delivered, reason: str = "") -> Receipt:
    return Receipt(key=key, state=state, at=NOW, reason=reason)


async def test_an_sms_is_answered_from_the_number_it_came_to(firm: Firm, phone: Phone, provider: Texter) -> None:
    conversation = await phone.says("Is it there?", ours="tel:+4930123457")
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("  It is. "))
        sent = await firm.settled(letter.id)
    assert provider.taken == [
        {"channel": "sms", "from": "tel:+4930123457", "to": LI_NA, "text": "It is.", "template": None}
    ]
    assert (sent.state, sent.key, sent.delivery) == (State.SENT, "texter:T1", "sent")
    rows = await firm.rows("SELECT id, key, direction, channel, conversation_id FROM interactions ORDER BY id")
    assert rows[1] == (sent.interaction, "texter:T1", "outbound", "sms", conversation)
    assert await firm.rows("SELECT state FROM conversations") == [("waiting",)]


async def test_what_the_providers_own_list_tells_of_it_is_the_same_interaction(
    firm: Firm, phone: Phone, provider: Texter
) -> None:
    conversation = await phone.says("Is it there?")
    provider.answers.clear()
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("It is."))
        key = await provider.next()
        listed = phone.said("It is.")
        turned = (Participant(OURS, Role.SENDER), Participant(LI_NA, Role.RECIPIENT))
        told = replace(listed, key=key, id="list", facts=replace(listed.facts, participants=turned))
        await firm.service.ingest.record("mobile", [told, receipt(key, Delivered.SENT)])
        provider.answers.set()
        await firm.settled(letter.id)
    rows = await firm.rows("SELECT key, conversation_id FROM interactions ORDER BY key")
    assert rows == [("texter:T1", conversation), (f"texter:{phone.ids[0]}", conversation)]


@pytest.mark.parametrize(
    ("states", "becomes"),
    [
        ((Delivered.SENT, Delivered.DELIVERED, Delivered.READ), "read"),
        ((Delivered.SENT, Delivered.FAILED), "failed"),
        ((Delivered.SENT, Delivered.FAILED, Delivered.DELIVERED), "delivered"),
    ],
)
async def test_receipts_come_in_any_order_and_even_before_our_own_word(
    firm: Firm, phone: Phone, provider: Texter, states: tuple[Delivered, ...], becomes: str
) -> None:
    """Every order of receipts, the first of each before the provider's answer to us."""
    conversation = await phone.says("Is it there?")
    async with firm.post() as post:
        for order in permutations(states):
            provider.answers.clear()
            letter = await post.write(ADA, conversation, said("It is."))
            key = await provider.next()
            early, *late = [receipt(key, state, "unknown number (30005)") for state in order]
            await firm.service.ingest.record("mobile", [early])
            provider.answers.set()
            await firm.settled(letter.id)
            for each in late:
                await firm.service.ingest.record("mobile", [each])
            view = await firm.view(letter.id)
            assert view.delivery == becomes, order
            if becomes == "failed":
                assert view.recipients[0].reason == "unknown number (30005)"
                assert await firm.rows("SELECT state FROM conversations") == [("open",)]
    assert await firm.rows("SELECT count(*) FROM receipts") == [(0,)]


async def test_a_text_that_did_not_arrive_is_written_again_once(firm: Firm, phone: Phone, provider: Texter) -> None:
    conversation = await phone.says("Is it there?")
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("It is."))
        sent = await firm.settled(letter.id)
        assert await post.retry(ADA, letter.id) is None
        await firm.service.ingest.record("mobile", [receipt(sent.key, Delivered.FAILED, "switched off (30003)")])
        again = await post.retry(ADA, letter.id)
        assert again is not None
        assert again.id != letter.id
        await firm.settled(again.id)
        assert await post.retry(ADA, letter.id) is None
    assert [each["text"] for each in provider.taken] == ["It is.", "It is."]


async def test_a_text_whose_end_nobody_heard_is_perhaps_sent(firm: Firm, phone: Phone, provider: Texter) -> None:
    conversation = await phone.says("Is it there?")
    provider.hangs_up = True
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("It is."))
        view = await firm.settled(letter.id)
    assert (view.state, view.interaction) == (State.PERHAPS, None)
    assert len(provider.taken) == 1


async def test_what_was_sent_and_not_recorded_is_recorded_later_and_not_sent_again(
    firm: Firm, phone: Phone, provider: Texter
) -> None:
    """The hub died between the provider's answer, which was written down, and the timeline."""
    conversation = await phone.says("Is it there?")
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("It is."))
        sent = await firm.settled(letter.id)
    await firm.execute("DELETE FROM interactions WHERE key = :key", key=sent.key)
    await firm.execute("DELETE FROM events WHERE key = :key", key=sent.key)
    await firm.execute("UPDATE letters SET filed_at = NULL, claimed_until = 1")
    async with firm.post():
        await firm.until(letter.id, lambda view: view.filed_at is not None)
    assert len(provider.taken) == 1
    assert (await firm.view(letter.id)).interaction is not None


async def test_a_text_that_the_provider_refuses_is_not_sent(firm: Firm, phone: Phone, provider: Texter) -> None:
    conversation = await phone.says("Is it there?")
    provider.refuses = "This number takes no text messages (21614)."
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("It is."))
        view = await firm.settled(letter.id)
    assert (view.state, view.reason) == (State.FAILED, provider.refuses)


async def test_a_new_text_joins_the_conversation_that_its_answer_would(
    firm: Firm, phone: Phone, provider: Texter
) -> None:
    async with firm.post() as post:
        first = await post.write(ADA, None, said("Hello", to=(Person(LI_NA),), sender=OURS))
        sent = await firm.settled(first.id)
        assert await phone.says("Who is this?") == first.conversation_id
        second = await post.write(ADA, None, said("Ada", to=(Person(LI_NA),), sender=OURS))
        await firm.settled(second.id)
    assert sent.conversation_id == second.conversation_id
    assert await firm.rows("SELECT count(DISTINCT conversation_id) FROM interactions") == [(1,)]
    assert await firm.rows("SELECT id FROM conversations") == [(first.conversation_id,)]


# --- WhatsApp -------------------------------------------------------------------------------------------------------


async def test_free_text_is_taken_for_24_hours_and_templates_always(firm: Firm, phone: Phone, provider: Texter) -> None:
    chat = phone.on(Channel.CHAT)
    spoke = datetime.now(UTC) - 25 * HOUR
    conversation = await chat.says("Is it there?", at=spoke)
    template = Wanted(template="back", values={"1": "Li Na", "thing": "bike"})
    async with firm.post() as post:
        answering = await post.answering(ADA, conversation)
        assert (answering.channel, answering.free_text) == (Channel.CHAT, False)
        assert answering.window_ends_at == spoke + 24 * HOUR
        assert [(each.name, each.gaps) for each in answering.templates] == [("back", ("1", "thing"))]
        with pytest.raises(CannotSend) as refused:
            await post.write(ADA, conversation, said("It is.", force=True))
        assert refused.value.kind == "window-closed"
        with pytest.raises(CannotSend) as gap:
            await post.write(ADA, conversation, Wanted(template="back", values={"1": "Li Na"}))
        assert gap.value.more == {"gaps": ["thing"]}
        letter = await post.write(ADA, conversation, template)
        sent = await firm.settled(letter.id)
        assert sent.state is State.SENT
        await chat.says("Thank you")
        free = await post.write(ADA, conversation, said("Gladly"))
        await firm.settled(free.id)
    assert [(each["channel"], each["text"], each["template"]) for each in provider.taken] == [
        ("chat", "Hello Li Na, your bike is here.", ["HX1", {"1": "Li Na", "thing": "bike"}]),
        ("chat", "Gladly", None),
    ]


async def test_the_window_is_asked_again_when_a_letter_is_due(firm: Firm, phone: Phone, provider: Texter) -> None:
    chat = phone.on(Channel.CHAT)
    conversation = await chat.says("Is it there?")
    later = datetime.now(UTC) + 25 * HOUR
    async with firm.post(undo_seconds=60) as post:
        with pytest.raises(CannotSend) as refused:
            await post.write(ADA, conversation, said("It is.", send_at=later))
        assert refused.value.kind == "window-closed"
        letter = await post.write(ADA, conversation, said("It is.", send_at=later - 3 * HOUR))
        await firm.execute("UPDATE interactions SET occurred_at = occurred_at - 90000000000")
        await post.send_now(ADA, letter.id)
        view = await firm.settled(letter.id)
    assert (view.state, view.reason) == (State.FAILED, CLOSED)
    assert provider.taken == []


async def test_whatsapp_users_without_a_number_are_written_to(firm: Firm, phone: Phone, provider: Texter) -> None:
    user = "whatsapp:US.13491208655302741918"
    conversation = await phone.on(Channel.CHAT, user).says("Is it still there?")
    async with firm.post() as post:
        answering = await post.answering(ADA, conversation)
        assert (answering.theirs, answering.free_text) == (user, True)
        await firm.settled((await post.write(ADA, conversation, said("It is."))).id)
    assert [(each["to"], each["from"]) for each in provider.taken] == [(user, OURS)]
    assert await firm.rows("SELECT DISTINCT conversation_id FROM interactions") == [(conversation,)]


async def test_an_sms_and_a_chat_with_one_number_are_two_conversations(firm: Firm, phone: Phone) -> None:
    assert await phone.says("By SMS") != await phone.on(Channel.CHAT).says("By WhatsApp")


# --- who wants no more ----------------------------------------------------------------------------------------------


async def test_who_sends_stop_is_not_written_to_until_start_in_whatever_order_they_come(
    firm: Firm, phone: Phone, provider: Texter
) -> None:
    at = datetime.now(UTC) - HOUR
    words = ("Stop.", "START", "stop")
    stop, start, stopped = (phone.said(word, at=at + n * timedelta(minutes=1)) for n, word in enumerate(words))
    async with firm.post() as post:
        for told, refused in (((start, stop), False), ((stopped,), True)):
            for event in told:
                await firm.service.ingest.record("mobile", [event])
            marked = await firm.rows("SELECT handle, reason FROM undeliverable")
            assert marked == ([(LI_NA, "unsubscribed")] if refused else [])
        (conversation,) = {row[0] for row in await firm.rows("SELECT conversation_id FROM interactions")}
        with pytest.raises(CannotSend) as error:
            await post.write(ADA, conversation, said("But look", force=True))
        assert error.value.kind == "unsubscribed"
        await phone.says("UNSTOP")
        await firm.settled((await post.write(ADA, conversation, said("Welcome back"))).id)
    assert [each["text"] for each in provider.taken] == ["Welcome back"]


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        (said("x" * 1601), "too-long"),
        (said(" "), "empty"),
        (said("Hi", cc=(Person("tel:+491700000001"),)), "not-in-a-text"),
        (said("Hi", to=(Person("tel:+491700000001"),)), "not-in-a-text"),
        (said("Hi", sender="tel:+4930123457"), "no-sender"),
        (said("Hi {{contact.name}}"), "gaps"),
        (Wanted(template="back"), "no-template"),
    ],
)
async def test_what_a_text_cannot_be_is_said_by_name(firm: Firm, phone: Phone, wanted: Wanted, kind: str) -> None:
    conversation = await phone.says("Is it there?")
    with pytest.raises(CannotSend) as error:
        await firm.post().write(ADA, conversation, wanted)
    assert error.value.kind == kind


async def test_a_receipt_of_a_text_that_is_not_ours_is_forgotten(firm: Firm) -> None:
    await firm.service.ingest.record("mobile", [receipt("texter:other", Delivered.SENT)])
    later = datetime.now(UTC) + 3 * 24 * HOUR
    await firm.service.store.write(lambda conn: receipts.tidy(conn, later))
    assert await firm.rows("SELECT count(*) FROM receipts") == [(0,)]
