"""What has been read of each calendar, and how Google tells of changes: the cursor of a source."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Place:
    """How far one calendar is read: *token* is after which changes are asked for, "" where all of it is to be read;
    *page* is the next page of that. *read* so many events were.

    *channel* and *resource* name the channel over which Google tells that something changed; it is made anew from
    *renew* on, which is seconds since 1970. *token_of* says for which address and secret it was made. *written*:
    bookings go into this calendar, or went.
    """

    token: str = ""
    page: str = ""
    read: int = 0
    channel: str = ""
    resource: str = ""
    renew: int = 0
    token_of: str = ""
    written: bool = False


_KINDS = {each.name: type(each.default) for each in fields(Place)}


class Progress(dict[str, Place]):
    """The calendars by id; written as JSON, without what is not so."""

    @classmethod
    def of(cls, cursor: str | None) -> Self:
        """What *cursor* states; `None` is nothing. Raises `ValueError` for a text that is no cursor."""
        if cursor is None:
            return cls()
        try:
            return cls({name: Place(**_checked(place)) for name, place in json.loads(cursor).items()})
        except (AttributeError, TypeError) as error:
            raise ValueError("not the cursor of calendars") from error

    def __str__(self) -> str:
        written = {name: {key: value for key, value in asdict(place).items() if value} for name, place in self.items()}
        return json.dumps(written, ensure_ascii=False, separators=(",", ":"))


def _checked(place: dict[str, Any]) -> dict[str, Any]:
    for name, value in place.items():
        if _KINDS.get(name) is not type(value):
            raise TypeError(name)
    return place
