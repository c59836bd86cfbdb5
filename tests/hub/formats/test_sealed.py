"""Envelopes against values that others have published."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats import sealed

# wechatpy's tests (MIT), the sample code of WeCom, and DingTalk's callback demo.
VECTORS = [
    (
        "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR",
        ("123456", "1411443780", "437374425"),
        "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q==",
        "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96",
        "5927782489442352469",
        "wx49f0ab532d5d035a",
    ),
    (
        "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
        ("QDG6eK", "1409659589", "263014780"),
        "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
        "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
        "1616140317555161061",
        "wx5823bf96d3bd56c7",
    ),
    (
        "Yue0EfdN5900c1ce5cf6A152c63DDe1808a60c5ecd7",
        ("mryue", "1608001896814", "WL4PK6yA"),
        "0vJiX6vliEpwG3U45CtXqi+m8PXbQRARJ8p8BbDuD1EMTDf0jKpQ79QS93qEk7XHpP6u+oTTrd15NRPvNvmBKyDCYxxOK+HZeKju4yhELOFchz"
        "NukR+t8SB/qk4ROMu3",
        "03044561471240d4a14bb09372dfcfd4fd0e40cb",
        '{"EventType":"check_url"}',
        "ding6ccabc44d2c8d38b",
    ),
]


@pytest.mark.parametrize(("letters", "words", "text", "signed", "message", "receiver"), VECTORS)
def test_what_others_sealed_is_opened(
    letters: str, words: tuple[str, ...], text: str, signed: str, message: str, receiver: str
) -> None:
    assert sealed.signature(*words, text) == signed
    assert sealed.opened(sealed.key(letters), text) == sealed.Envelope(message.encode(), receiver)


def test_the_other_form_has_its_vector_before_it() -> None:
    # Feishu's documentation, "Event subscription: decryption".
    key = hashlib.sha256(b"test key").digest()
    assert sealed.unsealed(key, "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=") == b"hello world"


@given(
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=200),
    st.text(max_size=20),
    st.binary(min_size=16, max_size=16),
)
def test_what_is_sealed_is_opened(key: bytes, message: bytes, receiver: str, random: bytes) -> None:
    assert sealed.opened(key, sealed.sealed(key, message, receiver, random)) == sealed.Envelope(message, receiver)


@given(st.text(max_size=100))
def test_what_is_not_sealed_says_so(text: str) -> None:
    with pytest.raises(sealed.NotSealed):
        sealed.opened(bytes(32), text)


@pytest.mark.parametrize("letters", ["", "short", "=" * 43, "é" * 43])
def test_what_is_no_key_says_so(letters: str) -> None:
    with pytest.raises(ValueError, match="43 letters"):
        sealed.key(letters)
