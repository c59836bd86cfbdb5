"""A post as queries look at it: its texts in normal form, and what its author, site, source and language are called."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from hub.mentions.query.normal import Places, fold, places
from hub.mentions.query.posts import LOOKED_AT, MOST_SPANS, Part, Post, Span
from hub.mentions.query.words import WordCount

_MOST_KEY = 1_000
_MOST_LABELS = 12
_TEXTS: tuple[Part, ...] = ("title", "text", "link")


class Reading:
    """One post while queries are asked about it; *texts* are the normal forms of title, text and links that are not
    empty, each with its number (0, 1, 2)."""

    __slots__ = ("_counts", "_keys", "post", "texts")

    def __init__(self, post: Post) -> None:
        self.post = post
        self.texts = [(nth, fold(text)) for nth, text in enumerate(originals(post)) if text]
        self._keys: dict[str, Collection[str]] = {}
        self._counts: dict[int, WordCount] = {}

    def count(self, nth: int, text: str) -> WordCount:
        """The words of the *text* with the number *nth*, counted once."""
        count = self._counts.get(nth)
        if count is None:
            count = self._counts[nth] = WordCount(text)
        return count

    def keys(self, field: str) -> Collection[str]:
        """What a query may call the post's *field*: "site", "author", "source" or "lang"."""
        keys = self._keys.get(field)
        if keys is None:
            keys = self._keys[field] = keys_of(self.post, field)
        return keys

    def spans(self, found: Iterable[tuple[int, int, int]], shown: Collection[str]) -> tuple[Span, ...]:
        """The places *found* in the texts, and the fields that are *shown*, as places of the original post."""
        texts = originals(self.post)
        spans: list[Span] = []
        last = -1
        original = Places()
        for nth, start, end in sorted(set(found)):
            if nth != last:
                last, original = nth, places(texts[nth])
            begin, stop = original.original(start, end)
            if spans and spans[-1].field == _TEXTS[nth] and begin < spans[-1].end:
                begin, stop = spans[-1].start, max(stop, spans.pop().end)
            spans.append(Span(_TEXTS[nth], begin, stop))
            if len(spans) > MOST_SPANS:
                return tuple(spans[:MOST_SPANS])
        if "author" in shown:
            spans.append(Span("author", 0, len(self.post.author_name or self.post.author)))
        if "site" in shown:
            spans.append(Span("site", 0, len(self.post.site)))
        return tuple(spans[:MOST_SPANS])


def originals(post: Post) -> tuple[str, str, str]:
    """The texts of *post* that are searched, as far as they are: title, text and links."""
    return post.title[:LOOKED_AT], post.text[:LOOKED_AT], "\n".join(post.links)[:LOOKED_AT]


def keys_of(post: Post, field: str) -> Collection[str]:
    """What a query may call the *field* of *post*."""
    match field:
        case "site":
            return site_keys(post.site)
        case "author":
            return author_keys(post.author, post.author_name)
        case "source":
            return (" ".join(fold(post.source).split()),) if post.source else ()
        case _:
            return language_keys(post.language)


@lru_cache(4096)
def site_keys(site: str) -> Collection[str]:
    """`old.reddit.com/r/crm` is found as that, as `reddit.com`, `reddit.com/r`, `com`, and so on."""
    host, *path = site_value(fold(site[:_MOST_KEY])).split("/")[:_MOST_LABELS]
    if not host:
        return frozenset()
    labels = host.split(".")[-_MOST_LABELS:]
    hosts = [".".join(labels[nth:]) for nth in range(len(labels))]
    paths = ["/".join(path[:count]) for count in range(len(path) + 1)]
    return frozenset(f"{each}/{tail}" if tail else each for each in (host, *hosts) for tail in paths)


def site_value(value: str) -> str:
    """A site in normal form without its scheme, `www.` and last slash."""
    return value.removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")


def author_keys(handle: str, name: str) -> Collection[str]:
    """`acct:ada@hub.test`, "Ada Lovelace" is found as that, as `ada@hub.test`, `ada`, and by her whole name."""
    keys = set()
    if handle:
        whole = fold(handle[:_MOST_KEY])
        bare = whole.removeprefix("acct:").removeprefix("mailto:")
        keys |= {whole, bare}
        if "://" in bare:
            keys.add(bare.rstrip("/").replace("=", "/").rpartition("/")[2])
        elif "@" in bare:
            keys.add(bare.partition("@")[0])
    if name:
        keys.add(" ".join(fold(name[:_MOST_KEY]).split()))
    keys |= {author_value(key) for key in keys}
    return keys - {""}


def author_value(value: str) -> str:
    """An author in normal form without the sign in front: `@ada` is `ada`."""
    return value.removeprefix("@").removeprefix("u/").strip()


def language_keys(tag: str) -> Collection[str]:
    """`zh-hans-cn` is found as that, as `zh-hans` and as `zh`."""
    subtags = fold(tag[:_MOST_KEY]).replace("_", "-").split("-")[:_MOST_LABELS]
    return {"-".join(subtags[:count]) for count in range(1, len(subtags) + 1)} - {""}
