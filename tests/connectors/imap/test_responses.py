"""What servers say, as values: the examples of RFC 3501 and RFC 7162, and what is none of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.imap import responses
from connectors.imap.responses import TOO_LARGE, untagged
from connectors.imap.stream import Garbled


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"(\\Answered \\Flagged)", [[b"\\Answered", b"\\Flagged"]]),
        (b'(UID 4 ENVELOPE ("a \\"b\\" c" NIL ()))', [[b"UID", b"4", b"ENVELOPE", [b'a "b" c', None, []]]]),
        (b"(BODY[HEADER.FIELDS (DATE FROM)] NIL)", [[b"BODY[HEADER.FIELDS (DATE FROM)]", None]]),
        (b"(BODY[HEADER]<0> NIL FLAGS (a[b))", [[b"BODY[HEADER]<0>", None, b"FLAGS", [b"a[b"]]]),
        (b'(\\HasNoChildren) "/" "NIL"', [[b"\\HasNoChildren"], b"/", b"NIL"]),
        (b'() NIL "&U,BTFw-"', [[], None, b"&U,BTFw-"]),
    ],
)
def test_words_and_lists(line: bytes, told: list[Any]) -> None:
    assert responses.values([line]) == told


def test_a_literal_stands_where_it_was_told() -> None:
    fetch = untagged([b"* 12 FETCH (UID 7 BODY[] ", b" FLAGS (\\Seen) X ", b")"], [b"a)(b", TOO_LARGE])
    assert (fetch.kind, fetch.number) == (b"FETCH", 12)
    assert fetch.pairs() == {b"UID": b"7", b"BODY[]": b"a)(b", b"FLAGS": [b"\\Seen"], b"X": TOO_LARGE}


@pytest.mark.parametrize(
    "line", [b"(UID 7", b"UID 7)", b'(UID "7)', b"(UID)", b"7", b"((UID) 7)", b"(UID 7 FLAGS)", b""]
)
def test_what_is_no_list_of_pairs_is_garbled(line: bytes) -> None:
    with pytest.raises(Garbled):
        untagged([b"* 1 FETCH " + line], []).pairs()


def test_the_code_in_an_answer() -> None:
    assert untagged([b"* OK [HIGHESTMODSEQ 715194045007] Highest"], []).code == (b"HIGHESTMODSEQ", b"715194045007")
    assert untagged([b"* OK [NOMODSEQ] none"], []).code == (b"NOMODSEQ", b"")
    assert untagged([b"* OK still here"], []).code == (b"", b"")


def test_sets() -> None:
    assert responses.uids(b"41,43:116,118")[:3] == [41, 43, 44]
    assert responses.uids(b"7:4") == [4, 5, 6, 7]
    assert responses.uids(b"1:100", least=20, most=22) == [20, 21, 22]
    assert responses.compact([9, 3, 4, 5, 1]) == "1,3:5,9"


def test_of_four_billion_mails_no_more_are_believed_than_fit_in_memory() -> None:
    found = responses.uids(b"1:4294967295")
    assert (len(found), found[-1]) == (responses.MOST_UIDS, 4294967295)
    assert len(responses.uids(b"1:4294967295,7:4294967290")) == responses.MOST_UIDS


@pytest.mark.parametrize("told", [b"", b"a", b"1:", b"1,,2", b"*", b"1:2:3", b"-1", b"9" * 30])
def test_what_is_no_set_is_garbled(told: bytes) -> None:
    with pytest.raises(Garbled):
        responses.uids(told)


@pytest.mark.parametrize(
    ("told", "utc"),
    [
        (b"17-Jul-1996 02:44:25 -0700", datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)),
        (b" 3-Nov-2025 10:00:00 +0530", datetime(2025, 11, 3, 4, 30, tzinfo=UTC)),
        (b"31-Dec-2016 23:59:60 +0000", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"31-Feb-2025 10:00:00 +0000", None),
        (b"01-Jan-0001 00:00:00 +1400", None),
        (b"yesterday", None),
        (None, None),
    ],
)
def test_dates(told: bytes | None, utc: datetime | None) -> None:
    assert responses.date(told) == utc


def test_names_of_folders() -> None:
    assert responses.name(b"&XfJT0ZAB-") == "已发送"
    assert responses.name(b"R&-D") == "R&D"
    assert responses.name("已发送".encode()) == "已发送"
