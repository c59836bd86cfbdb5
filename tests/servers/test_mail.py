from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage

import pytest

from tests.servers.mail import MailSink, mail_sink


def _mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "hub@example.test"
    mail["To"] = "ada@example.test, bob@example.test"
    mail["Subject"] = "报价"
    mail.set_content("Hello")
    return mail


def _send(port: int, login: tuple[str, str] | None = None) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        if login:
            client.login(*login)
        return client.send_message(_mail())


async def test_a_mail_is_kept_as_it_came(mail_sink: MailSink) -> None:
    await asyncio.to_thread(_send, mail_sink.port)
    received = await mail_sink.next()
    assert received.sender == "hub@example.test"
    assert received.recipients == ("ada@example.test", "bob@example.test")
    assert received.message["Subject"] == "报价"


async def test_one_recipient_can_be_refused(mail_sink: MailSink) -> None:
    mail_sink.refusals["bob@example.test"] = "550 5.1.1 No such user"
    refused = await asyncio.to_thread(_send, mail_sink.port)
    assert refused == {"bob@example.test": (550, b"5.1.1 No such user")}
    assert (await mail_sink.next()).recipients == ("ada@example.test",)


async def test_a_mail_can_be_put_off(mail_sink: MailSink) -> None:
    mail_sink.verdict = "451 4.3.0 Try later"
    with pytest.raises(smtplib.SMTPDataError, match="Try later"):
        await asyncio.to_thread(_send, mail_sink.port)
    assert mail_sink.taken == []


async def test_a_server_with_logins_wants_the_right_one() -> None:
    async with mail_sink({"hub": "secret"}) as sink:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            await asyncio.to_thread(_send, sink.port, ("hub", "wrong"))
        await asyncio.to_thread(_send, sink.port, ("hub", "secret"))
        assert (await sink.next()).login == "hub"
