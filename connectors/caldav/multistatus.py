"""What a WebDAV server answers about several things at once (RFC 4918, 13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

import hub

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
CALENDAR_SERVER = "{http://calendarserver.org/ns/}"


@dataclass(frozen=True, slots=True)
class Response:
    """One resource: its *href* as the server wrote it, the *status* that it gives for the whole of it (0: none), and
    the properties that it has, by name in Clark's notation."""

    href: str
    status: int
    properties: Mapping[str, Element] = field(repr=False)

    def text(self, name: str) -> str:
        """The text of a property, "" where it has none."""
        found = self.properties.get(name)
        return (found.text or "").strip() if found is not None else ""

    def hrefs(self, name: str) -> list[str]:
        """The addresses in a property."""
        found = self.properties.get(name)
        return [each.text.strip() for each in found.iter(f"{DAV}href") if each.text] if found is not None else []

    def holds(self, name: str, element: str) -> bool:
        """Whether *element* stands in a property."""
        found = self.properties.get(name)
        return found is not None and found.find(f".//{element}") is not None


@dataclass(frozen=True, slots=True)
class Multistatus:
    """The responses in the server's order, and the sync token after them, "" where none is told (RFC 6578, 6.4)."""

    responses: tuple[Response, ...]
    token: str = ""


class _Responses(TreeBuilder):
    """Takes each response out of the tree as soon as it is whole: a calendar may have a hundred thousand."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Response] = []

    def end(self, tag: str) -> Element:
        element = super().end(tag)
        if tag == f"{DAV}response":
            self.found.append(_response(element))
            element.clear()
        return element

    def doctype(self, name: str, public: str | None, system: str | None) -> NoReturn:
        # Nobody has declared anything in WebDAV; entities are declared by those who attack.
        raise ParseError("a document type")


def multistatus(body: bytes) -> Multistatus:
    """Reads a 207 answer. Raises `Unavailable`: who answers something else is not a calendar server, or not well."""
    builder = _Responses()
    root = _parsed(body, builder)
    if root is None or root.tag != f"{DAV}multistatus":
        raise hub.Unavailable("the calendar server answers what is no WebDAV")
    return Multistatus(tuple(builder.found), (root.findtext(f"{DAV}sync-token") or "").strip())


def says(body: bytes, element: str) -> bool:
    """Whether an error names the condition *element* (RFC 4918, 16)."""
    root = _parsed(body, TreeBuilder())
    return root is not None and root.find(f".//{element}") is not None


def _parsed(body: bytes, builder: TreeBuilder) -> Element | None:
    parser = XMLParser(target=builder)  # noqa: S314 — expat bounds expansion, and a document type is refused
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError):
        return None
    return root


def _response(element: Element) -> Response:
    properties: dict[str, Element] = {}
    for propstat in element.iter(f"{DAV}propstat"):
        prop = propstat.find(f"{DAV}prop")
        if prop is not None and _status(propstat) in (200, 0):
            properties.update((each.tag, each) for each in prop)
    return Response((element.findtext(f"{DAV}href") or "").strip(), _status(element), properties)


def _status(element: Element) -> int:
    """The number in `HTTP/1.1 404 Not Found`, 0 where there is none."""
    words = (element.findtext(f"{DAV}status") or "").split()
    return int(words[1]) if len(words) > 1 and words[1].isascii() and words[1].isdigit() else 0
