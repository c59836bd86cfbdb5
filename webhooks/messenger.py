"""The Messenger Platform's door: messages to a page or an Instagram account, comments, and what became of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import orjson

import hub
from connectors.messenger.payloads import said
from connectors.messenger.settings import MessengerSettings
from hub import Delivery, Event, Forged, Receipt, Reply, Setup, Step, Unsupported
from hub.formats.subscriptions import challenge, signed


class Webhook(hub.Webhook):
    """Meta signs the body with the app's secret, and asks once whether the address is ours
    (https://developers.facebook.com/docs/messenger-platform/webhooks). It signs no time."""

    Settings = MessengerSettings

    undetectable: ClassVar[frozenset[str]] = frozenset({"stale", "unreadable"})

    def __init__(self, settings: MessengerSettings, setup: Setup) -> None:
        self._settings = settings
        self._url = setup.webhook_url

    def advice(self) -> Sequence[str]:
        """What is entered in the app's settings."""
        fields = "messages, messaging_postbacks, message_deliveries, message_echoes, feed"
        if self._settings.platform == "instagram":
            fields = "messages, messaging_postbacks, messaging_seen, comments"
        return (f"at Meta, Callback URL: {self._url}, Verify token as in verify_token, fields: {fields}",)

    def verify(self, delivery: Delivery) -> None:
        """The signature covers the body as it stands on the wire; a challenge holds our word."""
        if delivery.method == "GET":
            if challenge(delivery.url, self._settings.verify_token.get_secret_value()) is None:
                raise Forged("The challenge does not hold verify_token.")
            return
        claimed = delivery.headers.get("x-hub-signature-256", "")
        if not signed(delivery.body, self._settings.app_secret.get_secret_value(), claimed):
            raise Forged("The signature does not match: check app_secret.")

    def parse(self, delivery: Delivery) -> Sequence[Event | Receipt]:
        """Messages and comments of the account, their changes, and receipts."""
        if delivery.method == "GET":
            return ()
        try:
            payload = orjson.loads(delivery.body)
        except orjson.JSONDecodeError:
            raise Unsupported("This is no JSON.") from None
        if not isinstance(payload, dict):
            raise Unsupported("This is not about an account.")
        return said(payload, self._settings)

    def reply(self, delivery: Delivery, step: Step | None = None) -> Reply:
        """200, and the challenge where one was asked."""
        token = self._settings.verify_token.get_secret_value()
        asked = challenge(delivery.url, token) if delivery.method == "GET" else None
        return Reply(200, (asked or "").encode())
