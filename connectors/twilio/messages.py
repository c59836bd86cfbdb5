"""Text messages, and what became of those that we sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connectors.twilio.addresses import Us
from connectors.twilio.codes import reason
from connectors.twilio.payloads import MessageRequest
from hub import Channel, Delivered, Event, Message, Participant, Receipt, Role, Unsupported

_DELIVERED = {
    "sent": Delivered.SENT,
    "delivered": Delivered.DELIVERED,
    "read": Delivered.READ,
    "failed": Delivered.FAILED,
    "undelivered": Delivered.FAILED,
    "canceled": Delivered.FAILED,
}


def receipts(sid: str, status: str, error_code: str, at: datetime, words: str = "") -> tuple[Receipt, ...]:
    """What Twilio's *status* of a message that went out says; nothing where it is still on its way."""
    state = _DELIVERED.get(status)
    if state is None:
        return ()
    why = "" if state is not Delivered.FAILED else reason(error_code, words) or status
    return (Receipt(key=f"twilio:{sid}", state=state, at=at, reason=why),)


def message(request: MessageRequest, media: tuple[str, ...], us: Us, at: datetime) -> tuple[Event, ...]:
    """A text message that came in. Pictures stay at Twilio: the text names their addresses (*media*)."""
    if request.status not in ("received", "receiving"):
        return ()
    if request.sender.startswith("messenger:"):
        raise Unsupported("A Messenger message over Twilio: the hub has no address for its sender yet.")
    channel = Channel.CHAT if request.sender.startswith("whatsapp:") else Channel.SMS
    sender, recipient = us.handle(request.sender), us.handle(request.recipient)
    if not sender.startswith("tel:") and request.whatsapp_id.isdigit():
        sender = us.handle(f"whatsapp:+{request.whatsapp_id}") or sender
    event = Event(
        key=f"twilio:{request.sid}",
        id=request.sid,
        channel=channel,
        at=at,
        facts=Message(
            participants=(
                # A sender without a number (a name such as "DHL", a short code) is known by what it calls itself.
                Participant(sender, Role.SENDER, request.sender_name or ("" if sender else request.sender)),
                Participant(recipient, Role.RECIPIENT),
            ),
            text="\n".join(filter(None, [request.text, *media])),
            sent_at=at,
        ),
        conversation=f"{channel}:{'|'.join(sorted((sender, recipient)))}" if sender and recipient else "",
    )
    return (event,)


def pictures(fields: Mapping[str, str], count: int) -> tuple[str, ...]:
    """The addresses of a message's pictures."""
    return tuple(fields[f"MediaUrl{n}"] for n in range(count) if f"MediaUrl{n}" in fields)
