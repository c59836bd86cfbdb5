"""What Meta sends of a WhatsApp number (https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components) as
events and receipts. Pure.

Whoever has taken a user name may be known by a business-scoped user id (BSUID) alone, without a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import hub
from hub.formats import handles

LONGEST = 20_000

_MEDIA = ("image", "video", "audio", "document", "sticker")
_STATES = {
    "sent": hub.Delivered.SENT,
    "delivered": hub.Delivered.DELIVERED,
    "read": hub.Delivered.READ,
    "played": hub.Delivered.READ,
    "failed": hub.Delivered.FAILED,
}


def said(payload: Mapping[str, Any], number: str) -> list[hub.Event | hub.Receipt]:
    """What *payload* says of the number whose id is *number*. Raises `hub.Unsupported`."""
    if payload.get("object") != "whatsapp_business_account":
        raise hub.Unsupported("This is not about a WhatsApp account.")
    found: list[hub.Event | hub.Receipt] = []
    try:
        for entry in payload["entry"]:
            for change in entry["changes"]:
                found += _change(str(change.get("field")), change.get("value") or {}, number)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise hub.Unsupported(f"a message that cannot be read: {type(error).__name__}: {error}"[:200]) from None
    return found


def _change(field: str, value: Mapping[str, Any], number: str) -> Sequence[hub.Event | hub.Receipt]:
    if (value.get("metadata") or {}).get("phone_number_id") != number:
        return ()  # another number of the account: it is another source
    names = _Names(value.get("contacts") or ())
    if field == "messages":
        events = [_event(each, number, names, by_us=False) for each in value.get("messages") or ()]
        return [*(each for each in events if each), *map(_receipt, value.get("statuses") or ())]
    if field == "smb_message_echoes":  # written in the WhatsApp Business app
        events = [_event(each, number, names, by_us=True) for each in value.get("message_echoes") or ()]
        return [each for each in events if each]
    return ()


class _Names:
    """Who is who among the contacts of a payload: by number and by user id."""

    def __init__(self, contacts: Sequence[Mapping[str, Any]]) -> None:
        self._by = {str(each[field]): each for each in contacts for field in ("wa_id", "user_id") if each.get(field)}
        self._only = contacts[0] if len(contacts) == 1 else {}

    def name(self, *ids: str) -> str:
        about = self._about(*ids).get("profile") or {}
        return str(about.get("name") or about.get("username") or "")

    def user(self, *ids: str) -> str:
        """The user id of whoever has one of *ids*."""
        return str(self._about(*ids).get("user_id") or "")

    def _about(self, *ids: str) -> Mapping[str, Any]:
        return next((self._by[id] for id in ids if id in self._by), self._only)


def _event(message: Mapping[str, Any], number: str, names: _Names, *, by_us: bool) -> hub.Event | None:
    side = "to" if by_us else "from"
    phone, user = str(message.get(side) or ""), str(message.get(f"{side}_user_id") or "")
    user = user or names.user(phone, user)
    theirs, ours = handle(phone, user), f"whatsapp:{number}"
    at = datetime.fromtimestamp(int(message["timestamp"]), UTC)
    kind = str(message["type"])
    id, edited_at = str(message["id"]), None
    if kind == "revoke":
        gone = str(message["revoke"]["original_message_id"])
        return _as_event(gone, "deleted", at, hub.Message(deleted=True), number, user or phone)
    event_id = "sent"
    if kind == "edit":
        edit = message["edit"]
        event_id, edited_at, id = f"edited/{id}", at, str(edit["original_message_id"])
        message = edit["message"]
        kind = str(message["type"])
    facts = _message(message, kind)
    if facts is None:
        return None
    role, other = (hub.Role.RECIPIENT, hub.Role.SENDER) if by_us else (hub.Role.SENDER, hub.Role.RECIPIENT)
    they, we = hub.Participant(theirs, role, names.name(phone, user)), hub.Participant(ours, other)
    facts = replace(
        facts,
        participants=(we, they) if by_us else (they, we),
        sent_at=None if edited_at else at,
        edited_at=edited_at,
        ident=id,
    )
    return _as_event(id, event_id, at, facts, number, user or phone)


def _as_event(id: str, event_id: str, at: datetime, facts: hub.Message, number: str, whom: str) -> hub.Event:
    return hub.Event(
        key=f"whatsapp:{id}",
        id=event_id,
        channel=hub.Channel.CHAT,
        at=at,
        facts=facts,
        conversation=f"{number}/{whom}",
    )


def handle(phone: str, user: str) -> str:
    """The handle of whoever has that number (digits without a plus) or, where it is hidden, that user id."""
    known = handles.phone(f"+{phone}", "") if phone.isdigit() else None
    return known or (f"whatsapp:{user}" if user else "")


def _message(message: Mapping[str, Any], kind: str) -> hub.Message | None:
    """The words and files of a message; None where nobody said anything."""
    if kind in _MEDIA:
        media = message[kind]
        file = hub.File(
            id=str(media["id"]),
            name=str(media.get("filename") or ""),
            media_type=str(media.get("mime_type") or "").partition(";")[0],
            size=int(media.get("file_size") or 0),
            inline=kind != "document",
        )
        return hub.Message(text=str(media.get("caption") or "")[:LONGEST], files=(file,))
    text = _text(message, kind)
    return hub.Message(text=text[:LONGEST]) if text else None


def _text(message: Mapping[str, Any], kind: str) -> str:
    about = message.get(kind)
    if kind == "text":
        return str(message["text"]["body"])
    if kind == "button":
        return str(message["button"]["text"])
    if kind == "interactive":
        chosen = message["interactive"]
        reply = chosen.get(str(chosen.get("type"))) or {}
        return "\n".join(str(reply[name]) for name in ("title", "description", "body") if reply.get(name))
    if kind == "location":
        place = message["location"]
        named = ", ".join(str(place[name]) for name in ("name", "address") if place.get(name))
        return f"{named}\ngeo:{float(place['latitude'])},{float(place['longitude'])}".strip()
    if kind == "contacts":
        return "\n".join(map(_card, message["contacts"]))
    if kind == "order":
        items = message["order"].get("product_items") or ()
        return "\n".join(f"{each.get('quantity')} × {each.get('product_retailer_id')}" for each in items)
    if kind == "system" and isinstance(about, Mapping):
        return str(about.get("body") or "")
    if kind == "unsupported":
        errors: Sequence[Mapping[str, Any]] = message.get("errors") or ({},)
        details = (errors[0].get("error_data") or {}).get("details") or errors[0].get("title")
        return f"[{details or 'a message that WhatsApp does not pass on'}]"
    return ""  # a reaction, and what is new


def _card(contact: Mapping[str, Any]) -> str:
    """A person's card, as one line."""
    ways = [str(each["phone"]) for each in contact.get("phones") or () if each.get("phone")]
    ways += [str(each["email"]) for each in contact.get("emails") or () if each.get("email")]
    return ", ".join(filter(None, (str((contact.get("name") or {}).get("formatted_name") or ""), *ways)))


def _receipt(status: Mapping[str, Any]) -> hub.Receipt:
    state = _STATES.get(str(status["status"]), hub.Delivered.SENT)
    errors = status.get("errors") or ()
    reason = " ".join(str(errors[0].get("message") or errors[0].get("title") or "").split()) if errors else ""
    at = datetime.fromtimestamp(int(status["timestamp"]), UTC)
    return hub.Receipt(key=f"whatsapp:{status['id']}", state=state, at=at, reason=reason[:300])
