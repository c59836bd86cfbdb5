"""Hashes as names: of bytes that are kept, and of fields that stand for a missing id."""

from __future__ import annotations

import hashlib


def digest(data: bytes) -> str:
    """SHA-256 of *data* as 64 hexadecimal characters: the name of a blob."""
    return hashlib.sha256(data).hexdigest()


def stable_id(*fields: object) -> str:
    """An event id for a provider that gives none: 32 hexadecimal characters that depend on *fields* and their order.

    Fields are told apart: `("a", "bc")` and `("ab", "c")` differ. Use only what the provider repeats unchanged.
    """
    text = "\x1f".join(str(field).replace("\x1f", " ") for field in fields)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
