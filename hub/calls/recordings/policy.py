"""What of a call's sound may be kept: off, unless the config says otherwise for the line, and never against the will
of the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hub.config_calls import LineConfig, Recorded


class State(StrEnum):
    """Where a recording stands."""

    WAITING = "waiting"  # to be fetched
    KEPT = "kept"
    UNWANTED = "unwanted"  # the policy, or the person, does not allow it
    REFUSED = "refused"  # it lies elsewhere, is too large, or is no sound
    FAILED = "failed"  # it could not be fetched
    GONE = "gone"  # it was kept long enough, or deleted


class Why(StrEnum):
    """Why a recording is not kept."""

    LINE = "line"  # nothing is recorded on this line
    VOICEMAIL = "voicemail"  # messages on this line are not fetched
    CONSENT = "consent"  # she did not say yes
    WITHDRAWN = "withdrawn"  # she said no
    EXPIRED = "expired"
    DELETED = "deleted"
    NO_SOURCE = "no-source"  # the source cannot fetch


@dataclass(frozen=True, slots=True)
class Sound:
    """What the config says: *lines* by handle, and the *sources* that can fetch."""

    lines: Mapping[str, LineConfig] = field(default_factory=dict)
    sources: frozenset[str] = frozenset()

    def line(self, handle: str) -> LineConfig:
        """What holds for one of our numbers."""
        return self.lines.get(handle, LineConfig(handle))

    def unwanted(self, handle: str, *, voicemail: bool, said: bool | None) -> Why | None:
        """Why a recording of a call on that line may not be kept, None where it may. *said* is what the other person
        said to being recorded. Who leaves a message wants it to be kept."""
        line = self.line(handle)
        if voicemail:
            return None if line.voicemail else Why.VOICEMAIL
        if line.record is Recorded.NEVER:
            return Why.LINE
        if said is False:
            return Why.WITHDRAWN
        if line.record is Recorded.CONSENT and said is None:
            return Why.CONSENT
        return None

    def until(self, handle: str, began: datetime) -> datetime:
        """Until when a recording of that line is kept."""
        return began + timedelta(days=self.line(handle).keep_days)
