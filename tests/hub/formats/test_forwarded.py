"""Who wrote a mail that was passed on, as mail programs say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats.forwarded import date, forwarded, in_text
from hub.formats.headers import Address
from tests.hub.formats import EMAIL

ADA = Address("Ada Lovelace", "ada@example.org")
LI = Address("李雷", "li@example.cn")


def _mail(text: str, when: str = "Tue, 06 Jan 2026 09:00:00 +0100") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Bob <bob@firm.example>", "crm@hub.example", "Fwd: Offer"
    message["Date"] = when
    message.set_content(text)
    return message.as_bytes()


@pytest.mark.parametrize(
    ("block", "sender", "subject", "hour"),
    [
        (
            "---------- Forwarded message ---------\nFrom: Ada Lovelace <ada@example.org>\n"
            "Date: Mon, Jan 5, 2026 at 3:04 PM\nSubject: Offer 12\nTo: Bob <bob@firm.example>\n",
            ADA, "Offer 12", 14,
        ),
        (
            "Begin forwarded message:\n\n> From: Ada Lovelace <ada@example.org>\n> Subject: Offer 12\n"
            "> Date: 5 January 2026 at 15:04:00 CET\n> To: Bob <bob@firm.example>\n> \n",
            ADA, "Offer 12", 14,
        ),
        (
            "________________________________\nFrom: Ada Lovelace <ada@example.org>\n"
            "Sent: Monday, January 5, 2026 3:04 PM\nTo: Bob <bob@firm.example>; Eve <eve@firm.example>\n"
            "Subject: Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "-----Original Message-----\nFrom: Ada Lovelace [mailto:ada@example.org]\nSent: 05 January 2026 15:04\n"
            "To: Bob\nSubject: Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "-------- Weitergeleitete Nachricht --------\nBetreff: \tOffer 12\n"
            "Datum: \tMon, 5 Jan 2026 15:04:00 +0200\n"
            "Von: \tAda Lovelace <ada@example.org>\nAn: \tBob <bob@firm.example>\n",
            ADA, "Offer 12", 13,
        ),
        (
            "Von: Ada Lovelace <ada@example.org>\nGesendet: Montag, 5. Januar 2026 15:04\nAn: Bob <bob@firm.example>\n"
            "Betreff: Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "De : Ada Lovelace <ada@example.org>\nEnvoyé : lundi 5 janvier 2026 15:04\nÀ : Bob <bob@firm.example>\n"
            "Objet : Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "De: Ada Lovelace <ada@example.org>\nEnviado el: lunes, 5 de enero de 2026 15:04\nPara: Bob\n"
            "Asunto: Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "Da: Ada Lovelace <ada@example.org>\nInviato: lunedì 5 gennaio 2026 15:04\nA: Bob\nOggetto: Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "Van: Ada Lovelace <ada@example.org>\nVerzonden: maandag 5 januari 2026 15:04\n"
            "Aan: Bob\nOnderwerp: Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "Från: Ada Lovelace <ada@example.org>\nSkickat: den 5 januari 2026 15:04\nTill: Bob\nÄmne: Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "Od: Ada Lovelace <ada@example.org>\nWysłano: poniedziałek, 5 stycznia 2026 15:04\n"
            "Do: Bob\nTemat: Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "-------- Пересылаемое сообщение --------\nОт: Ada Lovelace <ada@example.org>\nДата: 05.01.2026, 15:04\n"
            "Кому: Bob\nТема: Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "De: Ada Lovelace <ada@example.org>\nEnviada em: segunda-feira, 5 de janeiro de 2026 15:04\nPara: Bob\n"
            "Assunto: Offer 12\n",
            ADA, "Offer 12", 14,
        ),
        (
            "------------------ 原始邮件 ------------------\n发件人: \"李雷\"<li@example.cn>;\n"
            "发送时间: 2026年1月5日(星期一) 下午3:04\n收件人: \"Bob\"<bob@firm.example>;\n主题: 报价 12\n",
            LI, "报价 12", 14,
        ),
        (
            "发件人： 李雷\u00a0<li@example.cn>\n发送时间： 2026-01-05 15:04\n"
            "收件人： Bob\n抄送： x@firm.example\n主题： 报价 12\n",
            LI, "报价 12", 14,
        ),
        (
            "---- 转发的原邮件 ----\n| 发件人 | 李雷<li@example.cn> |\n| 发送日期 | 2026年01月05日 15:04 |\n"
            "| 收件人 | Bob<bob@firm.example> |\n| 主题 | 报价 12 |\n",
            LI, "报价 12", 14,
        ),
        (
            "寄件者: 李雷 <li@example.cn>\n寄件日期: 2026年1月5日 下午 03:04\n收件者: Bob\n主旨: 報價 12\n",
            LI, "報價 12", 14,
        ),
        (
            "差出人: 李雷 <li@example.cn>\n送信日時: 2026年1月5日 15:04\n宛先: Bob\n件名: 見積 12\n",
            LI, "見積 12", 14,
        ),
        (
            "*From:* Ada Lovelace <ada@example.org>\n*Sent:* Monday, January 5, 2026 3:04 PM\n*To:* Bob\n"
            "*Subject:* Offer 12\n",
            ADA, "Offer 12", 14,
        ),
    ],
)  # fmt: skip
def test_the_customer_of_a_forward_is_found(block: str, sender: Address, subject: str, hour: int) -> None:
    quoted = "> " if "\n> From" in block else ""
    found = forwarded(_mail(f"please see to it\n\n{block}\n{quoted}Dear Bob,\n{quoted}how much?\n"))
    assert found is not None
    assert (found.sender, found.subject) == (sender, subject)
    assert found.date == datetime(2026, 1, 5, hour, 4, tzinfo=UTC)
    assert found.text == "Dear Bob,\nhow much?"
    assert found.index is None


def test_an_attached_mail_is_the_one_that_was_forwarded() -> None:
    raw = (EMAIL / "mikel-mail/attachment_emails/attachment_message_rfc822.eml").read_bytes()
    found = forwarded(raw)
    assert found is not None
    assert found.index is not None
    assert "@" in found.sender.address


def test_recipients_of_the_forwarded_mail_are_read() -> None:
    found = in_text("From: a@b.example\nTo: Bob <bob@firm.example>; eve@firm.example\nSubject: x\n\ny")
    assert found is not None
    assert [each.address for each in found.to] == ["bob@firm.example", "eve@firm.example"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello,\nfrom: here to there\n",
        "From: Doe, John\nSent: Monday\nTo: Bob\nSubject: no address\n\nx",
        "From: ada@example.org\n\nonly a line",
        "To: a@b.example\nSubject: x\n",
    ],
)
def test_where_nobody_is_named_nobody_is_found(text: str) -> None:
    assert in_text(text) is None


def test_a_bounce_is_no_forward() -> None:
    raw = (EMAIL / "mikel-mail/multipart_report_emails/report_422.eml").read_bytes()
    assert forwarded(raw) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Mon, 5 Jan 2026 15:04:00 +0800", datetime(2026, 1, 5, 7, 4, tzinfo=UTC)),
        ("2026-01-05 15:04:05 +08:00", datetime(2026, 1, 5, 7, 4, tzinfo=UTC)),
        ("2026-01-05 15:04 GMT+8", datetime(2026, 1, 5, 7, 4, tzinfo=UTC)),
        ("1/5/2026 3:04 PM", datetime(2026, 1, 5, 15, 4, tzinfo=UTC)),
        ("5/1/2026 15:04", datetime(2026, 1, 5, 15, 4, tzinfo=UTC)),
        ("12:30 AM, January 5, 2026", datetime(2026, 1, 5, 0, 30, tzinfo=UTC)),
        ("5. März 2026", datetime(2026, 3, 5, tzinfo=UTC)),
        ("99/99/2026", None),
        ("soon", None),
        ("", None),
    ],
)
def test_dates_for_people_are_read(value: str, expected: datetime | None) -> None:
    assert date(value) == expected


def test_a_date_without_a_zone_is_that_of_who_forwarded() -> None:
    assert date("2026-01-05 15:04", timezone(timedelta(hours=8))) == datetime(2026, 1, 5, 7, 4, tzinfo=UTC)


@given(
    st.text()
    | st.lists(st.sampled_from(["From: ", "Von:", "a@b.example", "\n", "> ", "Date: ", "2026", "1/1/"])).map("".join)
)
def test_any_text_is_read(text: str) -> None:
    found = in_text(text)
    assert found is None or "@" in found.sender.address


@pytest.mark.parametrize("unit", ["From: a@b.example\n", "To: x\n", "Date: 1/1/", "a", "From: ", "> ", "<a@b"])
def test_a_hostile_text_is_read_like_any_other(unit: str) -> None:
    in_text(unit * 200_000)
    date(unit * 200_000)
