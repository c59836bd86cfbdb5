"""Telegram's door: the contract."""

from __future__ import annotations

from collections.abc import Sequence

import hub
from tests.contracts.recordings import recordings, webhook
from tests.contracts.webhook import WebhookContract


class TestContract(WebhookContract):
    signed_by = ("x-telegram-bot-api-secret-token",)

    def webhook(self) -> hub.Webhook:
        return webhook("telegram")

    def strangers(self) -> Sequence[hub.Webhook]:
        return [webhook("telegram", secret="another-secret-of-somebody"), webhook("telegram", secret=None)]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [each.delivery() for each in recordings("telegram") if "events" in each.expected]


def test_it_says_what_telegram_is_to_be_told() -> None:
    (said,) = webhook("telegram").advice()
    assert "https://hub.example.org/webhooks/bot" in said
    assert "telegram-test-secret_1" not in said
    assert "poll" in "".join(webhook("telegram", secret=None).advice())
    assert list(webhook("telegram", poll=True).advice()) == []
