"""Feishu's door: the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import hub
from tests.contracts.recordings import recordings, webhook
from tests.contracts.webhook import WebhookContract


class TestContract(WebhookContract):
    signed_by = ("x-lark-signature", "x-lark-request-timestamp", "x-lark-request-nonce")

    def webhook(self) -> hub.Webhook:
        return webhook("feishu")

    def strangers(self) -> Sequence[hub.Webhook]:
        return [
            webhook("feishu", encrypt_key="another key of somebody"),
            webhook("feishu", verification_token="another token"),
        ]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [each.delivery() for each in recordings("feishu") if "events" in each.expected]

    def unreadable(self) -> Sequence[hub.Delivery]:
        genuine = self.genuine()[0]
        return [replace(genuine, body=body) for body in (b"", b"{", b"[]", b'{"type":"url_verification"}')]
