"""Twilio's door: calls and text messages. Answers of each kind of request are described in docs/TELEPHONY.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import hub
from connectors.twilio import asking
from connectors.twilio.addresses import Us
from connectors.twilio.normalise import events
from connectors.twilio.settings import TwilioSettings
from connectors.twilio.signature import body_form, form, is_json, named_key, signature, signed_parameters, signed_urls
from connectors.twilio.twiml import RETRIES, told
from hub import Asked, Changed, Delivery, Event, Forged, Malformed, Receipt, Reply, Setup, Step, Unsupported
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
        self._asks_rest = settings.has_key
        self._setup = setup
        self._us = Us.of(setup)

    def advice(self) -> Sequence[str]:
        """The URLs as they stand in Twilio's console."""
        url = self._setup.webhook_url
        voice = f"{url} (the plan {self._setup.plan} answers)" if self._setup.plan else "your own TwiML, not the hub"
        return (
            f"at Twilio, A call comes in: {voice}",
            f"at Twilio, Call status changes, and each statusCallback: {url}{RETRIES}",
            f"at Twilio, A message comes in: {url}{RETRIES}",
        )

    def verify(self, delivery: Delivery) -> None:
        """The signature covers the public URL with its query, and the whole form. It has no time."""
        claimed = delivery.headers.get("x-twilio-signature")
        if not claimed:
            raise Forged("The request has no X-Twilio-Signature.")
        secret, algorithm = self._key(delivery)
        parameters = signed_parameters(delivery)
        if not any(equal(signature(url, parameters, secret, algorithm), claimed) for url in signed_urls(delivery.url)):
            raise Forged("The signature does not match: check auth_token, and that public_url is what Twilio calls.")

    def parse(self, delivery: Delivery) -> Sequence[Event | Changed | Receipt]:
        """Calls on `twilio:<CallSid of the parent>`, text messages on `twilio:<MessageSid>`."""
        if is_json(delivery):
            raise Unsupported("A JSON body: the hub reads the forms that Twilio sends for calls and messages.")
        query, fields = _parameters(delivery)
        if fields.get("AccountSid", self._account) != self._account:
            raise Unsupported("The request is genuine and of another account than account_sid says.")
        said = events(fields, query, self._us, delivery.received_at)
        if not said and self._asks_rest and "AnsweredBy" in fields:
            # It does not say of which call this is a leg; Twilio's list does.
            return (Changed(self._setup.name),)
        return said

    def asked(self, delivery: Delivery) -> Asked | None:
        """Where a plan answers this source's calls: a call that comes in, and each time a step of ours is done."""
        if not self._setup.plan or is_json(delivery):
            return None
        query, fields = _parameters(delivery)
        return asking.asked(fields, query, self._us, delivery.received_at)

    def reply(self, delivery: Delivery, step: Step | None = None) -> Reply:
        """TwiML where Twilio asks for it, and nothing for what it merely tells."""
        try:
            _, fields = _parameters(delivery)
        except Malformed:
            return Reply()
        if is_json(delivery) or asking.is_told(fields):
            return Reply()
        if step is not None:
            line = self._us.handle(fields.get("To"))
            ringing = fields.get("CallStatus") == "ringing"
            return Reply(200, told(step, self._setup.webhook_url, line, ringing=ringing), _XML)
        if asking.is_new(fields):
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
