"""From what lies in quarantine back to the items it was, to be tried again now that we know better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hub import deliveries, facts
from hub.contracts import Unsupported, Webhook
from hub.vocabulary import Channel, Copy, Event, Item, Level, RawMail, Receipt, Scheduled


class CannotReplay(Exception):
    """It still cannot be read. The text says why."""


def items(kind: str, about: Mapping[str, Any], raw: bytes, webhook: Webhook | None) -> Sequence[Item]:
    """The items of one thing in quarantine. *webhook* is its source's, which a delivery needs. Raises
    `CannotReplay`."""
    if kind == "delivery":
        if webhook is None:
            raise CannotReplay("its source has no webhook any more")
        try:
            parsed = webhook.parse(deliveries.again(about, raw))
        except Unsupported as error:
            raise CannotReplay(str(error)) from error
        return [each for each in parsed if isinstance(each, Event | Receipt)]
    if kind == "event":
        told = facts.decode(about["kind"], raw.decode())
        return [
            Event(
                key=about["key"],
                id=about["id"],
                channel=Channel(about["channel"]),
                at=datetime.fromisoformat(about["at"]),
                facts=told,
                order=about["order"],
                conversation=about["conversation"],
            )
        ]
    if kind == "calendar":
        copy = Copy(about["place"], about["provider_id"], level=Level(about["level"]), audience=about["audience"])
        return [Scheduled(copy, about["etag"], raw, about["expanded"])]
    copy = Copy(
        place=about.get("place", ""),
        provider_id=about.get("provider_id", ""),
        flags=frozenset(about.get("flags", ())),
        level=Level(about.get("level", Level.ALL)),
        audience=about.get("audience", ""),
        labels=frozenset(about.get("labels", ())),
    )
    return [RawMail(raw, copy, datetime.fromisoformat(about["received_at"]))]
