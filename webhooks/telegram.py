"""Telegram's door: what is written to a bot (https://core.telegram.org/bots/api#setwebhook)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import orjson

import hub
from connectors.telegram.settings import TelegramSettings
from connectors.telegram.updates import events
from hub import Delivery, Event, Forged, Setup, Unsupported
from hub.formats.signing import equal


class Webhook(hub.Webhook):
    """Telegram signs nothing: it repeats a secret that setWebhook was given."""

    Settings = TelegramSettings

    undetectable: ClassVar[frozenset[str]] = frozenset({"altered", "stale", "unreadable"})

    def __init__(self, settings: TelegramSettings, setup: Setup) -> None:
        self._secret = settings.secret.get_secret_value() if settings.secret else ""
        self._bot = settings.bot
        self._url = setup.webhook_url
        self._polls = settings.poll

    def advice(self) -> Sequence[str]:
        """What setWebhook is to be given."""
        if self._polls:
            return ()
        if not self._secret:
            return ("Telegram brings nothing: add secret, or poll = true",)
        return (f"at Telegram, setWebhook with url={self._url} and secret_token as in secret",)

    def verify(self, delivery: Delivery) -> None:
        """The header must hold our secret."""
        said = delivery.headers.get("x-telegram-bot-api-secret-token", "")
        if not self._secret or not equal(said, self._secret):
            raise Forged("The request does not hold the secret that setWebhook was given.")

    def parse(self, delivery: Delivery) -> Sequence[Event]:
        """A message, its change, or that it was taken back; nothing for what else happens in a chat."""
        try:
            update = orjson.loads(delivery.body)
        except orjson.JSONDecodeError:
            raise Unsupported("This is no JSON.") from None
        if not isinstance(update, dict):
            raise Unsupported("This is no update.")
        return events(update, self._bot, delivery.received_at)

    def reply(self, delivery: Delivery, step: hub.Step | None = None) -> hub.Reply:
        """Any 2xx does."""
        return hub.Reply(200)
