"""What is new in a mail: the replies of crisp and talon, and nothing ever lost."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats import mail
from hub.formats.quotes import Segment, fold, new_text
from tests.hub.formats import EMAIL

CRISP = EMAIL / "crisp-reply-parser"
TALON = EMAIL / "talon" / "standard_replies"


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8").replace("\r\n", "\n")


LATIN = [path for path in sorted(CRISP.glob("*.txt")) if _read(path).startswith("Fusce bibendum")]


@pytest.mark.parametrize("path", LATIN, ids=lambda path: path.stem)
def test_above_the_quote_stands_the_reply_in_any_language(path: Path) -> None:
    text = _read(path)
    reply = text[: text.index("nec nec nibh.") + len("nec nec nibh.")]
    assert new_text(text) == reply


def test_the_corpus_has_many_languages() -> None:
    assert len(LATIN) == 21


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("correct_sig", ["new", "signature"]),
        ("sig_no_empty_line", ["new", "signature"]),
        ("email_1", ["new", "signature"]),
        ("email_2", ["new", "quote", "new", "quote", "signature"]),
        ("email_4", ["new", "quote"]),
        ("email_19", ["new", "signature", "quote"]),
        ("email_20", ["new", "quote"]),
        ("email_21", ["new"]),
        ("email_blackberry", ["new", "signature"]),
        ("email_custom_quote_header", ["new", "quote", "signature"]),
        ("email_customer_quote_header_2", ["new", "quote"]),
        ("email_emoji", ["new"]),
        ("email_not_a_signature", ["new"]),
        ("email_reply_header", ["new", "quote", "signature"]),
        ("email_thread", ["new", "quote"]),
        ("email_tricky_1_on_false_positive", ["new"]),
        ("email_tricky_3_code_block", ["new"]),
        ("email_tricky_4_from_in_body", ["new"]),
        ("email_tricky_7_multiple_dashes", ["new"]),
        ("email_tricky_8_sent_from_in_content", ["new"]),
        ("email_tricky_11_double_signature", ["new", "signature"]),
        ("email_tricky_17_forward_header", ["new", "quote"]),
        ("email_tricky_19_quote_without_header", ["new", "quote", "new", "quote", "new"]),
        ("email_unquoted_reply", ["new", "quote"]),
        ("email_with_regards", ["new", "signature"]),
    ],
)
def test_replies_fall_into_their_parts(name: str, kinds: list[str]) -> None:
    assert [segment.kind for segment in fold(_read(CRISP / f"{name}.txt"))] == kinds


def test_a_line_break_in_the_attribution_stays_with_the_quote() -> None:
    new, quote, _ = fold(_read(CRISP / "email_reply_header.txt"))
    assert new.text.endswith("Stranger\n\n")
    assert quote.text.startswith("On Wed, Dec 9, Mister Example\n")
    assert fold(_read(CRISP / "email_thread.txt"))[1].text.startswith("On Nov 21, 2014,\n")


@pytest.mark.parametrize("path", sorted(TALON.glob("*.eml")), ids=lambda path: path.stem)
def test_talons_replies_say_hello(path: Path) -> None:
    assert new_text(mail.parse(path.read_bytes()).text) == "Hello"


@pytest.mark.parametrize(
    "quoted",
    [
        "在 2026年1月5日，下午3:00，张三 <zhang@example.cn> 写道：\n> 你好",
        "张三 <zhang@example.cn> 于2026年1月5日周一 12:00写道：\n\n> 你好",
        '------------------ 原始邮件 ------------------\n发件人: "x"<x@example.cn>;\n主题: 报价\n\n内容',
        "发件人： 王\n发送时间： 2026年1月5日\n收件人： 李\n主题： 报价\n\n内容",
        "寄件者: 王\n寄件日期: 2026年1月5日\n收件者: 李\n主旨: 報價\n\n內容",
        'At 2026-01-05 10:00:00, "x" <a@example.cn> wrote:\nold',
        "2026年1月5日(月) 12:00 田中 <tanaka@example.jp>:\n> 古い",
        "差出人: 田中\n日時: 2026年1月5日\n宛先: 鈴木\n件名: 見積\n\n古い",
    ],
)
def test_chinese_and_japanese_quotes(quoted: str) -> None:
    assert fold(f"好的，谢谢。\n\n{quoted}") == (Segment("new", "好的，谢谢。\n\n"), Segment("quote", quoted))


def test_a_phones_signature_in_chinese() -> None:
    assert [each.kind for each in fold("好的\n\n发自我的iPhone\n\n> 你好")] == ["new", "signature", "quote"]


def test_a_mail_that_only_forwards_has_its_whole_text_as_new() -> None:
    text = "---------- Forwarded message ---------\nFrom: a@example.org\n\nbody"
    assert new_text(text) == text
    assert new_text("") == ""
    assert fold("") == ()


LINES = st.sampled_from(
    [
        *(
            "",
            " ",
            "text",
            "> quoted",
            ">",
            "-- ",
            "--",
            "On Mon, Jan 5, 2026 at 10:00 Ada <a@b.example> wrote:",
            "wrote:",
        ),
        *(
            "From: a@b.example",
            "Sent: Monday",
            "To: c@d.example",
            "Subject: x",
            "Sent from my iPhone",
            "Regards,",
            "\x0c",
        ),
        *(
            "-----Original Message-----",
            "________________",
            "他写道：",
            "\u2028",
            "On Jan 5, 2026",
            "Am 5.1.2026 schrieb A:",
        ),
    ]
)


@given(st.lists(st.tuples(LINES | st.text(max_size=40), st.sampled_from(["\n", "\r\n", "\r", ""])), max_size=30))
def test_nothing_is_lost(lines: list[tuple[str, str]]) -> None:
    text = "".join(line + end for line, end in lines)
    segments = fold(text)
    assert "".join(segment.text for segment in segments) == text
    assert all(one.kind != two.kind for one, two in pairwise(segments))


@pytest.mark.parametrize(
    "line", ["a" * 300_000 + ":", "wrote: " * 30_000, "From: " * 30_000, "\n".join(["Regards,"] * 20_000)]
)
def test_a_hostile_line_is_folded_like_any_other(line: str) -> None:
    assert "".join(segment.text for segment in fold(line)) == line
