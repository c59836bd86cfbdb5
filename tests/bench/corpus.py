"""A made-up mailbox for measuring: 70 % plain mails of 3 kB, 25 % of 30 kB with HTML, 5 % of 300 kB with a file.

The same *seed* gives the same bytes. Every mail has its own Message-ID; about half answer an earlier one.
"""

from __future__ import annotations

import base64
import quopri
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime

PEOPLE: tuple[tuple[str, str], ...] = (
    ("Ada Lovelace", "ada@example.org"),
    ("Grace Hopper", "grace.hopper@example.net"),
    ("Jürgen Müller", "juergen.mueller@example.com"),
    ("Støre, Åse", "aase@example.no"),
    ("王小明", "wang.xiaoming@example.cn"),
    ("田中 太郎", "tanaka@example.jp"),
    ("Support", "support@example.com"),
    ("", "orders@example.com"),
)
"""Name and address of those who write to each other where the caller names nobody."""

_WORDS = """
    quote order delivery invoice meeting tomorrow price please thank you customer contract license server Monday
    regards attached find the of and to in we will be with on for that this have from your our machine part pump
    Angebot Lieferung Rechnung Gruß freundlichen Müller Straße Termin bitte geprüft Stück größer prüfen für über
"""
_CHINESE = "您好请查收附件中的报价单我们下周一可以交货如有问题请随时联系谢谢合同价格订单数量发票客户会议时间地点确认"
_START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def mails(n: int, seed: int = 1, people: Sequence[tuple[str, str]] = PEOPLE) -> Iterator[bytes]:
    """*n* raw mails between *people* (name, address), oldest first, a minute apart."""
    draw = random.Random(seed)
    picture = base64.encodebytes(draw.randbytes(215_000)).replace(b"\n", b"\r\n")
    earlier: list[tuple[str, str]] = []
    for number in range(n):
        message_id = f"<{seed}.{number}.{draw.getrandbits(48):012x}@mail.example.org>"
        parent = draw.choice(earlier[-500:]) if earlier and draw.random() < 0.5 else None
        chinese = draw.random() < 0.15
        subject = parent[1] if parent else _sentence(draw, chinese, 6)
        head = _head(draw, number, message_id, subject, parent, people)
        kind = number % 20
        if kind < 14:
            body = _plain(draw, chinese, 1_300)
        elif kind < 19:
            body = _with_html(draw, chinese, number)
        else:
            body = _with_file(draw, chinese, number, picture)
        earlier.append((f"{parent[0]} {message_id}" if parent and parent[0].count("<") < 8 else message_id, subject))
        yield head + body


def _head(
    draw: random.Random,
    number: int,
    message_id: str,
    subject: str,
    parent: tuple[str, str] | None,
    people: Sequence[tuple[str, str]],
) -> bytes:
    sender, *others = draw.sample(list(people), min(len(people), draw.randint(2, 4)))
    when = _START + timedelta(minutes=number)
    trace = [
        f"Received: from mx{hop}.example.net (mx{hop}.example.net [192.0.2.{hop + 1}])\r\n"
        f"\tby mail.example.org (Postfix) with ESMTPS id {draw.getrandbits(40):010X}\r\n"
        f"\tfor <{others[0][1]}>; {format_datetime(when)}"
        for hop in range(3)
    ]
    lines = [
        f"Return-Path: <{sender[1]}>",
        *trace,
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=mail;\r\n"
        f"\th=from:to:subject:date; bh={draw.getrandbits(256):064x};\r\n\tb={draw.getrandbits(1024):0256x}",
        f"Date: {format_datetime(when)}",
        f"From: {_mailbox(*sender)}",
        f"To: {', '.join(_mailbox(*person) for person in others[:2])}",
        *([f"Cc: {_mailbox(*others[2])}"] if others[2:] else []),
        f"Subject: {'Re: ' if parent else ''}{_header(subject)}",
        f"Message-ID: {message_id}",
        *(
            [f"In-Reply-To: {parent[0].split()[-1]}", "References: " + parent[0].replace(" ", "\r\n ")]
            if parent
            else []
        ),
        "User-Agent: Mozilla Thunderbird",
        "Content-Language: en-US",
        "X-Spam-Status: No, score=-2.1 required=5.0 tests=BAYES_00,DKIM_SIGNED,DKIM_VALID,SPF_PASS autolearn=ham",
        "MIME-Version: 1.0",
    ]
    return "\r\n".join(lines).encode() + b"\r\n"


def _thread(references: str) -> tuple[str, str]:
    return f"In-Reply-To: {references.split()[-1]}", "References: " + references.replace(" ", "\r\n ")


def _plain(draw: random.Random, chinese: bool, size: int) -> bytes:
    text = _text(draw, chinese, size)
    if chinese and draw.random() < 0.3:
        return b"Content-Type: text/plain; charset=gb2312\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text.encode(
            "gbk"
        )
    if chinese:
        encoded = base64.encodebytes(text.encode()).replace(b"\n", b"\r\n")
        return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded
    return (
        b"Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + text.encode()
    )


def _with_html(draw: random.Random, chinese: bool, number: int) -> bytes:
    edge = f"----=_Part_{number}_{draw.getrandbits(64):016x}".encode()
    text = _text(draw, chinese, 2_000)
    rows = "".join(
        f'<tr style="border-bottom:1px solid #ddd"><td class="c{row}" style="font-family:Arial;padding:4px">{line}'
        f'</td><td><a href="https://example.org/offer/{row}?ref={number}">{row}</a></td></tr>\r\n'
        for row, line in enumerate(_text(draw, chinese, 7_300 if not chinese else 2_500).splitlines())
        if line
    )
    page = (
        "<html><head><style>td{color:#222}</style></head><body><table>" + rows + "</table>"
        '<img src="https://example.org/pixel.gif" width="1" height="1"></body></html>'
    )
    return b"\r\n".join(
        (
            b'Content-Type: multipart/alternative; boundary="' + edge + b'"',
            b"",
            b"This is a multi-part message in MIME format.",
            b"--" + edge,
            b"Content-Type: text/plain; charset=UTF-8",
            b"Content-Transfer-Encoding: quoted-printable",
            b"",
            quopri.encodestring(text.encode()).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
            b"--" + edge,
            b"Content-Type: text/html; charset=UTF-8",
            b"Content-Transfer-Encoding: quoted-printable",
            b"",
            quopri.encodestring(page.encode()).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
            b"--" + edge + b"--",
            b"",
        )
    )


def _with_file(draw: random.Random, chinese: bool, number: int, picture: bytes) -> bytes:
    edge = f"b_{draw.getrandbits(64):016x}".encode()
    name = b"filename*=UTF-8''Angebot%20f%C3%BCr%20M%C3%BCller.pdf" if number % 3 else b'filename="quote.pdf"'
    return b"\r\n".join(
        (
            b'Content-Type: multipart/mixed; boundary="' + edge + b'"',
            b"",
            b"--" + edge,
            _plain(draw, chinese, 2_500),
            b"--" + edge,
            b'Content-Type: application/pdf; name="quote.pdf"',
            b"Content-Disposition: attachment; " + name,
            b"Content-Transfer-Encoding: base64",
            b"",
            picture + b"--" + edge + b"--",
            b"",
        )
    )


def _text(draw: random.Random, chinese: bool, size: int) -> str:
    paragraphs: list[str] = []
    length = 0
    while length < size:
        paragraph = "\r\n".join(_sentence(draw, chinese, 11) for _ in range(draw.randint(1, 6)))
        length += len(paragraph.encode()) + 4
        paragraphs.append(paragraph)
    return "\r\n\r\n".join(paragraphs) + "\r\n"


def _sentence(draw: random.Random, chinese: bool, words: int) -> str:
    if chinese:
        return "".join(draw.choices(_CHINESE, k=words * 2)) + "。"
    return " ".join(draw.choices(_WORDS.split(), k=words)).capitalize() + "."


def _header(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=70).encode(linesep="\r\n")


def _mailbox(name: str, address: str) -> str:
    if not name:
        return address
    if name.isascii():
        return f"{name} <{address}>"
    return f"{_header(name)} <{address}>"
