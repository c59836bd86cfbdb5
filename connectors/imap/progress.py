"""What has been read of each folder: the cursor of an IMAP source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import hub


@dataclass(frozen=True, slots=True)
class Backfill:
    """What lay in the folder when it was first read: the UIDs up to *left* are still to come, newest first. *done* of
    *total* mails have come; 0 is left when all have.

    *known* is true where the hub had the folder already and the server has renumbered it (a new UIDVALIDITY): most of
    it is known, and something recent may be among it. Where it is false, nothing in it may alert anybody.
    """

    left: int
    done: int
    total: int
    known: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """How far one folder is read: everything new up to *uid*, flags up to *modseq* (0: the server does not count
    them), and of the old what *backfill* leaves. *messages* of the mails up to *uid* were there when last compared.

    UIDs mean something only together with *validity*, the folder's UIDVALIDITY (RFC 3501, 2.3.1.1).
    """

    validity: int
    uid: int
    modseq: int = 0
    messages: int = 0
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
        written = {folder: _numbers(place) for folder, place in self._places.items()}
        return json.dumps(written, ensure_ascii=False, separators=(",", ":"))

    @property
    def folders(self) -> tuple[str, ...]:
        """Every folder that was ever read."""
        return tuple(self._places)

    def get(self, folder: str) -> Place | None:
        """How far *folder* is read; `None` where it never was."""
        return self._places.get(folder)

    def __getitem__(self, folder: str) -> Place:
        """How far *folder* is read, where it is known to have been."""
        return self._places[folder]

    def set(self, folder: str, place: Place) -> None:
        """Note how far *folder* is read."""
        self._places[folder] = place

    def change(self, folder: str, **changes: Any) -> None:
        """Note what is new about the place in *folder*."""
        self._places[folder] = replace(self._places[folder], **changes)

    def old_read(self, folder: str, left: int, mails: int) -> None:
        """Note that *mails* more of the old mails of *folder* are done, and those up to UID *left* are to come."""
        backfill = self._places[folder].backfill
        if backfill is not None:
            done = min(backfill.done + mails, backfill.total)
            self.change(folder, backfill=replace(backfill, left=left, done=backfill.total if left == 0 else done))

    def backfill(self, folders: Iterable[str]) -> hub.Backfill | None:
        """How far the first reading is over all *folders*; `None` where it is over."""
        found = [place.backfill for folder in folders if (place := self._places.get(folder)) and place.backfill]
        if not any(each.left for each in found):
            return None
        return hub.Backfill(sum(each.done for each in found), sum(each.total for each in found))

    def settle(self, folders: Iterable[str]) -> None:
        """Forget the backfills once those of all *folders* are done: until then they count."""
        found = [place.backfill for folder in folders if (place := self._places.get(folder)) and place.backfill]
        if not any(each.left for each in found):
            for folder, place in self._places.items():
                self._places[folder] = replace(place, backfill=None)


def _place(validity: int, uid: int, modseq: int, messages: int, *backfill: int) -> Place:
    return Place(int(validity), int(uid), int(modseq), int(messages), _backfill(*backfill) if backfill else None)


def _backfill(left: int, done: int, total: int, known: int) -> Backfill:
    return Backfill(int(left), int(done), int(total), known=bool(known))


def _numbers(place: Place) -> list[int]:
    numbers = [place.validity, place.uid, place.modseq, place.messages]
    if place.backfill is not None:
        numbers += [place.backfill.left, place.backfill.done, place.backfill.total, int(place.backfill.known)]
    return numbers
