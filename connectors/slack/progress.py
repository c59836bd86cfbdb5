"""How far each channel was heard."""

from __future__ import annotations

import json
from collections.abc import Iterable

OVERLAP_SECONDS = 60
"""So much is read again after an outage, because Slack tells of messages out of their order."""

RECENT = 200
THREADS = 50


class Progress:
    """The cursor: the latest ts of each channel in *channels*, and of the *threads* (`channel/ts`) in which was written
    last. *recent* are the marks of what was told within the overlap. While one of them is read again (*reading*), what
    is heard in it meanwhile does not count as read up to there."""

    def __init__(
        self,
        channels: dict[str, str] | None = None,
        threads: dict[str, str] | None = None,
        recent: Iterable[str] = (),
        count: int = 0,
    ) -> None:
        self.channels = channels or {}
        self.threads = threads or {}
        self._recent = dict.fromkeys(recent)
        self._count = count
        self._ahead: dict[str, str] = {}
        self.reading: set[str] = set()

    @classmethod
    def read(cls, cursor: str | None) -> Progress:
        """Of a cursor. Raises `ValueError` and its like for what is none."""
        if cursor is None:
            return cls()
        said = json.loads(cursor)
        channels, threads = ({str(key): str(ts) for key, ts in said[name].items()} for name in ("channels", "threads"))
        return cls(channels, threads, [str(each) for each in said["recent"]], int(said["count"]))

    def __str__(self) -> str:
        said = {"channels": self.channels, "threads": self.threads, "recent": [*self._recent], "count": self._count}
        return json.dumps(said, separators=(",", ":"))

    def after(self, channel: str) -> str:
        """From where on *channel* is read, "" where it never was."""
        return _earlier(self.channels.get(channel, ""))

    def after_thread(self, thread: str) -> str:
        """From where on a thread is read."""
        return _earlier(self.threads.get(thread, ""))

    def knows(self, mark: str) -> bool:
        """Whether it was told."""
        return mark in self._recent

    def note(self, channel: str, ts: str, mark: str, thread: str | None, *, live: bool) -> None:
        """*mark* is told now, a message of *channel* at *ts*, heard *live* or read again."""
        self.told(mark)
        self._reached(self.channels, channel, ts, live=live)
        if thread:
            name = f"{channel}/{thread}"
            if name in self.threads:  # what was written in last stands last, and the first goes
                self.threads[name] = self.threads.pop(name)
            self._reached(self.threads, name, ts, live=live)
            while len(self.threads) > THREADS:
                del self.threads[next(iter(self.threads))]

    def told(self, mark: str) -> None:
        """*mark* is told now. No two cursors are the same after it."""
        self._count += 1
        self._recent[mark] = None
        while len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    def was_read(self, name: str) -> None:
        """The channel or thread *name* is read to its end."""
        self.reading.discard(name)
        if ahead := self._ahead.pop(name, ""):
            self._reached(self.threads if "/" in name else self.channels, name, ahead, live=False)

    def _reached(self, latest: dict[str, str], name: str, ts: str, *, live: bool) -> None:
        into = self._ahead if live and name in self.reading else latest
        into[name] = max(into.get(name, ""), ts, key=_parts)


def _parts(ts: str) -> tuple[int, str]:
    seconds, _, micros = ts.partition(".")
    return int(seconds or 0), micros


def _earlier(ts: str) -> str:
    if not ts:
        return ""
    seconds, micros = _parts(ts)
    return f"{max(0, seconds - OVERLAP_SECONDS)}.{micros}"
