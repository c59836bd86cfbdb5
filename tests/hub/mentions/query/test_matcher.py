"""Many queries at once find what each finds alone, and no text makes them slow or silent."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mentions.query import LOOKED_AT, MOST_SPANS, Hit, Matcher, Post, Query, QueryError, Span, parse
from tests.bench import matching

# A query as a nested tuple, from which its text is written and its meaning told in the plainest way.
Shape = tuple[object, ...]

_LATIN = ("acme", "ac", "me", "c++", "beta", "at&t", "zurich")
_HAN = ("苹果", "果", "手机", "果手")
_words = st.sampled_from([("word", each) for each in (*_LATIN, *_HAN)])
_simple = st.one_of(
    _words,
    _words.map(lambda word: ("prefix", word[1]) if word[1].isalnum() else word),
    st.tuples(st.just("phrase"), st.sampled_from(_LATIN), st.sampled_from(_LATIN)),
    st.tuples(st.just("near"), st.sampled_from(_LATIN + _HAN), st.sampled_from(_LATIN + _HAN), st.integers(0, 3)),
    st.sampled_from([("site", "a.example"), ("author", "ada"), ("lang", "zh"), ("source", "hn"), ("followers", 10)]),
)
_shapes = st.recursive(
    _simple,
    lambda inner: st.one_of(
        st.tuples(st.just("and"), inner, inner),
        st.tuples(st.just("or"), inner, inner),
        st.tuples(st.just("not"), inner),
    ),
    max_leaves=6,
)
_texts = st.lists(
    st.tuples(
        st.sampled_from(
            ["Acme", "ＡＣ", "me", "C++", "Beta", "AT&T", "Zürich", "acmes", "beta2", "苹果", "果", "手机", "x", "é"]
        ),
        st.sampled_from([" ", "", ", ", "-", "。", "\n"]),
    ),
    max_size=10,
).map(lambda words: "".join(word + gap for word, gap in words))
_posts = st.builds(
    Post,
    _texts,
    title=st.one_of(st.just(""), _texts),
    author=st.sampled_from(["", "acct:ada@a.example", "acct:bob@b.example"]),
    site=st.sampled_from(["", "a.example", "www.a.example/x", "b.example"]),
    language=st.sampled_from(["", "en", "zh-Hans"]),
    followers=st.sampled_from([None, 10, 11]),
    source=st.sampled_from(["", "hn"]),
)


def _written(shape: Shape) -> str:
    match shape:
        case ("word", word):
            return str(word)
        case ("prefix", word):
            return f"{word}*"
        case ("phrase", first, second):
            return f'"{first} {second}"'
        case ("near", first, second, most):
            return f"({first} NEAR/{most} {second})"
        case ("followers", number):
            return f"followers>{number}"
        case ("and", (*left,), (*right,)):
            return f"({_written(tuple(left))} {_written(tuple(right))})"
        case ("or", (*left,), (*right,)):
            return f"({_written(tuple(left))} OR {_written(tuple(right))})"
        case ("not", (*part,)):
            return f"NOT {_written(tuple(part))}"
        case (name, value):
            return f"{name}:{value}"
    raise AssertionError(shape)


def _pattern(word: str, prefix: bool = False) -> str:
    if word in _HAN:
        return word
    left = "(?<![a-z0-9_])"
    return left + re.escape(word) + ("[a-z0-9_]*" if prefix else "(?![a-z0-9_])" if word[-1].isalnum() else "")


def _means(shape: Shape, post: Post) -> bool:
    texts = [text.lower().replace("ü", "u").replace("é", "e").replace("ａｃ", "ac") for text in (post.title, post.text)]
    match shape:
        case ("word", str(word)):
            return any(re.search(_pattern(word), text) for text in texts)
        case ("prefix", str(word)):
            return any(re.search(_pattern(word, prefix=True), text) for text in texts)
        case ("phrase", str(first), str(second)):
            gap = r"[^\w]{0,8}"
            return any(re.search(f"{_pattern(first)}{gap}{_pattern(second)}", text) for text in texts)
        case ("near", str(first), str(second), int(most)):
            return any(_near(text, first, second, most) for text in texts)
        case ("site", _):
            return post.site in {"a.example", "www.a.example/x"}
        case ("author", _):
            return post.author == "acct:ada@a.example"
        case ("lang", _):
            return post.language == "zh-Hans"
        case ("source", _):
            return post.source == "hn"
        case ("followers", _):
            return post.followers == 11
        case ("and", (*left,), (*right,)):
            return _means(tuple(left), post) and _means(tuple(right), post)
        case ("or", (*left,), (*right,)):
            return _means(tuple(left), post) or _means(tuple(right), post)
        case ("not", (*part,)):
            return not _means(tuple(part), post)
    raise AssertionError(shape)


def _near(text: str, first: str, second: str, most: int) -> bool:
    """Every pair of places, and the words between them."""
    # A look-ahead finds places that overlap, too.
    places = {
        word: [(each.start(), each.start() + len(word)) for each in re.finditer(f"(?={_pattern(word)})", text)]
        for word in (first, second)
    }
    return any(
        min(a[1], b[1]) <= max(a[0], b[0])
        and a != b
        and len(re.findall(r"[a-z0-9_]+|[\u4e00-\u9fff]", text[min(a[1], b[1]) : max(a[0], b[0])])) <= most
        for a in places[first]
        for b in places[second]
    )


def _parsed(text: str) -> Query | None:
    """None only where the query says nothing of what must be there."""
    try:
        return parse(text)
    except QueryError as error:
        if error.kind == "finds-everything":
            return None
        raise


@settings(max_examples=300, deadline=None)
@given(st.lists(_shapes, min_size=1, max_size=5), st.lists(_posts, min_size=1, max_size=5))
def test_all_queries_at_once_find_what_each_means(shapes: list[Shape], posts: list[Post]) -> None:
    parsed = {number: _parsed(_written(shape)) for number, shape in enumerate(shapes)}
    queries = {number: query for number, query in parsed.items() if query is not None}
    found = Matcher(queries).matching(posts)
    for post, hits in zip(posts, found, strict=True):
        assert [hit.query_id for hit in hits] == [number for number in queries if _means(shapes[number], post)]
        for hit in hits:
            assert hit.spans == queries[hit.query_id].finds(post)


def test_queries_of_fields_alone_and_posts_in_all_scripts_are_found_together() -> None:
    matcher = Matcher({number: parse(text) for number, text in enumerate(["site:a.example", "苹果", "acme", "елка"])})
    posts = [Post("nothing"), Post("Acme 苹果", site="b.a.example"), Post("ACME"), Post("Ёлка и acme")]
    assert matcher.matching(posts) == [
        (),
        (Hit(0, (Span("site", 0, 11),)), Hit(1, (Span("text", 5, 7),)), Hit(2, (Span("text", 0, 4),))),
        (Hit(2, (Span("text", 0, 4),)),),
        (Hit(2, (Span("text", 7, 11),)), Hit(3, (Span("text", 0, 4),))),
    ]


def test_without_queries_nothing_is_found() -> None:
    assert Matcher({}).matching([Post("acme")]) == [()]


def test_of_a_post_of_a_megabyte_the_beginning_is_searched() -> None:
    query = parse("acme")
    end = LOOKED_AT - len("acme")
    inside, beyond = Post("x" * (end - 1) + " acme" + " x" * 500_000), Post(" " * (end + 1) + "acme" + " x" * 500_000)
    assert Matcher({1: query}).matching([inside, beyond]) == [(Hit(1, (Span("text", end, LOOKED_AT),)),), ()]


def test_a_text_made_to_waste_time_has_an_answer() -> None:
    queries = [
        "a NEAR/5 a",
        "a NEAR/5 b",
        f'"{"a " * 29}b"',
        f'"{"a " * 30}"',
        "啊 NEAR/3 啊",
        f"{'啊' * 99}吧 OR 啊哈",
    ]
    matcher = Matcher({number: parse(text) for number, text in enumerate(queries)})
    latin, han = matcher.matching([Post("a " * 500_000), Post("啊" * 1_000_000)])
    assert [hit.query_id for hit in latin] == [0, 3]
    assert [hit.query_id for hit in han] == [4]
    assert len(latin[0].spans) == len(han[0].spans) == MOST_SPANS


def test_half_a_surrogate_pair_is_no_reason_to_stop() -> None:
    assert len(Matcher({1: parse("acme"), 2: parse("苹果")}).matching([Post("\ud83d acme 苹果 \udc00")])[0]) == 2


def test_the_benchmark_of_matching_runs() -> None:
    said = matching.run(count=300, few=20, most=200)
    assert "300 posts; 20 queries with 100 terms" in said
