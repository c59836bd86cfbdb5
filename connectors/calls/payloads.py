"""What a phone system may say of a call. Keys beyond these are its own affair and are left aside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from hub import Direction, Joined, Outcome

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_MILLISECONDS = 100_000_000_000
"""Numbers from here on are milliseconds: as seconds they would be in the year 5138."""


def _text(value: object) -> object:
    """Phone systems write extensions and call ids as text or as whole numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _time(value: object) -> datetime:
    """ISO 8601 (without a zone it is UTC), or seconds or milliseconds since 1970."""
    if isinstance(value, str):
        time = datetime.fromisoformat(value)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
        time = datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS else value, UTC)
    else:
        raise ValueError("must be ISO 8601 such as 2026-03-02T09:00:00Z, or seconds since 1970")
    if not _EARLIEST <= time < _LATEST:
        raise ValueError("is no time at which this call can have been")
    return time


Word = Annotated[str, BeforeValidator(_text), StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,200}$")]


Length = Annotated[float, Field(ge=0, le=31_536_000)]
EventName = Literal[
    "queued",
    "ringing",
    "answered",
    "held",
    "resumed",
    "transferred",
    "ended",
    "missed",
    "voicemail",
    "recording",
    "transcript",
]


class RecordingNews(BaseModel):
    """A recording that the phone system keeps: *url* is where, *seconds* its length, *voicemail* whether the caller
    left it for us."""

    model_config = ConfigDict(hide_input_in_errors=True)

    id: Annotated[Word, Field(min_length=1)]
    url: Annotated[str, StringConstraints(pattern=r"^(https?://|/)[^\x00-\x20\x7f]{1,2000}$")] | None = None
    seconds: Length | None = None
    voicemail: bool = False


class TranscriptNews(BaseModel):
    """What was said in the call, or in its *recording* (an id). *language* is a BCP 47 tag."""

    model_config = ConfigDict(hide_input_in_errors=True)

    id: Annotated[Word, Field(min_length=1)]
    text: Annotated[str, Field(min_length=1, max_length=1_000_000)]
    language: Word | None = None
    recording: Word | None = None


class CallNews(BaseModel):
    """One event of one call: `{"id", "event", "from", "to", "agent"?, "at"?, "duration"?}`, and what else is known.

    *caller* and *called* are numbers in any spelling or extensions; empty where withheld. They may be left out once the
    call rang. *at* is in UTC, *duration* the talking time in seconds. *leg* is the phone system's id of a phone in the
    call, *by* that of the phone which passed the call on to it.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    id: Annotated[Word, Field(min_length=1)]
    event: EventName
    caller: Word | None = Field(None, alias="from")
    called: Word | None = Field(None, alias="to")
    agent: Word | None = None
    at: Annotated[datetime, BeforeValidator(_time)] | None = None
    duration: Length | None = None
    name: Word | None = None
    line: Word | None = None
    direction: Direction | None = None
    queue: Word | None = None
    outcome: Outcome | None = None
    leg: Word | None = None
    joined: Joined | None = None
    by: Word | None = None
    recording: RecordingNews | None = None
    transcript: TranscriptNews | None = None

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if self.event == "ringing" and not {"caller", "called"} <= self.model_fields_set:
            raise ValueError('a call that rings needs "from" and "to"')
        if self.event == "recording" and self.recording is None:
            raise ValueError('the event "recording" needs a "recording"')
        if self.event == "transcript" and self.transcript is None:
            raise ValueError('the event "transcript" needs a "transcript"')
        if self.outcome is not None and self.event not in ("ended", "missed", "voicemail"):
            raise ValueError('"outcome" is for "ended", "missed" and "voicemail"')
        if (self.joined is not None or self.by) and not (self.agent or self.leg):
            raise ValueError('"joined" and "by" are of a phone: name it as "agent" or "leg"')
        return self

    @property
    def further(self) -> tuple[str, ...]:
        """What it says beyond the seven keys of the first version, as text, for a repetition to be known by."""
        first = {"id", "event", "caller", "called", "agent", "at", "duration"}
        said = self.model_dump(mode="json", exclude=first, exclude_none=True)
        return tuple(f"{key}={said[key]}" for key in sorted(said))
