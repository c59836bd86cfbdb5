"""Slack's door: the Events API and the buttons below alerts. docs/SLACK.md says what to enter at Slack.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs

import orjson

import hub
from connectors.slack.messages import event, heard
from connectors.slack.pressing import pressed
from connectors.slack.settings import SlackSettings
from hub import Changed, Delivery, Event, Forged, Pressed, Receipt, Reply, Setup, Unsupported
from hub.formats.signing import equal, hmac_hex

LATEST_SECONDS = 300

_TAKEN = Reply(200)


class Webhook(hub.Webhook):
    """Messages with their changes and deletions, and what is pressed. It is answered within the 3 s that Slack waits,
    else Slack says it again, which changes nothing."""

    Settings = SlackSettings

    # The signature is over the raw body, so that nothing has to be read before.
    undetectable: ClassVar[frozenset[str]] = frozenset({"unreadable"})

    def __init__(self, settings: SlackSettings, setup: Setup) -> None:
        self._settings = settings
        self._secret = settings.signing_secret.get_secret_value() if settings.signing_secret else ""
        self._url = setup.webhook_url

    def advice(self) -> Sequence[str]:
        """The two addresses that Slack wants; with Socket Mode none."""
        if self._settings.app_token is not None or not self._secret:
            return ()
        return (f"at Slack, Event Subscriptions and Interactivity, Request URL: {self._url}",)

    def verify(self, delivery: Delivery) -> None:
        """Version 0 signs "v0:<X-Slack-Request-Timestamp>:<body>" with the app's signing secret."""
        if not self._secret:
            raise Forged("The source has no signing_secret, so that nothing that comes here can be verified.")
        said, claimed = (delivery.headers.get(f"x-slack-{name}", "") for name in ("request-timestamp", "signature"))
        if not (said.isascii() and said.isdigit() and len(said) <= 12):
            raise Forged("The request has no X-Slack-Request-Timestamp.")
        if not equal(f"v0={hmac_hex(self._secret, b'v0:' + said.encode() + b':' + delivery.body)}", claimed):
            raise Forged("The signature does not match: check signing_secret.")
        if abs(delivery.received_at.timestamp() - int(said)) > LATEST_SECONDS:
            raise Forged("The request was signed more than five minutes ago: is the clock right?")

    def parse(self, delivery: Delivery) -> Sequence[Event | Changed | Receipt | Pressed]:
        """Messages on `slack:<team>/<channel>/<ts>`, and buttons."""
        if _is_form(delivery):
            return self._form(delivery)
        said = _object(delivery.body)
        if said.get("type") == "event_callback":
            what = heard(said, self._settings)
            return () if what is None else (event(what, self._settings),)
        if said.get("type") in ("url_verification", "app_rate_limited"):
            return ()
        raise Unsupported("The request is genuine and of a kind that the hub does not know.")

    def reply(self, delivery: Delivery, step: hub.Step | None = None) -> Reply:
        """The challenge where Slack asks for it, else that it was taken."""
        if _is_form(delivery):
            return _TAKEN
        try:
            said = _object(delivery.body)
        except Unsupported:
            return _TAKEN
        challenge = said.get("challenge")
        if said.get("type") != "url_verification" or not isinstance(challenge, str):
            return _TAKEN
        return Reply(200, challenge.encode(), "text/plain")

    def _form(self, delivery: Delivery) -> Sequence[Pressed]:
        try:
            fields = parse_qs(delivery.body.decode(), max_num_fields=100)
        except ValueError:
            raise Unsupported("The form cannot be read.") from None
        if "payload" in fields:
            return pressed(_object(fields["payload"][0].encode()), self._settings)
        if "ssl_check" in fields:
            return ()
        if "command" in fields:
            raise Unsupported("The hub has no slash commands: take this one out of the app.")
        raise Unsupported("The form is genuine and of a kind that the hub does not know.")


def _is_form(delivery: Delivery) -> bool:
    return delivery.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unsupported("The request is genuine and no JSON.") from None
    if not isinstance(said, dict):
        raise Unsupported("The request is genuine and no JSON object.")
    return said
