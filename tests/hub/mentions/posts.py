"""Short ways to say what was posted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hub import Channel, Event, Mention, Participant, Role

LI = "did:plc:li"
TEXT = "We moved our whole support team to ExampleBrand last month and love how fast the answers are now"


def post(
    key: str,
    text: str = TEXT,
    *,
    author: str = LI,
    name: str = "Li Na",
    id: str = "1",
    at: datetime | None = None,
    **more: Any,
) -> Event:
    """*author* posts *text* at *at*, now by default."""
    at = at or datetime.now(UTC)
    facts = Mention(
        participants=(Participant(author, Role.SENDER, name),), text=text, posted_at=at, site="bsky.app", **more
    )
    return Event(key=key, id=id, channel=Channel.SOCIAL, at=at, facts=facts)


def repost(key: str, of: str, author: str = "did:plc:fan", reach: int | None = 0) -> Event:
    """*author* repeats a post."""
    at = datetime.now(UTC)
    facts = Mention(participants=(Participant(author, Role.SENDER),), posted_at=at, reach=reach, repost_of=of)
    return Event(key=key, id="1", channel=Channel.SOCIAL, at=at, facts=facts)


def deletion(key: str) -> Event:
    """The post is taken down."""
    return Event(key=key, id="deleted", channel=Channel.SOCIAL, at=datetime.now(UTC), facts=Mention(deleted=True))
