"""Which part of a mail is what: text, page or file (RFC 8621 section 4.1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.formats import unpacked
from hub.formats.mime import Part


@dataclass(slots=True)
class Chosen:
    """The leaves, by what a reader does with them. *related* are those inside a multipart/related and *opened* those
    that were unpacked into others, by identity; *defects* say what could not be."""

    text: list[Part]
    html: list[Part]
    leaves: list[Part]
    related: set[int] = field(default_factory=set)
    opened: set[int] = field(default_factory=set)
    defects: list[str] = field(default_factory=list)


_MOST_UNPACKED = 5


def choose(root: Part, raw: bytes) -> Chosen:
    """What of the mail *raw* with the tree *root* a reader sees. What is packed is opened, five times at most."""
    chosen = Chosen([], [], list(root.leaves()))
    _walk((root,), "mixed", False, chosen.text, chosen.html, chosen)
    packed = [part for part in chosen.leaves if part.media_type[:12] == "application/" and unpacked.is_packed(part)]
    while packed and len(chosen.opened) < _MOST_UNPACKED:
        part = packed.pop(0)
        inner = unpacked.unpack(part, raw, chosen.defects)
        if inner is None:
            continue
        chosen.opened.add(id(part))
        if inner.root is not None:
            _walk((inner.root,), "mixed", False, chosen.text, chosen.html, chosen)
        elif not any(each.media_type.startswith("text/") for each in chosen.text):
            chosen.text += inner.text
            chosen.html += inner.html or inner.text
        chosen.related.update(id(each) for each in inner.files if each.content_id)
        chosen.leaves += inner.files
        packed += [each for each in inner.files if unpacked.is_packed(each)]
    return chosen


def _walk(
    parts: tuple[Part, ...],
    kind: str,
    in_alternative: bool,
    text: list[Part] | None,
    page: list[Part] | None,
    chosen: Chosen,
) -> None:
    texts = len(text) if text is not None else -1
    pages = len(page) if page is not None else -1
    for number, part in enumerate(parts):
        if part.parts:
            inner = part.media_type.partition("/")[2]
            _walk(part.parts, inner, in_alternative or inner == "alternative", text, page, chosen)
            continue
        if kind == "related":
            chosen.related.add(id(part))
        media = part.media_type.startswith(("image/", "audio/", "video/"))
        if not media and part.media_type not in ("text/plain", "text/html"):
            continue
        if number and (kind == "related" or (not media and part.name)):
            continue
        if part.disposition == "attachment":
            continue
        if kind == "alternative":
            if part.media_type == "text/plain" and text is not None:
                text.append(part)
            elif part.media_type == "text/html" and page is not None:
                page.append(part)
            continue
        if in_alternative:
            if part.media_type == "text/plain":
                page = None
            elif part.media_type == "text/html":
                text = None
        if text is not None:
            text.append(part)
        if page is not None:
            page.append(part)
    if kind == "alternative" and text is not None and page is not None:
        if texts == len(text) and pages != len(page):
            text += page[pages:]
        elif pages == len(page) and texts != len(text):
            page += text[texts:]
