"""Feishu's door: events of an app (https://open.feishu.cn/document/server-docs/event-subscription-guide/overview)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

import hub
from connectors.feishu.messages import said
from connectors.feishu.settings import FeishuSettings
from hub import Delivery, Event, Forged, Malformed, Receipt, Reply, Setup, Step
from hub.formats.sealed import NotSealed, unsealed
from hub.formats.signing import equal

SKEW_SECONDS = 7 * 3600
"""Feishu repeats what it got no answer for, the last time after six hours."""


class Webhook(hub.Webhook):
    """What comes is sealed with the app's key, holds its token, and is signed: SHA-256 over time, nonce, key and
    body."""

    Settings = FeishuSettings

    undetectable: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, settings: FeishuSettings, setup: Setup) -> None:
        self._settings = settings
        self._key = settings.encrypt_key.get_secret_value()
        self._url = setup.webhook_url

    def advice(self) -> Sequence[str]:
        """What is entered on the app's page."""
        return (
            f"at Feishu, Request URL: {self._url}, Encrypt Key as in encrypt_key, events: im.message.receive_v1, "
            "im.message.recalled_v1, im.message.message_read_v1",
        )

    def verify(self, delivery: Delivery) -> None:
        """The signature covers the body as it stands on the wire, and when it was made; what is inside holds our
        token."""
        event = self._opened(delivery)
        stamp = delivery.headers.get("x-lark-request-timestamp", "")
        nonce = delivery.headers.get("x-lark-request-nonce", "")
        words = f"{stamp}{nonce}{self._key}".encode("utf-8", "surrogatepass") + delivery.body
        if not equal(hashlib.sha256(words).hexdigest(), delivery.headers.get("x-lark-signature", "")):
            raise Forged("The signature does not match: check encrypt_key.")
        # Feishu writes seconds; a test of theirs once wrote more after them.
        if not stamp[:10].isdigit() or abs(int(stamp[:10]) - delivery.received_at.timestamp()) > SKEW_SECONDS:
            raise Forged("The request is of another time.")
        token = (event.get("header") or {}).get("token") or event.get("token") or ""
        if not equal(str(token), self._settings.verification_token.get_secret_value()):
            raise Forged("The request does not hold verification_token.")

    def parse(self, delivery: Delivery) -> Sequence[Event | Receipt]:
        """Messages, that one was taken back, and that ours were read."""
        event = self._opened(delivery)
        return () if event.get("type") == "url_verification" else said(event, self._settings.app_id)

    def reply(self, delivery: Delivery, step: Step | None = None) -> Reply:
        """200, and the challenge where one was asked."""
        event = self._opened(delivery)
        if event.get("type") != "url_verification":
            return Reply(200)
        return Reply(200, orjson.dumps({"challenge": str(event.get("challenge") or "")}), "application/json")

    def _opened(self, delivery: Delivery) -> Mapping[str, Any]:
        """What is inside. Raises `Malformed`, or `Forged` where another key sealed it."""
        try:
            sealed = orjson.loads(delivery.body)["encrypt"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Malformed('The body is no JSON with "encrypt": set an Encrypt Key on the app\'s page.') from None
        try:
            event = orjson.loads(unsealed(hashlib.sha256(self._key.encode()).digest(), str(sealed)))
        except (NotSealed, orjson.JSONDecodeError):
            raise Forged("It was sealed with another key: check encrypt_key.") from None
        if not isinstance(event, dict):
            raise Forged("It was sealed with another key: check encrypt_key.")
        return event
