"""What has been read of each feed: the cursor of their source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field

from hub.formats.digest import stable_id

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of one feed: the address that it *moved* to for good, its validators verbatim (RFC 9110, 8.8), the
    *digest* of it, the *marks* of its entries (`hub.formats.fingerprints`), whether it was read to its end once
    (*whole*), and the *hub* and *topic* at which we asked to be told of it at *subscribed* (seconds since 1970)."""

    moved: str = ""
    etag: str = ""
    modified: str = ""
    digest: str = ""
    marks: str = ""
    whole: bool = False
    hub: str = ""
    topic: str = ""
    subscribed: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of each feed, by a short hash of its address in the config."""

    feeds: Mapping[str, Known] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> Progress:
        """What `str` wrote; `None` is nothing. Raises `ValueError` for a text that is no cursor."""
        if cursor is None:
            return cls()
        try:
            number, feeds = json.loads(cursor)
            if number != _FORMAT:
                raise ValueError
            return cls({name: _known(said) for name, said in feeds.items()})
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError("not the cursor of feeds") from error

    def __str__(self) -> str:
        feeds = {name: astuple(known) for name, known in self.feeds.items()}
        return json.dumps([_FORMAT, feeds], ensure_ascii=False, separators=(",", ":"))

    def of(self, url: str) -> Known:
        """What is known of the feed at *url*."""
        return self.feeds.get(name(url), Known())

    def noting(self, url: str, known: Known, urls: tuple[str, ...]) -> Progress:
        """The same with *known* of *url*, and without feeds that are none of *urls* any more."""
        wanted = set(map(name, urls))
        kept = {each: what for each, what in self.feeds.items() if each in wanted}
        return Progress({**kept, name(url): known})


def name(url: str) -> str:
    """What a feed is called in the cursor and in the address at which its hub reaches us."""
    return stable_id("feed", url)[:16]


def _known(said: object) -> Known:
    if not isinstance(said, list):
        raise ValueError
    moved, etag, modified, digest, marks, whole, place, topic, subscribed = said
    return Known(
        str(moved),
        str(etag),
        str(modified),
        str(digest),
        str(marks),
        bool(whole),
        str(place),
        str(topic),
        int(subscribed),
    )
