"""HTML of strangers: made safe to show (`sanitise`) and made into text (`to_text`)."""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

import nh3
from selectolax.lexbor import LexborHTMLParser

SANITISER_VERSION = 2
"""Goes up whenever `sanitise` lets through something else: what was stored under a lower one is made again."""


@dataclass(frozen=True, slots=True)
class Sanitised:
    """HTML that loads nothing and runs nothing. *blocked_images* counts the remote images: their address waits in
    `data-blocked-src`. *version* is the `SANITISER_VERSION` that made it."""

    html: str
    blocked_images: int
    version: int


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAGS = _words(
    "a abbr address article aside b big blockquote br caption center cite code col colgroup dd del details dfn div dl "
    "dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q rp rt "
    "ruby s samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var "
    "wbr"
)
_WITH_CONTENT = _words(
    "script style title svg math template iframe object embed applet noscript select textarea audio video"
)
_EVERYWHERE = frozenset(("align", "dir", "lang", "style", "title", "valign"))
_SIZED = frozenset(("width", "height", "bgcolor"))
_ATTRIBUTES: dict[str, frozenset[str]] = {
    "*": _EVERYWHERE,
    "a": frozenset(("href",)),
    "img": frozenset(("src", "alt", "width", "height", "border", "hspace", "vspace")),
    "table": _SIZED | {"border", "cellpadding", "cellspacing"},
    "td": _SIZED | {"colspan", "rowspan", "nowrap"},
    "th": _SIZED | {"colspan", "rowspan", "nowrap", "scope"},
    "tr": _SIZED,
    "col": frozenset(("span", "width")),
    "colgroup": frozenset(("span", "width")),
    "font": frozenset(("color", "face", "size")),
    "hr": frozenset(("size", "width", "color", "noshade")),
    "ol": frozenset(("start", "type", "reversed")),
    "ul": frozenset(("type",)),
    "li": frozenset(("value", "type")),
    "details": frozenset(("open",)),
    "time": frozenset(("datetime",)),
}
# Nothing that loads (background, list-style), moves out of its place (position, z-index) or covers the frame.
_STYLES = _words(
    "background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width border-collapse "
    "border-color border-left border-left-color border-left-style border-left-width border-radius border-right "
    "border-right-color border-right-style border-right-width border-spacing border-style border-top border-top-color "
    "border-top-style border-top-width border-width clear color direction display float font font-family font-size "
    "font-style font-variant font-weight height letter-spacing line-height list-style-type margin margin-bottom "
    "margin-left margin-right margin-top max-height max-width min-width padding padding-bottom padding-left "
    "padding-right padding-top table-layout text-align text-decoration text-indent text-transform vertical-align "
    "visibility white-space width word-break word-spacing word-wrap"
)
# A function in a value may load something (url, image-set), and a backslash may spell one.
_UNSAFE_VALUE = re.compile(r"\\|(?<!rgb)(?<!rgba)(?<!hsl)(?<!hsla)\(", re.IGNORECASE)
_FUNCTION = re.compile(r"[^;:]*:[^;(]*(?<!rgb)(?<!rgba)(?<!hsl)(?<!hsla)\([^)]*\)[^;]*;?", re.IGNORECASE)
_LONGEST_STYLE = 4_096
_PICTURE = re.compile(r"data:image/(?:png|gif|jpe?g|webp|bmp);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE)
_LINK = re.compile(r"(?:https?|mailto|tel|sms|sip|xmpp|geo):", re.IGNORECASE)
_BLOCKED = "blocked:"
_SHOWN = "shown:"


def sanitise(html: str, cid: Callable[[str], str | None]) -> Sanitised:
    """*html* as it may stand in our own page, in a sandboxed frame.

    *cid* answers where the part with that Content-ID is served, or None where the mail has no such part. Scripts,
    forms, frames, SVG, style sheets and event handlers go; links open in a new tab without an opener; images load
    only from *cid*, which is asked for other addresses too (Content-Location, RFC 2557), and from `data:`.
    """
    html = tamed(html)
    if _too_deep(html):
        return Sanitised(_as_preformatted(to_text(html)), 0, SANITISER_VERSION)
    blocked = 0

    def allowed(tag: str, attribute: str, value: str) -> str | None:
        nonlocal blocked
        if attribute == "style":
            if len(value) > _LONGEST_STYLE:
                return None
            return value if not _UNSAFE_VALUE.search(value) else _without_functions(value)
        if attribute == "href":
            return value if _LINK.match(value.strip()) else None
        if attribute != "src":
            return value
        source = value.strip()
        if source[:4].lower() == "cid:":
            shown = cid(source[4:].strip("<> ")) or cid(unquote(source[4:]).strip("<> "))
            return None if shown is None else _SHOWN + shown
        if _PICTURE.fullmatch(source):
            return source
        if not source:
            return None
        if (shown := cid(source)) is not None:
            return _SHOWN + shown
        blocked += tag == "img"
        return _BLOCKED + source

    clean = nh3.clean(
        html.replace("\x00", ""),
        tags=set(_TAGS),
        clean_content_tags=set(_WITH_CONTENT),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=allowed,
        filter_style_properties=set(_STYLES),
        url_schemes={"http", "https", "mailto", "tel", "sms", "sip", "xmpp", "geo", "cid", "data"},
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    # The filter may change a value but not a name. In an attribute a quote is escaped, so this finds only our own.
    clean = clean.replace(f' src="{_BLOCKED}', ' data-blocked-src="').replace(f' src="{_SHOWN}', ' src="')
    return Sanitised(clean, blocked, SANITISER_VERSION)


def _without_functions(style: str) -> str | None:
    kept = _FUNCTION.sub("", style)
    return None if _UNSAFE_VALUE.search(kept) else kept


def _as_preformatted(text: str) -> str:
    return f'<div style="white-space:pre-wrap">{entities.escape(text)}</div>'


# --- size -------------------------------------------------------------------------------------------------------

_LARGE = 64_000
LONGEST = 1_000_000
_MOST_TAGS = 50_000
_MOST_ATTRIBUTES = 100
_OPENED = re.compile(
    r"""<(/?)([a-zA-Z][\w:-]*+)((?:[\s/]++|[^\s/>="'<]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'<]*+))?+)*+)>"""
)
_ATTRIBUTE = re.compile(r"""([a-zA-Z_][\w:.-]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'<]*+)))?+""")
_RAW_ENDS = {
    name: re.compile(rf"</{name}[\s/>]", re.IGNORECASE)
    for name in _words("script style title textarea xmp iframe noembed noframes noscript plaintext")
}
_IN_VALUE = str.maketrans({'"': "&quot;", "<": "&lt;", ">": "&gt;"})


def tamed(html: str) -> str:
    """A large page written anew, so that no parser takes long over it and all read the same: well-formed tags of at
    most a hundred attributes, nothing that is never shown, at most 50,000 tags and a million characters outside them.
    A page of an ordinary size comes back as it is."""
    return html if len(html) < _LARGE else _rewritten(html)


def _rewritten(html: str) -> str:
    out: list[str] = []
    at = tags = length = 0
    while length < LONGEST:
        if tags == _MOST_TAGS:
            rest = _ANY_TAG.sub(" ", html[at : at + LONGEST - length])
            out.append(rest.replace("<", "&lt;"))
            break
        begin = html.find("<", at)
        text = html[at : begin if begin != -1 else len(html)][: LONGEST - length]
        out.append(text)
        length += len(text)
        if begin == -1:
            break
        tags += 1
        if html.startswith(("<!", "<?"), begin):
            end = html.find("-->", begin) + 3 if html.startswith("<!--", begin) else html.find(">", begin) + 1
            if end <= begin:
                break
            at = end
            continue
        tag = _OPENED.match(html, begin)
        if tag is None:
            out.append("&lt;")
            at, length = begin + 1, length + 1
            continue
        at = tag.end()
        name = tag[2].lower()
        if name in _RAW_ENDS:
            over = None if tag[1] else _RAW_ENDS[name].search(html, at)
            if over is None and not tag[1]:
                break
            at = over.start() if over else at
            continue
        out.append(f"<{tag[1]}{name}{_attributes(tag[3]) if tag[3] and not tag[1] else ''}>")
    return "".join(out)


def _attributes(written: str) -> str:
    found: dict[str, str] = {}
    for attribute in islice(_ATTRIBUTE.finditer(written), _MOST_ATTRIBUTES):
        value = attribute[2] or attribute[3] or attribute[4] or ""
        found.setdefault(attribute[1].lower(), value.translate(_IN_VALUE))
    return "".join(f' {name}="{value}"' for name, value in found.items())


# --- depth ------------------------------------------------------------------------------------------------------

# Parsers of HTML take quadratic time for elements in elements in elements; no mail program nests a hundred.
_DEEPEST = 300
_FEW_TAGS = 5_000
_ANY_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*)[^<>]*>")
_NEVER_NESTED = _words(
    "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th option tbody thead tfoot"
)


def _too_deep(html: str) -> bool:
    if html.count("<") < _FEW_TAGS:
        return False
    depth = 0
    for tag in _ANY_TAG.finditer(html):
        if tag[2].lower() not in _NEVER_NESTED:
            depth = max(0, depth - 1) if tag[1] else depth + 1
            if depth > _DEEPEST:
                return True
    return False


# --- text -------------------------------------------------------------------------------------------------------

# Characters for private use carry the structure through the parser; they never come from outside.
_LINE, _PARAGRAPH, _ITEM, _QUOTE, _UNQUOTE, _KEPT = "\ue000", "\ue001", "\ue002", "\ue003", "\ue004", "\ue005"
_OURS = re.compile("[\ue000-\ue005\x00]")
_PARAGRAPHS = "p h1 h2 h3 h4 h5 h6 ul ol dl pre hr figure"
_LINES = "br div dt dd address article aside section header footer main nav center caption details summary"
# Text between the tags of a table would be moved before the table: so they become elements that mean nothing.
_MARKED = {
    f"<{slash}{name}": f"{mark}<{slash}{prefix}{name}"
    for slash in ("", "/")
    for names, mark, prefix in (
        (_PARAGRAPHS, _PARAGRAPH, ""),
        (_LINES, _LINE, ""),
        ("li", _LINE if slash else _ITEM, ""),
        ("blockquote", _UNQUOTE if slash else _QUOTE, ""),
        ("table", _PARAGRAPH, "x-"),
        ("tr", _LINE, "x-"),
        ("td th", " ", "x-"),
        ("tbody thead tfoot", "", "x-"),
    )
    for name in names.split()
}
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*(?![\w-])")
_PREFORMATTED = re.compile(r"(<pre[\s>])(.*?)(?=</pre|\Z)", re.IGNORECASE | re.DOTALL)
_UNSEEN = ["head", "script", "style", "title", "template", "noscript", "svg", "math", "object", "iframe", "select"]
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t\n\r\f]+")
_STRUCTURE = re.compile("([\ue000-\ue004])")
# Newsletters pad their preview with these.
_FILLING = re.compile("[\u00ad\u034f\u200b-\u200f\u2060\ufeff\u00a0 ]{6,}")


_DEEPEST_QUOTE = 20


def to_text(html: str) -> str:
    """What a reader of *html* sees, as plain text: a line for each block, a blank line between paragraphs, `- ` before
    list items, `> ` before quoted lines. A link is its text. Hidden elements are left out."""
    html = tamed(_OURS.sub("", html))
    if "<pre" in html or "<PRE" in html:
        html = _PREFORMATTED.sub(lambda match: match[1] + match[2].replace("\r", "").replace("\n", _KEPT), html)
    marked = _TAG.sub(lambda tag: _MARKED.get(tag[0].lower(), tag[0]), html)
    if _too_deep(html):
        return _laid_out(entities.unescape(_ANY_TAG.sub("", _rewritten(marked))))
    tree = LexborHTMLParser(marked)
    body = tree.body
    if body is None:
        return ""
    body.strip_tags(_UNSEEN)
    if _HIDDEN.search(html):
        # From the last to the first: what is inside a hidden element goes before the element does.
        for node in reversed(body.css("[style]")):
            if _HIDDEN.search(node.attributes.get("style") or ""):
                node.decompose()
    return _laid_out(body.text())


def _laid_out(marked: str) -> str:
    lines: list[str] = []
    line = ""
    depth = 0
    wanted_gap = False

    def end_line() -> None:
        nonlocal line, wanted_gap
        content = line.rstrip(" \u00a0").replace("\u00a0", " ")
        line = ""
        if not content.strip(" -"):
            return
        if wanted_gap and lines:
            lines.append("> " * min(depth, _depth_of(lines[-1])) if depth else "")
        wanted_gap = False
        lines.append("> " * depth + content)

    breaks = 0
    for piece in _STRUCTURE.split(_BLANKS.sub(" ", _FILLING.sub(" ", marked))):
        if len(piece) == 1 and _LINE <= piece <= _UNQUOTE:
            breaks = breaks + 1 if piece == _LINE and not line.strip() else 0
            end_line()
            # Two empty lines in a row are how people make paragraphs in a mail program.
            wanted_gap = wanted_gap or piece in (_PARAGRAPH, _QUOTE, _UNQUOTE) or breaks > 1
            depth = min(max(0, depth + (piece == _QUOTE) - (piece == _UNQUOTE)), _DEEPEST_QUOTE)
            if piece == _ITEM:
                line = "- "
        elif piece:
            line += piece if line else piece.lstrip(" ")
    end_line()
    return "\n".join(lines).replace(_KEPT, "\n").strip("\n")


def _depth_of(line: str) -> int:
    depth = 0
    while line.startswith("> ", 2 * depth):
        depth += 1
    return depth
