"""Header fields against the expected parses of stalwart's field tests. Where we say something else, it stands here."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from hub.formats import headers
from tests.hub.formats import expected_parses


def _cases(name: str) -> list[tuple[str, Any]]:
    cases = json.loads((expected_parses.FOLDER / "fields" / f"{name}.json").read_text(encoding="utf-8"))
    # A header ends where a line does not begin with a blank; some cases go on with the next one.
    return [(re.split(r"\r?\n(?![ \t])", case["header"])[0], case["expected"]) for case in cases]


def test_unstructured_values() -> None:
    differing = {
        header: found
        for header, expected in _cases("unstructured")
        if (found := headers.text(headers.unfold(header).strip())) != expected
    }
    # No blank is made up where an encoded word touches a word.
    assert differing == {
        "[SUSPECTED SPAM]=?utf-8?B?VGhpcyBpcyB0aGUgb3JpZ2luYWwgc3ViamVjdA==?=": (
            "[SUSPECTED SPAM]This is the original subject"
        ),
        "Some text =?utf-8?Q??=here": "Some text here",
        "[SUSPECTED SPAM]=?utf-8?B?VGhpcyBpcyB0aGUgb\n 3JpZ2luYWwgc3ViamVjdA==?=": (
            "[SUSPECTED SPAM]This is the original subject"
        ),
        "[SUSPECTED SPAM]=?utf-8?B?VGhpcyBpcyB0aGUgb\r\n 3JpZ2luYWwgc3ViamVjdA==?=": (
            "[SUSPECTED SPAM]This is the original subject"
        ),
    }


def test_mailboxes() -> None:
    differing = []
    for header, expected in _cases("address"):
        wanted = tuple(
            (_without_comment(name), _tidy(address)) for name, address in expected_parses.addresses(expected) if address
        )
        found = tuple((each.name, each.address) for each in headers.addresses(headers.unfold(header).strip()))
        if found != wanted:
            differing.append(header)
    assert differing == [
        # A fold after a backslash, which escapes the blank here and the bracket there.
        "Pete(A nice \n \\\n ) chap) <pete(his\n account)@silly\n .test(his host)>",
        # A word alone is a name: there is nobody to write to at "NO".
        "NO (posting not allowed on this list)",
    ]


def _without_comment(name: str) -> str:
    """A comment is the name only where there is no other (RFC 5322 section 3.4)."""
    return " ".join(re.sub(r"(?<=\S) \(.*\)$", "", name).split())


def _tidy(address: str) -> str:
    """Routes and blanks around dots are obsolete forms (RFC 5322 section 4.4): they are no part of the address."""
    return re.sub(r"\s*([@.])\s*", r"\1", re.sub(r"^@[^:]*:", "", address))


def test_dates() -> None:
    differing = {
        header: found
        for header, expected in _cases("date")
        if (found := headers.date(headers.unfold(header))) != (expected and expected_parses.moment(expected))
    }
    # Not dates: bare numbers, and the inside of a Received line.
    assert differing == dict.fromkeys(
        [
            " 4 8 15 16 23 42, 4 8 15 16 23 42, 4 8 15 16 23 42, ",
            "by 2002:aa7:cd10:0:b0:45c:2c83:1208 with SMTP id b16-20020aa7cd10000000b0045c2c831208mr4220805edw.81"
            ".1665423075119;\n\tMon, 10 Oct 2022 10:31:15 -0700 (PDT)",
        ]
    )


def test_message_ids() -> None:
    differing = {
        header: found
        for header, expected in _cases("id")
        if (found := headers.message_ids(headers.unfold(header))) != tuple(f"<{each}>" for each in expected or ())
    }
    # An id that was folded is put together, and a word without an @ is none.
    assert differing == {
        "<1234   @   local(blah)  .machine .example>": ("<1234@local(blah).machine.example>",),
        "   m ": (),
    }


def test_a_message_id_without_brackets_gets_them() -> None:
    assert headers.message_id(" m ") == "<m>"
    assert headers.message_id("<>") == ""


def test_content_types() -> None:
    differing = []
    for header, expected in _cases("content_type"):
        media_type, parameters = headers.parameters(headers.unfold(header).strip())
        if expected is None:
            wanted: tuple[str, dict[str, str]] = ("", {})
            parameters = {}
        else:
            kinds = [kind.lower() for kind in (expected["c_type"], expected.get("c_subtype")) if kind]
            listed = dict(expected.get("attributes") or ())
            wanted = (
                "/".join(kinds),
                {name: value for name, value in listed.items() if not name.endswith("-language")},
            )
        if (media_type, dict(parameters)) != wanted:
            differing.append(header.split(";")[0].split("\n")[0].strip())
    assert differing == [
        "application/pdf",  # each piece of a continuation with a charset of its own, which RFC 2231 does not allow
        "image/jpeg",  # blanks between two encoded words, which RFC 2047 takes away
        "inva/lid",  # a quote that is never closed
        "inva/lid",
        "inva/lid",
        "test/encoded",  # NUL
        "malicious/attempt",  # stars where RFC 2231 has none
    ]


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        ("=?utf-8?q?Evil_=3Cboss=40example=2Eorg=3E?= <a@b.example>", "Evil <boss@example.org>", "a@b.example"),
        ("=?utf-8?q?boss=40example=2Eorg?=", "boss@example.org", ""),
        ("'Ada' <ada@example.org>", "Ada", "ada@example.org"),
        ('Ada "the Countess" Lovelace <ada@example.org>', "Ada the Countess Lovelace", "ada@example.org"),
        ("Ada <ada@example.org", "Ada", "ada@example.org"),
        ("Ada <<ada@example.org>>", "Ada", "ada@example.org"),
        ('"a b"@example.org', "", '"a b"@example.org'),
        ("jdöe@mächine.example", "", "jdöe@mächine.example"),
    ],
)
def test_a_mailbox_is_read_as_a_person_reads_it(value: str, name: str, address: str) -> None:
    assert headers.addresses(value) == (headers.Address(name, address),)


@pytest.mark.parametrize(
    "value", ["a@b.example; c@d.example", "a@b.example, , c@d.example,", "g: a@b.example; h: c@d.example;"]
)
def test_lists_and_groups_are_flattened(value: str) -> None:
    assert [each.address for each in headers.addresses(value)] == ["a@b.example", "c@d.example"]


@pytest.mark.parametrize("value", ["undisclosed-recipients:;", "<>", '<"">', "", ",;,", "(nobody)"])
def test_nobody_is_nobody(value: str) -> None:
    assert headers.addresses(value) == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=?utf-8?B?5L2g?= =?utf-8?B?5aW9?=", "你好"),
        ("=?utf-8?B?5L2g5Q==?= =?utf-8?B?pb0=?=", "你好"),
        ("=?gb2312?B?xPq6ww==?=", "您好"),
        ("=?x-unknown?Q?caf=C3=A9?=", "café"),
        ("=?utf-8?Q?caf=E9?=", "café"),
        ("=?utf-8?B?!!!?=", ""),
        ("=?utf-8?Q?a=00b?=", "ab"),
        ("=?utf-7?Q?+2AA-x?=", "�x"),
    ],
)
def test_encoded_words_never_fail(value: str, expected: str) -> None:
    assert headers.text(value) == expected
