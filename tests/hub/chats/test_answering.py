"""Answers in chats and below posts: over the source that told of them, into their thread, as long as that is taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub import Channel, Event
from hub.letters.chats import CLOSED
from hub.letters.post import CannotSend, NotOpen, Wanted
from hub.privacy.visibility import Actor, Authority, Scope
from hub.vocabulary import Delivered, Message, Receipt
from tests.fakes.talker import Talker
from tests.hub.chats.conftest import LI_NA, US, message, post
from tests.hub.letters.firm import ADA, Firm, said
from tests.hub.web.office import Office

HOUR = timedelta(hours=1)
MARKETER = Actor("mia", Authority.MARKETER, record="login/9")


async def came(firm: Firm, event: Event, source: str = "chat") -> int:
    """The conversation of what *source* tells."""
    await firm.service.ingest.record(source, [event])
    found = await firm.rows("SELECT conversation_id FROM interactions WHERE key = :key", key=event.key)
    return int(found[0][0])


async def test_an_answer_goes_into_its_thread_and_is_one_with_the_providers_word(firm: Firm, provider: Talker) -> None:
    conversation = await came(firm, message("a", "Is it there?", thread="room/1"))
    async with firm.post() as letters:
        may = await letters.answering(ADA, conversation)
        assert (may.channel, may.theirs, may.longest, may.largest, may.free_text) == (
            Channel.CHAT, LI_NA, 50, 100, True,
        )  # fmt: skip
        sent = await firm.settled((await letters.write(ADA, conversation, said(" It is. "))).id)
    (taken,) = provider.taken
    assert (taken["from"], taken["to"], taken["text"]) == (US, LI_NA, "It is.")
    assert (taken["thread"], taken["answers"]) == ("room/1", "talker:a")
    assert (sent.key, sent.delivery) == ("talker:1", "sent")
    echo = message("1", "It is.", thread="room/1", ours=True)
    await firm.service.ingest.record("chat", [echo, Receipt(key="talker:1", state=Delivered.READ, at=echo.at)])
    assert (await firm.view(sent.id)).delivery == "read"
    rows = await firm.rows("SELECT key, direction, conversation_id FROM interactions ORDER BY id")
    assert rows == [("talker:a", "inbound", conversation), ("talker:1", "outbound", conversation)]


async def test_every_answer_in_a_chat_says_whether_it_is_queued_sent_delivered_read_or_failed_and_why(
    firm: Firm, office: Office, provider: Talker
) -> None:
    conversation = await came(firm, message("a", "Is it there?"))
    api = await office.token("robot", Scope.READ, "ada")

    async def how(letter_id: int) -> tuple[str, str | None]:
        async with api.get(f"/api/v1/conversations/{conversation}") as answer:
            listed = (await answer.json())["items"]
        (letter,) = [each["letter"] for each in listed if (each.get("letter") or {}).get("id") == str(letter_id)]
        return letter["delivery"], letter.get("reason") or letter["recipients"][0].get("reason")

    letter = await firm.post().write(ADA, conversation, said("It is."))
    assert await how(letter.id) == ("queued", None)
    async with firm.post() as letters:
        sent = await firm.settled(letter.id)
        assert await how(letter.id) == ("sent", None)
        for state, shown in (("delivered", "delivered"), ("read", "read"), ("delivered", "read")):
            receipt = Receipt(key=sent.key, state=Delivered(state), at=datetime.now(UTC))
            await firm.service.ingest.record("chat", [receipt])
            assert await how(letter.id) == (shown, None)
        provider.refuses = "She has left."
        other = await letters.write(ADA, conversation, said("Hello?"))
        await firm.settled(other.id)
        assert await how(other.id) == ("failed", "She has left.")
        provider.refuses = ""
        third = await firm.settled((await letters.write(ADA, conversation, said("Still there?"))).id)
        failed = Receipt(key=third.key, state=Delivered.FAILED, at=datetime.now(UTC), reason="Her phone is off.")
        await firm.service.ingest.record("chat", [failed])
        assert await how(third.id) == ("failed", "Her phone is off.")
    assert await firm.rows("SELECT state FROM conversations") == [("open",)]


async def test_after_the_window_only_a_template_is_taken(firm: Firm, provider: Talker) -> None:
    conversation = await came(firm, message("a", "Is it there?", datetime.now(UTC) - 25 * HOUR))
    async with firm.post() as letters:
        assert not (await letters.answering(ADA, conversation)).free_text
        with pytest.raises(CannotSend) as told:
            await letters.write(ADA, conversation, said("It is."))
        assert (told.value.kind, str(told.value)) == ("window-closed", CLOSED)
        wanted = Wanted(template="back", values={"1": "Li Na"})
        await firm.settled((await letters.write(ADA, conversation, wanted)).id)
        assert [(each["template"], each["text"]) for each in provider.taken] == [("T1", "Hello Li Na, are you there?")]
        # What was written in time and leaves too late is not sent either.
        await came(firm, message("b", "Yes", datetime.now(UTC) - 23 * HOUR))
        late = await letters.write(ADA, conversation, said("Good.", send_at=datetime.now(UTC) + HOUR / 2))
        await firm.execute("UPDATE interactions SET occurred_at = occurred_at - :h", h=3_600_000_000 * 2)
        await letters.send_now(ADA, late.id)
        failed = await firm.settled(late.id)
    assert (failed.state, failed.reason) == ("failed", CLOSED)


async def test_what_is_not_taken_is_said_before_it_is_sent(firm: Firm, office: Office, provider: Talker) -> None:
    conversation = await came(firm, message("a", "Is it there?"))
    stranger = await came(firm, message("b", "Hello?", thread="other"), "elsewhere")
    api = await office.person("ada", Authority.AGENT, "ada")
    large = (await (await api.post("/api/v1/uploads?name=a.txt", data=b"x" * 101)).json())["id"]
    path = f"/api/v1/conversations/{conversation}/letters"
    for wanted, kind, status in (
        ({"text": "x" * 51}, "too-long", 422),
        ({"text": " "}, "empty", 422),
        ({"uploads": [large]}, "too-large", 413),
        ({"text": "x", "cc": ["li@customer.example"]}, "not-in-a-text", 422),
    ):
        async with api.post(path, json=wanted) as answer:
            assert (answer.status, (await answer.json())["type"].rpartition(":")[2]) == (status, kind)
    async with firm.post() as letters:
        with pytest.raises(NotOpen):
            await letters.write(MARKETER, conversation, said("x"))
        with pytest.raises(CannotSend):  # nobody who told of it can speak there
            await letters.write(ADA, stranger, said("x"))
    assert provider.taken == []


async def test_a_post_is_answered_from_here_and_its_answers_stand_below_it(firm: Firm, office: Office) -> None:
    conversation = await came(firm, post("1", "Where is @us?"))
    mia = await office.person("mia", Authority.MARKETER)
    path = f"/api/v1/conversations/{conversation}"
    async with mia.get(f"{path}/answering") as answer:
        may = await answer.json()
    assert (may["channel"], may["longest"], may["largest"]) == ("social", 20, 0)
    async with firm.post():
        async with mia.post(f"{path}/letters", json={"text": "Here we are."}) as answer:
            assert answer.status == 201, await answer.text()
            letter = await answer.json()
        await office.service.letters.send_now(ADA, int(letter["id"]))
        sent = await firm.settled(int(letter["id"]))
        assert sent.state == "sent", sent.reason
    assert sent.sender == "acct:us@social.test"
    rows = await firm.rows("SELECT key, kind, direction, conversation_id FROM interactions ORDER BY id")
    assert rows[1] == (sent.key, "mention", "outbound", conversation)
    thanks = post("9", "Thanks", sent.key)
    assert await came(firm, thanks) == conversation
    echo = post("said-1", "Here we are.", author="acct:us@social.test", addressed=False)
    assert echo.key == sent.key
    assert await came(firm, echo) == conversation
    assert await firm.rows("SELECT count(*) FROM interactions") == [(3,)]
    assert await firm.rows("SELECT count(*) FROM mentions") == [(2,)], "what we say ourselves is no mention"


async def test_it_is_answered_over_whichever_source_that_told_of_it_says_who_we_are(
    firm: Firm, provider: Talker
) -> None:
    event = post("1", "Where is @us?")
    conversation = await came(firm, event, "stream")
    async with firm.post() as letters:
        with pytest.raises(CannotSend) as told:
            await letters.write(ADA, conversation, said("Here."))
        assert told.value.kind == "no-sender"
        again = Event(key=event.key, id="2", channel=event.channel, at=event.at, facts=event.facts)
        await came(firm, again, "chat")
        assert (await letters.answering(ADA, conversation)).source == "chat"


async def test_what_was_taken_back_is_not_answered_while_there_is_something_else(firm: Firm) -> None:
    conversation = await came(firm, message("a", "First", datetime.now(UTC) - HOUR))
    await came(firm, message("b", "Second"))
    gone = message("b", "")
    facts = Message(deleted=True)
    await firm.service.ingest.record(
        "chat", [Event(key=gone.key, id="2", channel=gone.channel, at=gone.at, facts=facts, conversation="room")]
    )
    async with firm.post() as letters:
        may = await letters.answering(ADA, conversation)
    assert await firm.rows("SELECT key FROM interactions WHERE id = :id", id=may.interaction) == [("talker:a",)]
