"""An item of Hacker News as an event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import hub
from hub.formats.charsets import clean
from hub.formats.digest import stable_id
from hub.formats.html import to_text

SITE = "news.ycombinator.com"
LONGEST_TEXT = 50_000

_POSTS = frozenset({"story", "comment", "job", "poll"})
_HREF = re.compile(r'<a href="(https?:[^"]+)"')
_ESCAPES = (("&#x2F;", "/"), ("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&"))


def event(item: Mapping[str, Any]) -> hub.Event | None:
    """What *item* tells; None for what is no post (the options of a poll). One that is deleted, or dead (killed by the
    moderators or by flags), is a deletion."""
    number = int(item["id"])
    at = datetime.fromtimestamp(int(item.get("time") or 0), UTC)
    if item.get("deleted") or item.get("dead"):
        return hub.Event(
            key=f"hackernews:{number}",
            id=f"{number}/deleted",
            channel=hub.Channel.SOCIAL,
            at=at,
            order=1,
            facts=hub.Mention(deleted=True),
        )
    if item.get("type") not in _POSTS:
        return None
    html, by, url = (str(item.get(each) or "") for each in ("text", "by", "url"))
    title, text = clean(str(item.get("title") or "")), clean(to_text(html))[:LONGEST_TEXT]
    links = tuple(dict.fromkeys(filter(None, (url, *map(_unescaped, _HREF.findall(html))))))
    author = f"https://{SITE}/user?id={by}"
    return hub.Event(
        key=f"hackernews:{number}",
        id=stable_id(title, text, url),
        channel=hub.Channel.SOCIAL,
        at=at,
        facts=hub.Mention(
            participants=(hub.Participant(author, hub.Role.SENDER, by),) if by else (),
            title=title or None,
            text=text,
            url=f"https://{SITE}/item?id={number}",
            posted_at=at,
            author_url=author if by else None,
            site=SITE,
            links=links,
            answers=f"hackernews:{int(item['parent'])}" if item.get("parent") else None,
        ),
    )


def _unescaped(address: str) -> str:
    for escape, character in _ESCAPES:
        address = address.replace(escape, character)
    return clean(address)
