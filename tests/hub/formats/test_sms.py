"""Segments of text messages, by the tables of 3GPP TS 23.038 and the sizes of TS 23.040."""

from __future__ import annotations

import pytest

from hub.formats.sms import BASIC, EXTENSION, Alphabet, Length, length

# TS 23.038, 6.2.1: some of the codes that are not ASCII's.
CODES = {0x00: "@", 0x02: "$", 0x09: "Ç", 0x10: "Δ", 0x11: "_", 0x1A: "Ξ", 0x1C - 1: "Æ", 0x24 - 1: "¤", 0x40 - 1: "¡"}


def test_the_alphabet_is_the_standards() -> None:
    """127 characters and the escape; beyond 0x1B each stands one place before its code, for want of the escape."""
    assert len(BASIC) == 127
    assert {place: BASIC[place] for place in CODES} == CODES
    assert BASIC[0x41 - 1 : 0x5B - 1] == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert BASIC[0x5B - 1 : 0x61 - 1] == "ÄÖÑÜ§¿"
    assert BASIC[0x7B - 1 :] == "äöñüà"
    assert set(EXTENSION) == set("\f^{}\\[~]|€")
    assert not set(BASIC) & set(EXTENSION)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Length(Alphabet.GSM7, 0, 0, 160)),
        ("Grüße", Length(Alphabet.GSM7, 5, 1, 155)),
        ("a" * 160, Length(Alphabet.GSM7, 160, 1, 0)),
        ("a" * 161, Length(Alphabet.GSM7, 161, 2, 145)),
        ("a" * 306, Length(Alphabet.GSM7, 306, 2, 0)),
        ("a" * 307, Length(Alphabet.GSM7, 307, 3, 152)),
        ("€" * 80, Length(Alphabet.GSM7, 160, 1, 0)),
        # 152 septets and an escape do not fit into a segment: the escape goes with what it escapes.
        ("a" * 152 + "€" + "a" * 10, Length(Alphabet.GSM7, 164, 2, 141)),
        ("报价", Length(Alphabet.UCS2, 2, 1, 68)),
        ("ç", Length(Alphabet.UCS2, 1, 1, 69)),  # only the capital one is in the alphabet
        ("价" * 70, Length(Alphabet.UCS2, 70, 1, 0)),
        ("价" * 71, Length(Alphabet.UCS2, 71, 2, 63)),
        ("🙂" * 35, Length(Alphabet.UCS2, 70, 1, 0)),
        ("价" * 66 + "🙂" + "价" * 4, Length(Alphabet.UCS2, 72, 2, 61)),
    ],
)
def test_what_a_text_takes(text: str, expected: Length) -> None:
    assert length(text) == expected
