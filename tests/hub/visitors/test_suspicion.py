"""What makes a lead look like spam, and what does not; stamps that nobody else can make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.visitors.fronts import said
from hub.visitors.stamps import GOOD_FOR, Stamps
from hub.visitors.suspicion import Reason, reasons, throw_away

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HONEST = {
    "trap": "",
    "age": timedelta(seconds=40),
    "mail": "mailto:li.na@customer.example",
    "lines": ("Li Na", "Lamps"),
    "text": "See https://customer.example/lamp and www.customer.example/other",
    "refused": (),
    "flood": False,
}


def test_an_honest_lead_is_not_suspected() -> None:
    assert reasons(**HONEST) == ()  # type: ignore[arg-type]


def test_every_reason_is_told() -> None:
    bad = {
        **HONEST,
        "trap": "x",
        "age": timedelta(seconds=1),
        "mail": "mailto:x@mail.rival.example",
        "lines": ("<a href=//x>",),
        "refused": ("rival.example",),
        "flood": True,
    }
    assert reasons(**bad) == tuple(Reason)  # type: ignore[arg-type]


def test_throw_away_domains_are_known_with_those_below_them() -> None:
    assert throw_away("mailto:a@mailinator.com")
    assert throw_away("mailto:a@sub.mailinator.com")
    assert not throw_away("mailto:a@notmailinator.example")
    assert not throw_away("")


def test_a_stamp_is_good_for_its_form_and_its_day_alone() -> None:
    stamps = Stamps("key")
    made = stamps.made("contact-form", NOW)
    read = stamps.read("contact-form", made, NOW + timedelta(seconds=5))
    assert read is not None
    assert read.age == timedelta(seconds=5)
    assert read.ident == stamps.read("contact-form", made, NOW + GOOD_FOR).ident  # type: ignore[union-attr]
    assert stamps.read("another", made, NOW) is None
    assert Stamps("other").read("contact-form", made, NOW) is None
    assert stamps.read("contact-form", made, NOW + GOOD_FOR + timedelta(seconds=1)) is None
    assert stamps.read("contact-form", made, NOW - timedelta(minutes=5)) is None
    assert stamps.made("contact-form", NOW) != made


@given(st.text(max_size=80), st.integers(0, 66), st.sampled_from("0123456789abcdef.x"))
def test_no_other_text_is_a_stamp(text: str, place: int, other: str) -> None:
    stamps = Stamps("key")
    made = stamps.made("contact-form", NOW)
    changed = made[:place] + other + made[place + 1 :]
    assert stamps.read("contact-form", text, NOW) is None
    assert (stamps.read("contact-form", changed, NOW) is None) == (changed != made)


@pytest.mark.parametrize(
    ("words", "tag", "read"),
    [
        ("Hello", "zh-Hans", "Hello"),
        ("", "en", "otherwise"),
        ({"en": "Hello", "zh-Hans": "你好"}, "zh-Hant", "你好"),
        ({"en": "Hello", "zh-Hans": "你好"}, "de", "Hello"),
        ({}, "en", "otherwise"),
    ],
)
def test_words_are_read_in_the_nearest_language(words: str | dict[str, str], tag: str, read: str) -> None:
    assert said(words, tag, "otherwise") == read
