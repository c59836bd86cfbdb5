"""Rich text as Outlook sends it: unpacked (MS-OXRTFCP) and read as plain text (RTF 1.9.1, MS-OXRTFEX)."""

from __future__ import annotations

import re
import struct

from hub.formats import charsets
from hub.formats.errors import Unreadable

LONGEST = 1_000_000
"""Bytes that are unpacked of one text at most."""

_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans "
    b"SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    rb"\pard\plain\f0\fs20\b\i\u\tab\tx"
)
_WINDOW = 4096


def unpack(packed: bytes) -> bytes:
    """The RTF in the value of PidTagRtfCompressed, as far as it goes. Raises `Unreadable` for what is none."""
    if len(packed) < 16:
        raise Unreadable("compressed RTF that is cut")
    size, kind = struct.unpack_from("<4xI4s", packed)
    size = min(size, LONGEST)
    if kind == b"MELA":
        return packed[16 : 16 + size]
    if kind != b"LZFu":
        raise Unreadable("compressed RTF of an unknown kind")
    window = bytearray(_DICTIONARY.ljust(_WINDOW, b"\0"))
    write = len(_DICTIONARY)
    out = bytearray()
    at = 16
    while at < len(packed) and len(out) < size:
        flags = packed[at]
        at += 1
        for bit in range(8):
            if flags >> bit & 1:
                if at + 1 >= len(packed):
                    return bytes(out[:size])
                reference = packed[at] << 8 | packed[at + 1]
                at += 2
                offset, length = reference >> 4, (reference & 15) + 2
                if offset == write % _WINDOW:
                    return bytes(out[:size])
                chunk = bytearray()
                for step in range(length):
                    byte = window[(offset + step) % _WINDOW]
                    chunk.append(byte)
                    window[write % _WINDOW] = byte
                    write += 1
                out += chunk
            else:
                if at >= len(packed):
                    return bytes(out[:size])
                window[write % _WINDOW] = packed[at]
                out.append(packed[at])
                write += 1
                at += 1
    return bytes(out[:size])


_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,9})? ?|\\'([0-9a-fA-F]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.IGNORECASE
)
_NOT_SHOWN = frozenset(
    (b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"header", b"footer", b"generator", b"bin")
)
_MEANS = {
    b"par": "\n", b"line": "\n", b"row": "\n", b"sect": "\n", b"page": "\n", b"tab": "\t", b"cell": "\t",
    b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“",
    b"rdblquote": "”",
}  # fmt: skip


def to_text(rtf: bytes) -> str:
    """What a reader of *rtf* sees, lines ended by `\\n`. Of RTF that was made from HTML, the RTF's own reading."""
    out: list[str] = []
    waiting = bytearray()
    codepage = re.search(rb"\\ansicpg(\d{3,5})", rtf[:4096])
    charset = f"cp{codepage[1].decode('ascii')}" if codepage else "cp1252"
    stack: list[tuple[bool, int]] = []
    hidden, fallback, to_skip, starred = False, 1, 0, False

    def flush() -> None:
        if waiting:
            out.append(charsets.decode(bytes(waiting), charset))
            waiting.clear()

    for token in _TOKEN.finditer(rtf[:LONGEST]):
        word, number, byte, symbol, brace, plain = token.groups()
        if brace == b"{":
            stack.append((hidden, fallback))
            starred, to_skip = False, 0
        elif brace:
            hidden, fallback = stack.pop() if stack else (False, 1)
            to_skip = 0
        elif word:
            word = word.lower()
            if word in _NOT_SHOWN or starred:
                hidden, starred = True, False
            elif word == b"htmlrtf":
                # Between \htmlrtf and \htmlrtf0 stands what only readers of RTF need: line ends, mostly.
                continue
            elif word == b"uc":
                fallback = int(number or 1)
            elif hidden:
                continue
            elif word == b"u" and number:
                flush()
                out.append(charsets.clean(chr(int(number) % 65_536)))
                to_skip = fallback
            elif word in _MEANS:
                flush()
                out.append(_MEANS[word])
        elif symbol == b"*":
            starred = True
        elif hidden:
            continue
        elif byte:
            if to_skip:
                to_skip -= 1
            else:
                waiting.append(int(byte, 16))
        elif symbol:
            if symbol in b"\\{}":
                waiting += symbol
            elif symbol == b"~":
                waiting += b" "
        elif plain:
            taken = min(to_skip, len(plain))
            to_skip -= taken
            waiting += plain[taken:]
    flush()
    return "".join(out).replace("\x00", "").strip("\n")
