"""Call detail records: what Asterisk writes down of each call when it is over (`cdr_csv`, `Master.csv`).

https://docs.asterisk.org/Configuration/Reporting/Call-Detail-Records-CDR/CDR-Specification/

One call may have several records, one for each phone that was rung. With `newcdrcolumns = yes` each names its linkedid;
without that, a call that was transferred is several.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.asterisk.causes import of_record
from connectors.asterisk.numbers import DIALLED, Numbers, is_pseudo
from connectors.asterisk.progress import Progress
from hub import (
    Call,
    CallState,
    Channel,
    Direction,
    Event,
    Leg,
    Misconfigured,
    Outcome,
    Participant,
    Recording,
    Role,
    Unavailable,
)

_FEWEST, _WITH_LINKEDID = 17, 20
_VOICEMAIL, _WAS_CALLED = "voicemail", ("appdial", "appqueue")
_AT_ONCE = 4 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """One record. *linkedid* is that of the channel itself where the file has no such column; times are UTC by the
    hub's clock."""

    caller: str
    caller_name: str
    dialled: str
    channel: str
    called: str
    application: str
    data: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    talked: int
    disposition: str
    uniqueid: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file: *record* is None where it cannot be read, and then *why* says so. *end* is the offset after
    it."""

    raw: bytes
    end: int
    record: Record | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """The file, the zone in which it tells the time, and by how much Asterisk's clock is ahead of ours."""

    path: Path
    zone: ZoneInfo
    skew: timedelta = timedelta(0)

    def beyond(self, progress: Progress) -> tuple[str, list[Line], bool]:
        """What was written since *progress*: the identity of the file, its whole lines, and whether there is more.
        Where the file was rotated since, what is left of the old one comes first. Blocks. Raises `Misconfigured`."""
        try:
            there = self._identity(self.path)
        except FileNotFoundError:
            if not self.path.parent.is_dir():
                raise Misconfigured(f"There is no folder {self.path.parent}: check cdr_file.") from None
            return progress.file, [], False  # written with the first call
        except OSError as error:
            raise Misconfigured(f"cdr_file cannot be read: {error.strerror}.") from error
        path, identity, offset = self.path, there, progress.offset
        if progress.file and progress.file != there:
            old = self._rotated(progress.file)
            if old is not None and old.stat().st_size > offset:
                path, identity = old, progress.file
            else:
                offset = 0
        elif not progress.file or path.stat().st_size < offset:
            offset = 0
        try:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read(_AT_ONCE)
                more = bool(file.read(1)) or identity != there
        except OSError as error:
            raise Unavailable(f"cdr_file cannot be read: {error.strerror}.") from error
        lines = []
        for raw in data.splitlines(keepends=True):
            if not raw.endswith(b"\n"):
                break  # half a line: the rest is still being written
            offset += len(raw)
            lines.append(self._line(raw, offset))
        return identity, lines, more

    def _rotated(self, identity: str) -> Path | None:
        """The file that had our name before."""
        for sibling in self.path.parent.glob(f"{self.path.name}*"):
            try:
                if self._identity(sibling) == identity:
                    return sibling
            except OSError:
                continue
        return None

    def _identity(self, path: Path) -> str:
        about = os.stat(path)
        return f"{about.st_dev}:{about.st_ino}"

    def _line(self, raw: bytes, end: int) -> Line:
        try:
            [row] = csv.reader([raw.decode("utf-8", "replace").replace("\0", "")])
            return Line(raw, end, self._record(row))
        except (ValueError, csv.Error) as error:
            return Line(raw, end, None, f"no call detail record: {error}")

    def _record(self, row: list[str]) -> Record:
        if len(row) < _FEWEST:
            raise ValueError(f"it has {len(row)} columns; set loguniqueid = yes in cdr.conf")
        started, answered, ended = (self._time(text) for text in row[9:12])
        if started is None or ended is None:
            raise ValueError("it names no beginning or no end")
        return Record(
            caller=row[1],
            caller_name=parseaddr(row[4])[0],
            dialled=row[2],
            channel=row[5],
            called=row[6],
            application=row[7],
            data=row[8],
            started_at=started,
            answered_at=answered,
            ended_at=ended,
            talked=int(row[13] or 0),
            disposition=row[14],
            uniqueid=row[16],
            linkedid=(row[19] if len(row) >= _WITH_LINKEDID else "") or row[16],
        )

    def _time(self, text: str) -> datetime | None:
        if not text:
            return None
        local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=self.zone)
        return local.astimezone(UTC) - self.skew


def event(record: Record, key: str, numbers: Numbers, sound: Recording | None) -> Event:
    """What *record* says of the call *key*, which nobody told of when it ended. *sound* is what its caller left, or a
    recording of the call."""
    phone_called = bool(record.called) and not is_pseudo(record.called)
    facts = Call(
        state=CallState.ENDED,
        started_at=record.started_at,
        ended_at=record.ended_at,
        legs=tuple(_legs(record, numbers)) if phone_called else (),
        recovered=True,
    )
    if record.uniqueid.startswith(DIALLED) and record.application.lower().startswith(_WAS_CALLED):
        outcome = of_record(record.disposition)
        caller = numbers.participant(numbers.end(record.channel, ""), Role.CALLER)
        facts = replace(facts, participants=(caller,), direction=Direction.OUTBOUND, outcome=outcome)
    elif not is_pseudo(record.channel) and not record.application.lower().startswith(_WAS_CALLED):
        facts = _whole(facts, record, numbers)
    left = sound is not None and sound.voicemail
    if left or (record.application.lower() == _VOICEMAIL and record.talked and not phone_called):
        facts = replace(facts, outcome=Outcome.VOICEMAIL)
    if sound is not None:
        facts = replace(facts, recordings=(sound,))
    return Event(
        key=key,
        id=f"cdr:{record.uniqueid}:{record.called}:{record.started_at.isoformat()}",
        channel=Channel.VOICE,
        at=record.ended_at,
        facts=facts,
    )


def _legs(record: Record, numbers: Numbers) -> Iterator[Leg]:
    took = record.disposition.upper() == "ANSWERED" and record.answered_at is not None
    called = numbers.end(record.called, "" if _dials_out(record, numbers) else record.dialled, called=record.dialled)
    yield Leg(
        id=record.called,
        phone=called.phone or None,
        state=CallState.ENDED,
        started_at=record.started_at,
        answered_at=record.answered_at if took else None,
        ended_at=record.ended_at,
        outcome=of_record(record.disposition),
    )


def _dials_out(record: Record, numbers: Numbers) -> bool:
    caller = numbers.end(record.channel, record.caller, record.caller_name)
    return caller.ours and not numbers.is_internal(record.dialled)


def _whole(facts: Call, record: Record, numbers: Numbers) -> Call:
    """*facts* with who called whom."""
    caller = numbers.end(record.channel, record.caller, record.caller_name)
    who = numbers.participant(caller, Role.CALLER)
    if not caller.ours:
        line = numbers.line(record.dialled)
        callee = (Participant(line, Role.CALLEE),) if line else ()
        return replace(facts, participants=(who, *callee), line=line, direction=Direction.INBOUND)
    if _dials_out(record, numbers):
        callee = (Participant(numbers.handle(record.dialled), Role.CALLEE),)
        line = numbers.handle(record.caller)
        return replace(
            facts,
            participants=(who, *callee),
            line=line if line in numbers.lines else None,
            direction=Direction.OUTBOUND,
        )
    callee = (numbers.participant(numbers.extension(record.dialled), Role.CALLEE),)
    return replace(facts, participants=(who, *callee), direction=Direction.INTERNAL)
