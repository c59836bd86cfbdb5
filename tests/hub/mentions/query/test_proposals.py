"""What "irrelevant" proposes for the query."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mentions.query import Post, Query, parse, proposals

JUICE = (
    Post("Apple juice is tasty", site="recipes.example", language="en"),
    Post("An apple pie, and then apple juice", site="recipes.example", language="en"),
)
PHONES = (Post("A new Apple phone, pie in the sky", language="en"), Post("Apple sells phones", language="en"))


def test_words_that_only_irrelevant_posts_have_are_proposed() -> None:
    found = {each.clause: each for each in proposals(parse("apple OR 苹果"), JUICE, PHONES)}
    assert found["-juice"].text == "(apple OR 苹果) -juice"
    assert (found["-juice"].drops, found["-juice"].costs) == (2, 0)
    assert {'-"apple juice"', "-site:recipes.example"} <= found.keys()
    assert not {"-apple", "-and", "NOT lang:en"} & found.keys()
    assert "-pie" not in found  # It would drop one and cost one.


def test_of_chinese_posts_the_words_beside_the_brand_are_proposed() -> None:
    irrelevant = [Post("苹果果汁很好喝"), Post("我爱苹果果汁"), Post("果汁是苹果的")]
    best = proposals(parse("苹果"), irrelevant, [Post("苹果手机很好用")])[0]
    assert (best.clause, best.text, best.drops, best.costs) == ("-果汁", "苹果 -果汁", 3, 0)


def test_an_author_and_a_language_are_proposed() -> None:
    irrelevant = [Post("apple", author="acct:Bot@a.example", language="pt-BR")] * 2
    found = [each.clause for each in proposals(parse("apple"), irrelevant, [Post("apple", language="en")])]
    assert found == ['-author:"acct:bot@a.example"', "NOT lang:pt"]


def test_posts_that_the_query_no_longer_finds_count_for_nothing() -> None:
    assert proposals(parse("apple -juice"), JUICE, PHONES) == []


_words = st.sampled_from(
    ["apple", "juice", "AND", "near/3", "c++", "果汁", "苹果", 'pie"', "-x", "(phone)", "NOT", "é"]
)
_posts = st.builds(
    Post,
    st.lists(_words, max_size=6).map(lambda words: f"{' '.join(words)} apple"),
    site=st.sampled_from(["", "a.example", "a b", 'x"y']),
    author=st.sampled_from(["", "acct:ada@a.example", '"', "https://a.example/?id=x(y)"]),
    language=st.sampled_from(["", "en", "zh-Hans"]),
)


def _found(query: Query, posts: list[Post]) -> set[int]:
    return {number for number, post in enumerate(posts) if query.finds(post) is not None}


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["apple", "apple OR juice", "apple -phone", "(apple OR 苹果) lang:en", "site:a.example"]),
    st.lists(_posts, max_size=5),
    st.lists(_posts, max_size=5),
)
def test_every_proposal_is_a_query_that_drops_and_costs_what_it_says(
    text: str, irrelevant: list[Post], relevant: list[Post]
) -> None:
    query = parse(text)
    for proposal in proposals(query, irrelevant, relevant):
        narrowed = parse(proposal.text)
        assert proposal.text.endswith(f" {proposal.clause}")
        assert len(_found(query, irrelevant) - _found(narrowed, irrelevant)) == proposal.drops > proposal.costs
        assert len(_found(query, relevant) - _found(narrowed, relevant)) == proposal.costs
        assert _found(narrowed, irrelevant) <= _found(query, irrelevant)
