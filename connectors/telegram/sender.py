"""What a bot says: texts, and files with or without one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import orjson

import hub
from connectors.telegram.bot import Bot
from connectors.telegram.settings import TelegramSettings
from connectors.telegram.updates import Chat

LONGEST = 4096
LONGEST_CAPTION = 1024
LARGEST = 50 << 20
MOST_FILES = 10


class Sender(hub.Sender):
    """`sendMessage`, `sendDocument`, `sendMediaGroup` (https://core.telegram.org/bots/api#sendmessage). A bot may only
    write to whoever has written to it. Telegram has no idempotency key."""

    Settings = TelegramSettings

    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = MappingProxyType(
        {hub.Channel.CHAT: hub.Speech(LONGEST, enclosures=True, largest=LARGEST)}
    )

    def __init__(self, settings: TelegramSettings, setup: hub.Setup) -> None:
        self._bot = Bot(settings, setup.name)

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Say it in the chat that the letter's conversation names; in a group as an answer to whom it answers."""
        text = letter.raw.decode()
        try:
            chat = Chat.read(letter.conversation)
        except ValueError:
            raise hub.Unsupported("This is no chat of Telegram.") from None
        about = _where(chat, letter.answers)
        if letter.enclosures:
            said = await self._files(about, text, letter.enclosures)
        else:
            if not text.strip():
                raise hub.Unsupported("A message needs a text.")
            if len(text) > LONGEST:
                raise hub.Unsupported(f"A message has at most {LONGEST} characters, this one {len(text)}.")
            said = await self._bot.call("sendMessage", {**about, "text": text})
        id = str(said["message_id"])
        return hub.Sent(id, key=chat.key(id))

    async def close(self) -> None:
        """Close its connections."""
        await self._bot.close()

    async def _files(self, about: Mapping[str, Any], text: str, files: tuple[hub.Enclosure, ...]) -> Any:
        """Send *files* in one go, which Telegram takes or refuses as a whole; the first message is answered."""
        if len(text) > LONGEST_CAPTION:
            raise hub.Unsupported(f"With files a text has at most {LONGEST_CAPTION} characters, this one {len(text)}.")
        if len(files) > MOST_FILES:
            raise hub.Unsupported(f"At most {MOST_FILES} files go at once.")
        if any(len(file.data) > LARGEST for file in files):
            raise hub.Unsupported(f"A file has at most {LARGEST >> 20} MB.")
        fields = {name: each if isinstance(each, str) else orjson.dumps(each).decode() for name, each in about.items()}
        if len(files) == 1:
            if text:
                fields["caption"] = text
            return await self._bot.upload("sendDocument", fields, [("document", files[0])])
        media = [{"type": "document", "media": f"attach://file{place}"} for place, _ in enumerate(files)]
        if text:
            media[0]["caption"] = text
        fields["media"] = orjson.dumps(media).decode()
        said = await self._bot.upload(
            "sendMediaGroup", fields, [(f"file{place}", file) for place, file in enumerate(files)]
        )
        return said[0]


def _where(chat: Chat, answers: str) -> dict[str, Any]:
    about: dict[str, Any] = {"chat_id": int(chat.id)}
    if chat.topic:
        about["message_thread_id"] = int(chat.topic)
    if chat.business:
        about["business_connection_id"] = chat.business
    answered = answers.rpartition("/")[2]
    if int(chat.id) < 0 and answered.isdigit():  # among two everybody knows what is answered
        about["reply_parameters"] = {"message_id": int(answered), "allow_sending_without_reply": True}
    return about
