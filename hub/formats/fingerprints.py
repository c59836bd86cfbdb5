"""Which of many things changed, where the provider does not say: a short mark for each, kept in a cursor."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Set
from typing import Self

_HALF = 6
_WHOLE = 2 * _HALF


class Fingerprints:
    """For each name (an address, a UID) a mark of the state it was last seen in (an ETag, a text).

    Written, each takes 16 characters. Both are hashes of 48 bits: among 20,000 names two are confused once in a
    million calendars, and a change is overlooked once in 3·10¹⁴.
    """

    def __init__(self, marks: Mapping[bytes, bytes] | None = None) -> None:
        self._marks = dict(marks or {})

    @classmethod
    def read(cls, text: str) -> Self:
        """What `str` wrote; nothing is known where *text* is something else, so that everything counts as changed."""
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return cls()
        if len(data) % _WHOLE:
            return cls()
        return cls({data[at : at + _HALF]: data[at + _HALF : at + _WHOLE] for at in range(0, len(data), _WHOLE)})

    def __str__(self) -> str:
        return base64.b64encode(b"".join(name + mark for name, mark in self._marks.items())).decode()

    def __len__(self) -> int:
        return len(self._marks)

    def knows(self, name: str, state: str | bytes) -> bool:
        """Whether *name* was last seen in this *state*."""
        return self._marks.get(_hash(name)) == _hash(state)

    def note(self, name: str, state: str | bytes) -> None:
        """*name* was seen in this *state*."""
        self._marks[_hash(name)] = _hash(state)

    def beyond(self, there: Mapping[str, str | bytes]) -> int:
        """How many of *there*, names with their states, are new or were seen in another state, and how many that were
        seen are not among them."""
        marks = {_hash(name): _hash(state) for name, state in there.items()}
        changed = sum(self._marks.get(name) != mark for name, mark in marks.items())
        return changed + len(self._marks.keys() - marks.keys())

    def keep(self, names: Set[str]) -> bool:
        """Forget all but *names*; whether there was anything to forget."""
        kept = {_hash(name) for name in names}
        gone = [name for name in self._marks if name not in kept]
        for name in gone:
            del self._marks[name]
        return bool(gone)


def _hash(text: str | bytes) -> bytes:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return hashlib.blake2b(data, digest_size=_HALF).digest()
