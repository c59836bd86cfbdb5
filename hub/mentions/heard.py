"""What a batch of posts amounts to, on its way into the transaction that records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hub.mentions.query import Hit
from hub.mentions.reading.feeling import Feeling
from hub.vocabulary import Mention


class How(StrEnum):
    """Why a post is another one over again."""

    SAME = "same"
    """The very post, heard through another source."""
    REPOST = "repost"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a post that is recorded as a mention: which queries found it and where (*hits*), its *url* in
    the one form that all sources share, its *fingerprint* (`hub.mentions.reading.near`), *language* and *feeling*."""

    hits: tuple[Hit, ...]
    url: str
    fingerprint: int
    language: str
    feeling: Feeling


@dataclass(frozen=True, slots=True)
class Spread:
    """A post that is the mention *main* (a key) over again."""

    key: str
    main: str
    how: How
    author: str
    url: str
    reach: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """A post that nothing of ours found, kept for looking back. It stands for *weight* such posts."""

    key: str
    author: str
    weight: float
    facts: Mention


@dataclass(frozen=True, slots=True)
class Heard:
    """Beside the events of a batch: the *marks* of those that are mentions, by key; the *spread*; *samples*; the keys
    of posts that were taken down (*gone*); and the authors who took all of theirs (*left*)."""

    marks: Mapping[str, Mark] = field(default_factory=dict)
    spread: tuple[Spread, ...] = ()
    samples: tuple[Sample, ...] = ()
    gone: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.marks or self.spread or self.samples or self.gone or self.left)

    @property
    def marked(self) -> Heard:
        """What has to be at hand wherever one of the events is recorded."""
        return Heard(self.marks)
