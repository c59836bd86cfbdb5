"""What feeds say, in all their formats and all their spellings, and what they cannot do to us."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

import hub
from connectors.feed.connector import wait
from connectors.feed.entries import LONGEST_TEXT, event, key
from connectors.feed.reading import Feed, read
from hub.formats.html import to_text

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
URL = "https://news.example.org/feed.xml"
CORPUS = Path(__file__).with_name("feeds")

_EXPECTED = re.compile(r"entries\[0\]\['(\w+)'\](?:\[0\])?(?:\['(\w+)'\])?\s*==\s*('(?:[^'\\]|\\.)*'|\([^)]*\))")
# What of an entry a post has, too; the corpus also expects tags, rights, media, enclosures and the feed's own fields,
# which are no part of a post.
CONCERNS = {
    *(("title", ""), ("summary", ""), ("description", ""), ("content", "value"), ("link", ""), ("guid", "")),
    *(("author", ""), ("author_detail", "name"), ("author_detail", "email")),
}


def feed(body: bytes, most: int = 200, **headers: str) -> Feed:
    return read(body, URL, {name.replace("_", "-"): value for name, value in headers.items()}, most)


def mention(body: bytes, now: datetime = NOW, **headers: str) -> hub.Mention:
    """The first entry of *body* as a post."""
    facts = event(feed(body, **headers).entries[0], URL, now).facts
    assert isinstance(facts, hub.Mention)
    return facts


def item(inside: str, channel: str = "") -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{channel}<item>{inside}</item></channel></rss>'.encode()


def of_corpus() -> list[Path]:
    return sorted(CORPUS.rglob("*.xml"))


def expectations(path: Path) -> list[tuple[tuple[str, str], object]]:
    said = re.search(rb"Expect:\s*(.*)", path.read_bytes())
    assert said is not None
    found = _EXPECTED.findall(said[1].decode())
    return [((name, part), ast.literal_eval(value)) for name, part, value in found if (name, part) in CONCERNS]


@pytest.mark.parametrize("path", of_corpus(), ids=lambda path: path.stem)
def test_every_feed_of_the_corpus_is_read(path: Path) -> None:
    for entry in feed(path.read_bytes()).entries:
        told = event(entry, URL, NOW)
        assert told == event(entry, URL, NOW)
        assert told.key.startswith("feed:")


@pytest.mark.parametrize("path", [path for path in of_corpus() if expectations(path)], ids=lambda path: path.stem)
def test_what_the_corpus_expects_of_an_entry_is_told(path: Path) -> None:
    found = feed(path.read_bytes())
    post = event(found.entries[0], URL, NOW).facts
    assert isinstance(post, hub.Mention)
    author = post.participants[0] if post.participants else None
    for field, value in expectations(path):
        match field:
            case ("title", _):
                assert post.title == (to_text(str(value)) if found.entries[0].title_html else value)
            case ("summary" | "description" | "content", _):
                assert post.text == (to_text(str(value)) if found.entries[0].html else value)
            case ("link", _):
                assert post.url == value
            case ("guid", _):
                assert found.entries[0].identity == value
            case ("author", _) | (_, "name"):
                assert author is not None
                assert author.name == value
            case _:
                assert author is not None
                assert author.handle == f"mailto:{value}"


def test_the_corpus_expects_enough_of_entries_for_this_to_mean_something() -> None:
    assert sum(len(expectations(path)) for path in of_corpus()) >= 20


@pytest.mark.parametrize(
    ("name", "begin", "end"), [("windows1255", "\u05d0", "\u05ea"), ("tis620", "\u0e01", "\u0e5b")]
)
def test_a_charset_that_is_declared_nowhere_is_guessed(name: str, begin: str, end: str) -> None:
    (path,) = CORPUS.rglob(f"{name}.xml")
    texts = "".join(f"{entry.title}{entry.text}" for entry in feed(path.read_bytes()).entries)
    letters = [letter for letter in texts if letter.isalpha() and not letter.isascii()]
    assert letters
    assert all(begin <= letter <= end for letter in letters)


def test_charsets_are_read_as_they_are_said_to_be() -> None:
    body = item("<guid>1</guid><title>报价 für Grüße</title>").decode()
    assert mention(body.encode("utf-16")).title == "报价 für Grüße"
    assert mention(body.encode()).title == "报价 für Grüße"
    gb = body.replace('"1.0"?', '"1.0" encoding="gb2312"?').replace("ü", "u").replace("ß", "ss")
    assert mention(gb.encode("gb18030")).title == "报价 fur Grusse"
    assert mention(item("<guid>1</guid><title>Grüße</title>").decode().encode("latin-1"),
                   content_type="text/xml; charset=iso-8859-1").title == "Grüße"  # fmt: skip


def test_rss_as_a_post() -> None:
    told = event(
        feed(
            item(
                '<guid isPermaLink="false">tag:7</guid><title>ExampleBrand &amp;amp; friends</title>'
                "<link>/reviews/7</link><author>ann@example.org (Ann Example)</author>"
                "<pubDate>Mon, 02 Mar 2026 09:00:00 +0100</pubDate>"
                '<description>&lt;p&gt;See &lt;a href="../about?a=1&amp;amp;b=2"&gt;this&lt;/a&gt; and '
                '&lt;a href="javascript:alert(1)"&gt;that&lt;/a&gt;&lt;/p&gt;&lt;script&gt;x&lt;/script&gt;'
                "</description>",
                "<language>de-AT</language><link>https://news.example.org/</link>",
            )
        ).entries[0],
        URL,
        NOW,
    )
    assert (told.key, told.channel, told.at) == (
        key(URL, "tag:7"),
        hub.Channel.WEB,
        datetime(2026, 3, 2, 8, tzinfo=UTC),
    )
    assert told.facts == hub.Mention(
        participants=(hub.Participant("mailto:ann@example.org", hub.Role.SENDER, "Ann Example"),),
        title="ExampleBrand & friends",
        text="See this and that",
        url="https://news.example.org/reviews/7",
        posted_at=datetime(2026, 3, 2, 8, tzinfo=UTC),
        site="news.example.org",
        language="de-AT",
        links=("https://news.example.org/about?a=1&b=2",),
    )


def test_atom_rdf_and_json_feeds_as_posts() -> None:
    atom = mention(
        b'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><author><name>Bo</name></author><entry>'
        b"<id>urn:1</id><title type='html'>a &amp;lt;b&amp;gt;</title><link href='https://b.example/1'/>"
        b"<published>2026-03-01T00:00:00Z</published><updated>2026-03-02T00:00:00Z</updated>"
        b"<content type='html'>Hello</content></entry></feed>"
    )
    assert (atom.title, atom.text, atom.site, atom.language) == ("a <b>", "Hello", "b.example", "en")
    assert (atom.posted_at, atom.edited_at) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    assert atom.participants == (hub.Participant("", hub.Role.SENDER, "Bo"),)
    rdf = mention(
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        b' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>t</title></channel>'
        b'<item rdf:about="https://r.example/1"><title>R</title><link>https://r.example/1</link>'
        b"<dc:date>2026-03-01T10:00:00+08:00</dc:date></item></rdf:RDF>"
    )
    assert (rdf.title, rdf.url, rdf.posted_at) == ("R", "https://r.example/1", datetime(2026, 3, 1, 2, tzinfo=UTC))
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "language": "zh-CN",
        "hubs": [{"type": "WebSub", "url": "/hub"}],
        "feed_url": URL,
        "items": [
            {"id": "j1", "url": "/j/1", "title": "J", "content_html": "<p>a<p>b", "authors": [{"name": "Li Na"}],
             "date_published": "2026-03-01T10:00:00Z"},
            {"nothing": "to know it by"},
            "no item",
        ],
    }  # fmt: skip
    found = feed(orjson.dumps(document))
    (entry,) = found.entries
    assert (found.hub, found.topic) == ("https://news.example.org/hub", URL)
    json = event(entry, URL, NOW).facts
    assert isinstance(json, hub.Mention)
    assert (json.title, json.text, json.url, json.language) == ("J", "a\n\nb", "https://news.example.org/j/1", "zh-CN")
    for broken in (b"{", b"{}", b'{"version": "https://jsonfeed.org/version/1"}'):
        with pytest.raises(hub.Unavailable):
            feed(broken)


def test_the_news_search_feed_names_the_paper_and_not_the_search() -> None:
    post = mention(
        item('<guid>n</guid><link>https://search.example/rss/1</link><source url="https://paper.example">P</source>')
    )
    assert post.site == "paper.example"


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Mon, 02 Mar 26 08:00:00 GMT", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("Mon, 2 Mar 2026 03:00:00 EST", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Mon, 02 Mar 2099 08:00:00 GMT", None),
        ("Mon, 99 Xyz 2026 99:99:99 GMT", None),
        # A clock that is ahead, or a zone that was forgotten.
        ("Mon, 02 Mar 2026 15:00:00 GMT", NOW),
    ],
)
def test_dates_that_are_broken_are_not_believed(date: str, at: datetime | None) -> None:
    (entry,) = feed(item(f"<guid>1</guid><title>x</title><pubDate>{date}</pubDate>")).entries
    told = event(entry, URL, at or datetime(2026, 3, 2, 9, 30, tzinfo=UTC) if at == NOW else NOW)
    assert isinstance(told.facts, hub.Mention)
    assert told.facts.posted_at == at
    assert told.at == (at or NOW)


def test_an_edited_entry_has_its_key_and_another_id() -> None:
    def told(text: str, guid: str = "1", now: datetime = NOW) -> hub.Event:
        body = item(f"<guid>{guid}</guid><title>x</title><description>{text}</description>")
        return event(feed(body).entries[0], URL, now)

    first, again, edited = told("one"), told("one", now=NOW + timedelta(hours=1)), told("two")
    assert (first.key, first.id) == (again.key, again.id)
    assert first.key == edited.key
    assert first.id != edited.id
    assert told("one", "2").key != first.key
    assert event(feed(item("<guid>1</guid>")).entries[0], "https://other.example/", NOW).key != first.key


def test_what_has_no_id_is_known_by_its_link_then_by_title_and_date() -> None:
    assert feed(item("<link>https://a.example/1</link><title>t</title>")).entries[0].identity == "https://a.example/1"
    dated = feed(item("<title>t</title><pubDate>Mon, 02 Mar 2026 08:00:00 GMT</pubDate>")).entries[0].identity
    assert dated == "t\x1fMon, 02 Mar 2026 08:00:00 GMT"
    assert feed(item("<category>nothing to know it by</category>")).entries == ()


def test_a_tombstone_is_a_deletion() -> None:
    body = (
        b'<feed xmlns:at="http://purl.org/atompub/tombstones/1.0" xmlns="http://www.w3.org/2005/Atom">'
        b'<at:deleted-entry ref="yt:video:1" when="2026-03-02T09:00:00+00:00"><link href="https://x.example/"/>'
        b"</at:deleted-entry></feed>"
    )
    (entry,) = feed(body).entries
    told = event(entry, URL, NOW)
    assert (told.key, told.id) == (key(URL, "yt:video:1"), "2026-03-02T09:00:00+00:00/deleted")
    assert told.facts == hub.Mention(deleted=True)


def test_entities_and_external_files_stand_for_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    document = (
        f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "ha">{laughs}<!ENTITY file SYSTEM "file://{secret}">'
        f'<!ENTITY web SYSTEM "http://127.0.0.1:1/x">]><rss version="2.0"><channel><item><guid>1</guid>'
        f"<title>before &l11; after</title><description>&file; &web;</description></item></channel></rss>"
    )
    for encoding in ("utf-8", "utf-16"):
        post = mention(document.encode(encoding))
        assert "before" in (post.title or "")
        assert len(f"{post.title}{post.text}") < 1000
        assert "s3cret" not in f"{post.title}{post.text}"
        assert "haha" not in f"{post.title}{post.text}"


def test_a_feed_of_a_million_items_is_cut_to_the_newest_before_it_is_parsed() -> None:
    def numbered(numbers: range) -> bytes:
        items = b"".join(
            b'<item><guid isPermaLink="false">%d</guid><pubDate>%d Mar 2026 00:00:00 GMT</pubDate></item>'
            % (n, 1 + n * 27 // 1_000_000)
            for n in numbers
        )
        return b'<rss version="2.0"><channel><ttl>5</ttl>' + items + b"</channel></rss>"

    for numbers in (range(999_999, -1, -1), range(1_000_000)):
        found = feed(numbered(numbers), most=3)
        assert (found.total, found.minutes) == (1_000_000, 5)
        assert sorted(entry.identity for entry in found.entries) == ["999997", "999998", "999999"]


def test_an_item_of_a_megabyte_is_cut() -> None:
    words = "ExampleBrand " * 80_000
    post = mention(item(f"<guid>1</guid><title>{words}</title><description>{words}</description>"))
    assert post.text is not None
    assert len(post.text) == LONGEST_TEXT
    assert post.text.endswith("…")
    assert post.title is not None
    assert len(post.title) == 1000
    deep = "&lt;div&gt;" * 50_000
    assert mention(item(f"<guid>1</guid><description>{deep}x</description>")).text is not None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        # What its parsers would take minutes for.
        (b"<rss version='2.0'><channel>" + b"<a " * 200_000, "no well-formed XML"),
        (b"<rss version='2.0'><channel><item>" + b"<item>" * 100_000, "no well-formed XML"),
        (item("<guid>1</guid>" + "".join(f"<category>{n}</category>" for n in range(20_001))), "more words"),
        (item(f"<guid>1</guid><keywords>{' '.join(map(str, range(9_000)))}</keywords>"), "more words"),
    ],
    ids=["tags that never end", "tags in tags", "categories", "keywords"],
)
def test_what_takes_too_long_is_not_begun(body: bytes, words: str) -> None:
    with pytest.raises(hub.Unavailable, match=words):
        feed(body)


def test_broken_xml_of_a_usual_size_is_read() -> None:
    assert mention(item("<guid>1</guid><title>AT&T & <b>friends</title>")[:-16]).title


def test_the_hub_is_named_by_the_header_before_the_feed() -> None:
    body = (
        b'<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="https://hub.example/"/>'
        b'<link rel="self" href="https://news.example.org/self"/><entry><id>1</id></entry></feed>'
    )
    assert (feed(body).hub, feed(body).topic) == ("https://hub.example/", "https://news.example.org/self")
    header = '<https://other.example/hub>; rel="hub", </topic>; rel=self'
    assert (feed(body, link=header).hub, feed(body, link=header).topic) == (
        "https://other.example/hub",
        "https://news.example.org/topic",
    )


def test_a_feed_is_asked_as_seldom_as_it_wishes() -> None:
    asked = feed(item("<guid>1</guid>", "<ttl>90</ttl><skipHours><hour>11</hour><hour> 12 </hour></skipHours>"))
    assert asked.skipped == {11, 12}
    assert wait(15, None, NOW) == 15 * 60
    assert wait(15, Feed(entries=(), total=0, minutes=60), NOW) == 3600
    # 09:30 and 90 minutes are 11:00, and from 11:00 to 13:00 it is not asked.
    assert wait(15, asked, NOW) == 3.5 * 3600
    assert wait(15, Feed(entries=(), total=0, skipped=frozenset(range(24))), NOW) == 15 * 60
    assert wait(15, Feed(entries=(), total=0, minutes=999_999), NOW) == 86_400


def test_a_page_that_is_no_feed_is_said_to_be_none() -> None:
    for body in (b"", b"<html><body><form>Log in</form></body></html>", b"\x00\xff\x00", b"<rss"):
        with pytest.raises(hub.Unavailable):
            feed(body)
