"""The door contract, spoken to by the standard library's client."""

from __future__ import annotations

import re
import smtplib

import hub
from connectors.smtp import Door
from tests.contracts.connector import setup
from tests.contracts.door import DoorContract, PutOff


class SmtpOrLmtp(DoorContract):
    client: type[smtplib.SMTP]

    def door(self, port: int) -> hub.Door:
        return Door(Door.Settings.model_validate({"listen": f"127.0.0.1:{port}"}), setup("dropbox"))

    def listen_key(self) -> str:
        return "sources.dropbox.listen"

    def hand_in(self, address: tuple[str, int], name: str) -> None:
        with self.client(*address, timeout=20) as sender:
            try:
                sender.sendmail("bob@example.net", ["crm@example.test"], f"Subject: {name}\r\n\r\nHello\r\n")
            except smtplib.SMTPDataError as error:
                if error.smtp_code == 451:
                    raise PutOff from error
                raise
            except smtplib.SMTPRecipientsRefused as error:
                # What smtplib says of LMTP when every recipient was refused after the mail.
                if {code for code, _ in error.recipients.values()} == {451}:
                    raise PutOff from error
                raise

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.RawMail)
        found = re.search(rb"^Subject: (.*)\r$", item.raw, re.MULTILINE)
        assert found is not None
        return found[1].decode()


class TestSmtp(SmtpOrLmtp):
    client = smtplib.SMTP


class TestLmtp(SmtpOrLmtp):
    client = smtplib.LMTP
