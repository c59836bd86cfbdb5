"""Many queries on many posts: automata find the few queries that have a chance, and only those are asked.

Anchors in ASCII are looked for in a view of the posts in which every character that is no ASCII letter, digit or low
line is a blank: with a blank before and after it, an anchor is found as a whole word, and nothing remains to be
checked. The other anchors are looked for in the posts that are not ASCII, in their normal form.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from ahocorasick_rs import AhoCorasick, BytesAhoCorasick, Implementation

from hub.mentions.query.normal import fold, is_spaced
from hub.mentions.query.parser import Query
from hub.mentions.query.posts import LOOKED_AT, Hit, Post
from hub.mentions.query.reading import Reading, keys_of, originals
from hub.mentions.query.words import Piece

_BATCH = 200_000
_RUN = re.compile("[a-z0-9_]+")
_BLANKED = bytes(ord(chr(code).lower()) if code < 128 and _RUN.match(chr(code).lower()) else 32 for code in range(256))


@dataclass(slots=True)
class _Batch:
    """Posts that are scanned together: where each begins in the bytes of all, and which of them are not ASCII."""

    numbers: list[int] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    length: int = 0
    wide: list[tuple[int, str]] = field(default_factory=list)


class Matcher:
    """Finds for each post the *queries*, by their ids, that match it. Immutable: changed queries make a new one."""

    def __init__(self, queries: Mapping[int, Query]) -> None:
        self._queries = dict(queries)
        self._fields: dict[str, dict[str, list[int]]] = {}
        ascii_patterns: dict[bytes, list[int]] = {}
        wide_patterns: dict[tuple[str, bool, bool], list[int]] = {}
        for query_id, query in self._queries.items():
            for anchor in query.anchors:
                piece = anchor.piece
                if piece is None:
                    self._fields.setdefault(anchor.name, {}).setdefault(anchor.value, []).append(query_id)
                elif piece.literal.isascii():
                    ascii_patterns.setdefault(_whole(piece), []).append(query_id)
                else:
                    key = (piece.literal, piece.bound_left, piece.bound_right)
                    wide_patterns.setdefault(key, []).append(query_id)
        self._of_ascii = list(ascii_patterns.values())
        self._ascii = BytesAhoCorasick(list(ascii_patterns), implementation=Implementation.ContiguousNFA)
        self._of_wide = [(left, right, ids) for (_, left, right), ids in wide_patterns.items()]
        self._wide = AhoCorasick(
            [literal for literal, _, _ in wide_patterns], implementation=Implementation.ContiguousNFA
        )

    def matching(self, posts: Sequence[Post]) -> list[tuple[Hit, ...]]:
        """For each of *posts* its hits, in the order of the queries' ids. Post by post the cost is that of one scan of
        the first `LOOKED_AT` characters, and of asking the queries of which an anchor occurs."""
        occurring: dict[int, set[int]] = {}
        if self._of_ascii or self._of_wide:
            for batch in _batches(posts):
                self._scan(batch, occurring)
        candidates = {nth: set(chain.from_iterable(map(self._ids, found))) for nth, found in occurring.items()}
        for name, known in self._fields.items():
            for nth, post in enumerate(posts):
                for key in keys_of(post, name):
                    if key in known:
                        candidates.setdefault(nth, set()).update(known[key])
        hits: list[tuple[Hit, ...]] = [()] * len(posts)
        for nth, ids in candidates.items():
            hits[nth] = self._asked(posts[nth], ids)
        return hits

    def _ids(self, pattern: int) -> Sequence[int]:
        """The queries that have that anchor; those in ASCII are counted up from 0, the others down from -1."""
        return self._of_ascii[pattern] if pattern >= 0 else self._of_wide[~pattern][2]

    def _scan(self, batch: _Batch, occurring: dict[int, set[int]]) -> None:
        """Put down which anchors occur in which post."""
        if self._of_ascii:
            view = b" %b " % b" ".join(batch.texts).translate(_BLANKED)
            for pattern, start, _ in self._ascii.find_matches_as_indexes(view, overlapping=True):
                nth = batch.numbers[bisect_right(batch.begins, start) - 1]
                occurring.setdefault(nth, set()).add(pattern)
        if self._of_wide and batch.wide:
            begins, length = [], 0
            for _, text in batch.wide:
                begins.append(length)
                length += len(text) + 1
            # No literal holds a line feed.
            joined = "\n".join(text for _, text in batch.wide)
            for pattern, start, end in self._wide.find_matches_as_indexes(joined, overlapping=True):
                left, right, _ = self._of_wide[pattern]
                if left and start and is_spaced(joined[start - 1]):
                    continue
                if right and end < length - 1 and is_spaced(joined[end]):
                    continue
                nth = batch.wide[bisect_right(begins, start) - 1][0]
                occurring.setdefault(nth, set()).add(~pattern)

    def _asked(self, post: Post, ids: set[int]) -> tuple[Hit, ...]:
        reading = Reading(post)
        hits = []
        for query_id in sorted(ids):
            spans = self._queries[query_id].read(reading)
            if spans is not None:
                hits.append(Hit(query_id, spans))
        return tuple(hits)


def _whole(piece: Piece) -> bytes:
    """What is looked for in the view of blanks: the longest word in the literal, "net" for ".net"."""
    run = max(_RUN.finditer(piece.literal), key=lambda each: len(each.group()))
    goes_on = piece.prefix and run.end() == len(piece.literal)
    return f" {run.group()}{'' if goes_on else ' '}".encode()


def _batches(posts: Sequence[Post]) -> Iterator[_Batch]:
    """The texts of *posts*, many together: those that are not ASCII in normal form."""
    batch = _Batch()
    for nth, post in enumerate(posts):
        text = post.text
        if post.title or post.links or len(text) > LOOKED_AT:
            text = "\n".join(originals(post))
        if not text.isascii():
            text = fold(text)
            batch.wide.append((nth, text))
        encoded = text.encode()
        batch.numbers.append(nth)
        batch.begins.append(batch.length)
        batch.texts.append(encoded)
        batch.length += len(encoded) + 1
        if batch.length > _BATCH:
            yield batch
            batch = _Batch()
    if batch.texts:
        yield batch
