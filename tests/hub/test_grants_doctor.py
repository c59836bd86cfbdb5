"""What the doctor says of a permission: what is wrong, what soon will be, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hub.grants.apps import App, Kind, OAuthTable
from hub.grants.doctor import examine
from hub.grants.keeper import Connectable
from hub.grants.rows import Grant
from hub.web.i18n import Reader
from hub.web.pages.connect_words import said

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = Grant(
    source="mail",
    account="alice@example.test",
    scopes=("https://mail.google.com/", "openid"),
    refresh_token="sealed",
    access_token="sealed",
    expires_at=NOW + timedelta(hours=1),
    granted_at=NOW - timedelta(days=2),
    renewed_at=NOW,
)


def wanted(kind: Kind = "google", secret_expires: date | None = None) -> Connectable:
    """Alice's mailbox."""
    table = OAuthTable(provider=kind, client_id="hub", secret_expires=secret_expires)
    return Connectable("mail", App.of("own", table), ("alice@example.test", "support@example.test"))


def lines(mailbox: Connectable, grant: Grant | None, unreadable: str = "") -> list[tuple[str, str]]:
    """The findings as (grade, words)."""
    speaks = Reader.at("en", "UTC")
    return [(found.grade, said(speaks, found)) for found in examine(mailbox, grant, unreadable, NOW)]


def test_all_is_well() -> None:
    assert lines(wanted(), GOOD) == [
        ("ok", f"alice@example.test gave permission at Google on {Reader.at('en', 'UTC').exact(GOOD.granted_at)}."),
        ("ok", "It lasts until somebody takes it back, or the hub does not use it for 6 months."),
    ]


def test_nobody_has_connected_it() -> None:
    assert lines(wanted(), None) == [("wrong", "Nobody has given permission at Google yet.")]


def test_the_key_is_wrong() -> None:
    assert ("wrong", "the key is another.") in lines(wanted(), GOOD, "the key is another")


@pytest.mark.parametrize(
    ("change", "grade", "words"),
    [
        ({"ends_at": NOW + timedelta(days=5)}, "note", "the app at Google is in testing, where permissions live for 7"),
        ({"ends_at": NOW - timedelta(hours=1)}, "wrong", "It ended on "),
        ({"granted_at": NOW - timedelta(days=60), "ends_at": NOW + timedelta(days=60)}, "ok", "It ends on "),
        ({"granted_at": NOW - timedelta(days=60), "ends_at": NOW + timedelta(days=30)}, "note", "It ends on "),
        ({"refresh_token": ""}, "note", "Google gave nothing to renew it with: it ends on "),
        ({"refresh_token": "", "expires_at": NOW}, "wrong", "It has ended, and Google gave nothing to renew it with."),
        ({"scopes": ("openid",)}, "wrong", "it lacks https://mail.google.com/"),
        (
            {"account": "bob@example.test"},
            "wrong",
            "bob@example.test gave the permission, but the mailbox is that of",
        ),
        ({"account": "Support@example.test"}, "ok", "Support@example.test gave permission"),
        ({"cause": "Google has ended the permission"}, "wrong", "Google has ended the permission."),
    ],
)
def test_what_is_wrong_or_will_be(change: dict[str, Any], grade: str, words: str) -> None:
    found = [(given, text) for given, text in lines(wanted(), replace(GOOD, **change)) if words in text]

    assert [given for given, _ in found] == [grade]


@pytest.mark.parametrize(("days", "grade"), [(-1, "wrong"), (0, "note"), (30, "note"), (31, "ok")])
def test_a_client_secret_that_ends(days: int, grade: str) -> None:
    found = lines(wanted(secret_expires=NOW.date() + timedelta(days=days)), GOOD)

    assert [given for given, text in found if "The client secret of the app" in text] == [grade]


def test_microsoft_writes_scopes_its_own_way() -> None:
    given = ("https://outlook.office365.com/imap.accessasuser.all", "https://outlook.office.com/SMTP.Send")

    found = lines(wanted("microsoft"), replace(GOOD, scopes=given))

    assert [grade for grade, _ in found] == ["ok", "ok"]
    assert "does not use it for 90 days" in found[1][1]
