"""One attempt to send a webhook: signed, to a public address, and what was answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

from hub.alerts.subscribers.claims import LONGEST_ANSWER, Attempt, Due
from hub.contracts import Misconfigured, Unavailable, Unsupported
from hub.courier import line
from hub.formats import standard_webhooks
from hub.http import Guarded

SECONDS = 20.0
LARGEST_ANSWER = 1 << 20
_LONGEST_WAIT = 86_400.0


def ident(due: Due) -> str:
    """The webhook-id: the same at every attempt, and of no other webhook of this hub."""
    return f"msg_{due.id}"


def body(due: Due, public_url: str) -> bytes:
    """What is sent, the same at every attempt. *public_url* begins the hub's own addresses."""
    data = dict(due.data)
    if "id" in data:
        data["url"] = f"{public_url}/alerts/{data['id']}"
    return orjson.dumps({"type": due.type, "timestamp": due.at, "data": data}, option=orjson.OPT_UTC_Z)


async def attempt(web: Guarded, url: str, due: Due, secrets: Sequence[str], public_url: str) -> Attempt:
    """Send it once, signed with *secrets*. Only a 2xx is a success."""
    at, began = datetime.now(UTC), time.perf_counter()
    content = body(due, public_url)
    headers = {"Content-Type": "application/json", **standard_webhooks.headers(ident(due), at, content, secrets)}

    def ended(reason: str = "", *, never: bool = False, wait: float = 0) -> Attempt:
        took = int((time.perf_counter() - began) * 1000)
        return Attempt(due, at, milliseconds=took, reason=line(reason), never=never, wait=wait)

    try:
        async with asyncio.timeout(SECONDS + 5):
            page = await web.fetch(
                url, method="POST", headers=headers, content=content, most=LARGEST_ANSWER, seconds=SECONDS,
                redirects=0, accept=range(300, 600),
            )  # fmt: skip
    except Unavailable as verdict:
        return ended(str(verdict), wait=verdict.retry_after or 0)
    except Unsupported as verdict:
        return ended(str(verdict), never=True)
    except (Misconfigured, TimeoutError) as verdict:
        return ended(str(verdict) or f"No answer within {SECONDS:g} s.")
    good = 200 <= page.status < 300
    said = ended("" if good else f"It answers {page.status}.", wait=_wait(page.headers.get("retry-after", "")))
    return Attempt(
        due, at, status=page.status, milliseconds=said.milliseconds, answer=_text(page.body), reason=said.reason,
        gone=page.status == 410, wait=said.wait,
    )  # fmt: skip


def _text(answer: bytes) -> str:
    """The beginning of *answer* as people can read it, and databases keep it."""
    text = answer[: LONGEST_ANSWER * 4].decode("utf-8", "replace")
    return "".join(each if each.isprintable() or each == "\n" else "�" for each in text)[:LONGEST_ANSWER]


def _wait(text: str) -> float:
    return min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdigit() else 0.0
