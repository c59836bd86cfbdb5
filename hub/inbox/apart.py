"""What somebody took apart stays apart: a reply that names two such conversations joins the one it answers last."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlalchemy as sa

from hub.store.schema import split_conversations
from hub.store.sets import SetRead, among

_SPLIT = SetRead(
    sa.select(split_conversations.c.id, split_conversations.c.from_id).where(among(split_conversations.c.id))
)


class Apart:
    """Which of the conversations *ids* were taken apart from which."""

    def __init__(self, conn: sa.Connection, ids: Iterable[int]) -> None:
        known = sorted(set(ids))
        self._pairs = set(_SPLIT(conn, known)) if len(known) > 1 else set()

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def chosen(self, candidates: set[int], preferred: Iterable[int], current: Callable[[int], int]) -> set[int]:
        """Those of *candidates* that may become one: the first of *preferred* and what was not taken apart from it.
        *current* says what a conversation has become within the batch."""
        pairs = {frozenset((current(one), current(other))) for one, other in self._pairs}
        if not any(pair <= candidates for pair in pairs):
            return candidates
        kept: list[int] = []
        for each in dict.fromkeys((*(each for each in preferred if each in candidates), *sorted(candidates))):
            if not any(frozenset((each, other)) in pairs for other in kept):
                kept.append(each)
        return set(kept)
