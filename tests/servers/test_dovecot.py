from __future__ import annotations

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from tests.servers.dovecot import Dovecot

MAIL = b"From: <carol@example.net>\r\nTo: <alice@example.test>\r\nSubject: =?utf-8?b?5oql5Lu3?=\r\n\r\nHello\r\n"


def test_a_mail_delivered_by_lmtp_lies_in_the_inbox(dovecot: Dovecot) -> None:
    dovecot.deliver(MAIL)
    with dovecot.login("alice") as client:
        client.select_folder("INBOX", readonly=True)
        [(_, data)] = client.fetch(client.search(), ["RFC822"]).items()
        assert data[b"RFC822"].endswith(MAIL)
    with dovecot.login("bob") as client:
        assert client.select_folder("INBOX")[b"EXISTS"] == 0


def test_idle_hears_a_delivery(dovecot: Dovecot) -> None:
    with dovecot.login() as client:
        client.select_folder("INBOX")
        client.idle()
        dovecot.deliver(MAIL)
        assert (1, b"EXISTS") in client.idle_check(timeout=10)
        client.idle_done()


def test_a_thousand_mails_are_appended_at_once(dovecot: Dovecot) -> None:
    dovecot.append((b"Subject: %d\r\n\r\n" % number + MAIL for number in range(1000)), "bob", "Archive")
    with dovecot.login("bob") as client:
        assert client.folder_status("Archive", ["MESSAGES"]) == {b"MESSAGES": 1000}


def test_the_server_offers_what_the_hub_resumes_with(dovecot: Dovecot) -> None:
    with dovecot.login() as client:
        assert {b"IDLE", b"CONDSTORE", b"QRESYNC", b"SPECIAL-USE", b"MOVE"} <= set(client.capabilities())
        assert ((b"\\Sent",), b"/", "Sent") in [
            (tuple(flag for flag in flags if flag == b"\\Sent"), delimiter, name)
            for flags, delimiter, name in client.list_folders()
        ]


def test_only_a_token_that_was_handed_out_lets_in(dovecot: Dovecot) -> None:
    dovecot.tokens["granted"] = "alice"
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False, timeout=10) as client:
        client.oauth2_login("alice", "granted")
        assert client.folder_exists("INBOX")
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False, timeout=10) as client, pytest.raises(LoginError):
        client.oauth2_login("alice", "forged")


def test_mail_is_still_there_after_a_restart(dovecot: Dovecot) -> None:
    dovecot.deliver(MAIL)
    dovecot.process.stop()
    dovecot.process.start()
    with dovecot.login() as client:
        assert client.folder_status("INBOX", ["MESSAGES"]) == {b"MESSAGES": 1}
