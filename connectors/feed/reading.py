"""Feeds in any of their formats, as bytes, into entries: RSS and RDF, Atom (RFC 4287), JSON Feed 1.1, tombstones.

https://www.rssboard.org/rss-specification, https://www.jsonfeed.org/version/1.1/, RFC 6721.
"""

from __future__ import annotations

import calendar
import codecs
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat

import feedparser  # type: ignore[import-untyped]
import orjson
from charset_normalizer import from_bytes

import hub
from hub.formats.charsets import is_utf8

LONGEST_HTML = 400_000
"""So many characters of an entry are looked at."""

LARGEST_BROKEN = 256 << 10
"""So many bytes of what is not well-formed are read all the same: the time that takes grows with the square of them."""

MOST_TAGS = 20_000

_KEYWORDS = re.compile(rb"keywords(?:\s[^<>]*)?>(?:[^<]|<!\[cdata\[){20000}")
_OPENS = re.compile(rb"<(?:[a-zA-Z][\w.-]*:)?(?:item|entry)(?=[\s>/])")
_CLOSES = re.compile(rb"</(?:[a-zA-Z][\w.-]*:)?(?:item|entry)\s*>|<(?:[a-zA-Z][\w.-]*:)?(?:item|entry)(?:\s[^<>]*)?/>")
_GONE = re.compile(r"<(?:[a-zA-Z][\w.-]*:)?deleted-entry\b([^<>]*)>")
_ATTRIBUTE = re.compile(r"""\b(ref|when)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_SKIPPED = re.compile(rb"<skipHours(?:\s[^<>]*)?>", re.IGNORECASE)
_HOUR = re.compile(rb"<hour\b[^>]*>\s*(\d{1,2})\s*</hour>", re.IGNORECASE)
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_DECLARED = re.compile(rb"\A[^<]{0,9}<\?xml[^>]{0,200}encoding", re.IGNORECASE)
_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^\s",;]+))*)')
_REL = re.compile(r'\brel\s*=\s*"?([^";,]*)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a feed says of one page. *identity* is what it is known by within the feed (PROVIDERS of feeds: the id or
    guid, else the link, else title and date); texts are plain or HTML as *html* and *title_html* say. Times are UTC,
    None where the feed says none that can be read. *base* is what its links are relative to."""

    identity: str
    link: str = ""
    title: str = ""
    title_html: bool = False
    text: str = ""
    html: bool = False
    author: str = ""
    author_mail: str = ""
    author_url: str = ""
    site_url: str = ""
    language: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    base: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed as it is now. *entries* are at most as many as were asked for, of *total* that it holds. *minutes* is how
    long it wants to be left alone (`ttl`), *skipped* the hours (UTC) in which it does not want to be asked. *hub* and
    *topic* are where it can be subscribed to, "" where it says nothing (WebSub, 4)."""

    entries: tuple[Entry, ...]
    total: int
    minutes: float = 0
    skipped: frozenset[int] = frozenset()
    hub: str = ""
    topic: str = ""


def read(body: bytes, url: str, headers: Mapping[str, str], most: int) -> Feed:
    """The feed that *url* answered with *body* and *headers* (lower-case names). Raises `hub.Unavailable` where it is
    none. Nothing is fetched, and entities of the document's own stand for nothing."""
    linked = _linked(headers.get("link", ""), url)
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _with_links(_json(body, url, most), linked)
    body = _in_utf8(body, headers.get("content-type", ""))
    kept, total = _newest(body, most)
    if _has_too_many_tags(kept):
        raise hub.Unavailable("the feed files its entries under more words than can be read")
    if len(kept) > LARGEST_BROKEN and not _well_formed(kept):
        raise hub.Unavailable("the feed is no well-formed XML, and too large to guess what it means")
    told = {"content-location": url}
    if "charset=" in headers.get("content-type", "").lower():
        told["content-type"] = headers["content-type"]
    try:
        # As a stream, so that nobody takes it for an address; what HTML it holds is read by `hub.formats.html`.
        found: Any = feedparser.parse(
            io.BytesIO(kept), response_headers=told, sanitize_html=False, resolve_relative_uris=False
        )
    except (AssertionError, ValueError, LookupError, RecursionError, TypeError) as error:
        # Its loose parser stumbles over some damaged documents.
        raise hub.Unavailable(f"the feed cannot be read ({type(error).__name__})") from None
    gone = _gone(kept)
    if not found.get("version") and not found.entries and not gone:
        raise hub.Unavailable("what came is no feed; has it moved, or does it ask for a login now?")
    entries = [_entry(each, found.feed, url) for each in found.entries[:most]]
    feed = Feed(
        entries=(*(each for each in entries if each is not None), *gone[:most]),
        total=max(total, len(found.entries)),
        minutes=_number(found.feed.get("ttl")),
        skipped=_skipped(body),
    )
    links = {str(each.get("rel")): urljoin(url, str(each.get("href", ""))) for each in found.feed.get("links", ())}
    return _with_links(feed, {**links, **linked})


def _with_links(feed: Feed, links: Mapping[str, str]) -> Feed:
    return replace(feed, hub=links.get("hub") or feed.hub, topic=links.get("self") or feed.topic)


def _linked(header: str, url: str) -> dict[str, str]:
    """The targets of a Link header (RFC 8288) by relation; the first of each counts."""
    found: dict[str, str] = {}
    for target, parameters in _LINK.findall(header[:8000]):
        for rel in (_REL.findall(parameters) or [""])[0].lower().split():
            found.setdefault(rel, urljoin(url, target.strip()))
    return found


def _in_utf8(body: bytes, content_type: str) -> bytes:
    """*body* in a charset whose tags look like ASCII; one that is declared nowhere is guessed."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _DECLARATION.sub("", body.decode("utf-16", "replace")).encode()
    if "charset=" in content_type.lower() or _DECLARED.match(body) or is_utf8(body):
        return body
    guessed = from_bytes(body[:200_000]).best()
    return body if guessed is None else body.decode(guessed.encoding, "replace").encode()


def _newest(body: bytes, most: int) -> tuple[bytes, int]:
    """*body* with at most *most* entries, and how many it held: the others are cut out before anything is parsed.
    Nearly all feeds begin with the newest; one whose first entry is older than its last ends with it."""
    ends = [match.end() for match in _CLOSES.finditer(body)]
    if len(ends) <= most:
        return body, len(ends)
    first = _OPENS.search(body)
    begin = first.start() if first else 0
    ascending = _ascending(body[:begin] + body[begin : ends[0]] + body[ends[-2] :])
    if ascending:
        return body[:begin] + body[ends[-most - 1] :], len(ends)
    return body[: ends[most - 1]] + body[ends[-1] :], len(ends)


def _ascending(two: bytes) -> bool:
    try:
        entries = feedparser.parse(io.BytesIO(two)).entries
    except (AssertionError, ValueError, LookupError, RecursionError, TypeError):
        return False
    dates = [_time(each.get("published_parsed") or dict.get(each, "updated_parsed")) for each in entries]
    return len(dates) == 2 and dates[0] is not None and dates[1] is not None and dates[0] < dates[1]


def _has_too_many_tags(body: bytes) -> bool:
    """feedparser compares each category and keyword with all others."""
    lower = body.lower()
    return sum(map(lower.count, (b"category", b"subject", b"keyword"))) > MOST_TAGS or bool(_KEYWORDS.search(lower))


def _well_formed(body: bytes) -> bool:
    try:
        # It makes nothing of what it reads, and opens nothing; expat itself ends what grows without measure.
        expat.ParserCreate().Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError):
        return False
    return True


def _entry(said: Any, feed: Any, url: str) -> Entry | None:
    """One entry of an XML feed; None where it has nothing to know it by."""
    link = _web(said.get("link"), url)
    # Not its own `get`, which passes off a time of publication as one of change.
    published, updated = _time(said.get("published_parsed")), _time(dict.get(said, "updated_parsed"))
    published = published or _time(said.get("created_parsed"))
    title = said.get("title_detail") or {}
    content = _content(said)
    identity = str(said.get("id") or "") or link
    if not identity:
        says = said.get("title") or content.get("value") or said.get("author") or ""
        identity = "\x1f".join(filter(None, (str(says), str(said.get("published") or dict.get(said, "updated") or ""))))
    if not identity:
        return None
    author = said.get("author_detail") or feed.get("author_detail") or {}
    source = said.get("source") or {}
    return Entry(
        identity=identity,
        link=link or _web(feed.get("link"), url),
        title=str(said.get("title") or "")[:LONGEST_HTML],
        title_html=_is_html(title),
        text=str(content.get("value") or "")[:LONGEST_HTML],
        html=_is_html(content),
        author=str(author.get("name") or said.get("author") or feed.get("author") or ""),
        author_mail=str(author.get("email") or ""),
        author_url=_web(author.get("href"), url),
        site_url=_web(source.get("href") or source.get("link"), url),
        language=str(content.get("language") or title.get("language") or feed.get("language") or ""),
        published=published or updated,
        updated=updated,
        base=str(content.get("base") or title.get("base") or link or url),
    )


def _content(said: Any) -> Mapping[str, Any]:
    """The longest text of an entry that is one."""
    texts = [*(said.get("content") or ()), said.get("summary_detail") or {}]
    readable = [each for each in texts if str(each.get("type") or "text/").startswith(("text/", "application/xhtml"))]
    return max(readable, key=lambda each: len(each.get("value") or ""), default={})


def _is_html(said: Mapping[str, Any]) -> bool:
    return "html" in str(said.get("type") or "")


def _gone(body: bytes) -> list[Entry]:
    """The tombstones (RFC 6721): `<at:deleted-entry ref="…" when="…">`."""
    if b"deleted-entry" not in body:
        return []
    found = []
    for attributes in _GONE.findall(body.decode("utf-8", "replace")):
        said = {name: unescape(double or single) for name, double, single in _ATTRIBUTE.findall(attributes)}
        if said.get("ref"):
            found.append(Entry(identity=said["ref"], updated=_iso(said.get("when")), deleted=True))
    return found


def _skipped(body: bytes) -> frozenset[int]:
    begins = _SKIPPED.search(body)
    if begins is None:
        return frozenset()
    hours = body[begins.end() : begins.end() + 4000].partition(b"</skipHours")[0]
    return frozenset(int(each) % 24 for each in _HOUR.findall(hours))


def _json(body: bytes, url: str, most: int) -> Feed:
    try:
        said = orjson.loads(body.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        raise hub.Unavailable("the feed is not whole: it looks like JSON and is none") from None
    items = said.get("items")
    if "jsonfeed.org" not in str(said.get("version", "")) or not isinstance(items, list):
        raise hub.Unavailable("what came is JSON, and no JSON Feed")
    items = [each for each in items if isinstance(each, dict)]
    dates = [_iso(each.get("date_published")) for each in (items[:1] + items[-1:] if items else [])]
    ascending = len(items) > most and None not in dates and dates[0] < dates[-1]  # type: ignore[operator]
    entries = [_json_entry(each, said, url) for each in (items[-most:] if ascending else items[:most])]
    hubs: Sequence[Any] = [each for each in said.get("hubs") or () if isinstance(each, dict)]
    place = next((str(each.get("url")) for each in hubs if str(each.get("type")).lower() == "websub"), "")
    return Feed(
        entries=tuple(each for each in entries if each is not None),
        total=len(items),
        hub=urljoin(url, place) if place else "",
        topic=_web(said.get("feed_url"), url),
    )


def _json_entry(said: Mapping[str, Any], feed: Mapping[str, Any], url: str) -> Entry | None:
    link = _web(said.get("url") or said.get("external_url"), url)
    identity = str(said.get("id") or "") or link
    if not identity:
        return None
    people = [each for each in (said.get("authors") or feed.get("authors") or ()) if isinstance(each, dict)]
    author: Mapping[str, Any] = people[0] if people else said.get("author") or feed.get("author") or {}
    html = said.get("content_html")
    published = _iso(said.get("date_published"))
    updated = _iso(said.get("date_modified"))
    return Entry(
        identity=identity,
        link=link,
        title=str(said.get("title") or "")[:LONGEST_HTML],
        text=str(html or said.get("content_text") or said.get("summary") or "")[:LONGEST_HTML],
        html=bool(html),
        author=str(author.get("name") or ""),
        author_url=_web(author.get("url"), url),
        language=str(said.get("language") or feed.get("language") or ""),
        published=published or updated,
        updated=updated,
        base=link or url,
    )


def _web(address: object, base: str) -> str:
    """*address* seen from *base*, where people can open it; "" otherwise."""
    if not address:
        return ""
    try:
        found = urljoin(base, str(address).strip())
        return found if urlsplit(found).scheme in ("http", "https") and urlsplit(found).hostname else ""
    except ValueError:
        return ""


def _time(parsed: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _iso(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(text: object) -> float:
    said = str(text or "").strip()
    return float(said) if said.isascii() and said.isdigit() and len(said) < 7 else 0.0
