"""HTML of strangers: what is let through, and what a reader sees of it as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats.html import SANITISER_VERSION, sanitise, tamed, to_text
from tests.bench import corpus


def _clean(html: str) -> str:
    return sanitise(html, lambda content_id: "/parts/3" if content_id == "logo@x" else None).html


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>x",
        "<img src=x onerror=alert(1)>",
        "<svg><script>alert(1)</script></svg>",
        "<svg onload=alert(1)>",
        "<iframe src='https://evil.example'></iframe>",
        "<form action='https://evil.example'><input name=a><button>Go</button></form>",
        "<base href='https://evil.example'>",
        "<meta http-equiv=refresh content='0;url=https://evil.example'>",
        "<link rel=stylesheet href='https://evil.example/a.css'>",
        "<style>@import 'https://evil.example/a.css';</style>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<a href=' java\nscript:alert(1)'>x</a>",
        "<div style='background:url(https://evil.example/a.png)'>x</div>",
        "<div style='background-image:\\75rl(https://evil.example/a.png)'>x</div>",
        "<div style='width:expression(alert(1))'>x</div>",
        "<table background='https://evil.example/a.png'><tr><td>x</td></tr></table>",
        "<img srcset='https://evil.example/a.png 1x'>",
        "<video poster='https://evil.example/a.png' src='https://evil.example/a.mp4'></video>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
        "<object data='https://evil.example'></object><embed src='https://evil.example'>",
    ],
)
def test_nothing_runs_and_nothing_loads(html: str) -> None:
    clean = _clean(html).replace("data-blocked-src", "")
    assert not re.search(r"<(?:script|svg|iframe|form|input|base|meta|link|style|video|object|embed)", clean, re.I)
    assert not re.search(r"evil\.example|alert|javascript|onerror|url\(", clean, re.I)


def test_nothing_covers_the_page() -> None:
    html = "<div style='position:fixed;top:0;left:0;z-index:9;width:100%;color:red'>x</div>"
    assert _clean(html) == '<div style="width:100%;color:red">x</div>'


def test_remote_images_wait_and_are_counted() -> None:
    html = '<img src="https://t.example/a.gif" width="1"><img src="//t.example/b.gif"><img src="pic.png"><p>x</p>'
    made = sanitise(html, lambda content_id: None)
    assert (made.blocked_images, made.version) == (3, SANITISER_VERSION)
    assert not re.search(r"\ssrc=", made.html)
    assert 'data-blocked-src="https://t.example/a.gif"' in made.html


def test_images_of_the_mail_are_shown() -> None:
    made = sanitise(
        '<img src="cid:logo@x" alt="Logo"><img src="cid:gone"><img src="data:image/png;base64,AAAA">',
        lambda content_id: f"/parts/{content_id}?a=1&b=2" if content_id == "logo@x" else None,
    )
    assert made.html == ('<img src="/parts/logo@x?a=1&amp;b=2" alt="Logo"><img><img src="data:image/png;base64,AAAA">')
    assert made.blocked_images == 0
    assert "src=" not in _clean('<img src="data:image/svg+xml;base64,AAAA">').replace("data-blocked-src=", "")


def test_links_open_elsewhere_and_do_not_know_us() -> None:
    clean = _clean('<a href="https://example.org" target="_top" rel="opener">x</a>')
    assert clean == '<a href="https://example.org" target="_blank" rel="noopener noreferrer">x</a>'


def test_what_a_text_says_of_attributes_is_text() -> None:
    made = sanitise('<p title=\'x src="blocked:1\'>src="blocked:2"</p>', lambda content_id: None)
    assert made.blocked_images == 0
    assert "data-blocked-src" not in made.html.partition(">")[0]


def test_harmless_styles_stay() -> None:
    html = '<td style="color:rgb(1, 2, 3);background:url(x);font-family:Arial" bgcolor="#fff">x</td>'
    assert _clean(f"<table><tr>{html}</tr></table>") == (
        '<table><tbody><tr><td style="color:rgb(1, 2, 3);font-family:Arial" bgcolor="#fff">x</td></tr></tbody></table>'
    )


@given(st.text(alphabet="<>/=\"' \n:;()abcdsrtyleimgonx&#0-!", max_size=200))
def test_any_markup_is_read(markup: str) -> None:
    clean = _clean(markup)
    assert not re.search(r"<[a-z][^>]*\son\w+\s*=", clean)
    to_text(markup).encode("utf-8")


@pytest.mark.parametrize(
    "inner", ["<div>", "<blockquote>", "<b>", "<a><table>", "<ul><li>", "<span style='color:red'>"]
)
def test_a_hostile_depth_is_read_as_text(inner: str) -> None:
    html = inner * 50_000 + "x"
    assert to_text(html).rstrip().endswith("x")
    assert "x" in _clean(html)


PAGE = (
    "<!-- c --><style>p{color:red}</style><h1 title='a > b'>Offer</h1>"
    "<p class=x>Dear <b>you</b>,<br>a &lt; b &amp; c</p>"
    '<table><tr><td>one<td>two</table><a href="https://example.org/?a=1&amp;b=2" title="1 < 2">link</a>'
    "<img src=https://t.example/a.gif><p>end</p>"
)


def test_a_page_of_an_ordinary_size_is_left_alone() -> None:
    assert tamed(PAGE) is PAGE


def test_a_large_page_reads_and_looks_as_before() -> None:
    filling = "".join(f"<p>line {number}</p>" for number in range(5_000))
    large = PAGE + filling
    assert len(tamed(large)) > 64_000
    assert to_text(large) == to_text(PAGE) + "\n\n" + to_text("".join(f"<p>line {n}</p>" for n in range(5_000)))
    clean = sanitise(large, lambda content_id: None)
    assert clean.html.startswith(sanitise(PAGE, lambda content_id: None).html[:-20])
    assert clean.blocked_images == 1
    assert tamed(tamed(large)) == tamed(large)


@pytest.mark.parametrize(
    "page",
    [
        "<p " + " ".join(f"a{number}=b" for number in range(100_000)) + ">x",
        "<p " + " ".join(f'a{number}=">"' for number in range(100_000)) + ">x",
        "<p " + " ".join(f"a{number}='<p \"'" for number in range(100_000)) + ">x",
        "<a " * 300_000 + "x",
        "<a b='" * 200_000 + "x",
        "<div>" * 200_000 + "x",
        "<table><tr><td>" * 100_000 + "x",
        "<" * 1_000_000 + "x",
        "<style>" * 100_000 + "x",
        "<!--" * 300_000 + "x",
        "<svg><style><a b='</style>" * 50_000 + "x",
        "&amp;" * 300_000 + "x",
        "<p>" + "x" * 3_000_000,
    ],
    ids=lambda page: page[:16],
)
def test_an_html_bomb_is_bounded(page: str) -> None:
    made = tamed(page)
    assert len(made) <= 4_500_000
    assert made.count("<") <= 50_000
    assert max((len(tag) for tag in re.findall(r"<[^>]*>", made)), default=0) < 4_000
    assert len(to_text(page)) <= 1_000_000
    assert not re.search(r"\ssrc=|<script|<style", sanitise(page, lambda content_id: None).html)


@given(st.text(alphabet="<>/=\"' \n:;()abcdsrtyleimgonx&#0-!", max_size=300))
def test_a_page_written_anew_has_only_whole_tags(markup: str) -> None:
    made = tamed(markup + " " * 64_000)
    assert re.fullmatch(r"(?:[^<]|</?[a-z][\w:-]*(?: [a-zA-Z_][\w:.-]*=\"[^\"<>]*\")*>)*", made)


# --- text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello <b>you</b>,</p><p>second<br>line</p>", "Hello you,\n\nsecond\nline"),
        ("<div>Hi</div><div><br></div><div>there</div>", "Hi\n\nthere"),
        ("<ul><li>one<li>two <i>x</i></ul>", "- one\n- two x"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>end", "a b\nc\n\nend"),
        ("new<blockquote>old<blockquote>older<br>x</blockquote></blockquote>", "new\n\n> old\n> \n> > older\n> > x"),
        ('<a href="https://example.org">https://example.org</a>', "https://example.org"),
        ("<head><title>T</title><style>p{}</style></head><script>s</script>x", "x"),
        ('<div style="display:none">gone<span style="display:none">too</span></div>here', "here"),
        ("<pre>a\n  b</pre>c", "a\n b\n\nc"),
        ("&lt;b&gt; &amp;&nbsp;&copy;", "<b> & ©"),
        ("plain\n  text", "plain text"),
        ("您好<br>报价单", "您好\n报价单"),
        ("<p>&zwnj;&nbsp;&zwnj;&nbsp;&zwnj;&nbsp;&zwnj;&nbsp;</p>x", "x"),
        ("\ue000a\ue001b", "ab"),
        ("", ""),
        ("<", "<"),
    ],
)
def test_a_page_reads_as_it_looks(html: str, text: str) -> None:
    assert to_text(html) == text


def test_a_newsletter_of_many_rows_keeps_its_rows() -> None:
    rows = "".join(f"<tr><td>{row}</td><td>item</td></tr>" for row in range(3_000))
    assert to_text(f"<table>{rows}</table>").splitlines() == [f"{row} item" for row in range(3_000)]


def test_the_benchmarks_pages_have_text() -> None:
    pages = [raw for raw in corpus.mails(40) if b"text/html" in raw]
    assert pages
    assert all("td" not in to_text(page.decode("utf-8", "replace")).split() for page in pages)
