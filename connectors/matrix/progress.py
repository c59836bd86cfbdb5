"""How far the rooms of an account were read."""

from __future__ import annotations

from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Gap:
    """Older events of a *room* that were not read yet: backwards from the token *since*, up to the token *until* ("":
    to the first), and not those before *oldest* (milliseconds since 1970). *live*: they came while we listened."""

    room: str
    since: str
    until: str = ""
    oldest: int = 0
    live: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """The cursor: the token of the last `/sync`, "" before the first, and the gaps before it."""

    token: str = ""
    gaps: tuple[Gap, ...] = ()

    def __str__(self) -> str:
        gaps = [[gap.room, gap.since, gap.until, gap.oldest, gap.live] for gap in self.gaps]
        return orjson.dumps([self.token, gaps]).decode()

    @classmethod
    def read(cls, cursor: str | None) -> Progress:
        """What `str` wrote. Raises `ValueError`."""
        if cursor is None:
            return cls()
        try:
            token, gaps = orjson.loads(cursor)
            return cls(str(token), tuple(Gap(*each) for each in gaps))
        except (TypeError, orjson.JSONDecodeError) as error:
            raise ValueError("no cursor of ours") from error
