"""Updates of the Bot API (https://core.telegram.org/bots/api#update) as events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import hub

LONGEST = 20_000

_MESSAGES = ("message", "edited_message", "channel_post", "edited_channel_post", "business_message",
             "edited_business_message")  # fmt: skip
_FILES = ("document", "audio", "voice", "video", "video_note", "animation", "sticker")
_SHOWN = frozenset({"photo", "voice", "video", "video_note", "animation", "sticker"})
_TYPES = {"voice": "audio/ogg", "sticker": "image/webp", "photo": "image/jpeg", "video_note": "video/mp4"}


@dataclass(frozen=True, slots=True)
class Chat:
    """Where a message stands: the *bot* that hears it, the chat's id, and the *topic* of a forum or the *business*
    connection through which a private chat is heard."""

    bot: str
    id: str
    topic: str = ""
    business: str = ""

    @property
    def conversation(self) -> str:
        """What its messages call it."""
        more = f"/{self.topic}" if self.topic else f"/business/{self.business}" if self.business else ""
        return f"{self.bot}/{self.id}{more}"

    @classmethod
    def read(cls, conversation: str) -> Chat:
        """What `conversation` made. Raises `ValueError`."""
        bot, id, *more = conversation.split("/")
        int(id)
        if len(more) == 2 and more[0] == "business":
            return cls(bot, id, business=more[1])
        if len(more) > 1:
            raise ValueError(conversation)
        return cls(bot, id, topic=more[0] if more else "")

    def key(self, message_id: object) -> str:
        """The key of a message in it."""
        business = f"{self.business}/" if self.business else ""
        return f"telegram:{self.bot}/{business}{self.id}/{message_id}"


def events(update: Mapping[str, Any], bot: str, heard_at: datetime) -> list[hub.Event]:
    """What *update*, heard at *heard_at*, says to the bot with the id *bot*; nothing where it is no message. Raises
    `hub.Unsupported`."""
    try:
        if gone := update.get("deleted_business_messages"):
            chat = Chat(bot, str(gone["chat"]["id"]), business=str(gone["business_connection_id"]))
            return [_event(chat, id, "deleted", heard_at, hub.Message(deleted=True)) for id in gone["message_ids"]]
        for kind in _MESSAGES:
            if message := update.get(kind):
                return _said(message, bot)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise hub.Unsupported(f"a message that cannot be read: {type(error).__name__}: {error}"[:200]) from None
    return []


def _said(message: Mapping[str, Any], bot: str) -> list[hub.Event]:
    text, files = _text(message), tuple(_files(message))
    if not text and not files:
        return []  # somebody came, went, or changed the picture of a group
    topic = str(message["message_thread_id"]) if message.get("is_topic_message") else ""
    chat = Chat(bot, str(message["chat"]["id"]), topic, str(message.get("business_connection_id") or ""))
    sent_at = datetime.fromtimestamp(int(message["date"]), UTC)
    edited = message.get("edit_date")
    edited_at = datetime.fromtimestamp(int(edited), UTC) if edited else None
    facts = hub.Message(
        participants=_people(message, chat),
        title=str(message["chat"].get("title") or "") or None,
        text=text[:LONGEST],
        sent_at=sent_at,
        ident=chat.key(message["message_id"]).partition(":")[2],
        files=files,
        edited_at=edited_at,
    )
    return [_event(chat, message["message_id"], f"edited/{edited}" if edited else "sent", edited_at or sent_at, facts)]


def _event(chat: Chat, message_id: object, id: str, at: datetime, facts: hub.Message) -> hub.Event:
    return hub.Event(
        key=chat.key(message_id),
        id=id,
        channel=hub.Channel.CHAT,
        at=at,
        facts=facts,
        conversation=chat.conversation,
    )


def _people(message: Mapping[str, Any], chat: Chat) -> tuple[hub.Participant, ...]:
    ours = f"telegram:{chat.bot}"
    by_chat, by = message.get("sender_chat"), message.get("from") or {}
    if chat.business and str(by.get("id")) != chat.id:
        # The owner of the business account answered in her own app.
        theirs = hub.Participant(f"telegram:{chat.id}", hub.Role.RECIPIENT, _name(message["chat"]))
        return (hub.Participant(ours, hub.Role.SENDER, _name(by)), theirs)
    author = by_chat or by
    sender = hub.Participant(f"telegram:{author['id']}" if author else "", hub.Role.SENDER, _name(author))
    return (sender, hub.Participant(ours, hub.Role.RECIPIENT))


def _name(who: Mapping[str, Any]) -> str:
    named = " ".join(filter(None, (who.get("first_name"), who.get("last_name"))))
    return str(named or who.get("title") or who.get("username") or "")


def _text(message: Mapping[str, Any]) -> str:
    if text := message.get("text") or message.get("caption"):
        return str(text)
    if contact := message.get("contact"):
        named = _name(contact)
        return f"{named}, {contact['phone_number']}" if named else str(contact["phone_number"])
    if venue := message.get("venue"):
        return f"{venue['title']}, {venue['address']}\n{_place(venue['location'])}"
    if place := message.get("location"):
        return _place(place)
    if poll := message.get("poll"):
        return "\n".join((str(poll["question"]), *(f"- {option['text']}" for option in poll["options"])))
    if dice := message.get("dice"):
        return f"{dice['emoji']} {dice['value']}"
    return ""


def _place(location: Mapping[str, Any]) -> str:
    """RFC 5870."""
    return f"geo:{float(location['latitude'])},{float(location['longitude'])}"


def _files(message: Mapping[str, Any]) -> Sequence[hub.File]:
    found = []
    if photo := message.get("photo"):
        largest = max(photo, key=lambda size: int(size.get("file_size") or size.get("width") or 0))
        found.append(_file("photo", largest))
    # An animation comes as a document, too, for programs that do not know the word.
    kinds = [kind for kind in _FILES if message.get(kind)]
    for kind in kinds:
        if not (kind == "document" and "animation" in kinds):
            found.append(_file(kind, message[kind]))
    return found


def _file(kind: str, file: Mapping[str, Any]) -> hub.File:
    return hub.File(
        id=str(file["file_id"]),
        name=str(file.get("file_name") or ""),
        media_type=str(file.get("mime_type") or _TYPES.get(kind, "")),
        size=int(file.get("file_size") or 0),
        inline=kind in _SHOWN,
    )
