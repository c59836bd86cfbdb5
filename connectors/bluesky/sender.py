"""Answers on Bluesky: posts of our account, below the one that they answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar

import hub
from connectors.bluesky.account import Account
from connectors.bluesky.frames import POST
from connectors.bluesky.posts import root
from connectors.bluesky.settings import BlueskySettings

LONGEST = 300

_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}'，。！？；：）]")


class Sender(hub.Sender):
    """`com.atproto.repo.createRecord` (https://docs.bsky.app/docs/advanced-guides/posts). A post has 300 characters at
    most, as its readers count them."""

    Settings = BlueskySettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.SOCIAL})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType({hub.Channel.SOCIAL: hub.Speech(LONGEST)})

    def __init__(self, settings: BlueskySettings, setup: hub.Setup) -> None:
        self._ready = bool(settings.identifier)
        self._account = Account(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is an account."""
        return self._ready

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Post the answer. Our own event of it, heard in the stream, has the same key."""
        if letter.enclosures:
            raise hub.Unsupported("Files cannot be sent to Bluesky from here.")
        text = letter.raw.decode()
        if not text:
            raise hub.Unsupported("A post needs a text.")
        if len(text) > LONGEST:
            raise hub.Unsupported(f"A post has at most {LONGEST} characters, this one {len(text)}.")
        record: dict[str, Any] = {"$type": POST, "text": text, "createdAt": _now(), "facets": _facets(text)}
        if letter.answers:
            record["reply"] = await self._reply(letter.answers.removeprefix("at:"))
        await self._account.sign_in()
        about = {"repo": self._account.did, "collection": POST, "record": record}
        made = await self._account.call("com.atproto.repo.createRecord", about)
        uri = str(made["uri"])
        return hub.Sent(uri, key=f"at:{uri}")

    async def close(self) -> None:
        """Close its connections."""
        await self._account.close()

    async def _reply(self, uri: str) -> dict[str, Any]:
        """What an answer says of the post at *uri*, and of the one that began its thread."""
        parent = await self._record(uri)
        first = root(parent.get("value") or {}, uri)
        beginning = parent if first == uri else await self._record(first)
        return {
            "parent": {"uri": uri, "cid": parent["cid"]},
            "root": {"uri": first, "cid": beginning["cid"]},
        }

    async def _record(self, uri: str) -> dict[str, Any]:
        did, collection, rkey = (*uri.removeprefix("at://").split("/"), "", "")[:3]
        query = [("repo", did), ("collection", collection), ("rkey", rkey)]
        found: dict[str, Any] = await self._account.query("com.atproto.repo.getRecord", query)
        return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _facets(text: str) -> list[dict[str, Any]]:
    """The links in *text*, by their places in UTF-8."""
    found = []
    for link in _LINK.finditer(text):
        begins = len(text[: link.start()].encode())
        place = {"byteStart": begins, "byteEnd": begins + len(link.group().encode())}
        feature = {"$type": "app.bsky.richtext.facet#link", "uri": link.group()}
        found.append({"index": place, "features": [feature]})
    return found
