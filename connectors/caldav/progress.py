"""What has been read of each calendar: the cursor of a CalDAV source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Place:
    """How far one calendar is read.

    *token* is the sync token (RFC 6578) after which changes are asked for, "" where all of it is to be read; *ctag*
    and *marks* stand for it at servers without: the tag that the calendar had, and what is known of each object
    (`hub.formats.fingerprints`).

    While a reading is under way *goal* is the token that counts after it, and *after* the address up to which it has
    come; *done* of *total* objects have. *known*: the hub has had this calendar before. *written*: bookings go into
    it, or went.
    """

    token: str = ""
    ctag: str = ""
    marks: str = ""
    goal: str = ""
    after: str = ""
    done: int = 0
    total: int = 0
    known: bool = False
    written: bool = False


_DEFAULTS = asdict(Place())
_KINDS = {each.name: type(_DEFAULTS[each.name]) for each in fields(Place)}


class Progress:
    """The calendars and their places; written as JSON, without what is not so."""

    def __init__(self, places: Mapping[str, Place] | None = None) -> None:
        self._places = dict(places or {})

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        """The progress that *cursor* states; `None` is none. Raises `ValueError` for a text that is no cursor."""
        if cursor is None:
            return cls()
        try:
            return cls({path: Place(**_checked(place)) for path, place in json.loads(cursor).items()})
        except (AttributeError, TypeError) as error:
            raise ValueError("not the cursor of calendars") from error

    def __str__(self) -> str:
        written = {
            path: {name: value for name, value in asdict(place).items() if value != _DEFAULTS[name]}
            for path, place in self._places.items()
        }
        return json.dumps(written, ensure_ascii=False, separators=(",", ":"))

    @property
    def paths(self) -> tuple[str, ...]:
        """Every calendar that was read, or begun."""
        return tuple(self._places)

    def get(self, path: str) -> Place | None:
        """How far the calendar at *path* is read; `None` where it never was."""
        return self._places.get(path)

    def set(self, path: str, place: Place) -> None:
        """Note how far the calendar at *path* is read."""
        self._places[path] = place

    def forget(self, path: str) -> None:
        """The calendar at *path* is not read any more."""
        self._places.pop(path, None)


def _checked(place: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in place.items():
        if _KINDS.get(name) is not type(value):
            raise TypeError(name)
    return dict(place)
