"""How far each stream of a server was heard: the source's cursor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

MOST_RECENT = 500
"""So many of the latest posts are known again. What is older and comes again, the hub notices by its id."""

OVERLAP = 600_000 << 16
"""Ten minutes, in the numbers that Mastodon gives: a post from elsewhere is numbered by when it was written, and so it
may come late with an early number (https://docs.joinmastodon.org/api/guidelines/#id)."""

_SNOWFLAKE = 15


@dataclass(slots=True)
class Progress:
    """The latest id *heard* of each stream, the marks of the posts that were heard *recently*, those among them that
    were *private*, and when the source was first read (*since*, ISO 8601): what was written before is not news."""

    since: str = ""
    heard: dict[str, str] = field(default_factory=dict)
    recent: dict[str, None] = field(default_factory=dict)
    private: dict[str, None] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> Progress:
        """What `str` made. Raises `ValueError`."""
        if cursor is None:
            return cls()
        said = orjson.loads(cursor)
        if not isinstance(said, dict):
            raise ValueError("no map")
        return cls(
            str(said["since"]),
            {str(name): str(id) for name, id in said["heard"].items()},
            dict.fromkeys(said["recent"]),
            dict.fromkeys(said["private"]),
        )

    def __str__(self) -> str:
        about = {"since": self.since, "heard": self.heard, "recent": [*self.recent], "private": [*self.private]}
        return orjson.dumps(about).decode()

    def after(self, stream: str) -> str:
        """The id after which *stream* is read again, "" where it was never read."""
        id = self.heard.get(stream, "")
        if id.isdigit() and len(id) >= _SNOWFLAKE:
            return str(max(0, int(id) - OVERLAP))
        return id

    def note(self, stream: str, id: str, mark: str) -> None:
        """The post *mark* was heard, under *id* in *stream*."""
        if order(id) > order(self.heard.get(stream, "")):
            self.heard[stream] = id
        self.recent[mark] = None
        _shorten(self.recent)

    def keep_private(self, id: str) -> None:
        """The post *id* is a message to us."""
        self.private[id] = None
        _shorten(self.private)


def order(id: str) -> tuple[int, str]:
    """By what ids are ordered: they are text, the longer the later."""
    return len(id), id


def _shorten(names: dict[str, None]) -> None:
    for name in _first(names, len(names) - MOST_RECENT):
        del names[name]


def _first(names: Iterable[str], count: int) -> list[str]:
    return [name for name, _ in zip(list(names), range(max(0, count)), strict=False)]
