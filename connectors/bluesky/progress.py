"""How far a stream was heard: the source's cursor."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

import orjson

from connectors.bluesky.frames import Said

REWIND = 2_000_000
"""Microseconds: a server numbers what it hears at the same moment in no sure order, so it is asked from a little
before."""

MOST_MARKS = 2_000
"""So many things of those last microseconds are known again. Of a stream that is faster, some are told twice, which the
hub notices by their ids."""

_MARK = 6


@dataclass(slots=True)
class Progress:
    """Heard is all of *host* up to *micros* (since 1970) and, in the second wire format, number *seq*; *since* is when
    the source was first read: what is older than that is not news. *marks* are what was heard within `REWIND`."""

    host: str = ""
    micros: int = 0
    seq: int = 0
    since: int = 0
    marks: dict[bytes, int] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> Progress:
        """What `str` made. Raises `ValueError`."""
        if cursor is None:
            return cls()
        said = orjson.loads(cursor)
        if not isinstance(said, dict):
            raise ValueError("no map")
        packed = base64.b64decode(str(said.get("marks", "")))
        at = int(said["micros"])
        marks = {packed[start : start + _MARK]: at for start in range(0, len(packed), _MARK)}
        return cls(str(said["host"]), at, int(said.get("seq", 0)), int(said.get("since", 0)), marks)

    def __str__(self) -> str:
        packed = base64.b64encode(b"".join(list(self.marks)[-MOST_MARKS:])).decode()
        about = {"host": self.host, "micros": self.micros, "seq": self.seq, "since": self.since, "marks": packed}
        return orjson.dumps(about).decode()

    def knows(self, said: Said) -> bool:
        """Whether it was heard before, as far as that is remembered."""
        if said.seq and said.seq <= self.seq:
            return True
        return said.micros <= self.micros and _mark(said) in self.marks

    def note(self, some: Iterable[Said]) -> None:
        """It was heard."""
        for said in some:
            self.micros, self.seq = max(self.micros, said.micros), max(self.seq, said.seq)
            self.marks[_mark(said)] = said.micros
        if len(self.marks) > MOST_MARKS:
            self.marks = {mark: at for mark, at in self.marks.items() if at > self.micros - REWIND}


def _mark(said: Said) -> bytes:
    name = f"{said.did}/{said.collection}/{said.rkey}/{said.rev}/{said.operation}/{said.gone}"
    return blake2b(name.encode(), digest_size=_MARK).digest()
