"""Answers on Reddit: comments of our account below what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import hub
from connectors.reddit.api import Api
from connectors.reddit.posts import marked_down
from connectors.reddit.settings import RedditSettings

LONGEST = 10_000


class Sender(hub.Sender):
    """`POST /api/comment` (https://www.reddit.com/dev/api#POST_api_comment). Reddit reads Markdown, so that what looks
    like it is escaped, and takes no files."""

    Settings = RedditSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.SOCIAL})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType({hub.Channel.SOCIAL: hub.Speech(LONGEST)})

    def __init__(self, settings: RedditSettings, setup: hub.Setup) -> None:
        self._ready = settings.refresh_token is not None
        self._api = Api(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is an account that may write."""
        return self._ready

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Write the comment. Our own event of it, heard in a listing, has the same key."""
        text = marked_down(letter.raw.decode())
        if letter.enclosures:
            raise hub.Unsupported("Files cannot be sent to Reddit from here.")
        if not text.strip():
            raise hub.Unsupported("A comment needs a text.")
        if len(text) > LONGEST:
            raise hub.Unsupported(f"A comment has at most {LONGEST} characters, and this one has {len(text)}.")
        if not letter.answers.startswith(("reddit:t1_", "reddit:t3_")):
            raise hub.Unsupported("On Reddit only a post or a comment can be answered.")
        name = await self._api.comment(letter.answers.removeprefix("reddit:"), text)
        return hub.Sent(name, key=f"reddit:{name}" if name else "")

    async def close(self) -> None:
        """Close its connections."""
        await self._api.close()
