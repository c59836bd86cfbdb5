"""What has been read of a feed: the cursor of its source."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Self

from connectors.ical.feed import Validators
from hub.formats.fingerprints import Fingerprints


@dataclass(frozen=True, slots=True)
class Progress:
    """The *validators* and the *digest* of the feed that was read to its end last, and what is known of each UID in it:
    *marks*, written by `hub.formats.fingerprints`. *whole*: it was read to its end once. *empty_since*: the time, in
    seconds since 1970, since which it holds nothing although it held something, 0 where that is not so."""

    validators: Validators = field(default_factory=Validators)
    digest: str = ""
    marks: str = ""
    whole: bool = False
    empty_since: int = 0

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        """What `str` wrote; `None` is nothing. Raises `ValueError` for a text that is no cursor."""
        if cursor is None:
            return cls()
        try:
            etag, modified, digest, marks, whole, empty_since = json.loads(cursor)
            return cls(Validators(str(etag), str(modified)), str(digest), str(marks), bool(whole), int(empty_since))
        except (TypeError, ValueError) as error:
            raise ValueError("not the cursor of a feed") from error

    def __str__(self) -> str:
        known = self.validators
        fields = [known.etag, known.modified, self.digest, self.marks, int(self.whole), self.empty_since]
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    def on_the_way(self, marks: Fingerprints) -> Progress:
        """The same with *marks*: a part of a new state of the feed is read."""
        return replace(self, marks=str(marks))
