"""What a mail of ours says, read back by Python's own parser and by ours."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats import mail as mails
from hub.formats.quotes import fold
from hub.letters import compose, wire
from hub.letters.compose import Content, File, People, Person

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LI_NA = Person("mailto:li.na@customer.example", "Li Na")
OURS = frozenset(["mailto:support@example.org", "mailto:ada@example.org"])


def raw(**more: Any) -> bytes:
    content: dict[str, Any] = {
        "message_id": "<m@example.org>", "date": AT, "sender": Person("mailto:support@example.org", "Ada at Example"),
        "to": (LI_NA,), "subject": "Offer", "text": "Hello\n", "marker": "hub-1",
    }  # fmt: skip
    return compose.mail(Content(**content | more))


def read(data: bytes) -> EmailMessage:
    return message_from_bytes(data, policy=policy.default)


def came(**fields: str) -> mails.Mail:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return mails.parse(("\r\n".join(lines) + "\r\n\r\nCould you send an offer?\r\n").encode())


# --- the header -----------------------------------------------------------------------------------------------------


def test_a_plain_mail_is_plain() -> None:
    assert raw() == (
        b"Date: Sun, 22 Nov 2026 09:30:00 +0000\r\n"
        b"From: Ada at Example <support@example.org>\r\n"
        b"To: Li Na <li.na@customer.example>\r\n"
        b"Subject: Offer\r\n"
        b"Message-ID: <m@example.org>\r\n"
        b"X-Hub-Loop: hub-1\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Hello\r\n"
    )


def test_a_mail_that_nobody_wrote_says_so() -> None:
    message = read(raw(automatic="auto-replied"))
    assert message["Auto-Submitted"] == "auto-replied"
    assert read(raw())["Auto-Submitted"] is None


@pytest.mark.parametrize(
    "name",
    [
        "Li Na",
        "Müller, Ada",
        'Ada "the" Lovelace',
        "许巍",
        "back\\slash",
        "a@b",
        "=?utf-8?q?no?=",
        "许" * 60,
        "x" * 200,
    ],
)
def test_names_come_back_as_they_were(name: str) -> None:
    data = raw(to=(Person("mailto:li.na@customer.example", name), Person("mailto:eve@x.example", "Eve")))
    # The newer parser of Python's puts blanks between encoded words, and reads what is encoded twice.
    field = message_from_bytes(data)["To"].replace("\r\n", "")
    found = [(str(make_header(decode_header(shown))), address) for shown, address in getaddresses([field])]
    assert found == [(name, "li.na@customer.example"), ("Eve", "eve@x.example")]
    assert [(each.name, each.address) for each in mails.parse(data).to] == found


@pytest.mark.parametrize(
    "subject", ["Offer", "报价单：二百件" * 20, "Grüße", "=?utf-8?q?Offer?=", "a" * 300, "😀" * 50]
)
def test_subjects_come_back_as_they_were(subject: str) -> None:
    data = raw(subject=subject)
    assert read(data)["Subject"] == subject
    assert mails.parse(data).subject == subject


@given(st.text(max_size=200), st.text(max_size=60))
def test_nothing_that_is_typed_begins_a_field(subject: str, name: str) -> None:
    data = raw(subject=subject, to=(Person("mailto:li.na@customer.example", name),))
    head, _, body = data.partition(b"\r\n\r\n")
    assert body == b"Hello\r\n"
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert names == [
        b"Date", b"From", b"To", b"Subject", b"Message-ID", b"X-Hub-Loop", b"MIME-Version", b"Content-Type",
        b"Content-Transfer-Encoding",
    ]  # fmt: skip
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", data)
    assert max(map(len, head.split(b"\r\n"))) <= 998


def test_a_field_cannot_be_smuggled_in() -> None:
    evil = "Hello\r\nBcc: eve@evil.example\r\n\r\nBody"
    message = read(raw(subject=evil, to=(Person("mailto:li.na@customer.example", evil),)))
    assert message["Bcc"] is None
    assert message["Subject"] == "Hello Bcc: eve@evil.example Body"
    file = File('a"\r\nX-Evil: 1\r\n../../x', "text/plain\r\nX-Evil: 1", b"x")
    attached = list(read(raw(files=(file,))).iter_attachments())
    assert [each["X-Evil"] for each in attached] == [None]
    assert attached[0].get_content_type() == "application/octet-stream"


def test_utf_8_stands_in_the_header_only_for_an_address_that_needs_it() -> None:
    assert raw(to=(Person("mailto:%E8%AE%B8@customer.example", "许"),)).partition(b"\r\n\r\n")[0].isascii() is False
    assert raw(to=(Person("mailto:li.na@customer.example", "许"),)).isascii()


# --- the thread -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Offer", "Re: Offer"), ("Re: Offer", "Re: Offer"), ("AW: Re: Offer", "Re: Offer"), ("回复：报价", "Re: 报价"),
        ("Re[2]: Offer", "Re: Offer"), ("", "Re:"), ("Regarding: x", "Re: Regarding: x"),
    ],
)  # fmt: skip
def test_the_subject_says_re_once(subject: str, expected: str) -> None:
    assert compose.reply_subject(subject) == expected


def test_references_are_those_of_the_answered_mail_and_itself() -> None:
    assert compose.references(came(Message_ID="<b@x>", References="<r@x> <a@x>")) == ("<r@x>", "<a@x>", "<b@x>")
    assert compose.references(came(Message_ID="<b@x>", In_Reply_To="<a@x>")) == ("<a@x>", "<b@x>")
    assert compose.references(came(From="a@x.example")) == ()


def test_references_keep_the_root_and_the_latest() -> None:
    many = " ".join(f"<{n}@x>" for n in range(500))
    found = compose.references(came(Message_ID="<b@x>", References=many))
    assert len(found) == compose.MOST_REFERENCES
    assert (found[0], found[-2], found[-1]) == ("<0@x>", "<499@x>", "<b@x>")
    message = read(raw(references=found, in_reply_to=found[-1]))
    assert message["References"].split() == list(found)


# --- to whom --------------------------------------------------------------------------------------------------------


def handles(people: People) -> tuple[list[str], list[str]]:
    return [each.handle for each in people.to], [each.handle for each in people.cc]


def test_an_answer_goes_to_whoever_wrote_without_ourselves() -> None:
    mail = came(
        From="Li Na <li.na@x.example>", To="support@example.org, bo@x.example", Cc="Ada <ada@example.org>, c@x.example"
    )
    assert handles(compose.answer_to(mail, OURS, everybody=False)) == (["mailto:li.na@x.example"], [])
    everybody = (["mailto:li.na@x.example"], ["mailto:bo@x.example", "mailto:c@x.example"])
    assert handles(compose.answer_to(mail, OURS, everybody=True)) == everybody


def test_reply_to_is_honoured_unless_it_is_ours() -> None:
    mail = came(From="li.na@x.example", Reply_To="Office <office@x.example>", To="support@example.org")
    assert handles(compose.answer_to(mail, OURS, everybody=False)) == (["mailto:office@x.example"], [])
    form = came(From="li.na@x.example", Reply_To="support@example.org", To="support@example.org")
    assert handles(compose.answer_to(form, OURS, everybody=False)) == (["mailto:li.na@x.example"], [])


def test_what_we_wrote_last_goes_on_to_those_it_went_to() -> None:
    mail = came(From="support@example.org", To="li.na@x.example", Cc="c@x.example, ada@example.org")
    assert handles(compose.answer_to(mail, OURS, everybody=False)) == (["mailto:li.na@x.example"], [])
    assert handles(compose.answer_to(mail, OURS, everybody=True)) == (
        ["mailto:li.na@x.example"],
        ["mailto:c@x.example"],
    )


# --- the text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Hello\n",
        "Grüße aus Köln\n",
        "二百件的报价单已附上，请查收。\n" * 30,
        "From here\nFrom there\n",
        "x" * 5000 + "\n",
        "trailing blank \nand = signs =20\n",
        ".\n..\n",
        "Привет\nFrom you\n",
    ],
)  # fmt: skip
def test_texts_come_back_as_they_were(text: str) -> None:
    data = raw(text=text)
    assert read(data).get_content().replace("\r\n", "\n") == text
    assert mails.parse(data).text.replace("\r\n", "\n") == text
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert not re.search(rb"(?m)^From ", data)


def test_signature_and_quote_stand_below_and_are_told_apart() -> None:
    answered = came(From="Li Na <li.na@x.example>", Date="Sun, 22 Nov 2026 08:00:00 +0000")
    text = compose.text("Gladly.", "Ada Lovelace\nExample Ltd", compose.quoted(answered, "Europe/Berlin"))
    assert text == (
        "Gladly.\n\n-- \nAda Lovelace\nExample Ltd\n\n"
        "On 2026-11-22 09:00, Li Na <li.na@x.example> wrote:\n> Could you send an offer?\n"
    )
    assert [segment.kind for segment in fold(text)] == ["new", "signature", "quote"]


def test_a_chinese_mail_is_quoted_in_chinese() -> None:
    data = "From: 李娜 <li.na@x.example>\r\nDate: Sun, 22 Nov 2026 08:00:00 +0000\r\n\r\n请报价。\r\n".encode()
    quoted = compose.quoted(mails.parse(data), "Asia/Shanghai")
    assert quoted == "在 2026-11-22 16:00，李娜 <li.na@x.example> 写道：\n> 请报价。"
    assert [segment.kind for segment in fold(compose.text("好的。", "", quoted))] == ["new", "quote"]


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["offer.pdf", "报价单.pdf", "Größe " * 30 + ".pdf", "semi;colon.txt", "单" * 90 + ".txt"]
)
def test_files_come_back_as_they_were(name: str) -> None:
    data = raw(files=(File(name, "application/pdf", bytes(range(256)) * 50), File("b.txt", "text/plain", b"b")))
    first, second = read(data).iter_attachments()
    assert first.get_content_type() == "application/pdf"
    assert first.get_filename() == " ".join(name.split())
    assert first.get_content() == bytes(range(256)) * 50
    assert second.get_filename() == "b.txt"
    parsed = mails.parse(data)
    assert [each.name for each in parsed.attachments] == [" ".join(name.split()), "b.txt"]
    assert parsed.text.strip() == "Hello"
    assert max(map(len, data.split(b"\r\n"))) <= 998


def test_a_path_is_no_name() -> None:
    (only,) = read(raw(files=(File("../../etc/passwd", "text/plain", b"x"),))).iter_attachments()
    assert only.get_filename() == ".._.._etc_passwd"
    assert wire.line("a\u2028b\x00c\ud800") == "a b c"
