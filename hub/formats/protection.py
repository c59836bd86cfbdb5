"""Signed and encrypted mail (S/MIME: RFC 8551; OpenPGP: RFC 3156 and inline armour): which it is, and what can be read
without a key. No signature is verified here, so none is ever shown as good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

Protection = Literal["", "smime-signed", "smime-encrypted", "pgp-signed", "pgp-encrypted"]

_BY_TYPE: dict[str, Protection] = {
    "application/pgp-encrypted": "pgp-encrypted",
    "application/pgp-signature": "pgp-signed",
    "application/pkcs7-signature": "smime-signed",
    "application/x-pkcs7-signature": "smime-signed",
}
OPAQUE = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
"""Media types of S/MIME whose whole content is inside a CMS object."""

PROTECTED = OPAQUE | _BY_TYPE.keys()
"""Media types of parts that `of_part` can say something of."""

_BY_SMIME_TYPE: dict[str, Protection] = {
    "signed-data": "smime-signed",
    "enveloped-data": "smime-encrypted",
    "authenveloped-data": "smime-encrypted",
    "certs-only": "",
    "compressed-data": "",
}
_CMS = bytes.fromhex("2a864886f70d0107")  # 1.2.840.113549.1.7: PKCS #7
_SIGNED, _ENVELOPED = _CMS + b"\x02", _CMS + b"\x03"
_AUTH_ENVELOPED = bytes.fromhex("2a864886f70d0109100117")

_SEQUENCE, _SET, _OCTETS, _OID, _FIRST = 0x30, 0x31, 0x04, 0x06, 0xA0
_DEEPEST = 20
_MOST_PIECES = 100_000


def of_part(media_type: str, smime_type: str, start: bytes) -> Protection:
    """What a part of *media_type* says of its mail. *smime_type* is its parameter of that name, *start* the beginning
    of its content, asked where the parameter is missing."""
    if media_type not in OPAQUE:
        return _BY_TYPE.get(media_type, "")
    said = _BY_SMIME_TYPE.get(smime_type.strip().lower())
    if said is not None:
        return said
    head = start[:40]
    return (
        "smime-signed"
        if _SIGNED in head
        else "smime-encrypted"
        if _ENVELOPED in head or _AUTH_ENVELOPED in head
        else ""
    )


def of_text(text: str) -> Protection:
    """What the armour in a plain text says (RFC 9580 section 6.2): it begins a line, so it is not quoted."""
    at = text.find("-----BEGIN PGP ")
    while at != -1:
        if not at or text[at - 1] == "\n":
            if text.startswith("MESSAGE-----", at + 15):
                return "pgp-encrypted"
            if text.startswith("SIGNED MESSAGE-----", at + 15):
                return "pgp-signed"
        at = text.find("-----BEGIN PGP ", at + 15)
    return ""


def signed_content(cms: bytes) -> bytes | None:
    """What is signed in a CMS object with its content inside (RFC 5652 section 5.1); None where it is encrypted, holds
    no content or cannot be read."""
    try:
        info = _children(cms, *_body(cms, 0, len(cms), _SEQUENCE))
        if info[0][0] != _OID or cms[info[0][1] : info[0][2]] != _SIGNED:
            return None
        signed = _children(cms, *_body(cms, info[1][1], info[1][2], _SEQUENCE))
        wrapped = next(each for each in signed if each[0] == _SEQUENCE)
        inner = _children(cms, wrapped[1], wrapped[2])
        if len(inner) < 2 or inner[1][0] != _FIRST:
            return None
        return b"".join(_octets(cms, inner[1][1], inner[1][2], 0))
    except (IndexError, ValueError, StopIteration):
        return None


def _octets(data: bytes, start: int, end: int, depth: int) -> Iterator[bytes]:
    """The pieces of an OCTET STRING, which BER may build of others."""
    if depth > _DEEPEST:
        raise ValueError("too deep")
    for tag, first, last in _children(data, start, end):
        if tag == _OCTETS:
            yield data[first:last]
        elif tag == _OCTETS | 0x20:
            yield from _octets(data, first, last, depth + 1)


def _body(data: bytes, start: int, end: int, tag: int) -> tuple[int, int]:
    found, first, last, _ = _element(data, start, end, 0)
    if found != tag:
        raise ValueError("another tag")
    return first, last


def _children(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """The elements between *start* and *end* as (tag, start and end of the value)."""
    found: list[tuple[int, int, int]] = []
    while start < end and len(found) < _MOST_PIECES:
        tag, first, last, start = _element(data, start, end, 0)
        if tag == 0 and first == last:  # the end of an indefinite length
            break
        found.append((tag, first, last))
    return found


def _element(data: bytes, at: int, end: int, depth: int) -> tuple[int, int, int, int]:
    """X.690: tag, start and end of the value, and where the next element begins. Where the length is indefinite, the
    elements inside are passed over to find it."""
    if depth > _DEEPEST:
        raise ValueError("too deep")
    tag, length = data[at], data[at + 1]
    if tag & 31 == 31:
        raise ValueError("no tag of CMS")
    at += 2
    if length == 0x80:
        first = at
        for _ in range(_MOST_PIECES):
            if at >= end:
                break
            inner, begin, last, at_next = _element(data, at, end, depth + 1)
            if inner == 0 and begin == last:
                return tag, first, at, at_next
            at = at_next
        return tag, first, end, end
    if length & 0x80:
        count = length & 0x7F
        if count > 4:
            raise ValueError("too long")
        length = int.from_bytes(data[at : at + count], "big")
        at += count
    last = min(at + length, end)
    return tag, at, last, last
