"""Many queries on many posts: one automaton finds the few queries that have a chance, and only those are asked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from ahocorasick_rs import AhoCorasick, Implementation

from hub.mentions.query.normal import fold, is_spaced
from hub.mentions.query.parser import Query
from hub.mentions.query.posts import Hit, Post
from hub.mentions.query.reading import Reading, keys_of, originals

_BATCH = 100_000
_FIELDS = ("site", "author", "source")


class Matcher:
    """Finds for each post the *queries*, by their ids, that match it. Immutable: changed queries make a new one."""

    def __init__(self, queries: Mapping[int, Query]) -> None:
        self._queries = dict(queries)
        patterns: dict[tuple[str, bool, bool], list[int]] = {}
        self._fields: dict[str, dict[str, list[int]]] = {}
        for query_id, query in self._queries.items():
            for anchor in query.anchors:
                if anchor.piece is None:
                    self._fields.setdefault(anchor.name, {}).setdefault(anchor.value, []).append(query_id)
                else:
                    piece = anchor.piece
                    key = (piece.literal, piece.bound_left, piece.bound_right)
                    patterns.setdefault(key, []).append(query_id)
        self._patterns = [(left, right, tuple(ids)) for (_, left, right), ids in patterns.items()]
        self._automaton = AhoCorasick([literal for literal, _, _ in patterns], implementation=Implementation.DFA)

    def matching(self, posts: Sequence[Post]) -> list[tuple[Hit, ...]]:
        """For each of *posts* its hits, in the order of the queries' ids. Post by post the cost is that of one scan of
        the first `LOOKED_AT` characters, and of asking the queries of which an anchor occurs."""
        candidates: list[set[int] | None] = [None] * len(posts)
        if self._patterns:
            for first, count, bounds, joined in _batches(posts):
                self._scan(candidates, first, bounds, joined)
                assert len(bounds) == count
        for field, known in self._fields.items():
            for nth, post in enumerate(posts):
                for key in keys_of(post, field):
                    if key in known:
                        candidates[nth] = (candidates[nth] or set()).union(known[key])
        return [self._asked(post, ids) if ids else () for post, ids in zip(posts, candidates, strict=True)]

    def _scan(self, candidates: list[set[int] | None], first: int, bounds: list[int], joined: str) -> None:
        """Put down which queries have an anchor in which post of the *joined* texts, that begin at *bounds*."""
        patterns = self._patterns
        for pattern, start, end in self._automaton.find_matches_as_indexes(joined, overlapping=True):
            left, right, ids = patterns[pattern]
            if left and start and is_spaced(joined[start - 1]):
                continue
            if right and end < len(joined) and is_spaced(joined[end]):
                continue
            nth = first + bisect_right(bounds, start) - 1
            found = candidates[nth]
            if found is None:
                candidates[nth] = set(ids)
            else:
                found.update(ids)

    def _asked(self, post: Post, ids: set[int]) -> tuple[Hit, ...]:
        reading = Reading(post)
        hits = []
        for query_id in sorted(ids):
            spans = self._queries[query_id].read(reading)
            if spans is not None:
                hits.append(Hit(query_id, spans))
        return tuple(hits)


def _batches(posts: Sequence[Post]) -> Iterator[tuple[int, int, list[int], str]]:
    """The normal forms of many posts in one string, which one scan goes through: the number of the first post, how many
    they are, where each begins, and the string. No literal holds a line feed, which parts them."""
    first, texts, bounds, length = 0, [], [], 0
    for nth, post in enumerate(posts):
        text = fold("\n".join(originals(post)))
        texts.append(text)
        bounds.append(length)
        length += len(text) + 1
        if length > _BATCH or nth + 1 == len(posts):
            yield first, len(bounds), bounds, "\n".join(texts)
            first, texts, bounds, length = nth + 1, [], [], 0
