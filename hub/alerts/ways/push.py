"""Alerts on a phone or in a browser that has subscribed to them: Web Push with the hub's own keys (RFC 8030)."""

from __future__ import annotations

from datetime import timedelta

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, select

from hub.alerts.ways.way import Gone, Way, What
from hub.contracts import Rejected, Unavailable, Unsupported
from hub.crm.records import insert
from hub.formats import webpush
from hub.http import Guarded, Page
from hub.store.schema import keys

LONGEST_LIFE = timedelta(hours=24)
"""How long a push service keeps what a phone that is off has not taken, where the alert does not expire before."""

SECONDS = 15.0
NAME = "vapid"
"""Under which the private key lies in the store: all hubs on it are one application to a browser."""

_LONGEST_LINE = 200
_LONGEST_TEXT = 1200
# RFC 8030, 5.3: what is urgent is delivered to a phone with an empty battery, too.
_URGENCY = {"urgent": "high", "warning": "normal", "notice": "normal", "info": "low"}


class Push(Way):
    """Tells the browsers whose subscription stands in `What.settings`. *key* is the hub's own (VAPID), *contact* a
    `mailto:` or `https:` address for the operator of a push service; *details*: names and texts are shown on locked
    screens. A push with the same Topic replaces one that was not taken yet, and its notification the one on the screen,
    so that what is sent twice is seen once."""

    repeatable = True
    shared = False
    at_once = 16

    def __init__(self, web: Guarded, key: ec.EllipticCurvePrivateKey, contact: str, *, details: bool = False) -> None:
        self._web = web
        self._key = key
        self._contact = contact
        self._details = details

    @property
    def public_key(self) -> str:
        """What a browser subscribes with (`applicationServerKey`)."""
        return webpush.packed(webpush.public(self._key))

    async def tell(self, what: What) -> str:
        """One push to one browser."""
        try:
            to = webpush.subscription(*(str(what.settings.get(name, "")) for name in ("endpoint", "p256dh", "auth")))
        except ValueError as error:
            raise Gone(f"The subscription cannot be used: {error}.") from error
        details = bool(what.settings.get("details", self._details))
        life = LONGEST_LIFE if what.expires_at is None else min(what.expires_at - what.at, LONGEST_LIFE)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "Authorization": webpush.authorization(self._key, to.endpoint, self._contact, what.at),
            "TTL": str(max(0, int(life.total_seconds()))),
            "Urgency": _URGENCY.get(what.severity, "normal"),
            "Topic": what.topic[:32],
        }
        body = webpush.encrypted(message(what, details=details), to)
        page = await self._web.fetch(
            to.endpoint, method="POST", headers=headers, content=body, most=64 << 10, seconds=SECONDS, redirects=0,
            accept=range(400, 600),
        )  # fmt: skip
        _judged(page)
        return page.headers.get("location", "")


def message(what: What, *, details: bool) -> bytes:
    """What the service worker shows, as JSON; without *details* nothing of it names anybody."""
    title = what.done or (what.title if details else what.brief or what.title)
    shown = "\n".join(what.lines) if details else ""
    return orjson.dumps(
        {
            "tag": what.topic,
            "title": title[:_LONGEST_LINE],
            "body": shown[: _LONGEST_TEXT // 3 if len(shown.encode()) > _LONGEST_TEXT else _LONGEST_TEXT],
            "url": what.url,
            "severity": what.severity,
            "language": what.language,
            "done": bool(what.done),
        }
    )


def vapid(conn: Connection) -> str:
    """The private key of this store, as `webpush.private` reads it; the first who asks makes it. Runs in a transaction
    that writes."""
    conn.execute(insert(conn, keys).values(name=NAME, value=webpush.made()).on_conflict_do_nothing())
    made: str = conn.execute(select(keys.c.value).where(keys.c.name == NAME)).scalar_one()
    return made


def _judged(page: Page) -> None:
    """What the push service answered (RFC 8030, 5 and 7.3). Raises the verdict."""
    status = page.status
    if 200 <= status < 300:
        return
    if status in (404, 410):
        raise Gone("The browser has given up this subscription.")
    if status == 413:
        raise Unsupported("The push service takes no message of this length.")
    if status == 429 or status >= 500:
        raise Unavailable(f"The push service answers {status}.", _seconds(page.headers.get("retry-after", "")))
    if status in (401, 403):
        raise Rejected(f"The push service answers {status}: the subscription was made with another key than the hub's.")
    raise Unsupported(f"The push service answers {status}.")


def _seconds(text: str) -> float | None:
    return min(float(text), 86_400.0) if text.isascii() and text.isdigit() else None
