"""Whose a calendar is, and who counts as somebody from outside: what of the config file calendars are read by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hub.privacy.never_log import NeverLog


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose the calendars of a source are: the *agents* whose time they take, all addresses of theirs and of the
    source (*handles*), and the *zone* (IANA) in which times without a zone are meant."""

    agents: tuple[str, ...] = ()
    handles: frozenset[str] = frozenset()
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Owners:
    """The owners of all calendars by source, every address of *ours* and our mail *domains*, whom *never* to record,
    the *region* in which numbers without a country code are read, and the *zone* of calendars that are nobody's.
    *named* are all sources of the config file: what was read from others is forgotten."""

    sources: Mapping[str, Owner] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    never: NeverLog = field(default_factory=NeverLog)
    region: str = ""
    zone: str = "UTC"
    named: frozenset[str] = frozenset()

    def of(self, source: str) -> Owner:
        """The owner of *source*'s calendars; nobody where the file names none."""
        return self.sources.get(source) or Owner(zone=self.zone)

    def calendars_of(self, agent: str) -> tuple[str, ...]:
        """The sources whose calendars take *agent*'s time, in order."""
        return tuple(sorted(name for name, owner in self.sources.items() if agent in owner.agents))

    def outside(self, handles: Iterable[str]) -> bool:
        """Whether one of *handles* is nobody's of us. "" is nobody."""
        return any(handle and not self._is_ours(handle) for handle in handles)

    def _is_ours(self, handle: str) -> bool:
        if handle in self.ours:
            return True
        return handle.startswith("mailto:") and handle.rpartition("@")[2] in self.domains
