"""How many mails are fetched at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MAILS = 50
BYTES = 4_000_000
"""Enough to keep the line busy, little enough to hold several in memory."""

ATTEMPTS = 5
"""After so many connections that broke on one and the same mail, this mail is given up."""


@dataclass(frozen=True, slots=True)
class Portion:
    """UIDs that are fetched at once and become one arrival: of one *too_large* only the headers, a *lost* one not."""

    uids: tuple[int, ...]
    too_large: bool = False
    lost: bool = False


def portions(
    uids: Sequence[int], sizes: Mapping[int, int], broke: Mapping[int, int], max_bytes: int
) -> Iterator[Portion]:
    """*uids* in their order, in portions of at most `MAILS` and `BYTES`, or of one mail.

    *sizes* in bytes; a UID without one is of a mail that is gone. A mail on which a connection *broke* comes alone.
    """
    some: list[int] = []
    held = 0
    for uid in uids:
        size = sizes.get(uid, 0)
        alone = broke.get(uid, 0) > 0 or size > max_bytes
        if some and (alone or len(some) == MAILS or held + size > BYTES):
            yield Portion(tuple(some))
            some, held = [], 0
        if alone:
            yield Portion((uid,), too_large=size > max_bytes, lost=broke.get(uid, 0) >= ATTEMPTS)
            continue
        some.append(uid)
        held += size
    if some:
        yield Portion(tuple(some))
