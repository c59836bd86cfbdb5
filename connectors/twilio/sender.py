"""Sends text messages over Twilio: SMS, and WhatsApp with or without a template."""

from __future__ import annotations

import json
from typing import ClassVar

import hub
from connectors.twilio.addresses import written_to
from connectors.twilio.rest import Rest
from connectors.twilio.settings import TwilioSettings
from connectors.twilio.twiml import RETRIES


class Sender(hub.Sender):
    """`POST /Messages.json` (https://www.twilio.com/docs/messaging/api/message-resource). What becomes of a message is
    told to the webhook."""

    Settings = TwilioSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.SMS, hub.Channel.CHAT})

    def __init__(self, settings: TwilioSettings, setup: hub.Setup) -> None:
        self._ready = settings.has_key
        self._callback = f"{setup.webhook_url}{RETRIES}"
        self._rest = Rest(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is an API key."""
        return self._ready

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Hand *letter* to Twilio. It is WhatsApp where the letter's channel is chat or an address says so."""
        if len(letter.recipients) != 1:
            raise hub.Unsupported("A text message has one recipient: write to each of them.")
        addresses = (letter.sender, letter.recipients[0])
        whatsapp = letter.channel is hub.Channel.CHAT or any(each.startswith("whatsapp:") for each in addresses)
        sender, recipient = (written_to(each, whatsapp=whatsapp) for each in addresses)
        form = [("From", sender), ("To", recipient), ("StatusCallback", self._callback)]
        if letter.template is not None:
            form.append(("ContentSid", letter.template.id))
            if letter.template.values:
                form.append(("ContentVariables", json.dumps(dict(letter.template.values), ensure_ascii=False)))
        else:
            form.append(("Body", letter.raw.decode("utf-8")))
        answer = (await self._rest.ask("POST", "Messages.json", form)).json()
        sid = str(answer.get("sid") or "")
        return hub.Sent(sid, key=f"twilio:{sid}" if sid else "")

    async def close(self) -> None:
        """Close its connections."""
        await self._rest.close()
