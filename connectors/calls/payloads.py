"""What a phone system may say of a call. Keys beyond these are its own affair and are left aside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

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


class CallNews(BaseModel):
    """One event of one call: `{"id", "event", "from", "to", "agent"?, "at"?, "duration"?}`.

    *caller* and *called* are numbers in any spelling or extensions; empty where withheld. They may be left out once the
    call rang. *at* is in UTC, *duration* the talking time in seconds.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    id: Annotated[Word, Field(min_length=1)]
    event: Literal["ringing", "answered", "ended", "missed"]
    caller: Word | None = Field(None, alias="from")
    called: Word | None = Field(None, alias="to")
    agent: Word | None = None
    at: Annotated[datetime, BeforeValidator(_time)] | None = None
    duration: Annotated[float, Field(ge=0, le=31_536_000)] | None = None

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if self.event == "ringing" and not {"caller", "called"} <= self.model_fields_set:
            raise ValueError('a call that rings needs "from" and "to"')
        return self
