"""What Slack tells, as far as the hub reads it (https://docs.slack.dev/reference/events/message)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

import hub

Ts = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}\.[0-9]{6}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,40}$")]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


Read = TypeVar("Read", bound=_Said)


class Edited(_Said):
    """When a text was changed."""

    ts: Ts


class SlackFile(_Said):
    """A file. One in a channel that another workspace shares says nothing but its id."""

    id: Id
    name: str | None = None
    title: str | None = None
    mimetype: str | None = None
    size: int | None = None
    mode: str | None = None
    url_private: str | None = None


class SlackMessage(_Said):
    """A message, as events, the history and other events that quote it tell it."""

    ts: Ts
    subtype: str | None = None
    user: Id | None = None
    bot_id: Id | None = None
    username: str | None = None
    text: str | None = None
    team: Id | None = None
    user_team: Id | None = None
    source_team: Id | None = None
    thread_ts: Ts | None = None
    parent_user_id: Id | None = None
    edited: Edited | None = None
    hidden: bool | None = None
    files: tuple[SlackFile, ...] | None = None
    attachments: tuple[dict[str, Any], ...] | None = None
    blocks: tuple[dict[str, Any], ...] | None = None
    reply_count: int | None = None
    latest_reply: Ts | None = None


class SlackEvent(_Said):
    """The event in a callback, as far as it can be read before its kind is known."""

    type: str
    subtype: str | None = None
    channel: Id | dict[str, Any] | None = None
    event_ts: Ts | None = None
    deleted_ts: Ts | None = None
    message: dict[str, Any] | None = None
    previous_message: dict[str, Any] | None = None


class Authorization(_Said):
    """For which installation of the app an event is."""

    team_id: Id | None = None


class Callback(_Said):
    """The envelope of an event (https://docs.slack.dev/apis/events-api#events-JSON)."""

    team_id: Id | None = None
    event: dict[str, Any]
    authorizations: tuple[Authorization, ...] | None = None


class PressedUser(_Said):
    """Who pressed."""

    id: Id
    team_id: Id | None = None


class Action(_Said):
    """What was pressed."""

    action_id: str = ""
    value: str | None = None
    action_ts: Ts


class Interaction(_Said):
    """What somebody did with our blocks (https://docs.slack.dev/reference/interaction-payloads)."""

    type: str
    user: PressedUser | None = None
    team: dict[str, Any] | None = None
    actions: tuple[Action, ...] = Field(default=())


def read(kind: type[Read], said: Any) -> Read:
    """*said* as *kind*. Raises `hub.Unsupported`, which names the fields and quotes nothing."""
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, each["loc"])) or "the whole" for each in error.errors()[:5])
        raise hub.Unsupported(f"Slack says something that cannot be read: {fields}.") from None


def at(ts: str) -> datetime:
    """When that was: seconds since 1970 and microseconds, which also number the messages of a second."""
    seconds, _, micros = ts.partition(".")
    return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(micros))


def ts_of(moment: datetime) -> str:
    """*moment* as Slack writes it."""
    whole = (moment - _EPOCH) // timedelta(microseconds=1)
    return f"{whole // 1_000_000}.{whole % 1_000_000:06d}"
