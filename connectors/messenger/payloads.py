"""What Meta sends of a page or an Instagram account as events
(https://developers.facebook.com/docs/messenger-platform/reference/webhook-events). Pure.

People are known by ids that count for one page or account only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import hub
from connectors.messenger.settings import MessengerSettings

LONGEST = 20_000

_OBJECTS = {"messenger": "page", "instagram": "instagram"}
_FILES = frozenset({"image", "video", "audio", "file", "ig_reel", "reel", "story_mention", "share"})
_SHOWN = frozenset({"image", "video", "audio", "story_mention"})


def said(payload: Mapping[str, Any], settings: MessengerSettings) -> list[hub.Event | hub.Receipt]:
    """What *payload* says of our page or account. Raises `hub.Unsupported`."""
    if payload.get("object") != _OBJECTS[settings.platform]:
        raise hub.Unsupported(f"This is not about {settings.platform}.")
    found: list[hub.Event | hub.Receipt] = []
    try:
        for entry in payload["entry"]:
            if str(entry["id"]) != settings.account_id:
                continue  # another page of the same app: it is another source
            for each in entry.get("messaging") or ():
                found += _messaging(each, settings)
            for change in entry.get("changes") or ():
                found += _comment(change, entry, settings)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise hub.Unsupported(f"a message that cannot be read: {type(error).__name__}: {error}"[:200]) from None
    return found


def _messaging(each: Mapping[str, Any], settings: MessengerSettings) -> Sequence[hub.Event | hub.Receipt]:
    at = _time(int(each["timestamp"]))
    if delivery := each.get("delivery"):
        return [
            hub.Receipt(key=f"{settings.platform}:{mid}", state=hub.Delivered.DELIVERED, at=at)
            for mid in delivery.get("mids") or ()
        ]
    if (read := each.get("read")) and read.get("mid"):  # Instagram names what was read; Messenger only until when
        return [hub.Receipt(key=f"{settings.platform}:{read['mid']}", state=hub.Delivered.READ, at=at)]
    message, postback = each.get("message"), each.get("postback")
    edit = each.get("message_edit")
    if edit:
        facts = hub.Message(text=str(edit["text"])[:LONGEST], edited_at=at)
        return [_event(str(edit["mid"]), f"edited/{each['timestamp']}", at, facts, each, settings)]
    if postback and postback.get("mid"):  # somebody pressed a button of the page
        facts = hub.Message(text=str(postback.get("title") or "")[:LONGEST], sent_at=at)
        return [_event(str(postback["mid"]), "sent", at, facts, each, settings)]
    if not message:
        return ()  # a reaction, a watermark, or what is new
    mid = str(message["mid"])
    if message.get("is_deleted"):
        return [_event(mid, "deleted", at, hub.Message(deleted=True), each, settings)]
    files = tuple(_files(message))
    text = str(message.get("text") or "")
    if message.get("is_unsupported") and not text:
        text = "[a message that Meta does not pass on]"
    if not text and not files:
        return ()
    return [_event(mid, "sent", at, hub.Message(text=text[:LONGEST], sent_at=at, files=files), each, settings)]


def _event(
    mid: str, id: str, at: datetime, facts: hub.Message, each: Mapping[str, Any], settings: MessengerSettings
) -> hub.Event:
    ours = f"{settings.platform}:{settings.account_id}"
    sender, recipient = str(each["sender"]["id"]), str(each["recipient"]["id"])
    by_us = bool((each.get("message") or {}).get("is_echo")) or sender == settings.account_id
    # Of an echo Meta names the page as the sender; some samples have it the other way round.
    other = next((id for id in (recipient, sender) if id != settings.account_id), "") if by_us else sender
    theirs = f"{settings.platform}:{settings.account_id}/{other}"
    if not facts.deleted:
        people = (
            (hub.Participant(ours, hub.Role.SENDER), hub.Participant(theirs, hub.Role.RECIPIENT))
            if by_us
            else (hub.Participant(theirs, hub.Role.SENDER), hub.Participant(ours, hub.Role.RECIPIENT))
        )
        facts = hub.Message(
            participants=people,
            text=facts.text,
            sent_at=facts.sent_at,
            ident=mid,
            files=facts.files,
            edited_at=facts.edited_at,
        )
    return hub.Event(
        key=f"{settings.platform}:{mid}",
        id=id,
        channel=hub.Channel.CHAT,
        at=at,
        facts=facts,
        conversation=f"{settings.account_id}/{other}",
    )


def _files(message: Mapping[str, Any]) -> list[hub.File]:
    found = []
    for place, each in enumerate(message.get("attachments") or ()):
        kind, url = str(each.get("type")), (each.get("payload") or {}).get("url")
        if kind in _FILES and isinstance(url, str):
            found.append(hub.File(id=f"{message['mid']}/{place}", url=url[:4000], inline=kind in _SHOWN))
    return found


def _comment(change: Mapping[str, Any], entry: Mapping[str, Any], settings: MessengerSettings) -> list[hub.Event]:
    """A comment on a post of ours, or one that names us."""
    field, value = str(change.get("field")), change.get("value") or {}
    if field in ("comments", "live_comments") and settings.platform == "instagram":
        return [_mention(str(value["id"]), value, value.get("text"), _time(int(entry["time"])), settings)]
    if field == "feed" and value.get("item") == "comment":
        id = str(value["comment_id"])
        at = _time(int(value.get("created_time") or entry["time"]))
        if value.get("verb") == "remove":
            return [_public(id, "deleted", at, hub.Mention(deleted=True), settings)]
        return [_mention(id, value, value.get("message"), at, settings, edited=value.get("verb") == "edited")]
    return []  # mentions that name only ids: what they say would have to be asked for


def _mention(
    id: str, value: Mapping[str, Any], text: Any, at: datetime, settings: MessengerSettings, *, edited: bool = False
) -> hub.Event:
    by = value.get("from") or {}
    author = str(by.get("id") or "")
    theirs = f"{settings.platform}:{settings.account_id}/{author}" if author != settings.account_id else settings.own[0]
    parent = value.get("parent_id")
    facts = hub.Mention(
        participants=(
            hub.Participant(theirs if author else "", hub.Role.SENDER, str(by.get("name") or by.get("username") or "")),
        ),
        text=str(text or "")[:LONGEST],
        posted_at=None if edited else at,
        site="instagram.com" if settings.platform == "instagram" else "facebook.com",
        answers=f"{settings.platform}:comment/{parent}" if parent else None,
        addressed=theirs != settings.own[0] or None,
        edited_at=at if edited else None,
    )
    return _public(id, f"edited/{at.timestamp():.0f}" if edited else "first", at, facts, settings)


def _public(id: str, event_id: str, at: datetime, facts: hub.Mention, settings: MessengerSettings) -> hub.Event:
    key = f"{settings.platform}:comment/{id}"
    return hub.Event(key=key, id=event_id, channel=hub.Channel.SOCIAL, at=at, facts=facts)


def _time(stamp: int) -> datetime:
    """Messages are stamped in milliseconds, changes in seconds."""
    return datetime.fromtimestamp(stamp / 1000 if stamp > 10**11 else stamp, UTC)
