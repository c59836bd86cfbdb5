"""What has been read of each folder: the cursor of an IMAP source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Backfill:
    """What lay in the folder when it was first read: UIDs above *after* and up to *until* are still to come.

    *quiet* is true where the source itself is new, so that none of it may alert anybody. It is false after the server
    has renumbered the folder (a new UIDVALIDITY), when something recent may be among it.
    """

    after: int
    until: int
    quiet: bool


@dataclass(frozen=True, slots=True)
class Place:
    """How far one folder is read: everything new up to *uid*, and of the old what *backfill* leaves out.

    UIDs mean something only together with *validity*, the folder's UIDVALIDITY (RFC 3501, 2.3.1.1).
    """

    validity: int
    uid: int
    backfill: Backfill | None = None


class Progress:
    """The folders and their places; written as JSON, because a folder's name may hold any character."""

    def __init__(self, places: Mapping[str, Place] | None = None) -> None:
        self._places = dict(places or {})

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        """The progress that *cursor* states; `None` is none. Raises `ValueError` for a text that is no cursor."""
        if cursor is None:
            return cls()
        try:
            return cls({folder: _place(*numbers) for folder, numbers in json.loads(cursor).items()})
        except (AttributeError, TypeError) as error:
            raise ValueError("not the cursor of a mailbox") from error

    def __str__(self) -> str:
        return json.dumps(
            {folder: list(_numbers(place)) for folder, place in self._places.items()},
            ensure_ascii=False,
            separators=(",", ":"),
        )

    def get(self, folder: str) -> Place | None:
        """How far *folder* is read; `None` where it never was."""
        return self._places.get(folder)

    def __getitem__(self, folder: str) -> Place:
        """How far *folder* is read, where it is known to have been."""
        return self._places[folder]

    def set(self, folder: str, place: Place) -> None:
        """Note how far *folder* is read."""
        self._places[folder] = place

    def advance(self, folder: str, uid: int, *, old: bool) -> None:
        """Note that the mail *uid* of *folder* is read, one of its *old* mails or of the new ones."""
        place = self._places[folder]
        if old and place.backfill is not None:
            self._places[folder] = replace(place, backfill=replace(place.backfill, after=uid))
        else:
            self._places[folder] = replace(place, uid=uid)


def _place(validity: int, uid: int, after: int | None = None, until: int = 0, quiet: int = 1) -> Place:
    return Place(
        int(validity), int(uid), None if after is None else Backfill(int(after), int(until), quiet=bool(quiet))
    )


def _numbers(place: Place) -> Iterator[int]:
    yield from (place.validity, place.uid)
    if place.backfill is not None:
        yield from (place.backfill.after, place.backfill.until, int(place.backfill.quiet))
