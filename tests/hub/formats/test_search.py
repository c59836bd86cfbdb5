"""The indexed form, and queries run for real in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats.search import Phrase, fts5, query, terms, tsquery

MAILS = {
    1: "请发报价单给我们，谢谢",
    2: "請問報價單在哪裡？",
    3: "Größe und Preis der Pumpe: 3,50 €. Grüße aus Köln, Café Müller",
    4: "The price (quote 4711) AND the delivery NOT yet NEAR",
    5: "ＦＵＬＬ ｗｉｄｔｈ 🎉 party 料金表 ｶﾀｶﾅ",
    6: "견적서를 보내 주세요",
    7: "Wir haben 5 µm bestellt, ½ davon ist da",
}


@pytest.fixture
def index() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE mails USING fts5(text, tokenize = 'unicode61')")
    connection.executemany("INSERT INTO mails (rowid, text) VALUES (?, ?)", [(n, terms(t)) for n, t in MAILS.items()])
    yield connection
    connection.close()


def _find(index: sqlite3.Connection, words: str) -> list[int]:
    match = fts5(query(words))
    if not match:
        return []
    return [row[0] for row in index.execute("SELECT rowid FROM mails WHERE mails MATCH ? ORDER BY rowid", (match,))]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("报价", [1]),
        ("报价单", [1]),
        ("报", [1]),
        ("報價單", [2]),
        ("价报", []),
        ("GRÖSSE", [3]),
        ("grosse", [3]),
        ("cafe muller", [3]),
        ("müll", [3]),
        ("mull preis", []),
        ('"quote 4711"', [4]),
        ('"4711 quote"', []),
        ("NOT", [4]),
        ("price AND delivery", [4]),
        ("near(price)", [4]),
        ("full WIDTH", [5]),
        ("料金", [5]),
        ("カタカナ", [5]),
        ("🎉", []),
        ("견적서", [6]),
        ("5 μm", [7]),
        ("3,50", [3]),
        ('"', []),
        ("*", []),
        ("text:price", []),
        ('price" OR "pumpe', []),
    ],
)
def test_what_is_typed_is_found(index: sqlite3.Connection, typed: str, found: list[int]) -> None:
    assert _find(index, typed) == found


def test_runs_of_chinese_are_pairs_and_one_phrase() -> None:
    assert terms("报价单 ok 好") == "报价 价单 ok 好"
    assert query('报价单 "two words" las') == (
        Phrase(("报价", "价单")),
        Phrase(("two", "words")),
        Phrase(("las",), prefix=True),
    )


def test_a_blank_or_a_quote_ends_the_last_word() -> None:
    assert query("price ") == (Phrase(("price",)),)
    assert query('"price"') == (Phrase(("price",)),)


def test_the_postgresql_form_is_built_of_words_only() -> None:
    assert tsquery(query("报价单 price")) == "(报价 <-> 价单) & (price:*)"
    assert tsquery(query("a' & !b | c:* <-> \\")) == "(a) & (b) & (c)"


@given(st.text())
def test_any_text_can_be_indexed_and_asked_for(text: str) -> None:
    words = terms(text).split()
    assert all(character.isalnum() or not character.isspace() for word in words for character in word)
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE mails USING fts5(text, tokenize = 'unicode61')")
        connection.execute("INSERT INTO mails (text) VALUES (?)", (terms(text),))
        match = fts5(query(text))
        if match:
            connection.execute("SELECT rowid FROM mails WHERE mails MATCH ?", (match,)).fetchall()
    finally:
        connection.close()


@given(st.text(alphabet=st.characters(codec="cp1252")))
def test_the_table_for_western_text_says_what_the_long_way_says(text: str) -> None:
    # A character outside the code page takes the long way; it stands apart from the text.
    assert terms(text + " 好").removesuffix("好").strip() == terms(text)
