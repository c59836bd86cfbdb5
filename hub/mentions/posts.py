"""A post as queries, fingerprints and people see it. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from hub.mentions.query import Post
from hub.vocabulary import Mention, Participant

LONGEST = 20_000
"""Characters of a text that are kept; a post of a megabyte is cut, and its page is a click away."""

LONGEST_TITLE = 500
MOST_LINKS = 50

_TRACKING = re.compile(
    r"^(utm_\w+|fbclid|gclid|dclid|mc_[ce]id|igshid|ref_src|ref_url|spm|yclid|_hs\w+)$", re.IGNORECASE
)
_PORTS = {"http": 80, "https": 443}


def author(mention: Mention) -> Participant | None:
    """Who posted it."""
    return next((each for each in mention.participants or () if each.role.begins), None)


def post_of(mention: Mention, source: str, language: str = "") -> Post:
    """What queries look at."""
    by = author(mention)
    return Post(
        text=mention.text or "",
        title=mention.title or "",
        author=by.handle if by else "",
        author_name=by.name if by else "",
        site=mention.site or "",
        language=mention.language or language,
        followers=mention.reach,
        links=mention.links or (),
        posted_at=mention.posted_at,
        source=source,
    )


def cut(mention: Mention) -> Mention:
    """*mention* in a size that can be kept."""
    text, title, links = mention.text or "", mention.title or "", mention.links or ()
    if len(text) <= LONGEST and len(title) <= LONGEST_TITLE and len(links) <= MOST_LINKS:
        return mention
    return replace(
        mention,
        text=f"{text[: LONGEST - 1]}…" if len(text) > LONGEST else mention.text,
        title=f"{title[: LONGEST_TITLE - 1]}…" if len(title) > LONGEST_TITLE else mention.title,
        links=links[:MOST_LINKS] if links else mention.links,
    )


def canonical(url: str) -> str:
    """*url* in one form: without what only tracks readers, `www.`, a slash at the end, and the scheme. "" where it is
    no address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not parts.hostname:
        return ""
    host = parts.hostname.removeprefix("www.")
    if port and port != _PORTS[parts.scheme]:
        host = f"{host}:{port}"
    kept = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.match(name)
    ]
    query = f"?{urlencode(kept)}" if kept else ""
    return f"{host}{parts.path.rstrip('/')}{query}"[:2000]
