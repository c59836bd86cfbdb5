"""How far the list of an account was read: the cursor of the connector."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

KINDS = ("calls", "messages", "recordings")

OVERLAP = timedelta(minutes=15)
"""So far the list is read again each time: what happens may stand in it a while later."""

NOT_OURS = "-"
"""The mark of what is about another number of the account."""

LONGEST = timedelta(hours=25)
"""Nothing is waited for any longer: Twilio ends a call after 24 hours."""


@dataclass(slots=True)
class Known:
    """What was told of one thing: when it was, how it stood, and whether more is to come."""

    at: datetime
    mark: str
    open: bool


@dataclass(slots=True)
class Place:
    """How far one of the lists was read: everything before *since* is settled, of what came after *known* was told."""

    since: datetime
    known: dict[str, Known] = field(default_factory=dict)

    def settle(self, now: datetime, reached: datetime | None = None) -> None:
        """Everything up to *reached*, or to the latest that is known, was told of: forget what need not be looked at
        again. What is still open holds the place back, however long ago it began."""
        if reached is None:
            reached = max((each.at for each in self.known.values()), default=self.since)
        waiting = [each.at for each in self.known.values() if each.open and each.at > now - LONGEST]
        since = min([reached - OVERLAP, *waiting])
        if since > self.since:
            self.since = since
            self.known = {sid: each for sid, each in self.known.items() if each.at >= since}


@dataclass(slots=True)
class Progress:
    """The place in each of the lists."""

    places: dict[str, Place]

    @classmethod
    def beginning(cls, since: datetime) -> Progress:
        """Nothing was read, and nothing before *since* will be."""
        return cls({kind: Place(since) for kind in KINDS})

    @classmethod
    def read(cls, cursor: str) -> Progress:
        """What `cursor` wrote. Raises `ValueError`."""
        try:
            document = json.loads(cursor)
            return cls(
                {
                    kind: Place(
                        _time(document[kind]["since"]),
                        {sid: Known(_time(at), mark, bool(opened)) for sid, (at, mark, opened) in told.items()},
                    )
                    for kind in KINDS
                    for told in [document[kind]["known"]]
                }
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a cursor of this connector") from error

    def settle(self, now: datetime, reached: datetime | None = None) -> None:
        """As `Place.settle`, in every list."""
        for place in self.places.values():
            place.settle(now, reached)

    @property
    def cursor(self) -> str:
        """It, to go on from."""
        return json.dumps(
            {
                kind: {
                    "since": int(place.since.timestamp()),
                    "known": {
                        sid: [int(each.at.timestamp()), each.mark, int(each.open)] for sid, each in place.known.items()
                    },
                }
                for kind, place in self.places.items()
            },
            separators=(",", ":"),
        )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
