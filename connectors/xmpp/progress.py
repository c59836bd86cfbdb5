"""How far a source has read each of its archives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import orjson


@dataclass(frozen=True, slots=True)
class Place:
    """The last message read of an archive: its id there ("" before the first) and its time in UTC, from which one reads
    on where the archive has forgotten the id. *begun*: the first reading is over."""

    ident: str
    at: datetime
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """The place in each archive, by the bare address whose it is. As text it is the cursor."""

    places: Mapping[str, Place] = field(default_factory=lambda: MappingProxyType({}))

    def after(self, archive: str, place: Place) -> Progress:
        """The progress once *archive* is read up to *place*."""
        return Progress({**self.places, archive: place})

    def __str__(self) -> str:
        rows = {archive: [each.ident, each.at.isoformat(), each.begun] for archive, each in self.places.items()}
        return orjson.dumps(rows, option=orjson.OPT_SORT_KEYS).decode()

    @classmethod
    def read(cls, cursor: str | None) -> Progress:
        """What *cursor* says. Raises `ValueError`."""
        if cursor is None:
            return cls()
        try:
            rows = orjson.loads(cursor).items()
            return cls(
                {
                    str(name): Place(str(ident), datetime.fromisoformat(at), bool(begun))
                    for name, (ident, at, begun) in rows
                }
            )
        except (AttributeError, TypeError) as error:
            raise ValueError("not a cursor of ours") from error
