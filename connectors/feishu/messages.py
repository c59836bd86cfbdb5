"""Events of Feishu's schema 2.0 (https://open.feishu.cn/document/server-docs/im-v1/message/events/receive) as the
hub's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

import hub

LONGEST = 20_000

_FILES = {"image": "image_key", "file": "file_key", "audio": "file_key", "media": "file_key", "sticker": "file_key"}
_SHOWN = frozenset({"image", "audio", "media", "sticker"})


def said(event: Mapping[str, Any], app_id: str) -> list[hub.Event | hub.Receipt]:
    """What an opened event says to the app; nothing where it is no message. Raises `hub.Unsupported`."""
    try:
        header = event["header"]
        kind = str(header["event_type"])
        if str(header["app_id"]) != app_id:
            raise hub.Unsupported("The event is genuine and of another app than app_id says.")
        if kind == "im.message.receive_v1":
            return _received(event["event"], header, app_id)
        if kind == "im.message.recalled_v1":
            return [_recalled(event["event"], header)]
        if kind == "im.message.message_read_v1":
            return _read(event["event"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise hub.Unsupported(f"a message that cannot be read: {type(error).__name__}: {error}"[:200]) from None
    return []


def _received(event: Mapping[str, Any], header: Mapping[str, Any], app_id: str) -> list[hub.Event | hub.Receipt]:
    message, sender = event["message"], event["sender"]
    text, files = _content(message)
    if not text and not files:
        return []
    at = _time(message["create_time"])
    by = sender["sender_id"]["open_id"] if sender.get("sender_type") == "user" else ""
    id = str(message["message_id"])
    facts = hub.Message(
        participants=(
            hub.Participant(f"feishu:{header['tenant_key']}/{by}" if by else "", hub.Role.SENDER),
            hub.Participant(f"feishu:{app_id}", hub.Role.RECIPIENT),
        ),
        text=text[:LONGEST],
        sent_at=at,
        ident=id,
        files=files,
    )
    return [_event(id, "sent", at, facts, conversation(message))]


def _recalled(event: Mapping[str, Any], header: Mapping[str, Any]) -> hub.Event:
    at = _time(event.get("recall_time") or header["create_time"])
    return _event(str(event["message_id"]), "deleted", at, hub.Message(deleted=True), str(event["chat_id"]))


def _read(event: Mapping[str, Any]) -> list[hub.Event | hub.Receipt]:
    at = _time(event["reader"]["read_time"])
    return [
        hub.Receipt(key=f"feishu:{id}", state=hub.Delivered.READ, at=at) for id in event.get("message_id_list") or ()
    ]


def _event(id: str, event_id: str, at: datetime, facts: hub.Message, chat: str) -> hub.Event:
    key = f"feishu:{id}"
    return hub.Event(key=key, id=event_id, channel=hub.Channel.CHAT, at=at, facts=facts, conversation=chat)


def conversation(message: Mapping[str, Any]) -> str:
    """What a message's thread is called: the chat, or the topic in it."""
    thread = message.get("thread_id")
    return f"{message['chat_id']}/{thread}" if thread else str(message["chat_id"])


def _content(message: Mapping[str, Any]) -> tuple[str, tuple[hub.File, ...]]:
    """The words of a message and its files. Its content is JSON within JSON, in a shape of each kind's own."""
    kind = str(message["message_type"])
    content = orjson.loads(message["content"])
    if kind in _FILES:
        media = "image/jpeg" if kind == "image" else "audio/ogg" if kind == "audio" else ""
        # A file is asked for with the message in which it came.
        id = f"{message['message_id']}/{'image' if kind == 'image' else 'file'}/{content[_FILES[kind]]}"
        return "", (hub.File(id, str(content.get("file_name") or ""), media, inline=kind in _SHOWN),)
    if kind == "text":
        text = str(content["text"])
    elif kind == "post":
        text = _post(content)
    elif kind == "location":
        text = f"{content.get('name') or ''}\ngeo:{content['latitude']},{content['longitude']}".strip()
    elif kind == "share_chat":
        text = ""
    else:
        text = str(content.get("title") or content.get("text") or f"[{kind}]")
    for mention in message.get("mentions") or ():
        text = text.replace(str(mention["key"]), f"@{mention['name']}")
    return text.strip(), ()


def _post(content: Mapping[str, Any]) -> str:
    """The words of a rich text: a title, and lines of elements. Some clients say them for each language."""
    if "content" not in content:
        content = next((each for each in content.values() if isinstance(each, dict)), {})
    rows = ["".join(map(_element, row)) for row in content.get("content") or ()]
    return "\n".join(filter(None, (str(content.get("title") or ""), *rows)))


def _element(element: Mapping[str, Any]) -> str:
    if element.get("tag") == "at":
        return str(element.get("user_id") or "") if not element.get("user_name") else f"@{element['user_name']}"
    if element.get("tag") == "a" and element.get("href") != element.get("text"):
        return f"{element.get('text') or ''} {element.get('href') or ''}".strip()
    return str(element.get("text") or "")


def _time(stamp: Any) -> datetime:
    """Milliseconds since 1970, as text; some events have seconds."""
    number = int(stamp)
    return datetime.fromtimestamp(number / 1000 if number > 10**11 else number, UTC)
