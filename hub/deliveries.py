"""What is kept of a webhook's delivery that could not be understood, so that it can be replayed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from hub.vocabulary import Delivery

_SECRET = ("authorization", "cookie", "token", "secret", "signature", "api-key", "apikey", "password")


def about(delivery: Delivery) -> dict[str, Any]:
    """What a replay needs beside the body, as a JSON document, without what proves who sent it."""
    parts = urlsplit(delivery.url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if not _is_secret(name)]
    return {
        "method": delivery.method,
        "url": urlunsplit(parts._replace(query=urlencode(query))),
        "headers": {name: value for name, value in delivery.headers.items() if not _is_secret(name)},
        "received_at": delivery.received_at.isoformat(),
    }


def again(kept: Mapping[str, Any], body: bytes) -> Delivery:
    """The delivery of which *kept* is what `about` said. It was verified when it came, and cannot be any more."""
    received_at = datetime.fromisoformat(kept["received_at"])
    return Delivery(kept["method"], kept["url"], kept["headers"], body, received_at)


def _is_secret(name: str) -> bool:
    lower = name.lower()
    return any(word in lower for word in _SECRET)
