"""Facts as JSON text and back: how events and interactions are stored."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from hub.formats.digest import stable_id
from hub.vocabulary import Call, Facts, Kind, Meeting, Mention, Message

_TYPES: dict[Kind, type[Facts]] = {
    Kind.MESSAGE: Message,
    Kind.CALL: Call,
    Kind.MEETING: Meeting,
    Kind.MENTION: Mention,
}
_KINDS = {cls: kind for kind, cls in _TYPES.items()}
_ADAPTERS: dict[Kind, TypeAdapter[Any]] = {kind: TypeAdapter(cls) for kind, cls in _TYPES.items()}


def kind(facts: Facts) -> Kind:
    """What sort of interaction *facts* are about."""
    return _KINDS[type(facts)]


def encode(facts: Facts) -> str:
    """*facts* as JSON text. What is not known is left out."""
    return _ADAPTERS[_KINDS[type(facts)]].dump_json(facts, exclude_none=True).decode()


def decode(name: str, text: str) -> Facts:
    """The facts that `encode` wrote, for the kind called *name*."""
    facts: Facts = _ADAPTERS[Kind(name)].validate_json(text)
    return facts


def content_key(message: Message, blob: str | None) -> str:
    """The key of a mail whose Message-ID is missing or taken: made of what every copy of the mail repeats. Where it
    has no date either, the hash of its bytes, *blob*, tells it from last night's mail that says the same."""
    people = [(participant.role, participant.handle) for participant in message.participants or ()]
    when = message.sent_at or blob
    return f"mail:content:{stable_id(when, sorted(people), message.title, message.preview)}"
