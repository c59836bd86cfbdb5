"""The Postfix that tests start is a real one."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

from tests.servers.dovecot import Dovecot
from tests.servers.postfix import BOUNCES, Postfix
from tests.servers.waiting import mails_in


def test_mail_is_delivered_and_what_cannot_be_comes_back(postfix: Postfix, dovecot: Dovecot) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "alice@example.test", "bob@example.test", "Through Postfix"
    message.set_content("Hello\n")
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=10) as client:
        client.send_message(message)
        client.send_message(message, to_addrs=[f"nobody@{BOUNCES}"])
    assert b"Subject: Through Postfix" in mails_in(dovecot, "bob", 1)[0]
    assert b"Final-Recipient: rfc822; nobody@bounce.test" in mails_in(dovecot, "alice", 1)[0]
