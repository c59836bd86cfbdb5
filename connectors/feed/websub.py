"""Being told by a hub what is new (WebSub, https://www.w3.org/TR/websub/).

The address at which a hub reaches us names the feed and the topic, and holds a token that only we can have made, so
that nobody has to remember what was asked for. The secret with which a hub signs is another one for each topic.
"""

from __future__ import annotations

from urllib.parse import urlencode

from connectors.feed.progress import name
from connectors.feed.settings import FeedSettings
from hub.formats.signing import hmac_hex
from hub.http import Guarded

LEASE_SECONDS = 10 * 86_400
RENEW_SECONDS = 86_400
"""We ask anew each day: a hub may shorten the lease, and tells only its webhook."""

SECONDS = 20.0


def token(settings: FeedSettings, feed: str, topic: str) -> str:
    """What proves that we asked for *topic*, which the feed called *feed* (`progress.name`) named."""
    return _proof(settings, "token", feed, topic)[:40]


def secret(settings: FeedSettings, feed: str, topic: str) -> str:
    """With what the hub signs; of 64 characters, where it must have fewer than 200 bytes."""
    return _proof(settings, "secret", feed, topic)


def callback(settings: FeedSettings, webhook_url: str, url: str, topic: str) -> str:
    """Where the hub reaches us about the *topic* of the feed at *url*."""
    feed = name(url)
    asked = urlencode({"feed": feed, "topic": topic, "token": token(settings, feed, topic)})
    return f"{webhook_url}?{asked}"


async def subscribe(web: Guarded, settings: FeedSettings, webhook_url: str, url: str, place: str, topic: str) -> None:
    """Ask the hub at *place* to tell of *topic* (5.1). Raises as `Guarded.fetch`."""
    form = {
        "hub.callback": callback(settings, webhook_url, url, topic),
        "hub.mode": "subscribe",
        "hub.topic": topic,
        "hub.secret": secret(settings, name(url), topic),
        "hub.lease_seconds": str(LEASE_SECONDS),
    }
    await web.fetch(
        place,
        method="POST",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        content=urlencode(form).encode(),
        most=64 << 10,
        seconds=SECONDS,
    )


def _proof(settings: FeedSettings, what: str, feed: str, topic: str) -> str:
    key = settings.secret.get_secret_value() if settings.secret else ""
    return hmac_hex(key, "\0".join(("feed", what, feed, topic)).encode("utf-8", "surrogatepass")) if key else ""
