"""What of a mail may be kept: decided by addresses, folder, labels and header fields, before its body is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from hub.privacy.never_log import NeverLog
from hub.vocabulary import Copy, Level


class Internal(StrEnum):
    """What becomes of mail that only our own people exchange."""

    RECORD = "record"
    METADATA = "metadata"
    SKIP = "skip"


class Rule(StrEnum):
    """Which rule spoke."""

    NONE = ""
    NEVER_LOG = "never-log"
    INTERNAL = "internal"
    FOLDER = "folder"
    LABEL = "label"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Decision:
    """How much may be kept (`None`: nothing), the *rule* that said so, and *what* it was that matched."""

    level: Level | None
    rule: Rule = Rule.NONE
    what: str = ""


@dataclass(frozen=True, slots=True)
class MailRules:
    """The rules of a hub.

    *ours* are our own addresses and *domains* our own mail domains: together they are our own people. *folders* are
    names of folders and labels, case-folded; a folder's rule covers the folders in it. *headers* are pairs of a field's
    name and value, both in lower case.
    """

    never: NeverLog = field(default_factory=NeverLog)
    internal: Internal = Internal.RECORD
    ours: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    headers: frozenset[tuple[str, str]] = frozenset()

    def decide(self, handles: Iterable[str], copy: Copy, fields: Iterable[tuple[str, str]]) -> Decision:
        """What may be kept of the mail between *handles* that lies at *copy* with the header *fields* (names in lower
        case). Never-log beats everything."""
        people = [handle for handle in handles if handle]
        if self.never.covers(people):
            return Decision(None, Rule.NEVER_LOG)
        if (place := self.place(copy)).level is None:
            return place
        if self.headers:
            for name, value in fields:
                if (name, value.strip().lower()) in self.headers:
                    return Decision(None, Rule.HEADER, f"{name}: {value.strip()}")
        if self.internal is not Internal.RECORD and people and all(self._is_ours(handle) for handle in people):
            level = Level.METADATA if self.internal is Internal.METADATA else None
            return Decision(level, Rule.INTERNAL)
        return Decision(copy.level)

    def place(self, copy: Copy) -> Decision:
        """What the place alone decides: all that can be asked of a mail that cannot be read."""
        if self.folders:
            folder = copy.place.casefold()
            for name in self.folders:
                if folder == name or folder.startswith((f"{name}/", f"{name}.")):
                    return Decision(None, Rule.FOLDER, copy.place)
            for label in copy.labels:
                if label.casefold() in self.folders:
                    return Decision(None, Rule.LABEL, label)
        return Decision(copy.level)

    def _is_ours(self, handle: str) -> bool:
        return handle in self.ours or (
            bool(self.domains) and handle.startswith("mailto:") and handle.rpartition("@")[2] in self.domains
        )
