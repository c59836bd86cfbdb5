"""The one verdict of this folder."""

from __future__ import annotations


class Unreadable(ValueError):
    """These bytes are not what they are said to be, and nobody could read them. The text says why, for a person."""
