"""What Twilio sends, as far as the hub reads it. Parameters beyond these are nobody's business here.

https://www.twilio.com/docs/voice/twiml#request-parameters, https://www.twilio.com/docs/voice/twiml/number
(statusCallback), https://www.twilio.com/docs/voice/api/recording, https://www.twilio.com/docs/messaging/guides/webhook-request
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Seconds = Annotated[int, Field(ge=0, le=31_536_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Sid = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{2,64}$")]

CallStatus = Literal[
    "queued", "initiated", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"
]
DialCallStatus = Literal["completed", "answered", "busy", "no-answer", "failed", "canceled"]


def utc(text: object) -> datetime:
    """The time an RFC 2822 date names; one without a zone is UTC (section 3.3, "-0000"). Raises `ValueError`."""
    time = parsedate_to_datetime(str(text))
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


Time = Annotated[datetime, BeforeValidator(utc)]


class Request(BaseModel):
    """Base of all of them. An empty parameter is to be left out before."""

    model_config = ConfigDict(hide_input_in_errors=True)


class CallRequest(Request):
    """A request for TwiML, or a status callback of a call (then with *sequence*, counted per leg from 0).

    A leg that `<Dial>` opened has a *parent_sid*; the `action` of `<Dial>` is told of it by the *dialled_* fields.
    Durations are in seconds.
    """

    sid: Sid = Field(alias="CallSid")
    parent_sid: Sid | None = Field(None, alias="ParentCallSid")
    status: CallStatus = Field(alias="CallStatus")
    direction: str = Field("", alias="Direction")
    caller: str | None = Field(None, alias="From")
    called: str | None = Field(None, alias="To")
    caller_name: str = Field("", alias="CallerName")
    sequence: Count | None = Field(None, alias="SequenceNumber")
    time: Time | None = Field(None, alias="Timestamp")
    duration: Seconds | None = Field(None, alias="CallDuration")
    dialled_sid: Sid | None = Field(None, alias="DialCallSid")
    dialled_status: DialCallStatus | None = Field(None, alias="DialCallStatus")
    dialled_duration: Seconds | None = Field(None, alias="DialCallDuration")
    answered_by: str = Field("", alias="AnsweredBy")


class DetectionRequest(Request):
    """The callback of answering machine detection that runs beside a call. It tells no more than who answered."""

    sid: Sid = Field(alias="CallSid")
    parent_sid: Sid | None = Field(None, alias="ParentCallSid")
    answered_by: str = Field(alias="AnsweredBy")


class ConferenceRequest(Request):
    """What happened to one call in a conference."""

    call_sid: Sid | None = Field(None, alias="CallSid")
    conference_sid: Sid = Field(alias="ConferenceSid")
    happened: str = Field(alias="StatusCallbackEvent")
    sequence: Count = Field(0, alias="SequenceNumber")
    time: Time | None = Field(None, alias="Timestamp")


class RecordingRequest(Request):
    """A recording's status callback. *source* `RecordVerb` is a message left for us. *duration* in seconds."""

    sid: Sid = Field(alias="RecordingSid")
    call_sid: Sid = Field(alias="CallSid")
    status: str = Field(alias="RecordingStatus")
    source: str = Field("", alias="RecordingSource")
    url: str = Field("", alias="RecordingUrl")
    duration: Seconds = Field(0, alias="RecordingDuration")
    channels: Annotated[int, Field(ge=1, le=16)] | None = Field(None, alias="RecordingChannels")
    started_at: Time | None = Field(None, alias="RecordingStartTime")


class TranscriptionRequest(Request):
    """What `<Record transcribe="true">` makes of a message (`transcribeCallback`)."""

    sid: Sid = Field(alias="TranscriptionSid")
    call_sid: Sid = Field(alias="CallSid")
    recording_sid: str = Field("", alias="RecordingSid")
    status: str = Field(alias="TranscriptionStatus")
    text: str = Field("", alias="TranscriptionText")


class MessageRequest(Request):
    """A text message that came in, or with *delivery* the fate of one that went out."""

    sid: Sid = Field(alias="MessageSid")
    delivery: str = Field("", alias="MessageStatus")
    status: str = Field("received", alias="SmsStatus")
    sender: str = Field(alias="From")
    recipient: str = Field(alias="To")
    text: str = Field("", alias="Body")
    sender_name: str = Field("", alias="ProfileName")
    whatsapp_id: str = Field("", alias="WaId")
    error_code: str = Field("", alias="ErrorCode")
    media: Annotated[int, Field(ge=0, le=100)] = Field(0, alias="NumMedia")
