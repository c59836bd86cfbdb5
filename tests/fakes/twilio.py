"""Twilio as a webhook sees it: the requests of a call, signed by Twilio's own library."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

import hub

ACCOUNT = "AC00000000000000000000000000000000"
BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Twilio:
    """An account whose webhooks go to *url*, the hub's public one."""

    url: str
    auth_token: str = "twilio-test-auth-token"
    account_sid: str = ACCOUNT

    def request(self, fields: dict[str, str], query: str = "") -> tuple[str, dict[str, str], bytes]:
        """URL, headers (lower case) and body of the POST that tells *fields*. *query* is appended to the URL."""
        told = {"AccountSid": self.account_sid, "ApiVersion": "2010-04-01", **fields}
        url = f"{self.url}{query}"
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-twilio-signature": RequestValidator(self.auth_token).compute_signature(url, told),
        }
        return url, headers, urlencode(told).encode()

    def delivery(self, fields: dict[str, str], received_at: datetime, query: str = "") -> hub.Delivery:
        """The same request as the hub hands it to the webhook."""
        url, headers, body = self.request(fields, query)
        return hub.Delivery("POST", url, headers, body, received_at)


@dataclass(slots=True)
class InboundCall:
    """A call that reaches Twilio, mostly at one of our numbers, and what is told of it and of the phones that `<Dial>`
    rings. *began* is second 0; the methods take the second at which it happens, and answer the fields of one request.
    """

    sid: str
    caller: str = "+14155550100"
    line: str = "+14155550199"
    began: datetime = BEGAN
    _sequence: dict[str, int] = field(default_factory=dict)

    def at(self, second: int) -> datetime:
        """The time of a second of this call."""
        return self.began + timedelta(seconds=second)

    def arrives(self) -> dict[str, str]:
        """The request for TwiML to the number's voice URL. It tells no time."""
        return self._fields(self.sid, self.line, "ringing", "inbound")

    def leg(self, sid: str, phone: str, status: str, second: int, **more: str) -> dict[str, str]:
        """A status callback of the phone that `<Dial>` rings; *more* replaces or adds fields."""
        fields = self._fields(sid, phone, status, "outbound-dial")
        return {**fields, "ParentCallSid": self.sid, **self._progress(sid, second), **more}

    def over(self, second: int, status: str = "completed") -> dict[str, str]:
        """The status callback of the number, which comes only at the end."""
        fields = self._fields(self.sid, self.line, status, "inbound")
        lasted = second if status == "completed" else 0
        return {**fields, **self._progress(self.sid, second), "CallDuration": str(lasted)}

    def dialled(self, sid: str, status: str, duration: int = 0) -> dict[str, str]:
        """The request to the `action` of `<Dial>`."""
        fields = self._fields(self.sid, self.line, "in-progress", "inbound")
        return {**fields, "DialCallSid": sid, "DialCallStatus": status, "DialCallDuration": str(duration)}

    def message_left(self, second: int, duration: int) -> dict[str, str]:
        """The callback of `<Record>`, after the caller spoke to the voicemail."""
        return {
            "CallSid": self.sid,
            "RecordingSid": f"RE{self.sid[2:]}",
            "RecordingStatus": "completed",
            "RecordingSource": "RecordVerb",
            "RecordingDuration": str(duration),
            "RecordingStartTime": format_datetime(self.at(second)),
        }

    def _fields(self, sid: str, to: str, status: str, direction: str) -> dict[str, str]:
        return {
            "CallSid": sid,
            "From": self.caller,
            "To": to,
            "Caller": self.caller,
            "Called": to,
            "Direction": direction,
            "CallStatus": status,
        }

    def _progress(self, sid: str, second: int) -> dict[str, str]:
        number = self._sequence.get(sid, 0)
        self._sequence[sid] = number + 1
        return {
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(number),
            "Timestamp": format_datetime(self.at(second)),
        }
