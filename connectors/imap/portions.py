"""How many mails are fetched at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.imap.mailbox import Outline

MAILS = 128
BYTES = 2_000_000
"""Enough to keep the line busy, little enough to hold several in memory."""

ATTEMPTS = 3
"""After so many connections that broke on one and the same mail, this mail is given up."""


@dataclass(frozen=True, slots=True)
class Portion:
    """UIDs that are fetched at once and become one arrival: of one *too_large* only the headers, a *lost* one not."""

    uids: tuple[int, ...]
    too_large: bool = False
    lost: bool = False


def portions(outlines: Sequence[Outline], broke: Mapping[int, int], max_bytes: int) -> Iterator[Portion]:
    """*outlines* in their order, in portions of at most `MAILS` and `BYTES`, or of one mail.

    A mail on which a connection *broke* comes alone.
    """
    some: list[int] = []
    held = 0
    for one in outlines:
        alone = broke.get(one.uid, 0) > 0 or one.size > max_bytes
        if some and (alone or len(some) == MAILS or held + one.size > BYTES):
            yield Portion(tuple(some))
            some, held = [], 0
        if alone:
            yield Portion((one.uid,), too_large=one.size > max_bytes, lost=broke.get(one.uid, 0) >= ATTEMPTS)
            continue
        some.append(one.uid)
        held += one.size
    if some:
        yield Portion(tuple(some))
