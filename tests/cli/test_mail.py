"""`hub mail`: what would be recorded of a mailbox, and the addresses of agents."""

from __future__ import annotations

import asyncio
import json
import smtplib
import sqlite3
from base64 import b64encode
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from hub.config import load
from hub.grants import rows
from hub.grants.keys import Keys, read
from hub.grants.rows import Grant
from hub.privacy.preview import Kept, judge
from hub.service import Service, mail_rules
from hub.understanding import Guide, Opened, understand
from hub.vocabulary import Copy, Level, RawMail
from tests.cli.command import hub, serving
from tests.faults.mailbox import Filed, fill
from tests.servers.dovecot import PASSWORDS, Dovecot
from tests.servers.process import free_port

NOW = datetime.now(UTC).replace(microsecond=0)
HUB_KEY = b64encode(b"k" * 32).decode()
CONFIG = """
[hub]
listen = "127.0.0.1:{listen}"
key = "env:HUB_KEY"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.test"]

[privacy]
never_log = ["mailto:doctor@example.net", "lawyers.example"]
internal = "metadata"
domains = ["example.test"]
skip_folders = ["Projects"]

[sources.mailbox]
provider = "imap"
ours = ["mailto:alice@example.test"]
host = "127.0.0.1"
port = {port}
security = "none"
username = "alice"
max_bytes = 20_000
{login}
"""
PASSWORD = 'password = "env:MAILBOX"'
OAUTH = """auth = "xoauth2"
oauth = "own"

[oauth.own]
provider = "generic"
client_id = "hub"
client_secret = "env:MAILBOX"
authorize_url = "https://login.example.org/authorize"
token_url = "https://login.example.org/token"
scopes = ["imap"]
"""
ENVIRON = {"HUB_KEY": HUB_KEY, "MAILBOX": PASSWORDS["alice"]}


def mail(
    number: int, sender: str, to: str = "alice@example.test", more: str = "", age: int = 1, size: int = 0
) -> bytes:
    date = format_datetime(NOW - timedelta(days=age))
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: Matter {number}\r\nDate: {date}\r\n"
        f"Message-ID: <{number}@x.example>\r\n{more}\r\nHello\r\n{'x' * 70 * (size // 72)}\r\n"
    ).encode()


def filed(folder: str, raw: bytes, age: int = 1) -> Filed:
    return Filed(folder, "", NOW - timedelta(days=age), raw)


MAILS = [
    *(filed("INBOX", mail(number, "Kim <kim@customer.example>")) for number in range(7)),
    filed("INBOX", mail(10, "doctor@example.net")),
    filed("INBOX", mail(11, "kim@customer.example", "alice@example.test, eve@berlin.lawyers.example")),
    filed("INBOX", mail(12, "ada@example.test")),
    filed("INBOX", mail(13, "kim@customer.example", more="Sensitivity: Private\r\n")),
    filed("INBOX", mail(14, "kim@customer.example", size=40_000)),
    filed("INBOX", b"\r\nThis is no mail.\r\n"),
    filed("INBOX", mail(15, "Old <old@customer.example>", age=40), age=40),
    filed("Sent", mail(16, "alice@example.test", "kim@customer.example")),
    filed("Projects/Alpha", mail(17, "kim@customer.example")),
    filed("Junk", mail(18, "spam@x.example")),
]
TOO_LARGE = "larger than max_bytes = 20000; only its headers are here"
EXPECTED = {
    ("INBOX", "whole", "", ""): 7,
    ("INBOX", "metadata", "internal", ""): 1,
    ("INBOX", "nothing", "never-log", ""): 2,
    ("INBOX", "nothing", "header", "sensitivity: Private"): 1,
    ("", "quarantine", "unreadable", TOO_LARGE): 1,
    ("INBOX", "quarantine", "unreadable", "no mail header"): 1,
    ("Sent", "whole", "", ""): 1,
    ("Projects/Alpha", "nothing", "folder", "Projects/Alpha"): 1,
}


@pytest.fixture
def folder(tmp_path: Path, dovecot: Dovecot) -> Path:
    fill(dovecot, MAILS)
    configure(tmp_path, dovecot)
    return tmp_path


def configure(folder: Path, dovecot: Dovecot, login: str = PASSWORD) -> None:
    text = CONFIG.format(listen=free_port(), port=dovecot.imap_port, login=login)
    (folder / "config.toml").write_text(text)


def told(folder: Path, *options: str) -> dict[str, Any]:
    done = hub(folder, "mail", "preview", "mailbox", "--json", *options, **ENVIRON)
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def reasons(document: dict[str, Any]) -> dict[tuple[str, str, str, str], int]:
    return {(r["folder"], r["recorded"], r["rule"], r["what"]): r["mails"] for r in document["reasons"]}


def test_every_mail_is_counted_once_with_the_rule_that_decides(folder: Path, dovecot: Dovecot) -> None:
    document = told(folder)

    assert reasons(document) == EXPECTED
    assert document["recorded"] == {"whole": 8, "subject": 0, "metadata": 1, "nothing": 4, "quarantine": 2}
    assert (document["mails"], document["complete"]) == (15, True)
    assert all(len(reason["examples"]) == min(5, reason["mails"]) for reason in document["reasons"])
    whole = next(reason for reason in document["reasons"] if reason["folder"] == "INBOX")
    assert {each["from"] for each in whole["examples"]} == {"Kim <kim@customer.example>"}
    assert [path.name for path in folder.iterdir()] == ["config.toml"], "nothing was stored"
    with dovecot.login() as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search("SEEN") == []


def test_how_far_back_is_chosen(folder: Path) -> None:
    assert told(folder, "--days", "60")["mails"] == 16
    assert told(folder, "--days", "60", "--no-examples")["reasons"][0].keys().isdisjoint({"examples"})


def test_people_read_lines(folder: Path) -> None:
    done = hub(folder, "mail", "preview", "mailbox", **ENVIRON)

    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0].startswith("mailbox: 15 mails since ")
    assert lines[0].endswith(" Nothing was stored.")
    assert lines[1] == "Would be recorded: 8 whole, 1 who and when, 4 not at all, 2 in quarantine."
    assert "INBOX  7  whole" in lines
    at = lines.index("INBOX  2  not at all  somebody in it is in privacy.never_log")
    day = f"{NOW - timedelta(days=1):%Y-%m-%d}"
    assert set(lines[at + 1 : at + 3]) == {
        f"    {day}  doctor@example.net  Matter 10",
        f"    {day}  kim@customer.example  Matter 11",
    }
    bare = hub(folder, "mail", "preview", "mailbox", "--no-examples", **ENVIRON).stdout
    assert "customer.example" not in bare


def test_an_empty_mailbox_is_over_at_once(tmp_path: Path, dovecot: Dovecot) -> None:
    configure(tmp_path, dovecot)
    assert told(tmp_path)["reasons"] == []


def test_what_one_folder_holds_is_found_behind_empty_ones(tmp_path: Path, dovecot: Dovecot) -> None:
    fill(dovecot, [filed("Projects/Alpha", mail(1, "kim@customer.example"))])
    configure(tmp_path, dovecot)
    assert told(tmp_path)["recorded"]["nothing"] == 1


def test_a_running_hub_is_not_disturbed(folder: Path) -> None:
    with serving(folder, **ENVIRON) as running:
        assert reasons(told(folder)) == EXPECTED
        assert running.stop() == 0


async def test_a_mailbox_that_was_connected_by_oauth(tmp_path: Path, dovecot: Dovecot) -> None:
    fill(dovecot, MAILS)
    configure(tmp_path, dovecot, OAUTH)
    dovecot.tokens["at-7f3a"] = "alice"
    path = tmp_path / "config.toml"
    async with Service.open(load(path, ENVIRON)) as service:
        keys = Keys(read(HUB_KEY), None)
        grant = Grant(
            source="mailbox",
            account="alice@example.test",
            scopes=("imap",),
            refresh_token=keys.sealed("refresh-1"),
            access_token=keys.sealed("at-7f3a"),
            expires_at=NOW + timedelta(hours=1),
            granted_at=NOW,
            renewed_at=NOW,
        )
        await service.store.write(lambda conn: rows.put(conn, grant))

    assert reasons(await asyncio.to_thread(told, tmp_path)) == EXPECTED

    def beside_a_hub() -> dict[tuple[str, str, str, str], int]:
        with serving(tmp_path, **ENVIRON):
            return reasons(told(tmp_path))

    assert await asyncio.to_thread(beside_a_hub) == EXPECTED


def test_what_cannot_be_previewed_is_said(folder: Path) -> None:
    with (folder / "config.toml").open("a") as config:
        config.write('\n[sources.door]\nprovider = "smtp"\n')

    for asked, why in (
        ("mailbx", 'hub: There is no source "mailbx". Did you mean "mailbox"?\n'),
        ("door", "hub: door is no mailbox: there is nothing in it that could be read before it comes\n"),
    ):
        done = hub(folder, "mail", "preview", asked, **ENVIRON)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", why)
    refused = hub(folder, "mail", "preview", "mailbox", HUB_KEY=HUB_KEY, MAILBOX="not-hers")
    assert refused.returncode == 1
    assert "sources.mailbox.password" in refused.stderr


def test_the_preview_says_what_the_hub_would_do(folder: Path) -> None:
    """Its rules are those by which mails are recorded."""
    config = load(folder / "config.toml", ENVIRON)
    guide = Guide(mail_rules(config), config.region)
    seen: Counter[Kept] = Counter()
    for level in Level:
        for each in MAILS:
            letter = RawMail(each.raw, Copy(place=each.folder, level=level), each.taken_at)
            reason, _ = judge("mailbox", letter, guide)
            opened = understand("mailbox", letter, guide)
            seen[reason.kept] += 1
            if not isinstance(opened, Opened):
                assert reason.kept is Kept.QUARANTINE
            elif opened.event is None:
                assert reason.kept is Kept.NOTHING
            else:
                assert opened.event.copy is not None
                assert reason.kept.value == opened.event.copy.level.value.replace("all", "whole")
    assert set(seen) == set(Kept)


DOOR = """
[hub]
listen = "127.0.0.1:{listen}"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.org"]

[agents.ben]
name = "Ben"

[sources.door]
provider = "smtp"
listen = "127.0.0.1:{door}"
dropbox = "dropbox@hub.example.org"
forward = "forward@hub.example.org"
secret = "env:DOOR"

[sources.plain]
provider = "smtp"
listen = "127.0.0.1:{plain}"
"""
DOOR_ENVIRON = {"DOOR": "3f1c7a09be5d4826"}


@pytest.fixture
def doors(tmp_path: Path) -> tuple[Path, int]:
    """A folder with two doors in its config, and the port of the first."""
    port = free_port()
    (tmp_path / "config.toml").write_text(DOOR.format(listen=free_port(), door=port, plain=free_port()))
    return tmp_path, port


def test_agents_addresses_are_printed(doors: tuple[Path, int]) -> None:
    folder, _ = doors
    done = hub(folder, "mail", "addresses", **DOOR_ENVIRON)

    words = [line.split() for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert [word[:3] for word in words] == [
        ["door", agent, purpose] for agent in ("ada", "ben") for purpose in ("dropbox", "forward")
    ]
    assert all(f"{purpose}+{agent}." in address for _, agent, purpose, address in words)
    assert DOOR_ENVIRON["DOOR"] not in done.stdout
    listed = json.loads(hub(folder, "mail", "addresses", "door", "--json", **DOOR_ENVIRON).stdout)
    assert listed["door"]["ada"] == {"dropbox": words[0][3], "forward": words[1][3]}
    none = hub(folder, "mail", "addresses", "plain", **DOOR_ENVIRON)
    assert (none.returncode, none.stdout) == (1, "")
    assert none.stderr.startswith("hub: No door has addresses for agents.")


@pytest.mark.parametrize("client", [smtplib.SMTP, smtplib.LMTP])
def test_what_is_sent_to_them_is_on_the_timeline(doors: tuple[Path, int], client: type[smtplib.SMTP]) -> None:
    folder, port = doors
    listed = json.loads(hub(folder, "mail", "addresses", "--json", **DOOR_ENVIRON).stdout)["door"]["ada"]
    copy = (
        "From: ada@example.org\r\nTo: kim@customer.example\r\nMessage-ID: <1@example.org>\r\nSubject: Offer\r\n"
        "\r\nHi\r\n"
    )
    passed_on = (
        "From: ada@example.org\r\nTo: x@x.example\r\nMessage-ID: <2@example.org>\r\nSubject: Fwd: Where is it\r\n\r\n"
        "Please look\r\n\r\n-----Original Message-----\r\nFrom: Kim <kim@customer.example>\r\n"
        "Sent: Monday, March 2, 2026 10:00 AM\r\nTo: ada@example.org\r\nSubject: Where is it\r\n\r\nHello\r\n"
    )
    with serving(folder, **DOOR_ENVIRON), client("127.0.0.1", port, timeout=30) as sender:
        sender.sendmail("ada@example.org", [listed["dropbox"]], copy)
        sender.sendmail("ada@example.org", [listed["forward"]], passed_on)
    with closing(sqlite3.connect(f"file:{folder / 'data' / 'hub.sqlite3'}?mode=ro", uri=True)) as store:
        found = store.execute("SELECT title, direction FROM interactions ORDER BY title").fetchall()
        people = store.execute(
            "SELECT i.title, p.role, p.handle FROM participants p JOIN interactions i ON i.id = p.interaction_id"
        ).fetchall()
    assert found == [("Offer", "outbound"), ("Where is it", "inbound")]
    ada, kim = "mailto:ada@example.org", "mailto:kim@customer.example"
    assert sorted(people) == [
        ("Offer", "recipient", kim),
        ("Offer", "sender", ada),
        ("Where is it", "recipient", ada),
        ("Where is it", "sender", kim),
    ]
