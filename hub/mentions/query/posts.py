"""What queries look at, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

LOOKED_AT = 100_000
"""Characters of a post's text that are looked at; what comes after is not searched. Titles and links: the same."""

MOST_SPANS = 100
"""Places that one hit names: the first ones."""

Part = Literal["title", "text", "author", "site", "link"]


@dataclass(frozen=True, slots=True)
class Post:
    """A public post. *author* is the handle, *author_name* what people read; *site* the host, forum or channel
    (`reddit.com/r/crm`); *language* a BCP 47 tag or ""; *followers* None where nobody says; *links* the addresses it
    names; *source* the name of the configured source that told of it; *posted_at* is UTC."""

    text: str
    title: str = ""
    author: str = ""
    author_name: str = ""
    site: str = ""
    language: str = ""
    followers: int | None = None
    links: tuple[str, ...] = ()
    posted_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a post that made it match, in code points of the original, *end* excluded.

    In "link" they count in the links joined by line feeds. "author" is the whole of *author_name*, or of *author* where
    there is no name.
    """

    field: Part
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hit:
    """The query that matched, and where: *spans* in the order title, text, link, author, site; at most `MOST_SPANS`.

    There are none where only what is not shown matched, such as `source:`.
    """

    query_id: int
    spans: tuple[Span, ...]


class QueryError(ValueError):
    """A query that cannot be taken: what is wrong is at *place*, *length* long, in code points of the query.

    *kind* is stable, for programs and translations; *text* is one English sentence for people. *place* may be the
    length of the query: something is missing at its end.
    """

    def __init__(self, place: int, length: int, kind: str, text: str) -> None:
        super().__init__(f"{text} (at {place})")
        self.place = place
        self.length = length
        self.kind = kind
        self.text = text
