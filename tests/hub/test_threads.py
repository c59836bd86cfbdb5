"""Mails of one thread are one conversation, whatever order they come in, and strangers stay outside."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub import Copy, RawMail
from tests.hub.core import Core, letter

CORPUS = Path(__file__).parents[1] / "data" / "email" / "synthetic" / "threads"
EXPECTED = json.loads((CORPUS / "expected.json").read_text())
THREAD = [*EXPECTED["by_headers"]["<root-9@example.org>"], *EXPECTED["by_subject_or_thread_index_only"]]
STRANGERS = EXPECTED["must_not_join_without_headers"]


def corpus(name: str) -> RawMail:
    raw = (CORPUS / f"{name}.eml").read_bytes()
    return RawMail(raw, Copy("INBOX", f"1:{int(name[:2])}"), datetime(2026, 3, 4, tzinfo=UTC))


async def conversations(core: Core) -> set[frozenset[int]]:
    """The conversations, as the places in the mailbox of what they hold."""
    found = defaultdict(set)
    for conversation, place in await core.rows(
        "SELECT i.conversation_id, c.provider_id FROM interactions i JOIN copies c ON c.interaction_id = i.id"
    ):
        found[conversation].add(int(place.removeprefix("1:")))
    return {frozenset(group) for group in found.values()}


def places(names: Iterable[str]) -> frozenset[int]:
    return frozenset(int(name[:2]) for name in names)


@pytest.mark.parametrize("seed", range(8))
async def test_the_corpus_threads_alike_in_any_order_and_any_batches(core: Core, seed: int) -> None:
    names = [*THREAD, *STRANGERS]
    chance = random.Random(seed)
    chance.shuffle(names)
    while names:
        size = chance.randint(1, 4)
        await core.ingest.record("mail", [corpus(name) for name in names[:size]])
        del names[:size]
    assert await conversations(core) == {places(THREAD), *(places([stranger]) for stranger in STRANGERS)}
    assert await core.one("SELECT count(*) FROM conversations") == 1 + len(STRANGERS)


async def test_a_stolen_message_id_does_not_bring_a_stranger_into_the_thread(core: Core) -> None:
    (thief,) = EXPECTED["conflict"]
    await core.ingest.record("mail", [corpus(name) for name in THREAD])
    await core.ingest.record("mail", [corpus(thief)])
    assert await conversations(core) == {places(THREAD), places([thief])}


async def test_a_stranger_who_quotes_a_number_in_the_subject_stays_outside(core: Core) -> None:
    await core.ingest.record("mail", [letter("a@customer.example", subject="Broken gear [#4711]", uid=1)])
    stranger = letter("b@else.example", sender="eve@else.example", subject="Re: Broken gear [#4711]", uid=2)
    await core.ingest.record("mail", [stranger])
    assert await conversations(core) == {frozenset([1]), frozenset([2])}


async def test_references_to_an_unseen_root_hold_a_thread_together(core: Core) -> None:
    """The root went to somebody else; its answers share it (zammad#5716)."""
    await core.ingest.record("mail", [letter("b@customer.example", references=["unseen@customer.example"], uid=1)])
    await core.ingest.record(
        "mail", [letter("c@customer.example", subject="Something else", references=["unseen@customer.example"], uid=2)]
    )
    assert await conversations(core) == {frozenset([1, 2])}


async def test_an_answer_from_another_mail_program_joins_its_thread_by_the_sent_folder(core: Core) -> None:
    """A colleague answers from Outlook; her Sent folder is read, and the customer answers that (chatwoot#10028)."""
    question = letter("a@customer.example", uid=1)
    answer = letter("b@example.org", sender="support@example.org", to="li.na@customer.example", subject="AW: Offer",
                    references=["a@customer.example"], place="Sent", uid=2)  # fmt: skip
    thanks = letter("c@customer.example", subject="Quite another subject", references=["b@example.org"], uid=3)
    for mail in (thanks, question, answer):
        await core.ingest.record("mail", [mail])
    assert await conversations(core) == {frozenset([1, 2, 3])}


async def test_the_same_subject_every_week_is_a_conversation_each(core: Core) -> None:
    first = datetime(2026, 11, 2, 9, tzinfo=UTC)
    reports = [
        letter(f"week-{week}@customer.example", subject="Weekly report", uid=week, date=first + timedelta(weeks=week))
        for week in range(3)
    ]
    await core.ingest.record("mail", reports)
    assert len(await conversations(core)) == 3


async def test_a_bare_answer_joins_the_latest_of_its_subject_and_only_within_a_month(core: Core) -> None:
    sent = datetime(2026, 9, 1, 9, tzinfo=UTC)

    def mail(uid: int, days: int, subject: str = "Weekly report") -> RawMail:
        return letter(f"m{uid}@customer.example", subject=subject, uid=uid, date=sent + timedelta(days=days))

    await core.ingest.record("mail", [mail(1, 0), mail(2, 7), mail(3, 9, "Re: Weekly report")])
    await core.ingest.record("mail", [mail(4, 60, "AW: weekly  report")])
    assert await conversations(core) == {frozenset([1]), frozenset([2, 3]), frozenset([4])}


async def test_our_own_token_finds_the_conversation_where_the_letter_itself_is_not_known(core: Core) -> None:
    await core.ingest.record("mail", [letter("a@customer.example", uid=1)])
    conversation = await core.one("SELECT id FROM conversations")
    books = replace(core.ingest._books, conversation_of=lambda ident: conversation if "ours" in ident else None)
    core.ingest._books = books
    answer = letter("b@customer.example", subject="Quite new", references=["ours@example.org"], uid=2)
    await core.ingest.record("mail", [answer])
    assert await conversations(core) == {frozenset([1, 2])}


async def test_what_became_part_of_another_conversation_leads_on(core: Core) -> None:
    await core.ingest.record("mail", [letter("a@customer.example", uid=1)])
    await core.ingest.record("mail", [letter("b@else.example", subject="Other", sender="x@else.example", uid=2)])
    ids = {row[0] for row in await core.rows("SELECT id FROM conversations")}
    bridge = letter("c@customer.example", references=["a@customer.example", "b@else.example"], uid=3)
    await core.ingest.record("mail", [bridge])
    (left,) = [row[0] for row in await core.rows("SELECT id FROM conversations")]
    assert await core.rows("SELECT id, into_id FROM merged_conversations") == [((ids - {left}).pop(), left)]
