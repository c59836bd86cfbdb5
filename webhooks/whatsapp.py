"""WhatsApp's door: messages to a business number, and what became of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import orjson

import hub
from connectors.whatsapp.payloads import said
from connectors.whatsapp.settings import WhatsAppSettings
from hub import Delivery, Event, Forged, Receipt, Reply, Setup, Step, Unsupported
from hub.formats.subscriptions import challenge, signed


class Webhook(hub.Webhook):
    """Meta signs the body with the app's secret, and asks once whether the address is ours
    (https://developers.facebook.com/docs/graph-api/webhooks/getting-started). It signs no time."""

    Settings = WhatsAppSettings

    undetectable: ClassVar[frozenset[str]] = frozenset({"stale", "unreadable"})

    def __init__(self, settings: WhatsAppSettings, setup: Setup) -> None:
        self._secret = settings.app_secret.get_secret_value()
        self._token = settings.verify_token.get_secret_value()
        self._number = settings.phone_number_id
        self._url = setup.webhook_url

    def advice(self) -> Sequence[str]:
        """What is entered in the app's WhatsApp settings."""
        return (f"at Meta, Callback URL: {self._url}, Verify token as in verify_token, field: messages",)

    def verify(self, delivery: Delivery) -> None:
        """The signature covers the body as it stands on the wire; a challenge holds our word."""
        if delivery.method == "GET":
            if challenge(delivery.url, self._token) is None:
                raise Forged("The challenge does not hold verify_token.")
        elif not signed(delivery.body, self._secret, delivery.headers.get("x-hub-signature-256", "")):
            raise Forged("The signature does not match: check app_secret.")

    def parse(self, delivery: Delivery) -> Sequence[Event | Receipt]:
        """Messages of the number that phone_number_id names, their changes, and receipts."""
        if delivery.method == "GET":
            return ()
        try:
            payload = orjson.loads(delivery.body)
        except orjson.JSONDecodeError:
            raise Unsupported("This is no JSON.") from None
        if not isinstance(payload, dict):
            raise Unsupported("This is not about a WhatsApp account.")
        return said(payload, self._number)

    def reply(self, delivery: Delivery, step: Step | None = None) -> Reply:
        """200, and the challenge where one was asked."""
        asked = challenge(delivery.url, self._token) if delivery.method == "GET" else None
        return Reply(200, (asked or "").encode())
