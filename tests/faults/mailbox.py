"""A mailbox of ten thousand mails as a firm's has them: threads in several languages, what was sent, what was filed
twice, what is older than a year, and what lies where nobody wants it read."""

from __future__ import annotations

import base64
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.servers.dovecot import PASSWORDS, Dovecot

FOLDERS = (("INBOX", 6_000), ("Sent", 2_000), ("Archive", 1_500), ("Projects/Alpha", 500))
FILED_TWICE = 300
"""Of the mails in the Inbox so many lie in the Archive, too."""
OLD = 200
JUNK = 100
AT_ONCE = 500
NOW = datetime.now(UTC).replace(microsecond=0)
SUBJECTS = ("Offer {}", "Rechnung {} fällig", "关于报价 {} 的问题", "Réunion n° {}", "見積書 {} の件")
TEXTS = (
    "Dear all,\r\n\r\nplease find the offer below.\r\n",
    "Guten Tag,\r\n\r\ndie Rechnung ist überfällig.\r\n",
    "您好,\r\n\r\n请问报价单什么时候可以发给我们?\r\n",
)


@dataclass(frozen=True, slots=True)
class Filed:
    """A mail, where it lies, and when the server took it."""

    folder: str
    ident: str
    taken_at: datetime
    raw: bytes


def filed(seed: int) -> Iterator[Filed]:
    """The mailbox, folder by folder, oldest first."""
    draw = random.Random(seed)
    twice: list[Filed] = []
    for folder, count in FOLDERS:
        for number in range(count):
            age = timedelta(days=364) * (count - number) / (count + 1)
            mail = Filed(folder, f"{folder.lower()}-{number}@alpha.example", NOW - age, b"")
            one = Filed(folder, mail.ident, mail.taken_at, _raw(draw, folder, number, mail.ident, mail.taken_at))
            if folder == "INBOX" and number % (count // FILED_TWICE) == 0:
                twice.append(Filed("Archive", one.ident, one.taken_at, one.raw))
            yield one
    yield from twice
    for number in range(OLD):
        taken_at = NOW - timedelta(days=400 + number)
        yield Filed(
            "INBOX", f"old-{number}", taken_at, _raw(draw, "INBOX", number, f"old-{number}@x.example", taken_at)
        )
    for number in range(JUNK):
        yield Filed("Junk", f"junk-{number}", NOW, _raw(draw, "Junk", number, f"junk-{number}@x.example", NOW))


def fill(server: Dovecot, mails: list[Filed]) -> None:
    """Put *mails* into alice's folders, with their own dates."""
    with socket.create_connection(("127.0.0.1", server.imap_port), timeout=60) as connection:
        answers = connection.makefile("rb")
        answers.readline()

        def command(line: bytes) -> None:
            connection.sendall(b"a " + line + b"\r\n")
            while not (answer := answers.readline()).startswith(b"a "):
                assert answer, "Dovecot closed the connection"
            assert answer.startswith(b"a OK"), answer

        command(f"LOGIN alice {PASSWORDS['alice']}".encode())
        for folder in dict.fromkeys(mail.folder for mail in mails):
            inside = [mail for mail in mails if mail.folder == folder]
            for start in range(0, len(inside), AT_ONCE):
                parts = b"".join(_append(mail) for mail in inside[start : start + AT_ONCE])
                command(f'APPEND "{folder}"'.encode() + parts)
        command(b"LOGOUT")
        answers.close()


def _append(mail: Filed) -> bytes:
    date = f"{mail.taken_at:%d-%b-%Y %H:%M:%S +0000}"
    return f' () "{date}" {{{len(mail.raw)}+}}\r\n'.encode() + mail.raw


def _raw(draw: random.Random, folder: str, number: int, ident: str, at: datetime) -> bytes:
    customer, us = f"kim@customer-{number % 50}.example", "alice@example.test"
    sender, to = (us, customer) if folder == "Sent" else (customer, us)
    subject = SUBJECTS[number % len(SUBJECTS)].format(number // 5)
    encoded = base64.b64encode(subject.encode()).decode()
    text = draw.choice(TEXTS) * draw.randint(1, 40)
    thread = f"References: <{folder.lower()}-{number - 1}@alpha.example>\r\n" if number % 3 == 2 else ""
    head = (
        f"From: {sender}\r\nTo: {to}\r\nSubject: =?utf-8?b?{encoded}?=\r\nDate: {format_datetime(at)}\r\n"
        f"Message-ID: <{ident}>\r\n{thread}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return head.encode() + text.encode()
