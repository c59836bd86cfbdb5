"""Answers in Slack: messages of our app, in the thread in which it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import urlsplit

import hub
from connectors.slack.files import client
from connectors.slack.settings import SlackSettings
from connectors.slack.web import Web
from connectors.slack.words import escaped

LONGEST = 4000
"""Characters: Slack cuts a text at 40,000, and asks for this (https://docs.slack.dev/reference/methods/chat.postMessage)."""

LARGEST = 25 << 20
"""Bytes of a file. Slack takes 1 GB; the hub holds a letter in memory."""

_UPLOAD_SECONDS = 120.0
_SHARED_AFTER = (0.2, 0.5, 1.0, 2.0)


class Sender(hub.Sender):
    """`chat.postMessage`, and for files the three steps of an upload. Slack has nothing by which a repetition would be
    known as one."""

    Settings = SlackSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType(
        {hub.Channel.CHAT: hub.Speech(LONGEST, enclosures=True, largest=LARGEST, begins=True)}
    )

    def __init__(self, settings: SlackSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._web = Web(settings)

    @property
    def ready(self) -> bool:
        """Whether there is a token."""
        return self._settings.bot_token is not None

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Say it in the conversation, or to the recipient directly where there is none yet."""
        text = letter.raw.decode()
        if not text and not letter.enclosures:
            raise hub.Unsupported("A message needs a text or a file.")
        if len(text) > LONGEST:
            raise hub.Unsupported(f"A message has at most {LONGEST} characters, this one {len(text)}.")
        if any(len(each.data) > LARGEST for each in letter.enclosures):
            raise hub.Unsupported(f"A file has at most {LARGEST >> 20} MB.")
        if any(not each.data for each in letter.enclosures):
            raise hub.Unsupported("Slack takes no empty files.")
        channel, thread = await self._where(letter)
        if letter.enclosures:
            ts = await self._share(channel, thread, text, letter.enclosures)
        else:
            said = await self._web.ask(
                "chat.postMessage", changes=True, channel=channel, thread_ts=thread, text=escaped(text), mrkdwn=False
            )
            ts = str(said.get("ts") or "")
        return hub.Sent(ts, key=f"slack:{self._settings.workspace}/{channel}/{ts}" if ts else "")

    async def close(self) -> None:
        """Close its connections."""
        await self._web.close()

    async def _where(self, letter: hub.Letter) -> tuple[str, str | None]:
        """The channel and the thread."""
        if letter.conversation:
            team, _, rest = letter.conversation.partition("/")
            channel, _, thread = rest.partition("/")
            if team != self._settings.workspace or not channel:
                raise hub.Unsupported("The conversation is one of another workspace.")
            return channel, thread or None
        recipients = [each.rpartition("/")[2] for each in letter.recipients if each.startswith("slack:")]
        if len(recipients) != 1:
            raise hub.Unsupported("A direct message in Slack has one recipient.")
        return await direct(self._web, recipients[0]), None

    async def _share(self, channel: str, thread: str | None, text: str, files: Sequence[hub.Enclosure]) -> str:
        """Upload *files* and share them as one message; its ts, "" where Slack does not say it in time."""
        uploaded = [await self._upload(each) for each in files]
        said = await self._web.ask(
            "files.completeUploadExternal",
            changes=True,
            files=uploaded,
            channel_id=channel,
            thread_ts=thread,
            initial_comment=escaped(text) or None,
        )
        first: Any = next(iter(said.get("files") or ()), {})
        for seconds in _SHARED_AFTER:
            # It is shared a moment later, and only its file says as which message.
            if ts := _shared(first, channel):
                return ts
            await asyncio.sleep(seconds)
            try:
                first = (await self._web.ask("files.info", file=uploaded[0]["id"])).get("file") or {}
            except hub.Verdict:  # it was said: who asks what it is called must not undo that
                return ""
        return _shared(first, channel)

    async def _upload(self, file: hub.Enclosure) -> Mapping[str, str]:
        """Hand *file* over without showing it to anybody yet."""
        place = await self._web.ask("files.getUploadURLExternal", filename=file.name, length=len(file.data))
        url, id = str(place.get("upload_url")), str(place.get("file_id"))
        async with client(url, self._settings) as at:
            try:
                await at.ask("POST", url, content=("application/octet-stream", file.data), seconds=_UPLOAD_SECONDS)
            except TimeoutError:
                host = urlsplit(url).hostname
                raise hub.Unavailable(f"{host} did not take {file.name} in time: nothing was said yet") from None
        return {"id": id, "title": file.name}


async def direct(web: Web, user: str) -> str:
    """The direct conversation of our app with *user*."""
    channel = (await web.ask("conversations.open", users=user)).get("channel")
    id = channel.get("id") if isinstance(channel, dict) else None
    if not isinstance(id, str):
        raise hub.Unavailable("Slack does not say in which conversation one talks to her")
    return id


def _shared(file: Any, channel: str) -> str:
    """The ts of the message as which *file* was shared in *channel*."""
    shares = file.get("shares") if isinstance(file, dict) else None
    for kind in (shares or {}).values():
        for each in kind.get(channel) or ():
            if isinstance(each, dict) and each.get("ts"):
                return str(each["ts"])
    return ""
