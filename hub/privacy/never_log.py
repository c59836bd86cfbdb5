"""Whom the hub must never record: this rule beats every other, and comes before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable


class NeverLog:
    """*entries* are handles (`mailto:…`, `tel:…`) and mail domains (`example.org`, which covers its subdomains)."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        entries = tuple(entries)
        self._handles = frozenset(entry for entry in entries if ":" in entry)
        self._domains = frozenset(entry.lower().lstrip("@") for entry in entries if ":" not in entry)

    def covers(self, handles: Iterable[str]) -> bool:
        """True where one of *handles* must not be recorded."""
        if not self._handles and not self._domains:
            return False
        return any(handle in self._handles or self._covers_domain(handle) for handle in handles)

    def _covers_domain(self, handle: str) -> bool:
        if not self._domains or not handle.startswith("mailto:"):
            return False
        labels = handle.rpartition("@")[2].split(".")
        return any(".".join(labels[start:]) in self._domains for start in range(len(labels)))
