"""The manager interface (AMI) on the wire: blocks of `Name: value` lines, each block ended by an empty line.

https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/AMI-v2-Specification/

This is our own: the one Python library that many still install (panoramisk 1.4) has no types, keeps a block
that never ends without any limit, and reconnects by itself, which is the hub's to decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

LONGEST_LINE = 65_536
"""Bytes of one line that are kept; Asterisk's own limit for what it reads is 1,025."""

MOST_LINES = 5_000
"""Lines of one block that are kept: output of a command may be long."""

_RAW_END = b"--END COMMAND--"


@dataclass(frozen=True, slots=True)
class Packet:
    """One block: its *fields* by lower-case name (of a repeated one the first), and the *output* of a command."""

    fields: dict[str, str]
    output: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str:
        """The value of a field, "" where there is none or Asterisk says that it does not know it."""
        value = self.fields.get(name.lower(), "")
        return "" if value in ("<unknown>", "<null>", "(null)") else value

    @property
    def event(self) -> str:
        """The name of the event, "" for a response."""
        return self.fields.get("event", "")

    @property
    def succeeded(self) -> bool:
        """Whether a response says that it worked."""
        return self.fields.get("response", "").lower() in ("success", "goodbye", "follows")


@dataclass(slots=True)
class Framer:
    """Cuts the stream into packets, however it was cut on its way. What is too long is cut off, never kept."""

    _line: bytearray = field(default_factory=bytearray)
    _overlong: bool = False
    _lines: list[bytes] = field(default_factory=list)
    _raw: bool = False

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that *data* completes."""
        packets = []
        *whole, rest = data.split(b"\n")
        for line in whole:
            self._keep(line)
            packet = self._ended(bytes(self._line.removesuffix(b"\r")))
            self._line.clear()
            self._overlong = False
            if packet is not None:
                packets.append(packet)
        self._keep(rest)
        return packets

    def _keep(self, data: bytes) -> None:
        if self._overlong:
            return
        self._line += data
        if len(self._line) > LONGEST_LINE:
            del self._line[LONGEST_LINE:]
            self._overlong = True

    def _ended(self, line: bytes) -> Packet | None:
        if self._raw:  # before Asterisk 13 a command's output came as it was, empty lines and all
            self._raw = _RAW_END not in line
        if line or self._raw:
            if len(self._lines) < MOST_LINES:
                self._lines.append(line)
            if len(self._lines) == 1 and line.lower() == b"response: follows":
                self._raw = True
            return None
        lines, self._lines = self._lines, []
        return packet(lines) if lines else None


def packet(lines: Iterable[bytes]) -> Packet:
    """The packet of these lines, without their ends."""
    fields: dict[str, str] = {}
    output = []
    for line in lines:
        name, colon, value = _text(line).partition(":")
        if not colon or " " in name.strip():
            output.append(_text(line))
        elif name.lower() == "output":
            output.append(value.removeprefix(" "))
        else:
            fields.setdefault(name.strip().lower(), value.strip())
    return Packet(fields, tuple(output))


def action(name: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """An action as it goes over the wire. Raises `ValueError` for a value that would begin another line."""
    lines = [f"{key}: {value}" for key, value in (("Action", name), *fields)]
    if any(sign in line for line in lines for sign in "\r\n\0"):
        raise ValueError("a value of an action is more than one line")
    return "\r\n".join([*lines, "", ""]).encode()


def _text(line: bytes) -> str:
    """A line as text: UTF-8, or what old phones send; a NUL is nothing that a store takes."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    return text.replace("\0", "")
