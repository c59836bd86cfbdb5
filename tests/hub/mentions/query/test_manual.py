"""The examples of the manual are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.mentions.query import Post, QueryError, parse

MANUAL = (Path(__file__).parents[4] / "docs" / "QUERIES.md").read_text("utf-8")
FOUND = re.findall(r"^\| `([^`]+)` \| ([^|`]+) \| ([^|`]+) \|$", MANUAL, re.MULTILINE)
WRONG = re.findall(r"^\| `([^`]+)` \| ([a-z-]+) \|$", MANUAL, re.MULTILINE)
FIELDS = re.findall(r"^\| `([^`]+)` \| (?:that|of|in) ", MANUAL, re.MULTILINE)


def test_the_manual_has_examples() -> None:
    assert (len(FOUND), len(WRONG), len(FIELDS)) == (21, 10, 5)


@pytest.mark.parametrize(("query", "yes", "no"), FOUND)
def test_an_example_finds_what_the_manual_says(query: str, yes: str, no: str) -> None:
    asked = parse(query)
    assert [text for text in yes.split("; ") if asked.finds(Post(text)) is None] == []
    assert [text for text in no.split("; ") if asked.finds(Post(text)) is not None] == []


@pytest.mark.parametrize(("query", "kind"), WRONG)
def test_an_example_of_what_is_wrong_is_refused(query: str, kind: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse(query)
    assert raised.value.kind == kind


@pytest.mark.parametrize("field", FIELDS)
def test_an_example_of_a_field_is_taken(field: str) -> None:
    assert parse(f"acme {field}").terms == ("acme",)


@pytest.mark.parametrize("query", ['"OR"', '"re:zero"'])
def test_operators_and_colons_are_searched_for_in_quotation_marks(query: str) -> None:
    assert parse(query).finds(Post(query)) is not None
