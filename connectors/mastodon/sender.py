"""Answers on Mastodon: posts of our account below the one that they answer, as open as that one is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import hub
from connectors.mastodon.server import Server
from connectors.mastodon.settings import MastodonSettings
from hub.formats.digest import stable_id

LONGEST = 440
"""Characters: a server takes 500 where its owner does not say otherwise, and whom we answer is named before them."""

_SPEECH = hub.Speech(LONGEST)


class Sender(hub.Sender):
    """`POST /api/v1/statuses` (https://docs.joinmastodon.org/methods/statuses/#create). It has an idempotency key.
    Whoever is answered is named at the beginning, because only so she hears of it."""

    Settings = MastodonSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.SOCIAL, hub.Channel.CHAT})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType(
        {hub.Channel.SOCIAL: _SPEECH, hub.Channel.CHAT: _SPEECH}
    )

    def __init__(self, settings: MastodonSettings, setup: hub.Setup) -> None:
        self._server = Server(settings, setup.name)

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Post it. Our own event of it, heard in the stream, has the same key."""
        text = letter.raw.decode()
        if letter.enclosures:
            raise hub.Unsupported("Files cannot be sent to Mastodon from here.")
        if not text:
            raise hub.Unsupported("A post needs a text.")
        if len(text) > LONGEST:
            raise hub.Unsupported(f"An answer has at most {LONGEST} characters, this one {len(text)}.")
        answered = letter.answers.rpartition("/")[2]
        if not answered:
            raise hub.Unsupported("On Mastodon the hub only answers.")
        status = (await self._server.ask("GET", f"/api/v1/statuses/{answered}")).json()
        whom = f"@{status['account']['acct']}"
        form = [
            ("status", text if whom.casefold() in text.casefold() else f"{whom} {text}"),
            ("in_reply_to_id", answered),
            ("visibility", str(status["visibility"])),
        ]
        headers = {"Idempotency-Key": stable_id(letter.key)}
        made = (await self._server.ask("POST", "/api/v1/statuses", form=form, headers=headers)).json()
        return hub.Sent(str(made["uri"]), key=f"mastodon:{self._server.host}/{made['id']}")

    async def close(self) -> None:
        """Close its connections."""
        await self._server.close()
