"""`hub ingest`: files of mails and meetings, with and without a running hub."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import hub, serving
from tests.servers.process import free_port

CALENDARS = Path(__file__).parents[1] / "data" / "calendar"
AGENT = '[agents.ada]\nname = "Ada"\nhandles = ["mailto:ada@example.org"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(f'[hub]\nlisten = "127.0.0.1:{free_port()}"\n{AGENT}')
    return tmp_path


def mail(name: str) -> bytes:
    message = EmailMessage()
    message["From"] = "Grace <grace@example.net>"
    message["To"] = "ada@example.org"
    message["Subject"] = name
    message["Date"] = "Mon, 04 May 2026 12:00:00 +0000"
    message["Message-ID"] = f"<{name}@example.net>"
    message.set_content(f"Hello {name}.")
    return message.as_bytes()


def mbox(path: Path, *names: str) -> None:
    path.write_bytes(
        b"".join(b"From grace@example.net Mon May  4 12:00:00 2026\n" + mail(name) + b"\n" for name in names)
    )


@contextmanager
def store(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{folder / 'data' / 'hub.sqlite3'}?mode=ro", uri=True)) as connection:
        yield connection


def rows(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    with store(folder) as connection:
        return connection.execute(statement).fetchall()


def titles(folder: Path) -> list[str]:
    return [title for (title,) in rows(folder, "SELECT title FROM interactions ORDER BY title")]


def test_every_kind_of_file_at_once(folder: Path) -> None:
    (folder / "one.eml").write_bytes(mail("one"))
    mbox(folder / "Old.mbox", "two", "three")
    for part in ("cur", "new", "tmp"):
        (folder / "Maildir" / part).mkdir(parents=True)
    (folder / "Maildir" / "cur" / "1777896000.M1.host:2,S").write_bytes(mail("four"))
    meeting = CALENDARS / "synthetic" / "itip-sequence" / "01-request-series.ics"

    done = hub(folder, "ingest", "one.eml", "Old.mbox", "Maildir", str(meeting))

    assert (done.returncode, done.stdout, done.stderr) == (0, "4 mails and 1 meeting taken in.\n", "")
    assert titles(folder) == ["Account review", "four", "one", "three", "two"]
    assert rows(folder, "SELECT place, flags FROM copies ORDER BY place") == [
        ("", ""),
        ("", ""),
        ("INBOX", "\\Seen"),
        ("Old", ""),
        ("Old", ""),
    ]
    assert rows(folder, "SELECT DISTINCT source FROM interactions") == [("files",)]


def test_nothing_is_taken_in_twice(folder: Path) -> None:
    mbox(folder / "old.mbox", *(f"mail-{number}" for number in range(150)))

    first, second = (hub(folder, "ingest", "old.mbox") for _ in range(2))

    assert first.stdout == second.stdout == "150 mails taken in.\n"
    assert rows(folder, "SELECT count(*), sum(revision) FROM interactions") == [(150, 150)]


def test_what_cannot_be_understood_lies_in_quarantine(folder: Path) -> None:
    for part in ("cur", "new", "tmp"):
        (folder / "Maildir" / part).mkdir(parents=True)
    (folder / "Maildir" / "new" / "1777896000.M1.host").write_bytes(b"\x00\x01 no mail at all")
    (folder / "Maildir" / "new" / "1777896000.M2.host").write_bytes(mail("two"))

    done = hub(folder, "ingest", "Maildir")

    assert done.returncode == 0
    assert done.stdout == ("2 mails taken in.\n1 could not be understood: hub quarantine list --source files\n")
    assert titles(folder) == ["two"]


def test_a_file_that_is_no_mail_is_named_and_the_others_go_on(folder: Path) -> None:
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (folder / "one.eml").write_bytes(mail("one"))

    done = hub(folder, "ingest", "photo.jpg", "nowhere.mbox", "one.eml")

    assert done.returncode == 1
    assert done.stdout == "1 mail taken in.\n"
    assert done.stderr.replace(f"{folder}/", "").splitlines() == [
        "hub: photo.jpg is neither a mail (.eml, mbox, Maildir) nor a calendar (.ics)",
        "hub: nowhere.mbox: No such file or directory",
    ]


def test_who_may_read_it(folder: Path) -> None:
    (folder / "one.eml").write_bytes(mail("one"))

    done = hub(folder, "ingest", "one.eml", "--level", "subject", "--audience", "ada")

    assert done.returncode == 0
    assert rows(folder, "SELECT level, audience FROM copies") == [(2, "ada")]
    assert rows(folder, "SELECT title, preview FROM interactions") == [("one", "")]


def test_a_source_says_who_may_read_its_mails(folder: Path) -> None:
    with (folder / "config.toml").open("a") as config:
        config.write('[sources.private]\nprovider = "smtp"\nlevel = "metadata"\naudience = "ada"\n')
    (folder / "one.eml").write_bytes(mail("one"))

    done = hub(folder, "ingest", "one.eml", "--source", "private")

    assert done.returncode == 0
    assert rows(folder, "SELECT source, level, audience FROM copies") == [("private", 1, "ada")]


def test_an_unknown_colleague_is_named(folder: Path) -> None:
    (folder / "one.eml").write_bytes(mail("one"))

    done = hub(folder, "ingest", "one.eml", "--audience", "adda")

    assert (done.returncode, done.stderr) == (1, 'hub: There is no agent "adda". Did you mean "ada"?\n')


def test_beside_a_running_hub(folder: Path) -> None:
    mbox(folder / "old.mbox", *(f"mail-{number}" for number in range(70)))

    with serving(folder):
        done = hub(folder, "ingest", "old.mbox")

    assert (done.returncode, done.stdout, done.stderr) == (0, "70 mails taken in.\n", "")
    assert rows(folder, "SELECT count(*) FROM interactions") == [(70,)]
