"""What Twilio keeps of calls, messages and recordings, as the hub says it: what its callbacks tell, afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from connectors.twilio.addresses import Us
from connectors.twilio.messages import message, receipts
from connectors.twilio.normalise import call_facts, recording
from connectors.twilio.payloads import CallRequest, MessageRequest, RecordingRequest, Time, utc
from connectors.twilio.progress import Known
from hub import Channel, Event, Item, Unreadable

_CALL_GOES_ON = frozenset({"queued", "initiated", "ringing", "in-progress"})
_MESSAGE_GOES_ON = frozenset({"queued", "sending", "accepted", "scheduled", "receiving"})
_RECORDING_GOES_ON = frozenset({"in-progress", "paused", "stopped", "processing"})


class CallRecord(CallRequest):
    """A call or one of its legs in the list."""

    began_at: Time | None = None
    over_at: Time | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One thing in a list, as it stands there. *after* is the sid of the call that must be told before, if any."""

    sid: str
    known: Known
    record: Mapping[str, Any]
    after: str = ""

    @property
    def changed_at(self) -> datetime:
        """Since when it stands as it does."""
        return time(self.record.get("end_time") or self.record.get("date_updated")) or self.known.at


def found(kind: str, record: Mapping[str, Any]) -> Found | None:
    """What a *record* of a list is; None where it has not happened yet."""
    sid, status = record.get("sid"), record.get("status")
    stamp = {"calls": "start_time", "messages": "date_sent", "recordings": "date_created"}[kind]
    at = time(record.get(stamp) or record.get("date_created"))
    if not isinstance(sid, str) or not isinstance(status, str) or at is None:
        return None
    goes_on = {"calls": _CALL_GOES_ON, "messages": _MESSAGE_GOES_ON, "recordings": _RECORDING_GOES_ON}[kind]
    mark = f"{status}/{answered}" if (answered := record.get("answered_by")) else status
    parent = record.get("parent_call_sid") if kind == "calls" else None
    return Found(sid, Known(at, mark, status in goes_on), record, parent if isinstance(parent, str) else "")


def items(kind: str, each: Found, us: Us, media_url: str) -> tuple[Item, ...]:
    """What *each* amounts to; what cannot be read goes to quarantine. *media_url* is where the pictures of a message
    are listed."""
    try:
        if kind == "calls":
            return (_call(each.record, us),)
        if kind == "messages":
            return _message(each, us, media_url)
        return _recording(each.record)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        raw = json.dumps(dict(each.record)).encode()
        reason = f"Twilio's list holds what its documentation does not name: {fields}."
        return (Unreadable(raw, reason, each.known.at),)


def time(text: object) -> datetime | None:
    """A time as the lists have it (RFC 2822), None for none."""
    try:
        return utc(text) if text else None
    except ValueError:
        return None


def _call(record: Mapping[str, Any], us: Us) -> Event:
    names = {
        "CallSid": "sid", "ParentCallSid": "parent_call_sid", "CallStatus": "status", "Direction": "direction",
        "From": "from", "To": "to", "CallerName": "caller_name", "CallDuration": "duration",
        "AnsweredBy": "answered_by", "began_at": "start_time", "over_at": "end_time",
    }  # fmt: skip
    request = CallRecord.model_validate({name: value for name, key in names.items() if (value := record.get(key))})
    at = request.over_at or request.began_at or time(record.get("date_created"))
    assert at is not None, "what has not happened is not told"
    facts = call_facts(request, {}, us, at)
    legs = tuple(replace(leg, started_at=request.began_at, answered_at=None) for leg in facts.legs)
    return Event(
        key=f"twilio:{request.parent_sid or request.sid}",
        id=f"{request.sid}:listed:{request.status}{request.answered_by and f':{request.answered_by}'}",
        channel=Channel.VOICE,
        at=at,
        # The list says when a call began; when it was answered only its length tells, once it is over.
        facts=replace(facts, started_at=request.began_at, answered_at=None, legs=legs, recovered=True),
    )


def _message(each: Found, us: Us, media_url: str) -> tuple[Item, ...]:
    record = each.record
    at = each.known.at
    if record.get("direction") != "inbound":
        code, words = str(record.get("error_code") or ""), str(record.get("error_message") or "")
        changed = time(record.get("date_updated")) or at
        return receipts(each.sid, str(record["status"]), code, changed, words)
    names = {"MessageSid": "sid", "SmsStatus": "status", "From": "from", "To": "to", "Body": "body"}
    request = MessageRequest.model_validate({name: value for name, key in names.items() if (value := record.get(key))})
    return message(request, (media_url,) if record.get("num_media") not in (None, "0") else (), us, at)


def _recording(record: Mapping[str, Any]) -> tuple[Item, ...]:
    names = {
        "RecordingSid": "sid", "CallSid": "call_sid", "RecordingStatus": "status", "RecordingSource": "source",
        "RecordingUrl": "media_url", "RecordingDuration": "duration", "RecordingChannels": "channels",
        "RecordingStartTime": "start_time",
    }  # fmt: skip
    request = RecordingRequest.model_validate(
        {name: value for name, key in names.items() if (value := record.get(key))}
    )
    at = time(record.get("date_created"))
    assert at is not None, "what has not happened is not told"
    return recording(request, at, recovered=True)
