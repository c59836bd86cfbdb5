"""How a subscriber shows that it asked for what it is sent, and knows that it is genuine, as PubSubHubbub began it
(https://pubsubhubbub.github.io/PubSubHubbub/pubsubhubbub-core-0.4.html, 5.3 and 7) and others took it over."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from hub.formats.signing import equal, hmac_hex


def challenge(url: str, token: str) -> str | None:
    """What a request to *url* wants to have repeated as a sign that the subscription is ours: `hub.challenge`, where
    `hub.verify_token` is *token*. None where it is not; "" never."""
    query = parse_qs(urlsplit(url).query)

    def said(name: str) -> str:
        return query.get(f"hub.{name}", [""])[0]

    if said("mode") != "subscribe" or not token or not equal(said("verify_token"), token):
        return None
    return said("challenge") or None


def signed(body: bytes, secret: str, header: str) -> bool:
    """Whether *header* (`sha256=<hex>`) is the signature of *body* with *secret*."""
    return equal(f"sha256={hmac_hex(secret, body)}", header)
