"""The door of WebSub: hubs tell here what is new in feeds. https://www.w3.org/TR/websub/, docs/SOURCES.md."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, cast
from urllib.parse import parse_qsl, urlsplit

import hub
from connectors.feed.entries import event
from connectors.feed.progress import name
from connectors.feed.reading import read
from connectors.feed.settings import FeedSettings
from connectors.feed.websub import secret, token
from hub.formats.signing import equal, hmac_hex

logger = logging.getLogger(__name__)

_DIGESTS = ("sha1", "sha256", "sha384", "sha512")


class Webhook(hub.Webhook):
    """Contents of topics that the connector asked for, signed with the secret of each; and the hub's question whether
    we asked, which is answered with its challenge only if we did (5.3)."""

    Settings = FeedSettings

    # 8: a wrong signature is answered as a right one, and what it came with is dropped.
    swallows: ClassVar[bool] = True
    undetectable: ClassVar[frozenset[str]] = frozenset({"stale", "unreadable"})

    def __init__(self, settings: FeedSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._webhook_url = setup.webhook_url
        self._urls = {name(url): url for url in settings.urls} if settings.websub else {}

    def advice(self) -> Sequence[str]:
        """Nothing has to be entered anywhere; the address must be one that hubs can reach."""
        return (
            (f"the hubs of feeds tell {self._webhook_url} what is new, where it can be reached",) if self._urls else ()
        )

    def verify(self, delivery: hub.Delivery) -> None:
        """`X-Hub-Signature: <method>=<hex>` is the HMAC of the body. A question of the hub is signed by nothing but the
        token in our own address, and `reply` refuses one that lacks it."""
        if delivery.method == "GET":
            return
        asked = _query(delivery)
        if not self._ours(asked):
            raise hub.Forged("The address was not made by us, or with another secret.")
        method, _, claimed = delivery.headers.get("x-hub-signature", "").partition("=")
        if method not in _DIGESTS:
            raise hub.Forged("The request has no X-Hub-Signature that we know how to make.")
        key = secret(self._settings, asked["feed"], asked["topic"])
        made = hmac_hex(key, delivery.body, cast(Literal["sha1", "sha256", "sha384", "sha512"], method))
        if not equal(made, claimed.lower()):
            raise hub.Forged("The signature is not that of the topic's secret.")

    def parse(self, delivery: hub.Delivery) -> Sequence[hub.Event | hub.Changed]:
        """The entries that came, as the connector would tell them; that the feed changed, where none can be read."""
        asked = _query(delivery)
        if delivery.method == "GET":
            if asked.get("hub.mode") == "denied" and self._ours(asked):
                logger.warning("%s: the hub does not tell us of %s", self._source, self._urls[asked["feed"]])
            return ()
        url = self._urls[asked["feed"]]
        try:
            feed = read(delivery.body, asked["topic"], delivery.headers, self._settings.most)
        except hub.Unavailable:
            return (hub.Changed(self._source),)
        told = tuple(event(entry, url, delivery.received_at) for entry in reversed(feed.entries))
        return told or (hub.Changed(self._source),)

    def reply(self, delivery: hub.Delivery, step: hub.Step | None = None) -> hub.Reply:
        """The challenge of a subscription that we asked for; 404 for any other question. We never unsubscribe: a feed
        that is taken out of the config is not renewed."""
        if delivery.method != "GET":
            return hub.Reply(status=202)
        asked = _query(delivery)
        mode, challenge = asked.get("hub.mode", ""), asked.get("hub.challenge", "")
        wanted = self._ours(asked) and (mode == "denied" or equal(asked.get("hub.topic", ""), asked["topic"]))
        if not wanted or mode not in ("subscribe", "denied"):
            return hub.Reply(status=404)
        return hub.Reply(status=200, body=challenge.encode("utf-8", "replace") if mode == "subscribe" else b"")

    def _ours(self, asked: Mapping[str, str]) -> bool:
        """Whether our own address was called, for a feed that is in the config."""
        feed, topic, claimed = (asked.get(each, "") for each in ("feed", "topic", "token"))
        return feed in self._urls and bool(topic) and equal(token(self._settings, feed, topic), claimed)


def _query(delivery: hub.Delivery) -> dict[str, str]:
    """The first of each name: what a hub adds to our address stands behind it."""
    found: dict[str, str] = {}
    for key, value in parse_qsl(urlsplit(delivery.url).query, keep_blank_values=True, max_num_fields=None):
        found.setdefault(key, value)
    return found
