"""An entry of a feed as an event."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

import hub
from connectors.feed.reading import Entry
from hub.formats.charsets import clean
from hub.formats.digest import stable_id
from hub.formats.handles import mail
from hub.formats.html import tamed, to_text

LONGEST_TEXT = 50_000
"""So many characters of an entry are kept."""

LONGEST_TITLE = 1_000
MOST_LINKS = 50

_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(hours=24)
_TAG = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*")


def key(feed: str, identity: str) -> str:
    """The key of the entry that the feed at *feed*, as the config names it, knows by *identity*."""
    return f"feed:{stable_id(feed, identity)}"


def event(entry: Entry, feed: str, now: datetime) -> hub.Event:
    """What *entry* of *feed* tells, read at *now* (UTC), which stands in for a time that it does not say, or that
    cannot be. The same state of it always has the same id."""
    if entry.deleted:
        return hub.Event(
            key=key(feed, entry.identity),
            id=f"{entry.updated.isoformat() if entry.updated else ''}/deleted",
            channel=hub.Channel.WEB,
            at=_believed(entry.updated, now) or now,
            order=int(now.timestamp()),
            facts=hub.Mention(deleted=True),
        )
    title = _cut(to_text(entry.title) if entry.title_html else entry.title, LONGEST_TITLE).replace("\n", " ")
    text = _cut(to_text(entry.text) if entry.html else entry.text, LONGEST_TEXT)
    published, updated = _believed(entry.published, now), _believed(entry.updated, now)
    edited = updated if updated and published and updated > published else None
    name = _cut(entry.author, 200)
    handle = mail(entry.author_mail) or ""
    author = (hub.Participant(handle, hub.Role.SENDER, name),) if name or handle else ()
    links = _links(entry)
    return hub.Event(
        key=key(feed, entry.identity),
        id=stable_id(title, text, entry.link, name, *links),
        channel=hub.Channel.WEB,
        at=edited or published or now,
        # Of two states that tell the same time, the one read later is the later one.
        order=int(now.timestamp()),
        facts=hub.Mention(
            participants=author,
            title=title or None,
            text=text,
            url=entry.link or None,
            posted_at=published,
            author_url=entry.author_url or None,
            site=urlsplit(entry.site_url or entry.link or feed).hostname,
            language=entry.language if _TAG.fullmatch(entry.language) else None,
            links=links,
            edited_at=edited,
        ),
    )


def _believed(at: datetime | None, now: datetime) -> datetime | None:
    """*at*, unless it lies before the web or in the future; what is a little ahead is a clock that is, or a zone that
    was written wrongly, and counts as now."""
    if at is None or not _EARLIEST <= at <= now + _AHEAD:
        return None
    return min(at, now)


def _links(entry: Entry) -> tuple[str, ...]:
    """The addresses in the text, absolute, each once."""
    if not entry.html or "href" not in entry.text:
        return ()
    found: dict[str, None] = {}
    for node in LexborHTMLParser(tamed(entry.text)).css("a[href]"):
        try:
            target = urljoin(entry.base, (node.attributes.get("href") or "").strip())
            known = urlsplit(target).scheme in ("http", "https") and bool(urlsplit(target).hostname)
        except ValueError:
            continue
        if known and len(target) <= 2000:
            found[clean(target)] = None
        if len(found) == MOST_LINKS:
            break
    return tuple(found)


def _cut(text: str, longest: int) -> str:
    text = clean(text).strip()
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
