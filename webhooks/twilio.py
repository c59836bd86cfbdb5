"""Twilio's door: calls and text messages. Answers of each kind of request are described in docs/TELEPHONY.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import hub
from connectors.twilio.normalise import Us, events
from connectors.twilio.settings import TwilioSettings
from connectors.twilio.signature import body_form, form, is_json, named_key, signature, signed_parameters, signed_urls
from hub import Delivery, Event, Forged, Malformed, Reply, Setup, Step, Unsupported
from hub.formats.signing import Digest, equal

_XML = "text/xml"
_NOTHING = b"<Response/>"
# A number whose voice URL points here although nothing is to be said: its callers hear the busy tone, and pay nothing.
_BUSY = b'<Response><Reject reason="busy"/></Response>'


class Webhook(hub.Webhook):
    """Status callbacks of calls and their legs, requests for TwiML, recordings, and text messages."""

    Settings = TwilioSettings

    undetectable: ClassVar[frozenset[str]] = frozenset({"stale"})

    def __init__(self, settings: TwilioSettings, setup: Setup) -> None:
        self._account = settings.account_sid
        self._token = settings.auth_token.get_secret_value().encode()
        self._keys = {name: key.get_secret_value().encode() for name, key in settings.signing_keys.items()}
        self._twiml = settings.twiml.encode() if settings.twiml else _BUSY
        self._us = Us.of(setup)

    def verify(self, delivery: Delivery) -> None:
        """The signature covers the public URL with its query, and the whole form. It has no time."""
        claimed = delivery.headers.get("x-twilio-signature")
        if not claimed:
            raise Forged("The request has no X-Twilio-Signature.")
        secret, algorithm = self._key(delivery)
        parameters = signed_parameters(delivery)
        if not any(equal(signature(url, parameters, secret, algorithm), claimed) for url in signed_urls(delivery.url)):
            raise Forged("The signature does not match: check auth_token, and that public_url is what Twilio calls.")

    def parse(self, delivery: Delivery) -> Sequence[Event]:
        """Calls on `twilio:<CallSid of the parent>`, text messages on `twilio:<MessageSid>`."""
        if is_json(delivery):
            raise Unsupported("A JSON body: the hub reads the forms that Twilio sends for calls and messages.")
        query, fields = _parameters(delivery)
        if fields.get("AccountSid", self._account) != self._account:
            raise Unsupported("The request is genuine and of another account than account_sid says.")
        return events(fields, query, self._us, delivery.received_at)

    def reply(self, delivery: Delivery, step: Step | None = None) -> Reply:
        """TwiML where Twilio asks for it, and nothing for what it merely tells."""
        try:
            _, fields = _parameters(delivery)
        except Malformed:
            return Reply()
        told = ("CallbackSource", "SequenceNumber", "RecordingStatus", "TranscriptionSid", "MessageStatus")
        if is_json(delivery) or any(name in fields for name in told):
            return Reply()
        if fields.get("CallStatus") == "ringing" and fields.get("Direction") == "inbound":
            return Reply(200, self._twiml, _XML)
        return Reply(200, _NOTHING, _XML)

    def _key(self, delivery: Delivery) -> tuple[bytes, Digest]:
        """The secret that *delivery* claims to be signed with: the auth token's, unless it names a shared key."""
        header = delivery.headers.get("x-twilio-webhooks-signature-settings")
        if not header:
            return self._token, "sha1"
        key, algorithm = named_key(header)
        if key not in self._keys:
            raise Forged("The request is signed with a shared key that signing_keys does not hold.")
        return self._keys[key], algorithm


def _parameters(delivery: Delivery) -> tuple[dict[str, str], dict[str, str]]:
    """The URL's parameters and the request's, which for GET are the same. An empty one is absent."""
    _, _, text = delivery.url.partition("?")
    query = {name: value for name, value in form(text) if value} if text else {}
    if delivery.method == "GET":
        return query, query
    return query, {name: value for name, value in body_form(delivery) if value}
