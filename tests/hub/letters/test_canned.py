"""Canned answers: gaps and what fills them, and which answer is suggested for which message."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from hub.letters import canned, placeholders, suggest
from hub.letters.canned import Canned
from hub.letters.suggest import Index, words
from hub.store import Store
from hub.store.schema import canned_uses
from tests.hub.core import Core
from tests.hub.letters.firm import ADA, BEN, LI_NA, Firm, said

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


# --- gaps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Ada Lovelace", "Ada"), ("Lovelace, Ada", "Ada"), ("Dr. Ada Lovelace", "Ada"), ("Frau Weber", "Frau Weber"),
        ("Prof. Dr. Hans Müller", "Hans"), ("Ada", "Ada"), ("Jean-Luc Picard", "Jean-Luc"), ("", ""),
        ("李娜", "李娜"), ("欧阳修", "欧阳修"), ("田中 太郎", "田中 太郎"), ("김철수", "김철수"),
        ("Li Na", "Li Na"), ("Zhang Wei", "Zhang Wei"), ("Wong Kar-wai", "Wong Kar-wai"), ("Lin Miller", "Lin"),
        ("Wei Zhang", "Wei Zhang"), ("Long John Silver", "Long"), ("office@example.org", "office@example.org"),
    ],
)  # fmt: skip
def test_nobody_is_called_by_half_a_name(name: str, first: str) -> None:
    assert placeholders.first_name(name) == first


def test_a_gap_that_nothing_fills_stays_to_be_seen() -> None:
    body = "Dear {{contact.first_name}}, {{ company }} / {{deal.title}} / {{no.such}} / {{ 1 }}"
    filled = placeholders.fill(body, {"contact.first_name": "Ada", "company": "", "deal.title": ""})
    assert filled == "Dear Ada, {{ company }} / {{deal.title}} / {{no.such}} / {{ 1 }}"
    assert placeholders.gaps(filled) == ["{{ company }}", "{{deal.title}}"]
    assert "None" not in filled


async def test_the_gaps_are_filled_with_contact_deal_and_case(firm: Firm) -> None:
    store = firm.service.store
    core = Core(store, firm.service.live, firm.service.ingest, firm.service.pops, None, firm.service.calendars)  # type: ignore[arg-type]
    contact = await core.contact("李娜", LI_NA)
    conversation = await firm.came()
    await firm.execute("INSERT INTO companies (id, name, created_at) VALUES (5, 'Seide GmbH', 1)")
    await firm.execute("UPDATE contacts SET company_id = 5 WHERE id = :id", id=contact)
    for deal, open in ((1, True), (2, False)):
        await firm.execute(
            "INSERT INTO deals (id, contact_id, title, open, updated_at) VALUES (:id, :contact, :title, :open, 1)",
            id=deal, contact=contact, title=f"Deal {deal}", open=open,
        )  # fmt: skip
    for case in (1, 2):
        await firm.execute(
            "INSERT INTO cases (id, contact_id, title, open, external_id, opened_at, updated_at)"
            " VALUES (:id, :contact, :title, :open, :number, 1, 1)",
            id=case, contact=contact, title=f"Case {case}", open=True, number=f"C-{case}",
        )  # fmt: skip
    found = await store.read(lambda conn: placeholders.values(conn, conversation, "Ada"))
    assert found == {
        "contact.name": "李娜", "contact.first_name": "李娜", "contact.title": "", "company": "Seide GmbH",
        "deal.title": "Deal 1", "case.title": "", "case.number": "", "agent.name": "Ada",
    }  # fmt: skip
    await firm.execute("UPDATE conversations SET case_id = 2, deal_id = 2")
    linked = await store.read(lambda conn: placeholders.values(conn, conversation, "Ada"))
    assert (linked["case.title"], linked["case.number"], linked["deal.title"]) == ("Case 2", "C-2", "Deal 2")


# --- what is suggested ----------------------------------------------------------------------------------------------

INVOICE, DELIVERY, PASSWORD, RETURN = 1, 2, 3, 4
LABELLED = {
    INVOICE: [
        "Could you send me a copy of the invoice for October?", "The invoice got lost, please send a copy again",
        "We need the invoice with our VAT number on it", "Rechnung bitte noch einmal als Kopie", "请再发一次发票副本",
    ],
    DELIVERY: [
        "When will my order arrive?", "Tracking says the parcel is still in transit", "Where is my delivery?",
        "Wann kommt die Lieferung?", "我的包裹什么时候送到",
    ],
    PASSWORD: [
        "I forgot my password and cannot log in", "Reset my password please", "The login link does not work",
        "Ich habe mein Passwort vergessen", "忘记密码，无法登录",
    ],
    RETURN: [
        "I would like to return the shoes, they are too small", "How do I send the parcel back for a refund?",
        "Refund for the broken lamp", "Ich möchte die Schuhe zurückgeben", "我想退货并退款",
    ],
}  # fmt: skip
ASKED = [
    ("Please send the invoice of November once more", INVOICE),
    ("A copy of the October invoice, please", INVOICE),
    ("发票副本可以再发吗", INVOICE),
    ("My order has not arrived, where is the parcel in transit?", DELIVERY),
    ("包裹送到了吗", DELIVERY),
    ("cannot log in, password does not work", PASSWORD),
    ("Passwort vergessen", PASSWORD),
    ("无法登录我的帐户", PASSWORD),
    ("I want a refund and return the lamp", RETURN),
    ("怎么退款", RETURN),
]


async def remember(store: Store, uses: list[tuple[int, dict[str, int]]], at: datetime = NOW) -> None:
    rows = [
        {"id": store.ids(), "canned_id": answer, "interaction_id": 1, "words": counted, "used_at": at}
        for answer, counted in uses
    ]
    await store.write(lambda conn: conn.execute(canned_uses.insert(), rows).rowcount)


async def test_the_answer_to_similar_messages_comes_first(store: Store) -> None:
    await remember(store, [(answer, words("", text)) for answer, texts in LABELLED.items() for text in texts])
    index = Index()
    await store.read(index.refresh)
    wrong = []
    for text, expected in ASKED:
        found = index.ranked(words("", text), LABELLED)
        if not found or found[0].canned_id != expected:
            wrong.append(text)
        elif found:
            assert found[0].score == 1
            assert found[0].uses >= 1
            assert set(found[0].words) <= set(words("", text))
    assert wrong == []
    assert index.ranked(words("", "Completely different matter"), LABELLED) == []
    assert index.ranked(words("", "copy of the invoice"), [DELIVERY]) == []


async def test_what_another_hub_used_is_found_too(store: Store) -> None:
    ours, invoice = Index(), words("", "A copy of the invoice")
    await store.read(ours.refresh)
    assert ours.ranked(invoice, LABELLED) == []
    await remember(store, [(INVOICE, invoice)])
    await store.read(ours.refresh)
    await store.read(ours.refresh)
    assert [each.uses for each in ours.ranked(invoice, LABELLED)] == [1]
    await remember(store, [(INVOICE, invoice)], NOW - timedelta(seconds=30))
    await store.read(ours.refresh)
    (found,) = ours.ranked(invoice, LABELLED)
    assert (found.uses, found.words) == (2, ("copy", "invoice"))


async def test_ten_thousand_uses_touch_few_of_them(store: Store) -> None:
    rng = random.Random(7)
    vocabulary = [f"word{n}" for n in range(5000)]
    uses = [(rng.randrange(200), dict.fromkeys(rng.choices(vocabulary, k=60), 1)) for _ in range(suggest.MOST_USES)]
    await remember(store, uses)
    index = Index()
    await store.read(index.refresh)
    found = index.ranked(uses[4711][1], range(200))
    assert found[0].canned_id == uses[4711][0]


# --- in a conversation ----------------------------------------------------------------------------------------------


async def test_a_letter_that_was_sent_teaches(firm: Firm) -> None:
    store = firm.service.store
    answer = Canned(id=11, title="Invoice", body="Dear {{contact.name}}, here it is. {{agent.name}}", updated_at=NOW)
    other = Canned(id=12, title="Ben's own", body="x", owner="ben", updated_at=NOW)
    for one in (answer, other):
        await store.write(lambda conn, one=one: canned.add(conn, one))  # type: ignore[misc]
    first = await firm.came("1@x.example", subject="Invoice", text="Please send a copy of the invoice")
    async with firm.post() as post:
        assert await post.suggestions(ADA, first) == []
        undone = await post.write(ADA, first, said("x", canned=11, send_at=datetime.now(UTC) + timedelta(hours=1)))
        await post.cancel(ADA, undone.id)
        letter = await post.write(ADA, first, said("Here it is", canned=11))
        await firm.settled(letter.id)
        second = await firm.came("2@x.example", subject="Copy", text="Could I have the invoice again, as a copy?")
        (found,) = await post.suggestions(BEN, second)
        assert (found.canned.id, found.uses, found.text) == (11, 1, "Dear {{contact.name}}, here it is. Ben")
        assert set(found.words) <= {"invoice", "copy"}
    assert await firm.rows("SELECT uses FROM canned WHERE id = 11") == [(1,)]
    assert [each.id for each in await store.read(lambda conn: canned.listed(conn, "ada"))] == [11]
    assert [each.id for each in await store.read(lambda conn: canned.listed(conn, "ben", "own"))] == [12]
