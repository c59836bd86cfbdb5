"""What people write, what it finds and where, and what is said of what cannot be taken."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.mentions.query import Hit, Matcher, Post, QueryError, parse
from hub.mentions.query.normal import fold

NOTHING: list[str] = []

# query, text, what is highlighted (None: it does not match)
WORDS = [
    ("acme", "I like #Acme, ACME's and @acme", ["Acme", "ACME", "acme"]),
    ("acme", "pacmen, acme_inc and acmes", None),
    ("zurich", "Nach ZÜRICH oder Zu\u0308rich", ["ZÜRICH", "Zu\u0308rich"]),
    ("Zürich", "zurich", ["zurich"]),
    ("strasse", "Große Straße", ["Straße"]),
    ("lodz", "Łódź", ["Łódź"]),
    ("smorrebrod oeuvre", "Smørrebrød, une œuvre", ["Smørrebrød", "œuvre"]),
    ("istanbul", "İSTANBUL", ["İSTANBUL"]),
    ("isik", "Işık", ["Işık"]),
    ("елка", "Ёлка", ["Ёлка"]),
    ("мой", "мои", None),
    ("acme", "ＡＣＭＥ", ["ＡＣＭＥ"]),
    ("acme", "Acme™", ["Acme"]),
    ("アパート", "ｱﾊﾟｰﾄに", ["ｱﾊﾟｰﾄ"]),
    ("C++", "C++17 and c", ["C++"]),
    ("AT&T", "from at&t.", ["at&t"]),
    (".NET", "ASP.NET, or .net", [".net"]),
    ("#acme", "acme and #Acme", ["#Acme"]),
    ("@acme", "mail@acme.example or @acme", ["@acme"]),
    ("“don't”", "Don’t", ["Don’t"]),
    ("comp*", "The Company’s compliance", ["Company", "compliance"]),
    ("comp*", "decompose", None),
    ("हिन्द", "हिन्दी", None),
    ("苹果", "我喜欢苹果手机", ["苹果"]),
    ("苹果", "我喜歡蘋果", None),
    ("iphone手机", "iPhone 手机和iPhone手机", ["iPhone 手机", "iPhone手机"]),
    ("回", "第㊤回", ["回"]),
    ("株", "㈱アクメ", ["㈱"]),
    ("회사", "우리회사는", ["회사"]),
    ("ข่าว", "อ่านข่าววันนี้", ["ข่าว"]),
    ("🍎", "eat 🍎🍎", ["🍎", "🍎"]),
    ("acme", "ac\u00adme", ["ac\u00adme"]),
]
PHRASES = [
    ('"acme corp"', "Acme, Corp. is acme\ncorp", ["Acme, Corp", "acme\ncorp"]),
    ('"acme corp"', "acme is a corp", None),
    ('"tom & jerry"', "Tom & Jerry", ["Tom & Jerry"]),
    ("「苹果 手机」", "苹果，手机", ["苹果，手机"]),
    ("『苹果手机』", "新苹果手机", ["苹果手机"]),
    ("“acme corp*”", "acme corporation", ["acme corporation"]),
    ("acme NEAR/2 price", "the price of the Acme", ["price", "Acme"]),
    ("acme NEAR/1 price", "the price of the acme", None),
    ("acme near/0 price", "acme price", ["acme", "price"]),
    ("acme NEAR/3 acme", "acme", None),
    ("苹果 ｎｅａｒ／３ 降价", "苹果今天就降价", ["苹果", "降价"]),
    ("苹果 NEAR/2 降价", "苹果今天就降价", None),
    ('(acme OR beta) NEAR/2 ("big price" OR cost)', "cost of beta; acme has no chance at all", ["cost", "beta"]),
]
OPERATORS = [
    ("acme price", "the price of acme", ["price", "acme"]),
    ("acme AND price", "acme", None),
    ("acme price OR beta", "beta", ["beta"]),
    ("acme (price OR beta)", "beta", None),
    ("acme -beta", "acme beta", None),
    ("acme NOT beta", "acme", ["acme"]),
    ("acme - (beta OR gamma)".replace("- ", "-"), "acme gamma", None),
    ("acme -beta NEAR/1 gamma", "beta acme gamma", None),
    ("-(-acme OR beta)", "acme", ["acme"]),
    ("（苹果 OR 华为） －果汁", "华为发布", ["华为"]),
    ("（苹果 OR 华为） －果汁", "苹果果汁", None),
    ("acme and beta", "acme beta", None),
    ("acme OR (beta gamma)", "acme beta", ["acme"]),
]


@pytest.mark.parametrize(("query", "text", "highlights"), [*WORDS, *PHRASES, *OPERATORS])
def test_why_it_matched_is_shown(query: str, text: str, highlights: list[str] | None) -> None:
    spans = parse(query).finds(Post(text))
    assert (None if spans is None else [text[span.start : span.end] for span in spans]) == highlights
    assert Matcher({7: parse(query)}).matching([Post(text)]) == [() if spans is None else (Hit(7, spans),)]


FIELDS = [
    ("site:reddit.com", {"site": "old.reddit.com/r/crm"}, True),
    ("site:https://www.reddit.com/r/CRM/", {"site": "reddit.com/r/crm"}, True),
    ("site:reddit.com/r", {"site": "reddit.com/r2"}, False),
    ("site:dit.com", {"site": "reddit.com"}, False),
    ("author:@Ada", {"author": "acct:ada@hub.test"}, True),
    ("author:ada@hub.test", {"author": "acct:ada@hub.test"}, True),
    ('author: "ada lovelace"', {"author": "did:plc:1", "author_name": "Ada Lovelace"}, True),
    ("author:x", {"author": "https://www.reddit.com/user/x"}, True),
    ("author:x", {"author": "https://news.ycombinator.com/user?id=x"}, True),
    ("author:ada", {"author_name": "Adam"}, False),
    ("source:hn", {"source": "HN"}, True),
    ("source：hn", {"source": "hn2"}, False),
    ("post lang:zh", {"language": "zh-Hans-CN"}, True),
    ("post lang:zh-hans", {"language": "zh"}, False),
    ("post NOT lang:en", {"language": ""}, True),
    ("post followers>10", {"followers": 10}, False),
    ("post followers >= 10", {"followers": 10}, True),
    ("post followers<10", {"followers": 9}, True),
    ("post followers≤10", {"followers": 11}, False),
    ("post followers>10", {"followers": None}, False),
    ("acme", {"title": "Acme"}, True),
    ("acme", {"links": ("https://shop.acme.example/",)}, True),
    ("-site:reddit.com post", {"site": "reddit.com"}, False),
]


@pytest.mark.parametrize(("query", "facts", "matches"), FIELDS)
def test_fields_narrow(query: str, facts: dict[str, object], matches: bool) -> None:
    assert (parse(query).finds(Post("a post", **facts)) is not None) is matches  # type: ignore[arg-type]


def test_titles_links_authors_and_sites_are_highlighted() -> None:
    post = Post(
        "x", title="New Acme", author_name="Ada", site="a.example", links=("https://b.example", "http://acme.example")
    )
    spans = parse("acme author:ada site:a.example").finds(post)
    assert spans is not None
    assert [(span.field, span.start, span.end) for span in spans] == [
        ("title", 4, 8),
        ("link", 25, 29),
        ("author", 0, 3),
        ("site", 0, 9),
    ]


ERRORS = [
    ("", "empty", 0, 0),
    ("  ", "empty", 0, 2),
    ("(acme", "bracket-open", 0, 1),
    ("acme)", "bracket-alone", 4, 1),
    ("acme ()", "empty-brackets", 5, 2),
    ('acme "beta', "quote-open", 5, 5),
    ("acme」", "quote-alone", 4, 1),
    ("acme OR", "end", 7, 0),
    ("acme AND OR beta", "word-missing", 9, 2),
    ("acme - beta", "minus-alone", 5, 1),
    ("acme & beta", "no-word", 5, 1),
    ('acme "…"', "no-word", 5, 3),
    ("ac*me", "star-inside", 0, 5),
    ("acme a*", "too-short", 5, 2),
    ("acme NEAR beta", "near-number", 5, 4),
    ("acme near/x beta", "near-number", 5, 6),
    ("acme NEAR/101 beta", "near-number", 5, 8),
    ("acme NEAR/3 (beta gamma)", "near-what", 13, 10),
    ("a NEAR/1 b NEAR/1 c", "near-chain", 11, 6),
    ("acme langauge:en", "unknown-field", 5, 9),
    ("acme site:", "no-value", 5, 5),
    ("acme followers>many", "followers", 5, 14),
    ("-acme", "finds-everything", 0, 5),
    ("lang:en followers>5", "finds-everything", 0, 19),
    ("acme OR -beta", "finds-everything", 8, 5),
    ("acme " * 201, "too-many", 1000, 4),
    ("a" * 2001, "too-long", 2000, 1),
    ("a" * 101, "too-long", 0, 101),
    ("(" * 21 + "acme" + ")" * 21, "too-deep", 20, 1),
    ("（苹果", "bracket-open", 0, 1),
]


@pytest.mark.parametrize(("query", "kind", "place", "length"), ERRORS)
def test_a_syntax_error_points_at_the_place(query: str, kind: str, place: int, length: int) -> None:
    with pytest.raises(QueryError) as raised:
        parse(query)
    error = raised.value
    assert (error.kind, error.place, error.length) == (kind, place, length)
    assert error.text.endswith(".")


_SIGNS = [
    *'()（）"“”「」-－*:：<>=≥ \u3000',
    "AND ",
    " OR ",
    "NOT ",
    " NEAR/3 ",
    "near/",
    "site:",
    "lang:",
    "followers>",
]
_WORDS = ["acme", "苹果", "é", "e\u0301", "5", "🍎", "\u200b", "\x00", "™", "\ufdfa", "\ud800"]
_PIECES = st.sampled_from([*_SIGNS, *_WORDS])


def _refusal(text: str) -> QueryError | None:
    try:
        parse(text)
    except QueryError as error:
        return error
    return None


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(_PIECES, max_size=14).map("".join)))
@example("\ufe55")
@example("site\ufe55x")
def test_every_string_is_a_query_or_an_error_with_a_place(text: str) -> None:
    if error := _refusal(text):
        assert 0 <= error.place <= error.place + error.length <= len(text)
        assert error.kind
        assert error.text
    else:
        found = parse(text).finds(Post(text))
        assert found is None or all(0 <= span.start < span.end <= len(text) for span in found)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.sampled_from(["Zürich", "苹果", "AT&T", "ｱﾊﾟｰﾄ", "straße"]), st.text(max_size=30))
def test_the_normal_form_of_what_is_highlighted_is_the_term(before: str, word: str, after: str) -> None:
    text = f"{before} {word} {after}"
    spans = parse(word).finds(Post(text))
    assert spans
    assert any(fold(text[span.start : span.end]) == fold(word) for span in spans)
    for span in spans:
        assert fold(word) in fold(text[span.start : span.end])


def test_the_terms_of_a_query_are_what_is_looked_for() -> None:
    assert parse("“Acme Corp” OR (苹果 NEAR/3 Zürich*) -beta").terms == ("acme corp", "苹果", "zurich")
