"""Mails from files as other programs write them."""

from __future__ import annotations

import io
import mailbox
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.formats.mailfiles import FileKind, FileMail, kind, mails, size

MAIL = b"From: bob@example.net\r\nSubject: hello\r\n\r\nHello\r\n"
UNIX = MAIL.replace(b"\r\n", b"\n")


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read(path: Path) -> list[FileMail]:
    """All mails of *path*; on the way the progress must come to its end."""
    found = list(mails(path))
    positions = [mail.position for mail in found]
    assert positions == sorted(positions)
    if found:
        assert positions[-1] <= size(path)
    return found


class TestSingleMail:
    @pytest.mark.parametrize("raw", [MAIL, UNIX, b"\xef\xbb\xbf" + MAIL, b"X-A:b\n\n\xff\xfe"])
    def test_is_as_it_lies_there(self, tmp_path: Path, raw: bytes) -> None:
        path = write(tmp_path / "a.eml", raw)
        assert kind(path) is FileKind.EML
        assert read(path) == [FileMail(raw, None, "", "", frozenset(), len(raw))]


class TestMbox:
    def test_as_the_standard_library_writes_it(self, tmp_path: Path) -> None:
        path = tmp_path / "Sent.mbox"
        bodies = [b"one\n", b"two\n\nFrom here to there\n", b"three\n>From the start\n\n", b""]
        box = mailbox.mbox(path)
        for body in bodies:
            box.add(b"Subject: x\n\n" + body)
        box.close()
        found = read(path)
        # It quotes as mboxo does, where ">From " stands for both.
        assert [mail.raw for mail in found] == [b"Subject: x\n\n" + body.replace(b">From", b"From") for body in bodies]
        assert {mail.place for mail in found} == {"Sent"}
        assert found[-1].position == size(path)

    def test_quotes_of_every_depth_lose_one_sign(self, tmp_path: Path) -> None:
        body = b">From a\n>>From b\n>>>From c\n >From d\n> From e\n>Fromage\n"
        path = write(tmp_path / "x", b"From a@b Mon Jan  5 10:00:00 2026\nSubject: x\n\n" + body)
        (mail,) = read(path)
        assert mail.raw == b"Subject: x\n\nFrom a\n>From b\n>>From c\n >From d\n> From e\n>Fromage\n"

    def test_a_forgotten_quote_does_not_cut_a_mail_in_two(self, tmp_path: Path) -> None:
        body = b"Hello\n\nFrom 9 to 5 we work.\nFrom b@c Mon Jan  5 10:00:00 2026\n\nBye\n"
        first = b"From a@b Mon Jan  5 10:00:00 2026\n" + UNIX
        path = write(tmp_path / "x.mbox", first + b"\n" + b"From a@b Mon Jan  5 11:00:00 2026\nSubject: y\n\n" + body)
        assert [mail.raw for mail in read(path)] == [UNIX, b"Subject: y\n\n" + body]

    def test_from_lines_without_a_date_are_believed_where_the_first_has_none(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.mbox", (b"From MAILER-DAEMON\n" + UNIX + b"\n") * 3)
        assert [(mail.raw, mail.received_at) for mail in read(path)] == [(UNIX, None)] * 3

    def test_lines_may_end_as_on_the_wire(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.mbox", (b"From - Mon Jan 05 10:00:00 2026\r\n" + MAIL + b"\r\n") * 2)
        assert [mail.raw for mail in read(path)] == [MAIL, MAIL]

    @pytest.mark.parametrize(
        ("line", "received_at"),
        [
            (b"From bob@example.net Thu Jan  1 00:00:01 1970", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
            (b"From - Sat Feb 29 23:59:59 2020", datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC)),
            (b"From 1790@xxx Tue Jan 02 03:04:05 +0000 2018", datetime(2018, 1, 2, 3, 4, 5, tzinfo=UTC)),
            (b"From 1790@xxx Tue Jan 02 03:04:05 +0530 2018", datetime(2018, 1, 1, 21, 34, 5, tzinfo=UTC)),
            (b"From a@b Tue Jan  2 03:04:05 2018 -0800", datetime(2018, 1, 2, 11, 4, 5, tzinfo=UTC)),
            (b"From bob at example.net  Tue Jan  2 03:04 2018", datetime(2018, 1, 2, 3, 4, tzinfo=UTC)),
            (b"From a@b Tue Feb 31 03:04:05 2018", None),
            (b"From a@b yesterday", None),
        ],
    )
    def test_the_from_line_says_when_it_came(self, tmp_path: Path, line: bytes, received_at: datetime | None) -> None:
        (mail,) = read(write(tmp_path / "x.mbox", line + b"\n" + UNIX))
        assert mail.received_at == received_at

    def test_one_mail_after_the_other_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """However large the file: the first mail comes before the last is read."""
        one = b"From a@b Mon Jan  5 10:00:00 2026\nSubject: x\n\n" + b"x" * 70 + b"\n" * 30 + b"\n"
        path = write(tmp_path / "x.mbox", one * 20_000)
        opened: list[io.BufferedReader] = []
        original = Path.open

        def remember(self: Path, mode: str = "r") -> io.BufferedReader:
            file = original(self, mode)
            assert isinstance(file, io.BufferedReader)
            opened.append(file)
            return file

        monkeypatch.setattr(Path, "open", remember)
        found = mails(path)
        next(found)
        assert opened[-1].tell() < 100_000
        assert sum(1 for _ in found) == 19_999


class TestMaildir:
    def test_mails_with_their_flags_and_folders(self, tmp_path: Path) -> None:
        root = tmp_path / "Maildir"
        for folder in ("", ".Sent", ".Archiv.2024", ".Entw&APw-rfe"):
            for part in ("cur", "new", "tmp"):
                (root / folder / part).mkdir(parents=True)
        write(root / "cur" / "1700000000.M1P1.host:2,FRS", MAIL)
        write(root / "new" / "1700000001.M2P1.host,S=123", MAIL)
        write(root / "tmp" / "1700000002.half", MAIL)
        write(root / "dovecot.index", b"From no mail")
        write(root / ".Sent" / "cur" / "odd-name:2,DTP", MAIL)
        write(root / ".Archiv.2024" / "cur" / "1700000003.x:2,", MAIL)
        write(root / ".Entw&APw-rfe" / "new" / "1700000004.x", MAIL)
        assert kind(root) is FileKind.MAILDIR
        found = read(root)
        assert [(mail.place, mail.provider_id, sorted(mail.flags), mail.received_at) for mail in found] == [
            ("INBOX", "1700000000.M1P1.host", [r"\Answered", r"\Flagged", r"\Seen"], datetime.fromtimestamp(17e8, UTC)),
            ("INBOX", "1700000001.M2P1.host,S=123", [], datetime.fromtimestamp(1700000001, UTC)),
            ("Archiv/2024", "1700000003.x", [], datetime.fromtimestamp(1700000003, UTC)),
            ("Entwürfe", "1700000004.x", [], datetime.fromtimestamp(1700000004, UTC)),
            ("Sent", "odd-name", ["$Forwarded", r"\Deleted", r"\Draft"], None),
        ]
        assert all(mail.raw == MAIL for mail in found)
        assert found[-1].position == size(root)

    def test_a_mail_that_is_marked_read_meanwhile_is_found_under_its_new_name(self, tmp_path: Path) -> None:
        for part in ("cur", "new", "tmp"):
            (tmp_path / part).mkdir()
        for number in range(3):
            write(tmp_path / "new" / f"{number}.host", b"X-Number: %d\n\n" % number)
        found = mails(tmp_path)
        first = next(found)
        (tmp_path / "new" / "1.host").rename(tmp_path / "cur" / "1.host:2,S")
        (tmp_path / "new" / "2.host").unlink()
        assert [first.raw, *(mail.raw for mail in found)] == [b"X-Number: 0\n\n", b"X-Number: 1\n\n"]

    def test_an_empty_one_holds_no_mail(self, tmp_path: Path) -> None:
        for part in ("cur", "new", "tmp"):
            (tmp_path / part).mkdir()
        assert read(tmp_path) == []


class TestFolder:
    def test_what_is_mail_is_read_in_the_order_of_names(self, tmp_path: Path) -> None:
        write(tmp_path / "b.eml", MAIL)
        write(tmp_path / "a" / "1.EML", MAIL)
        write(tmp_path / "a" / "INBOX", (b"From a@b Mon Jan  5 10:00:00 2026\n" + UNIX + b"\n") * 2)
        write(tmp_path / "a" / "INBOX.msf", b"index")
        write(tmp_path / "notes.txt", b"Subject: no mail")
        write(tmp_path / "empty.eml", b"")
        write(tmp_path / "z" / "cur" / "1700000000.x:2,S", MAIL)
        (tmp_path / "z" / "new").mkdir()
        assert kind(tmp_path) is FileKind.FOLDER
        found = read(tmp_path)
        assert [(mail.place, mail.raw) for mail in found] == [
            ("a", MAIL),
            ("a/INBOX", UNIX),
            ("a/INBOX", UNIX),
            ("", MAIL),
            ("z", MAIL),
        ]
        assert found[-1].position == size(tmp_path)

    def test_one_without_mail_is_refused(self, tmp_path: Path) -> None:
        write(tmp_path / "notes.txt", b"nothing")
        with pytest.raises(ValueError, match="no mail in this folder"):
            read(tmp_path)


class TestOther:
    def test_a_calendar_is_known_and_is_no_mail(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.ics", b"\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
        assert kind(path) is FileKind.ICS
        with pytest.raises(ValueError, match="calendar"):
            list(mails(path))

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "empty"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", "Outlook message"),
            (b"!BDN....", "readpst"),
            (b"\x1f\x8b\x08", "unpack"),
            (b"PK\x03\x04", "unpack"),
            (b"just some text\n", "neither"),
            (b"\x00\x01\x02", "neither"),
        ],
    )
    def test_what_cannot_be_read_is_said_in_one_line(self, tmp_path: Path, content: bytes, says: str) -> None:
        path = write(tmp_path / "x.eml", content)
        for look in (kind, size, lambda it: list(mails(it))):
            with pytest.raises(ValueError, match=says) as told:
                look(path)
            assert str(path) in str(told.value)
            assert "\n" not in str(told.value)

    def test_what_is_not_there_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="No such file"):
            kind(tmp_path / "missing.mbox")

    def test_links_that_turn_in_circles_are_not_followed(self, tmp_path: Path) -> None:
        write(tmp_path / "a.eml", MAIL)
        os.symlink(tmp_path, tmp_path / "again")
        assert len(read(tmp_path)) == 1
