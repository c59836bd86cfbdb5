"""Mails in files: a single mail (RFC 5322), an mbox (RFC 4155), a Maildir, or a folder of them.

Whatever its size, one mail at a time is held in memory. Nothing in a file is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from imapclient import imap_utf7

_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?[!-9;-~]+[ \t]*:")
_FROM = re.compile(
    rb"""From[ ].*?[ ]*
    (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?[ ]+
    (?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ ]+(?P<day>\d\d?)[ ]+
    (?P<time>\d\d?:\d\d(?::\d\d)?)(?:[ ]+(?P<before>[+-]\d{4}))?(?:[ ]+[A-Z]{2,5})?[ ]+
    (?P<year>\d{4})(?:[ ]+(?P<after>[+-]\d{4}))?\s*$""",
    re.VERBOSE,
)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_DELIVERED = re.compile(r"(\d{9,11})\.")
_FLAGS = {"D": r"\Draft", "F": r"\Flagged", "P": "$Forwarded", "R": r"\Answered", "S": r"\Seen", "T": r"\Deleted"}
_FOREIGN = {
    b"\xd0\xcf\x11\xe0": "an Outlook message; save it as .eml",
    b"!BDN": "an Outlook data file; turn it into mbox with readpst",
    b"\x1f\x8b": "compressed; unpack it first",
    b"PK\x03\x04": "compressed; unpack it first",
}


class FileKind(StrEnum):
    """What a file or folder holds."""

    EML = "eml"
    MBOX = "mbox"
    MAILDIR = "maildir"
    FOLDER = "folder"
    ICS = "ics"


@dataclass(frozen=True, slots=True)
class FileMail:
    """A mail from a file. *received_at* is UTC, `None` where the file does not say when it came.

    *place* is the folder it lay in, as people call it; *provider_id* is its name in a Maildir, else empty. *flags* are
    IMAP's. *position* are the bytes of `size` that are read with this mail.
    """

    raw: bytes
    received_at: datetime | None
    place: str
    provider_id: str
    flags: frozenset[str]
    position: int


def kind(path: Path) -> FileKind:
    """What *path* holds, by its content. Raises `ValueError`, in one line, for what is none of these."""
    try:
        if path.is_dir():
            return FileKind.MAILDIR if _is_maildir(path) else FileKind.FOLDER
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    if not head:
        raise ValueError(f"{path} is empty")
    if head.startswith(b"From "):
        return FileKind.MBOX
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().upper().startswith(b"BEGIN:VCALENDAR"):
        return FileKind.ICS
    if _HEADER.match(head):
        return FileKind.EML
    for begin, what in _FOREIGN.items():
        if head.startswith(begin):
            raise ValueError(f"{path} is {what}")
    raise ValueError(f"{path} is neither a mail (.eml, mbox, Maildir) nor a calendar (.ics)")


def size(path: Path) -> int:
    """The bytes of all mails in *path*: what `FileMail.position` comes to. Raises `ValueError` as `kind`."""
    return sum(_size(file) for file, _, _ in _files(path))


def mails(path: Path) -> Iterator[FileMail]:
    """Every mail in *path*, in the order of their file or, in a folder, of their names.

    In folders, what is neither mail nor mbox is passed over. Raises `ValueError`, in one line, for what can't be read.
    """
    before = 0
    for file, what, place in _files(path):
        if what is FileKind.MBOX:
            for raw, received_at, end in _mbox(file):
                yield FileMail(raw, received_at, place, "", frozenset(), before + end)
            before += _size(file)
            continue
        raw = _read(file)
        before += len(raw)
        if what is FileKind.EML:
            yield FileMail(raw, None, place, "", frozenset(), before)
        elif raw:
            name, _, marks = file.name.partition(":2,")
            flags = frozenset(_FLAGS[mark] for mark in marks if mark in _FLAGS)
            yield FileMail(raw, _delivered(name), place, name, flags, before)


def _files(path: Path) -> Iterator[tuple[Path, FileKind, str]]:
    """The files with mail in *path*, what they are, and the name of the place they stand for."""
    what = kind(path)
    if what is FileKind.ICS:
        raise ValueError(f"{path} is a calendar, not mail")
    if what is FileKind.EML:
        yield path, what, ""
    elif what is FileKind.MBOX:
        yield path, what, path.stem
    else:
        empty = True
        for found in _in_folder(path, path):
            empty = False
            yield found
        if empty and what is FileKind.FOLDER:
            raise ValueError(f"{path}: there is no mail in this folder")


def _in_folder(root: Path, folder: Path) -> Iterator[tuple[Path, FileKind, str]]:
    try:
        entries = sorted(folder.iterdir())
        if _is_maildir(folder):
            for part in ("cur", "new"):
                for file in sorted((folder / part).iterdir()):
                    if not file.name.startswith("."):
                        yield file, FileKind.MAILDIR, _maildir_place(root, folder)
            entries = [entry for entry in entries if entry.is_dir() and entry.name not in ("cur", "new", "tmp")]
        for entry in entries:
            if entry.is_symlink():
                continue
            if entry.is_dir():
                yield from _in_folder(root, entry)
            elif entry.suffix.lower() == ".eml" and entry.stat().st_size:
                yield entry, FileKind.EML, _relative(root, folder)
            elif _begins_as_mbox(entry):
                yield entry, FileKind.MBOX, "/".join(filter(None, (_relative(root, folder), entry.stem)))
    except OSError as error:
        raise ValueError(f"{error.filename or folder}: {error.strerror}") from error


def _is_maildir(folder: Path) -> bool:
    return (folder / "cur").is_dir() and (folder / "new").is_dir()


def _maildir_place(root: Path, folder: Path) -> str:
    """INBOX, or the folder's name. In Maildir++ `.Sent.2024` is `Sent/2024`, encoded as in IMAP (RFC 3501, 5.1.3)."""
    if folder == root:
        return "INBOX"
    name = _relative(root, folder)
    if folder.parent == root and name.startswith("."):
        name = name[1:].replace(".", "/")
    try:
        return imap_utf7.decode(name.encode("ascii"))
    except ValueError:
        return name


def _relative(root: Path, folder: Path) -> str:
    return "" if folder == root else folder.relative_to(root).as_posix()


def _begins_as_mbox(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(5) == b"From "


def _read(file: Path) -> bytes:
    """A file; empty where it is gone. In a Maildir that is in use, a mail changes its name with its flags."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        name = file.name.partition(":2,")[0]
        moved = next((file.parent.parent / "cur").glob(f"{name}:2,*"), None)
        return moved.read_bytes() if moved else b""
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from error


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _delivered(name: str) -> datetime | None:
    """The seconds since 1970 with which a name in a Maildir begins."""
    found = _DELIVERED.match(name)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def _mbox(file: Path) -> Iterator[tuple[bytes, datetime | None, int]]:
    """The mails of an mbox, when each came, and where it ends.

    A line that begins with "From " separates mails where it follows an empty line and, if the first one has a date,
    has one too: some programs forget to quote it in bodies. One ">" is taken from each quoted one, as in mboxrd.
    """
    try:
        with file.open("rb") as lines:
            first = lines.readline()
            dated = _FROM.match(first) is not None
            received_at, position = _from_date(first), len(first)
            body: list[bytes] = []
            after_empty = False
            for line in lines:
                if after_empty and line.startswith(b"From ") and (not dated or _FROM.match(line)):
                    if raw := _unquoted(body):
                        yield raw, received_at, position
                    received_at = _from_date(line)
                    body.clear()
                else:
                    body.append(line)
                position += len(line)
                after_empty = line in (b"\n", b"\r\n")
            if raw := _unquoted(body):
                yield raw, received_at, position
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from error


def _unquoted(lines: list[bytes]) -> bytes:
    # The empty line before the next mail belongs to the mbox.
    if lines and lines[-1] in (b"\n", b"\r\n"):
        lines.pop()
    raw = b"".join(lines)
    return _QUOTED_FROM.sub(rb"\1", raw) if b">From " in raw else raw


def _from_date(line: bytes) -> datetime | None:
    """The date of a From line: asctime, UTC where no zone is named (RFC 4155, appendix A)."""
    found = _FROM.match(line)
    if found is None:
        return None
    time = found["time"].decode() if found["time"].count(b":") == 2 else f"{found['time'].decode()}:00"
    words = f"{found['day'].decode()} {found['month'].decode()} {found['year'].decode()} {time}"
    try:
        naive = datetime.strptime(words, "%d %b %Y %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    zone = (found["before"] or found["after"] or b"+0000").decode()
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    return naive - offset if zone[0] == "+" else naive + offset
