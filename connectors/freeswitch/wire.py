"""The Event Socket on the wire: frames, and the events in them.

https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_event_socket_1048924/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

import orjson

LONGEST_HEAD = 64 << 10
LONGEST_BODY = 8 << 20


class NotAnEventSocket(Exception):
    """What came cannot be frames."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Headers, and as many bytes as they announce."""

    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def kind(self) -> str:
        """Its Content-Type."""
        return self.headers.get("Content-Type", "")


@dataclass(frozen=True, slots=True)
class Told:
    """An event: its headers, decoded, and the text that some carry. A header that is not there is empty."""

    headers: Mapping[str, str]
    body: str = field(default="", repr=False)

    def __getitem__(self, name: str) -> str:
        return self.headers.get(name, "")

    @property
    def name(self) -> str:
        """`CHANNEL_CREATE`, or `CUSTOM callcenter::info`."""
        subclass = self["Event-Subclass"]
        return f"{self['Event-Name']} {subclass}" if subclass else self["Event-Name"]


class Framer:
    """Makes frames of bytes, however they were cut."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._headers: dict[str, str] | None = None
        self._length = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole with *data*. Raises `NotAnEventSocket`."""
        self._rest += data
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        if self._headers is None:
            # Some answers are followed by one line end more than they announce.
            while self._rest.startswith((b"\n", b"\r")):
                del self._rest[:1]
            end = self._rest.find(b"\n\n")
            if end < 0:
                if len(self._rest) > LONGEST_HEAD:
                    raise NotAnEventSocket("a head without an end")
                return None
            self._headers = _headers(bytes(self._rest[:end]))
            del self._rest[: end + 2]
            self._length = _length(self._headers)
        if len(self._rest) < self._length:
            return None
        frame = Frame(self._headers, bytes(self._rest[: self._length]))
        del self._rest[: self._length]
        self._headers, self._length = None, 0
        return frame


def told(frame: Frame) -> Told | None:
    """The event in *frame*, None where it holds none that can be read."""
    if frame.kind == "text/event-json":
        return _json(frame.body)
    if frame.kind == "text/event-plain":
        head, _, body = frame.body.partition(b"\n\n")
        headers = {name: unquote(value) for name, value in _headers(head).items()}
        return Told(headers, body.decode("utf-8", "replace"))
    return None


def _json(body: bytes) -> Told | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict):
        return None
    headers = {name: value for name, value in found.items() if isinstance(value, str)}
    return Told(headers, headers.pop("_body", ""))


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").splitlines())
    return {name.strip(): value.strip() for name, colon, value in lines if colon}


def _length(headers: Mapping[str, str]) -> int:
    said = headers.get("Content-Length", "0")
    if not (said.isascii() and said.isdigit()) or int(said) > LONGEST_BODY:
        raise NotAnEventSocket("a length that cannot be")
    return int(said)
