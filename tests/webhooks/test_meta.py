"""The doors of WhatsApp and of the Messenger Platform: the contract, and Meta's challenge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import hub
from connectors.messenger.settings import MessengerSettings
from tests.contracts.recordings import RECEIVED_AT, recordings, webhook
from tests.contracts.webhook import WebhookContract
from webhooks.messenger import Webhook


class TestWhatsApp(WebhookContract):
    signed_by = ("x-hub-signature-256",)

    def webhook(self) -> hub.Webhook:
        return webhook("whatsapp")

    def strangers(self) -> Sequence[hub.Webhook]:
        return [webhook("whatsapp", app_secret="another-secret")]

    def genuine(self) -> Sequence[hub.Delivery]:
        return _posts("whatsapp")


class TestMessenger(WebhookContract):
    signed_by = ("x-hub-signature-256",)

    def webhook(self) -> hub.Webhook:
        return webhook("messenger")

    def strangers(self) -> Sequence[hub.Webhook]:
        return [webhook("messenger", app_secret="another-secret")]

    def genuine(self) -> Sequence[hub.Delivery]:
        return _posts("messenger")


class TestInstagram(WebhookContract):
    signed_by = ("x-hub-signature-256",)

    def webhook(self) -> hub.Webhook:
        return _instagram("meta-test-app-secret")

    def strangers(self) -> Sequence[hub.Webhook]:
        return [_instagram("another-secret")]

    def genuine(self) -> Sequence[hub.Delivery]:
        told = json.loads((Path(__file__).parents[1] / "data/instagram/signed-requests.json").read_text("utf-8"))
        return [
            hub.Delivery(
                "POST",
                "https://hub.example.org/webhooks/instagram",
                {name.lower(): value for name, value in each["headers"].items()},
                each["raw_body"].encode(),
                RECEIVED_AT,
            )
            for each in told["requests"]
        ]


def _instagram(secret: str) -> hub.Webhook:
    given = {
        "platform": "instagram",
        "account_id": "17841400000000001",
        "app_secret": secret,
        "verify_token": "hub-verify",
    }
    url = "https://hub.example.org/webhooks/instagram"
    return Webhook(MessengerSettings.model_validate(given), hub.Setup("instagram", "US", (), (), (), url))


def _posts(provider: str) -> list[hub.Delivery]:
    return [
        delivery
        for each in recordings(provider)
        if "events" in each.expected and (delivery := each.delivery()).method == "POST"
    ]


@pytest.mark.parametrize("provider", ["whatsapp", "messenger"])
def test_a_challenge_with_the_wrong_word_is_refused(provider: str) -> None:
    door = webhook(provider)
    (asked,) = (each.delivery() for each in recordings(provider) if each.path.name == "challenge")
    door.verify(asked)
    for wrong in (
        asked.url.replace("hub-verify", "hub-verifz"),
        asked.url.replace("hub-verify", ""),
        asked.url.replace("subscribe", "unsubscribe"),
        asked.url.partition("?")[0],
    ):
        with pytest.raises(hub.Forged):
            door.verify(replace(asked, url=wrong))
