"""Asterisk's spool folder (`astspooldir`) as this machine sees it: recordings of MixMonitor, and messages of voicemail.

The manager interface names files and gives none, and ARI knows only what it has recorded itself. So the folder is read,
where the settings name it: the same machine, or a mount. Nothing outside of it is ever opened, and nothing is written.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.asterisk.records import Record
from connectors.asterisk.wire import Packet
from hub import Media, Recording, Unavailable, Unsupported

MONITOR, VOICEMAIL = "monitor", "voicemail"
_TYPES = {"wav": "audio/wav", "gsm": "audio/gsm", "ulaw": "audio/basic", "ogg": "audio/ogg", "mp3": "audio/mpeg"}
_PLAIN = re.compile(r"[\w.-]{6,}")
_SETTLED = timedelta(minutes=2)


class Spool:
    """The folder at *path*, which may be none. All of it blocks."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).resolve() if path else None

    def __bool__(self) -> bool:
        return self._path is not None

    def sound(self, variable: str, packet: Packet, at: datetime) -> Recording | None:
        """The recording whose file the channel variable names in *packet*: of a call, or a message left for us."""
        if self._path is None:
            return None
        if variable == "MIXMONITOR_FILENAME":
            _, slash, name = packet["Value"].rpartition(f"/{MONITOR}/")
            return Recording(id=f"{MONITOR}/{name}", started_at=at) if slash else None
        _, slash, name = packet["Value"].rpartition(f"/{VOICEMAIL}/")
        return self._message(self._inside(f"{VOICEMAIL}/{name}.txt")) if slash else None

    def message(self, record: Record) -> Recording | None:
        """The message that the caller of *record* left, found by her channel and the time."""
        mailbox, _, context = record.data.partition(",")[0].partition("@")
        for about in self._messages(context or "default", mailbox):
            said = _described(about)
            origin = int(said.get("origtime", "0") or 0)
            if said.get("callerchan") == record.channel and abs(origin - record.started_at.timestamp()) < 86_400:
                return self._message(about)
        return None

    def monitored(self, record: Record) -> Recording | None:
        """The recording of the call of *record*, where its file's name holds the call's id."""
        if self._path is None or not _PLAIN.fullmatch(record.uniqueid):
            return None
        for path in sorted((self._path / MONITOR).rglob(f"*{record.uniqueid}*")):
            if path.is_file() and path.suffix[1:].lower() in _TYPES:
                return Recording(id=str(path.relative_to(self._path)), started_at=record.started_at)
        return None

    def read(self, recording: Recording, most: int) -> Media:
        """The sound of *recording*. Raises `Unavailable` where it is not there yet, `Unsupported` where it is no sound
        of this folder, or larger than *most* bytes."""
        path = self._file(recording)
        kind = _TYPES.get(path.suffix[1:].lower())
        if kind is None:
            raise Unsupported(f"{path.suffix or 'A file without an ending'} is no format of sound that the hub keeps.")
        try:
            size = path.stat().st_size
            if size > most:
                raise Unsupported(f"The recording has {size:,} bytes, of which {most:,} are allowed.")
            data = path.read_bytes()
        except OSError as error:
            raise Unavailable(f"The recording cannot be read: {error.strerror}.") from error
        young = datetime.now(UTC).timestamp() - path.stat().st_mtime < _SETTLED.total_seconds()
        if young and kind == "audio/wav" and not _is_whole(data):
            raise Unavailable("The recording is still being written.", 5)
        return Media(kind, data)

    def _file(self, recording: Recording) -> Path:
        kind, _, name = recording.id.partition("/")
        if kind == VOICEMAIL:
            context, mailbox, ident = ([*name.split("/"), "", ""])[:3]
            for about in self._messages(context, mailbox):
                if _described(about).get("msg_id") == ident:
                    sounds = (about.with_suffix(f".{ending}") for ending in _TYPES)
                    found = next((path for path in sounds if path.is_file()), None)
                    if found is not None:
                        return found
            raise Unavailable("The message is not in the mailbox.")
        path = self._inside(recording.id) if kind == MONITOR else None
        if path is None:
            raise Unsupported("The recording lies outside of the spool folder.")
        if not path.is_file():
            raise Unavailable("The recording is not there yet.", 5)
        return path

    def _inside(self, name: str) -> Path | None:
        """The path of *name* in the folder, links followed; None where that leads out of it."""
        if self._path is None or "\0" in name:
            return None
        path = (self._path / name).resolve()
        return path if path.is_relative_to(self._path) else None

    def _messages(self, context: str, mailbox: str) -> Iterator[Path]:
        """What describes each message of a mailbox, in whichever of its folders: people move them about."""
        box = self._inside(f"{VOICEMAIL}/{context}/{mailbox}") if context and mailbox else None
        if box is not None and "/" not in context + mailbox:
            yield from sorted(box.glob("*/msg*.txt"))

    def _message(self, about: Path | None) -> Recording | None:
        said = _described(about) if about is not None else {}
        if about is None or self._path is None or not said.get("msg_id"):
            return None
        context, mailbox = about.relative_to(self._path).parts[1:3]
        seconds, origin = said.get("duration", ""), said.get("origtime", "")
        return Recording(
            id=f"{VOICEMAIL}/{context}/{mailbox}/{said['msg_id']}",
            voicemail=True,
            seconds=int(seconds) if seconds.isdigit() else None,
            started_at=datetime.fromtimestamp(int(origin), UTC) if origin.isdigit() else None,
        )


def _described(about: Path) -> dict[str, str]:
    """What app_voicemail writes beside a message."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",), comment_prefixes=(";",))
    try:
        parser.read_string(about.read_text("utf-8", "replace"))
    except (OSError, configparser.Error):
        return {}
    return dict(parser["message"]) if parser.has_section("message") else {}


def _is_whole(data: bytes) -> bool:
    """Whether a WAV file is as long as it says: Asterisk writes that when it closes it."""
    return len(data) > 44 and data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") + 8 >= len(data)
