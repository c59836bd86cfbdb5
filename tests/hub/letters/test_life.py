"""The life of a letter, from the hand of who writes it to what became of it at each recipient."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub import Copy, Level, RawMail
from hub.letters import drafts, letters
from hub.letters.compose import Person
from hub.letters.couriers import LettersPace
from hub.letters.post import CannotSend, NotOpen
from hub.letters.states import ANSWERED, UNHEARD, Reached, State
from tests.contracts.proxy import proxy
from tests.hub.letters.firm import ADA, BEN, BOSS, LI_NA, QUICK, SUPPORT, Firm, open_firm, said
from tests.servers.mail import MailSink

EVE = Person("mailto:eve@customer.example", "Eve")
HOUR = timedelta(hours=1)


# --- from the desk to the timeline ----------------------------------------------------------------------------------


async def test_an_answer_leaves_and_stands_in_its_conversation(firm: Firm, mail_sink: MailSink) -> None:
    conversation = await firm.came(references=["earlier@customer.example"])
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("Gladly, here it is.", cc=(EVE,), to=(Person(LI_NA),)))
        assert (letter.state, letter.interaction) == (State.QUEUED, None)
        sent = await firm.settled(letter.id)
    received = await mail_sink.next()
    assert (received.sender, set(received.recipients)) == (
        "support@example.org",
        {"li.na@customer.example", "eve@customer.example"},
    )
    message = received.message
    assert message["From"] == "Ada at Example <support@example.org>"
    assert (message["To"], message["Cc"]) == ("li.na@customer.example", "Eve <eve@customer.example>")
    assert message["Subject"] == "Re: Offer for 200"
    assert message["In-Reply-To"] == "<first@customer.example>"
    assert message["References"] == "<earlier@customer.example> <first@customer.example>"
    assert message["Auto-Submitted"] is None
    assert message["X-Hub-Loop"] == firm.tokens.marker
    assert firm.tokens.conversation_of(message["Message-ID"]) == conversation
    assert message.get_content().replace("\r\n", "\n") == (
        "Gladly, here it is.\n\n"
        "On 2026-11-20 10:00, Li Na <li.na@customer.example> wrote:\n> Could you send an offer?\n"
    )
    assert sent.state is State.SENT
    assert [(each.handle, each.state) for each in sent.recipients] == [
        (LI_NA, Reached.SENT),
        ("mailto:eve@customer.example", Reached.SENT),
    ]
    rows = await firm.rows("SELECT id, direction, conversation_id, source FROM interactions ORDER BY occurred_at DESC")
    assert rows[0] == (sent.interaction, "outbound", conversation, "support")
    assert (await firm.rows("SELECT state FROM conversations")) == [("waiting",)]


async def test_the_copy_in_sent_is_the_same_interaction(firm: Firm, mail_sink: MailSink) -> None:
    conversation = await firm.came()
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("Here it is."))
        sent = await firm.settled(letter.id)
    raw = (await mail_sink.next()).raw
    await firm.service.ingest.record("support", [RawMail(raw, Copy("Sent", "1:7"), datetime.now(UTC))])
    assert await firm.rows("SELECT count(*) FROM interactions") == [(2,)]
    places = await firm.rows("SELECT place FROM copies WHERE interaction_id = :id ORDER BY place", id=sent.interaction)
    assert places == [("",), ("Sent",)]


async def test_what_a_private_mailbox_sends_is_private(firm: Firm, mail_sink: MailSink) -> None:
    async with firm.post() as post:
        letter = await post.write(
            ADA, None, said("Between us", source="ada-private", to=(Person(LI_NA),), subject="Hm")
        )
        await firm.settled(letter.id)
    assert await firm.rows("SELECT audience FROM copies") == [("ada",)]
    assert (await mail_sink.next()).message["From"] == "Ada <ada@example.org>"


async def test_a_new_mail_begins_a_conversation_that_answers_join(firm: Firm, mail_sink: MailSink) -> None:
    async with firm.post() as post:
        letter = await post.write(ADA, None, said("May I show you?", to=(Person(LI_NA, "Li Na"),), subject="News"))
        await firm.settled(letter.id)
    ident = (await mail_sink.next()).message["Message-ID"]
    # Some programs answer with an id of ours alone, others forget References: either names the conversation.
    answer = await firm.came("answer@customer.example", subject="Re: News", references=[ident.strip("<>")])
    assert answer == letter.conversation_id
    assert await firm.rows("SELECT id FROM conversations") == [(letter.conversation_id,)]


async def test_send_and_close(firm: Firm) -> None:
    conversation = await firm.came()
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("That was it.", then="closed"))
        await firm.settled(letter.id)
        assert await firm.rows("SELECT state FROM conversations") == [("closed",)]
        await firm.came("again@customer.example", references=["first@customer.example"], date=datetime.now(UTC))
        assert await firm.rows("SELECT state FROM conversations") == [("open",)]


async def test_send_and_close_leaves_open_what_came_meanwhile(firm: Firm) -> None:
    conversation = await firm.came()
    post = firm.post()
    letter = await post.write(ADA, conversation, said("That was it.", then="closed"))
    await firm.came("again@customer.example", references=["first@customer.example"], date=datetime.now(UTC))
    async with post:
        await firm.settled(letter.id)
    assert (await firm.rows("SELECT state FROM conversations")) != [("closed",)]


# --- before it leaves -----------------------------------------------------------------------------------------------


async def test_a_letter_can_be_called_back_and_is_a_draft_again(firm: Firm, mail_sink: MailSink) -> None:
    conversation = await firm.came()
    async with firm.post(undo_seconds=3600) as post:
        letter = await post.write(ADA, conversation, said("Too quick", subject="Oops"))
        assert letter.can_be_cancelled
        assert timedelta(minutes=59) < letter.due_at - datetime.now(UTC) <= HOUR
        assert await post.cancel(ADA, letter.id)
        assert not await post.cancel(ADA, letter.id)
        assert not await post.send_now(ADA, letter.id)
        other = await post.write(ADA, conversation, said("Better"))
        assert await post.send_now(ADA, other.id)
        await firm.settled(other.id)
        assert not await post.cancel(ADA, other.id)
    assert [each.message["Subject"] for each in mail_sink.taken] == ["Re: Offer for 200"]
    assert (await firm.view(letter.id)).state is State.CANCELLED


async def test_the_draft_comes_back_unless_there_is_another(firm: Firm) -> None:
    conversation, post = await firm.came(), firm.post(undo_seconds=3600)
    store = firm.service.store
    first = await post.write(ADA, conversation, said("One"))
    await post.cancel(ADA, first.id)
    found = await store.read(lambda conn: drafts.read(conn, "ada", conversation))
    assert found is not None
    assert (found.content["text"], found.content["to"]) == ("One", ["Li Na <li.na@customer.example>"])
    second = await post.write(ADA, conversation, said("Two"))
    assert await store.read(lambda conn: drafts.read(conn, "ada", conversation)) is None
    await store.write(lambda conn: drafts.write(conn, "ada", conversation, {"text": "Three"}, datetime.now(UTC)))
    await post.cancel(ADA, second.id)
    kept = await store.read(lambda conn: drafts.read(conn, "ada", conversation))
    assert kept is not None
    assert kept.content["text"] == "Three"


async def test_what_is_for_later_waits_and_is_cancelled_by_an_answer(firm: Firm, mail_sink: MailSink) -> None:
    conversation, later = await firm.came(), datetime.now(UTC) + HOUR
    async with firm.post() as post:
        unless = await post.write(ADA, conversation, said("Any news?", send_at=later, unless_answered=True))
        anyway = await post.write(ADA, conversation, said("The invoice", send_at=later))
        assert (unless.state, unless.due_at) == (State.SCHEDULED, later)
        now, store = datetime.now(UTC), firm.service.store
        other = await store.write(lambda conn: letters.answered(conn, [conversation + 1], now))
        cancelled = await store.write(lambda conn: letters.answered(conn, [conversation, conversation + 1], now))
        assert (other, cancelled) == ([], [unless.id])
        view = await firm.view(unless.id)
        assert (view.state, view.reason) == (State.CANCELLED, ANSWERED)
        draft = await store.read(lambda conn: drafts.read(conn, "ada", conversation))
        assert draft is not None
        assert draft.content["text"] == "Any news?"
        await firm.execute("UPDATE letters SET due_at = 1 WHERE id = :id", id=anyway.id)
        await firm.settled(anyway.id)
    assert len(mail_sink.taken) == 1


# --- what is not taken ----------------------------------------------------------------------------------------------


async def test_it_says_what_is_in_the_way(firm: Firm) -> None:
    conversation, post = await firm.came(), firm.post(undo_seconds=3600)
    first = (await firm.rows("SELECT id FROM interactions"))[0][0]
    await firm.came("second@customer.example", references=["first@customer.example"], date=datetime.now(UTC))

    async def refusal(**more: object) -> str:
        with pytest.raises(CannotSend) as raised:
            await post.write(ADA, conversation, said("Hello", **more))
        return raised.value.kind

    assert await refusal(if_latest=first) == "answered-meanwhile"
    assert await refusal(subject="Dear {{contact.first_name}}") == "gaps"
    assert await refusal(to=(Person("mailto:doctor@clinic.example"),)) == "never-log"
    assert await refusal(source="read-only") == "no-sender"
    assert await refusal(uploads=(17,)) == "no-upload"
    assert await refusal(to=tuple(Person(f"mailto:p{n}@x.example") for n in range(101))) == "too-many-recipients"
    assert (await post.write(ADA, conversation, said("Hello", if_latest=first, force=True))).state is State.QUEUED
    with pytest.raises(NotOpen):
        await post.write(ADA, conversation + 1, said("Hello"))


async def test_nobody_writes_from_somebody_elses_mailbox(firm: Firm) -> None:
    post, to = firm.post(undo_seconds=3600), (Person(LI_NA),)
    with pytest.raises(CannotSend, match="You cannot send as that"):
        await post.write(BEN, None, said("Hello", source="ada-private", to=to))
    assert {each.source for each in await post.identities(BEN, None)} == {"support"}
    assert {each.source for each in await post.identities(BOSS, None)} == {"support", "ada-private"}


async def test_who_sends_is_whom_it_was_written_to(firm: Firm) -> None:
    conversation, post = await firm.came(to="sales@example.org"), firm.post()
    first, *_ = await post.identities(ADA, conversation)
    assert (first.source, first.handle, first.name, first.preferred) == (
        "support", "mailto:sales@example.org", "Ada at Example", True,
    )  # fmt: skip


async def test_what_may_not_be_read_is_not_quoted(firm: Firm, mail_sink: MailSink) -> None:
    conversation = await firm.came(copy=Copy("INBOX", "1:1", level=Level.SUBJECT))
    async with firm.post() as post:
        await firm.settled((await post.write(BEN, conversation, said("Thank you"))).id)
    message = (await mail_sink.next()).message
    assert message.get_content().strip() == "Thank you"
    assert (message["To"], message["In-Reply-To"]) == ("Li Na <li.na@customer.example>", "<first@customer.example>")


# --- what the server says -------------------------------------------------------------------------------------------


async def test_each_recipient_has_what_became_of_her(firm: Firm, mail_sink: MailSink) -> None:
    mail_sink.refusals["eve@customer.example"] = "550 5.1.1 No such user"
    conversation = await firm.came()
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("Hello", to=(Person(LI_NA),), bcc=(EVE,)))
        sent = await firm.settled(letter.id)
    states = {each.handle: (each.role, each.state, each.reason) for each in sent.recipients}
    assert states == {
        LI_NA: ("recipient", Reached.SENT, ""),
        "mailto:eve@customer.example": ("bcc", Reached.REFUSED, "550 5.1.1 No such user"),
    }
    assert sent.delivery == "refused"
    raw = (await mail_sink.next()).raw
    assert b"eve@" not in raw
    assert b"bcc" not in raw.lower()


async def test_a_refused_letter_is_a_matter_for_people(firm: Firm, mail_sink: MailSink) -> None:
    mail_sink.verdict = "554 5.7.1 Not in this house"
    conversation = await firm.came()
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("Hello"))
        failed = await firm.settled(letter.id)
        assert (failed.state, failed.reason) == (State.FAILED, "554 5.7.1 Not in this house")
        assert post.statuses()["support"].health == "good"
        mail_sink.verdict = ""
        assert await post.retry(BEN, letter.id)
        assert not await post.retry(BEN, letter.id)
        assert (await firm.settled(letter.id)).state is State.SENT


async def test_what_is_not_taken_now_is_tried_again(firm: Firm, mail_sink: MailSink) -> None:
    mail_sink.verdict = "451 4.3.0 Not now"
    conversation = await firm.came()
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("Hello"))
        waiting = await firm.until(letter.id, lambda view: view.attempts > 1)
        assert (waiting.state, waiting.reason) == (State.QUEUED, "127.0.0.1 says: 451 4.3.0 Not now")
        mail_sink.verdict = ""
        assert (await firm.settled(letter.id)).reason == ""
        assert post.statuses()["support"].health == "good"
    assert len(mail_sink.taken) == 1


async def test_a_letter_without_an_answer_is_not_repeated(store_url: str, tmp_path: Path, mail_sink: MailSink) -> None:
    async with proxy(mail_sink.port) as between, open_firm(store_url, tmp_path, between.port) as firm:
        between.edit = lambda block: None if mail_sink.taken else block
        conversation = await firm.came()
        async with firm.post() as post:
            letter = await post.write(ADA, conversation, said("Hello"))
            perhaps = await firm.settled(letter.id)
            assert (perhaps.state, perhaps.reason) == (State.PERHAPS, UNHEARD)
            between.edit = lambda block: block
            other = await post.write(ADA, conversation, said("Another"))
            await firm.settled(other.id)
            assert len(mail_sink.taken) == 2
            assert await post.retry(ADA, letter.id)
            assert (await firm.settled(letter.id)).state is State.SENT
    first, _, again = mail_sink.taken
    assert first.raw == again.raw


async def test_a_claim_that_nobody_settled_is_perhaps(firm: Firm, mail_sink: MailSink) -> None:
    conversation, post = await firm.came(), firm.post()
    letter = await post.write(ADA, conversation, said("Hello"))
    await firm.execute("UPDATE letters SET claimed_until = 1")
    async with post:
        assert (await firm.settled(letter.id)).state is State.PERHAPS
    assert mail_sink.taken == []


async def test_what_was_sent_and_not_recorded_is_recorded_later(firm: Firm, mail_sink: MailSink) -> None:
    conversation, post = await firm.came(), firm.post()
    letter = await post.write(ADA, conversation, said("Hello"))
    await firm.execute("UPDATE letters SET state = 'sent', claimed_until = 1")
    async with post:
        assert (await firm.settled(letter.id)).interaction is not None
    assert mail_sink.taken == []


async def test_several_couriers_send_each_letter_once(firm: Firm, mail_sink: MailSink) -> None:
    conversation, ours = await firm.came(), firm.post()
    written = [await ours.write(ADA, conversation, said(f"Letter {n}", quote=False)) for n in range(20)]
    async with ours, firm.post(), firm.post():
        await asyncio.gather(*(firm.settled(each.id) for each in written))
    texts = sorted(each.message.get_content().strip() for each in mail_sink.taken)
    assert texts == sorted(f"Letter {n}" for n in range(20))


async def test_a_server_that_refuses_our_login_stops_only_its_source(firm: Firm, mail_sink: MailSink) -> None:
    conversation = await firm.came()
    mail_sink.refusals["li.na@customer.example"] = "530 5.7.0 Authentication required"
    async with firm.post() as post:
        letter = await post.write(ADA, conversation, said("Hello"))
        await firm.until(letter.id, lambda view: bool(view.reason))
        status = post.statuses()["support"]
        assert (status.health, status.cause) == (
            "rejected",
            "127.0.0.1 wants a login: 530 5.7.0 Authentication required",
        )
        assert post.statuses()["ada-private"].health == "good"
        assert (await firm.view(letter.id)).can_be_cancelled
        mail_sink.refusals.clear()
        # Somebody who says "now" has seen to it.
        assert await post.send_now(ADA, letter.id)
        assert (await firm.settled(letter.id)).state is State.SENT
        assert post.statuses()["support"].health == "good"
    assert letter.sender == SUPPORT


async def test_who_is_no_colleague_writes_in_the_firms_name(firm: Firm) -> None:
    names = {each.source: each.name for each in await firm.post().identities(BOSS, None)}
    assert names == {"ada-private": "", "support": "Example"}


async def test_a_letter_whose_interaction_is_deleted_goes_too(firm: Firm) -> None:
    conversation = await firm.came()
    async with firm.post() as post:
        letter = await firm.settled((await post.write(ADA, conversation, said("Hello"))).id)
    store = firm.service.store
    await store.write(lambda conn: letters.forget(conn, store.blobs, letter.key))
    assert await firm.rows("SELECT count(*) FROM letters") == [(0,)]
    assert await firm.rows("SELECT count(*) FROM letter_recipients") == [(0,)]
    # The interaction still has the mail.
    kept = "SELECT refs FROM blobs WHERE hash = (SELECT blob FROM events WHERE key = :key)"
    assert await firm.rows(kept, key=letter.key) == [(1,)]


async def test_what_was_called_back_a_month_ago_is_forgotten(firm: Firm) -> None:
    conversation, post, store = await firm.came(), firm.post(undo_seconds=3600), firm.service.store
    cancelled, waiting = [await post.write(ADA, conversation, said(f"{n}")) for n in range(2)]
    await post.cancel(ADA, cancelled.id)
    for days, left in ((29, {cancelled.id, waiting.id}), (31, {waiting.id})):
        at = datetime.now(UTC) + timedelta(days=days)
        await store.write(lambda conn, at=at: letters.tidy(conn, store.blobs, at))  # type: ignore[misc]
        assert {row[0] for row in await firm.rows("SELECT id FROM letters")} == left


async def test_a_slow_letter_is_not_cut_off_by_what_becomes_of_another(firm: Firm, mail_sink: MailSink) -> None:
    conversation = await firm.came()
    mail_sink.refusals["eve@customer.example"] = "451 4.7.1 Try later"
    slow = asyncio.Event()
    take = mail_sink.handle_DATA

    async def wait(*about: Any) -> str:
        await slow.wait()
        return await take(*about)

    mail_sink.handle_DATA = wait  # type: ignore[method-assign, assignment]
    pace = LettersPace(look=0.02, grace=0.1, backoff=QUICK.backoff, again=QUICK.again)
    async with firm.post(pace=pace) as post:
        first = await post.write(ADA, conversation, said("Slow"))
        await firm.until(first.id, lambda view: view.leaving)
        other = await post.write(ADA, conversation, said("Refused for now", to=(EVE,)))
        await firm.until(other.id, lambda view: view.attempts > 1)
        slow.set()
        assert (await firm.settled(first.id)).state is State.SENT


async def test_a_call_is_not_answered_by_mail(firm: Firm) -> None:
    conversation = await firm.came()
    await firm.execute("UPDATE interactions SET channel = 'voice'")
    post = firm.post()
    assert (await post.answer(ADA, conversation)).identities == ()
    with pytest.raises(CannotSend, match="not by mail"):
        await post.write(ADA, conversation, said("Hello", to=(Person(LI_NA),)))
