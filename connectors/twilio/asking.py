"""Twilio's question what to do with a call, where a plan of the hub answers it.

Where the call stands travels in the URLs that the hub gives Twilio (`?at=<place>&did=<what>`), which Twilio signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connectors.twilio.addresses import Us
from hub import Asked, Heard

_TOLD = ("CallbackSource", "SequenceNumber", "RecordingStatus", "TranscriptionSid", "TranscriptionEvent")
_GOES_ON = ("queued", "ringing", "in-progress")


def is_told(fields: Mapping[str, str]) -> bool:
    """Whether a request merely tells something, and wants no TwiML."""
    return (
        any(name in fields for name in (*_TOLD, "MessageStatus"))
        or "StatusCallbackEvent" in fields
        or ("AnsweredBy" in fields and "CallStatus" not in fields)
    )


def is_new(fields: Mapping[str, str]) -> bool:
    """Whether a request asks what to do with a call that has just come in."""
    return fields.get("CallStatus") == "ringing" and fields.get("Direction") == "inbound"


def asked(fields: Mapping[str, str], query: Mapping[str, str], us: Us, at: datetime) -> Asked | None:
    """The question in a request's *fields*, to a URL with *query*; None where there is none, or nobody is left to hear
    the answer."""
    place = query.get("at", "")
    if "CallSid" not in fields or "ParentCallSid" in fields or is_told(fields):
        return None
    if fields.get("CallStatus") not in _GOES_ON or not (place or is_new(fields)):
        return None
    caller, called = us.handle(fields.get("From")), us.handle(fields.get("To"))
    line = next((each for each in (called, caller) if each in us.lines), called)
    digits = fields.get("Digits", "") if query.get("did") == "listen" else ""
    return Asked(
        key=f"twilio:{fields['CallSid']}",
        caller=caller,
        line=line,
        at=at,
        place=place,
        heard=_heard(fields, query, digits) if place else Heard.BEGAN,
        digits=digits,
    )


def _heard(fields: Mapping[str, str], query: Mapping[str, str], digits: str) -> Heard:
    match query.get("did"):
        case "listen":
            return Heard.DIGITS if digits else Heard.NOTHING
        case "ring":
            taken = fields.get("DialCallStatus") in ("completed", "answered")
            return Heard.ANSWERED if taken else Heard.UNANSWERED
        case "unreached":
            return Heard.UNANSWERED
        case _:
            return Heard.DONE
