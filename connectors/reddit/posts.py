"""A post or comment of Reddit as an event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import hub
from hub.formats.charsets import clean
from hub.formats.digest import stable_id

SITE = "https://www.reddit.com"
GONE = frozenset({"[deleted]", "[removed]"})
POST, COMMENT = "t3", "t1"

_LINK = re.compile(r"https?://[^\s<>()\[\]\"'`]+[^\s<>()\[\]\"'`.,;:!?]")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!~^|<>&])")
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!~^|<>&])")
_LINE_END = re.compile(r" +\n")


def event(thing: Mapping[str, Any], now: datetime, *, addressed: bool = False) -> hub.Event | None:
    """What *thing* tells, as a listing holds it; None for what is neither post nor comment. What its writer deleted or
    a moderator removed is a deletion, which happened at *now* as far as anybody knows."""
    data = thing["data"]
    name, kind = str(data.get("name") or ""), thing.get("kind")
    if kind not in (POST, COMMENT) or not name or ("was_comment" in data and not data["was_comment"]):
        return None
    if gone(data):
        return hub.Event(
            key=f"reddit:{name}",
            id=f"{name}/deleted",
            channel=hub.Channel.SOCIAL,
            at=now,
            facts=hub.Mention(deleted=True),
        )
    posted, edited = _time(data.get("created_utc")), _time(data.get("edited"))
    text = plain(str(data.get("selftext" if kind == POST else "body") or ""))
    title = clean(str(data.get("title") or "")) if kind == POST else ""
    author = f"{SITE}/user/{data['author']}"
    address = urljoin(SITE, str(data.get("permalink") or data.get("context") or "")).partition("?")[0]
    own = [] if data.get("is_self", kind == COMMENT) else [str(data.get("url") or "")]
    links = tuple(dict.fromkeys(filter(None, map(clean, own + _LINK.findall(text)))))
    return hub.Event(
        key=f"reddit:{name}",
        # That it names us is told by another listing than that it was written: both are to be heard.
        id=stable_id(title, text, *(["addressed"] if addressed else [])),
        channel=hub.Channel.SOCIAL,
        at=edited or posted or now,
        facts=hub.Mention(
            participants=(hub.Participant(author, hub.Role.SENDER, str(data["author"])),),
            title=title or None,
            text=text,
            url=address,
            posted_at=posted,
            author_url=author,
            site=f"reddit.com/r/{data.get('subreddit', '')}",
            links=links,
            answers=f"reddit:{data['parent_id']}" if kind == COMMENT and data.get("parent_id") else None,
            addressed=True if addressed else None,
            edited_at=edited,
        ),
    )


def gone(data: Mapping[str, Any]) -> bool:
    """Whether its writer deleted it, or somebody removed it."""
    said = str(data.get("body") or data.get("selftext") or "").strip()
    author = str(data.get("author") or "[deleted]")
    return author in GONE or said in GONE or bool(data.get("removed_by_category"))


def state(data: Mapping[str, Any]) -> str:
    """What changes when a thing is edited."""
    return stable_id(data.get("title"), data.get("body") or data.get("selftext"), data.get("edited"))[:8]


def plain(markdown: str) -> str:
    """*markdown* as it was meant where it was written plainly: without the escapes of what is no markup."""
    return clean(_LINE_END.sub("\n", _ESCAPED.sub(r"\1", markdown))).strip()


def marked_down(text: str) -> str:
    """*text* in Markdown that shows it word for word."""
    escaped = _SPECIAL.sub(r"\\\1", text)
    return re.sub(r"(?<!\n)\n(?!\n)", "  \n", escaped)


def _time(seconds: object) -> datetime | None:
    """Of an edit Reddit says False where there was none, and sometimes True where it was long ago."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
