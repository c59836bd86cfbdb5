"""What is said on WhatsApp: free text within 24 hours of the other side's last word, approved templates at any time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar

import hub
from connectors.whatsapp.graph import Graph
from connectors.whatsapp.settings import WhatsAppSettings

LONGEST = 4096


class Sender(hub.Sender):
    """`POST /<phone number id>/messages` (https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages).
    Meta has no idempotency key."""

    Settings = WhatsAppSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType(
        {hub.Channel.CHAT: hub.Speech(LONGEST, window=timedelta(hours=24), templates=True)}
    )

    def __init__(self, settings: WhatsAppSettings, setup: hub.Setup) -> None:
        self._ready = settings.access_token is not None
        self._number = settings.phone_number_id
        self._graph = Graph(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is an access token."""
        return self._ready

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Say it to the letter's recipient."""
        if len(letter.recipients) != 1:
            raise hub.Unsupported("A message has one recipient: write to each of them.")
        if letter.enclosures:
            raise hub.Unsupported("Files cannot be sent to WhatsApp from here.")
        about: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **_whom(letter.recipients[0]),
        }
        text = letter.raw.decode()
        if letter.template is not None:
            about |= {"type": "template", "template": _template(letter.template)}
        elif not text.strip():
            raise hub.Unsupported("A message needs a text.")
        elif len(text) > LONGEST:
            raise hub.Unsupported(f"A message has at most {LONGEST} characters, this one {len(text)}.")
        else:
            about |= {"type": "text", "text": {"body": text, "preview_url": False}}
        said = await self._graph.ask("POST", f"/{self._number}/messages", json=about)
        id = str(said["messages"][0]["id"])
        return hub.Sent(id, key=f"whatsapp:{id}")

    async def close(self) -> None:
        """Close its connections."""
        await self._graph.close()


def _whom(handle: str) -> dict[str, str]:
    """A number goes into `to`; whoever hides hers is reached by her user id."""
    scheme, _, rest = handle.partition(":")
    if scheme == "tel":
        return {"to": rest.removeprefix("+")}
    if scheme == "whatsapp" and rest:
        return {"recipient": rest}
    raise hub.Unsupported("This is no address on WhatsApp.")


def _template(template: hub.Template) -> dict[str, Any]:
    """`<name>/<language>`, and what fills its gaps: by number where all names are numbers, else by name."""
    name, _, language = template.id.partition("/")
    said: dict[str, Any] = {"name": name, "language": {"code": language or "en"}}
    if template.values:
        by_number = all(each.isdigit() for each in template.values)
        ordered = sorted(template.values, key=int) if by_number else list(template.values)
        gaps = [
            {"type": "text", "text": template.values[each], **({} if by_number else {"parameter_name": each})}
            for each in ordered
        ]
        said["components"] = [{"type": "body", "parameters": gaps}]
    return said
