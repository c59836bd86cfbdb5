"""A mail as a reader sees it: its HTML made safe, and what it quotes folded, never dropped."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup, escape
from selectolax.lexbor import LexborHTMLParser, LexborNode

from hub.formats.html import sanitise
from hub.formats.mail import Body
from hub.formats.quotes import fold


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands in a mail's frame. *blocked* counts the images that would be fetched from elsewhere."""

    html: str
    blocked: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a plain mail: "new", "quote" or "signature"."""

    kind: str
    text: Markup


_QUOTES = (
    "blockquote[type=cite]",
    ".gmail_quote",
    ".moz-cite-prefix ~ blockquote",
    ".yahoo_quoted",
    ".protonmail_quote",
    "blockquote",
)
"""How mail programs mark what they quote. The sanitiser drops classes, so this is looked for before it."""

_MARK = "data-quoted"
_FOLD = "hub-quoted-part"


def frame(body: Body, served: Callable[[int], str], folded: str, images: bool) -> Frame:
    """The HTML of *body* for its sandboxed frame.

    *served* answers where the attachment with that index is served, *folded* is the word on the fold of the
    quoted part, *images* lets the images of other hosts load.
    """
    source = _with_quote_marked(body.html or "")
    clean = sanitise(source, lambda cid: served(body.inline[cid]) if cid in body.inline else None)
    html = clean.html.replace(f'<details><summary title="{_FOLD}">', f"<details><summary>{escape(folded)}")
    if images:
        html = html.replace(' data-blocked-src="', ' src="')
    return Frame(html, 0 if images else clean.blocked_images)


def _with_quote_marked(source: str) -> str:
    """*source* with its outermost quotation inside a fold, where something was written before it."""
    tree = LexborHTMLParser(source)
    body = tree.body
    if body is None:
        return source
    for selector in _QUOTES:
        for node in body.css(selector):
            if _wrap(node):
                return tree.html or source
            break
    return tree.html or source


def _wrap(node: LexborNode) -> bool:
    before = node.prev
    while before is not None:
        if (before.text() or "").strip() or before.css_first("img"):
            break
        before = before.prev
    parent = node.parent
    alone = before is None and (parent is None or parent.tag == "body")
    if alone or not (node.text() or "").strip():
        return False
    fold = LexborHTMLParser(f'<details><summary title="{_FOLD}"></summary>{node.html}</details>').css_first("details")
    if fold is None:
        return False
    node.replace_with(fold)
    return True


def text(plain: str) -> tuple[Piece, ...]:
    """*plain* in pieces: what is new stands, what is quoted and signatures are folded."""
    pieces = [Piece(segment.kind, linked(segment.text.strip("\n"))) for segment in fold(plain) if segment.text.strip()]
    if not any(piece.kind == "new" for piece in pieces):
        return tuple(Piece("new", piece.text) for piece in pieces)
    return tuple(pieces)


_ADDRESS = re.compile(r"https?://[^\s<>\"'，。；）】]+[^\s<>\"'.,;:!?)\]，。；）】]")


def linked(plain: str) -> Markup:
    """*plain* escaped, with its web addresses as links."""
    pieces, last = [], 0
    for match in _ADDRESS.finditer(plain):
        address = escape(match[0])
        pieces += [
            escape(plain[last : match.start()]),
            Markup(f'<a href="{address}" target="_blank" rel="noopener noreferrer nofollow">{address}</a>'),  # noqa: S704
        ]
        last = match.end()
    return Markup("").join([*pieces, escape(plain[last:])])
