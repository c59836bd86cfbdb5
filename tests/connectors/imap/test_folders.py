"""Which folders are read, and what servers say of themselves."""

from __future__ import annotations

import pytest

from connectors.imap.folders import INBOX, Chosen, Listed, choose, uses
from connectors.imap.quirks import quirks


def listed(*folders: tuple[str, str], delimiter: str = "/") -> list[Listed]:
    """Folders by name and flags."""
    return [Listed(frozenset(flags.split()), delimiter, name) for name, flags in folders]


DOVECOT = listed(
    ("Drafts", "\\HasNoChildren \\Drafts"),
    ("Sent", "\\HasNoChildren \\Sent"),
    ("Junk", "\\HasNoChildren \\Junk"),
    ("Junk/Old", "\\HasNoChildren"),
    ("Trash", "\\HasNoChildren \\Trash"),
    ("Projects", "\\Noselect \\HasChildren"),
    ("Projects/Alpha", "\\HasNoChildren"),
    ("Archive", "\\HasChildren \\Archive"),
    ("Archive/2024", ""),
    ("INBOX", "\\HasNoChildren"),
)
GMAIL = listed(
    ("INBOX", "\\HasNoChildren"),
    ("[Gmail]", "\\HasChildren \\Noselect"),
    ("[Gmail]/Alle Nachrichten", "\\All \\HasNoChildren"),
    ("[Gmail]/Entwürfe", "\\Drafts \\HasNoChildren"),
    ("[Gmail]/Gesendet", "\\HasNoChildren \\Sent"),
    ("[Gmail]/Markiert", "\\Flagged \\HasNoChildren"),
    ("[Gmail]/Papierkorb", "\\HasNoChildren \\Trash"),
    ("[Gmail]/Spam", "\\HasNoChildren \\Junk"),
    ("[Gmail]/Wichtig", "\\HasNoChildren \\Important"),
    ("Kunden", "\\HasNoChildren"),
)


def test_spam_trash_and_drafts_are_left_out_with_what_lies_in_them() -> None:
    assert choose(DOVECOT, [], []) == Chosen(("INBOX", "Sent", "Archive", "Projects/Alpha", "Archive/2024"))


def test_more_can_be_left_out_by_name_or_by_use() -> None:
    assert choose(DOVECOT, [], ["\\Archive", "Projects/Alpha"]).names == ("INBOX", "Sent")


def test_what_is_named_is_read_and_nothing_else() -> None:
    assert choose(DOVECOT, ["\\Sent", "inbox", "Junk"], ["Sent"]).names == ("Sent", "INBOX", "Junk")
    assert choose(DOVECOT, ["INBOX", "Posteingang", "Projects"], []).missing == ("Posteingang", "Projects")


def test_of_gmail_one_folder_is_read_that_has_everything() -> None:
    assert choose(GMAIL, [], [], labels=True) == Chosen(("[Gmail]/Alle Nachrichten",), all_mail=True)
    # Where it is hidden from IMAP, the others are.
    hidden = [folder for folder in GMAIL if "\\All" not in folder.flags]
    assert choose(hidden, [], [], labels=True).names == ("INBOX", "[Gmail]/Gesendet", "Kunden")


@pytest.mark.parametrize(
    ("sent", "junk", "trash", "drafts"),
    [
        ("Sent Items", "Junk E-mail", "Deleted Items", "Drafts"),
        ("Gesendete Objekte", "Spam", "Papierkorb", "Entwürfe"),
        ("Éléments envoyés", "Courrier indésirable", "Corbeille", "Brouillons"),
        ("已发送", "垃圾邮件", "已删除", "草稿箱"),
        ("寄件備份", "垃圾郵件", "刪除的郵件", "草稿"),
        ("送信済みメール", "迷惑メール", "ゴミ箱", "下書き"),
        ("Отправленные", "Спам", "Корзина", "Черновики"),
        ("INBOX.Sent", "INBOX.spam", "INBOX.Trash", "INBOX.Drafts"),
    ],
)
def test_where_no_flag_says_it_the_name_does(sent: str, junk: str, trash: str, drafts: str) -> None:
    folders = listed(*((name, "") for name in (drafts, "Kunden", junk, sent, trash, "INBOX")), delimiter=".")
    assert uses(folders) == {sent: "\\Sent", junk: "\\Junk", trash: "\\Trash", drafts: "\\Drafts"}
    assert choose(folders, [], []).names == ("INBOX", sent, "Kunden")


def test_a_name_does_not_count_against_a_flag() -> None:
    folders = listed(("INBOX", ""), ("Spam", "\\Sent"), ("Junk", ""), ("Quarantine", "\\Junk"))
    assert uses(folders) == {"Spam": "\\Sent", "Quarantine": "\\Junk"}
    assert choose(folders, [], []).names == ("INBOX", "Spam", "Junk")


def test_the_inbox_is_there_in_whatever_case_or_not_listed_at_all() -> None:
    assert choose(listed(("Inbox", ""), ("Sent", "\\Sent")), [], []).names == (INBOX, "Sent")
    assert choose([], [], []).names == (INBOX,)


@pytest.mark.parametrize(
    ("greeting", "ident", "capabilities", "server", "condstore", "qresync"),
    [
        (b"* OK Gimap ready for requests", b"", b"IMAP4REV1 X-GM-EXT-1 CONDSTORE", "Gmail", True, False),
        (
            b"* OK [CAPABILITY XAPPLEPUSHSERVICE IMAP4rev1] (2109B29-d3afe4d5aba6) pv33p00im-iscream021.me.com",
            b"",
            b"IMAP4REV1 CONDSTORE ENABLE QRESYNC",
            "iCloud",
            True,
            False,
        ),
        (b"* OK The Microsoft Exchange IMAP4 service is ready.", b"", b"IMAP4REV1 IDLE", "Exchange", False, False),
        (b"* OK IMAP4rev1 imapgate-1.8.1", b"", b"IMAP4REV1 XYMHIGHESTMODSEQ", "Yahoo", False, False),
        (b"* OK Dovecot ready.", b'("name" "Dovecot")', b"CONDSTORE QRESYNC NOTIFY", "Dovecot", True, True),
        (b"* OK hello", b'("name" "Cyrus IMAPD")', b"CONDSTORE QRESYNC", "Cyrus", True, True),
        (b"* OK somebody", b"NIL", b"CONDSTORE QRESYNC", "", True, True),
    ],
)
def test_servers_are_known_by_what_they_say(
    greeting: bytes, ident: bytes, capabilities: bytes, server: str, condstore: bool, qresync: bool
) -> None:
    found = quirks(greeting, ident, frozenset(capabilities.split()))
    assert (found.server, found.condstore, found.qresync) == (server, condstore, qresync)
