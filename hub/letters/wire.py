"""Fields and parts of a mail as bytes (RFC 5322, 2045, 2047, 2231). Nothing that comes in can begin a field."""

from __future__ import annotations

import base64
import quopri
import re
import secrets
from collections.abc import Iterable, Sequence
from email.header import Header
from urllib.parse import quote

LINE = 76
"""Characters of a folded line (RFC 5322, 2.1.1 recommends at most 78)."""

LONGEST_LINE = 998
"""Octets of a line that goes as it is (RFC 5322, 2.1.1)."""

_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")


def line(text: str) -> str:
    """*text* on one line, without control characters and lone surrogates: it can end no field."""
    return " ".join(_BREAKS.sub(" ", text.encode("utf-8", "ignore").decode("utf-8")).split())


def unstructured(name: str, text: str) -> bytes:
    """A field such as Subject."""
    text = line(text)
    if text.isascii() and "=?" not in text and len(name) + 2 + len(text) <= LONGEST_LINE:
        return _folded(name, text.split(" "), " ")
    return f"{name}: {Header(text, 'utf-8', LINE, name).encode(linesep=_EOL)}".encode("ascii") + b"\r\n"


def mailboxes(name: str, people: Iterable[tuple[str, str]]) -> bytes:
    """A field of (display name, address)es, such as To. An address that is not ASCII goes as UTF-8 (RFC 6532)."""
    return _folded(name, [mailbox(*person) for person in people], ", ")


def mailbox(name: str, address: str) -> str:
    """One mailbox (RFC 5322, 3.4). A name with anything beyond atoms is quoted or encoded."""
    name, address = line(name), line(address).replace(" ", "")
    if not name:
        return address
    if _ATOMS.fullmatch(name) and "=?" not in name:
        return f"{name} <{address}>"
    if name.isascii() and "=?" not in name and len(name) <= LINE:
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + f'" <{address}>'
    return f"{Header(name, 'utf-8', LINE, 'To').encode(linesep=_EOL)} <{address}>"


def message_ids(name: str, ids: Iterable[str]) -> bytes:
    """In-Reply-To or References: an id to a line, as long as they are."""
    return _folded(name, list(ids), " ")


def plain(name: str, value: str) -> bytes:
    """A field whose ASCII *value* is ours."""
    return f"{name}: {line(value)}\r\n".encode("ascii")


def text_part(text: str) -> bytes:
    """*text* as text/plain in UTF-8 with its fields, in the encoding that costs least."""
    body = "\n".join(text.encode("utf-8", "ignore").decode("utf-8").splitlines()) + "\n"
    raw = body.encode()
    longest = max(map(len, raw.split(b"\n")))
    if raw.isascii() and b"\x00" not in raw and longest <= LONGEST_LINE and b"\nFrom " not in b"\n" + raw:
        return _part("text/plain; charset=us-ascii", "7bit", raw.replace(b"\n", b"\r\n"))
    quoted = quopri.encodestring(raw).replace(b"\n", b"\r\n").replace(b"\r\nFrom ", b"\r\n=46rom ")
    quoted = re.sub(rb"\AFrom ", b"=46rom ", quoted)
    if len(quoted) > len(raw) * 3 // 2:
        crlf = raw.replace(b"\n", b"\r\n")
        return _part("text/plain; charset=utf-8", "base64", base64.encodebytes(crlf).replace(b"\n", b"\r\n"))
    return _part("text/plain; charset=utf-8", "quoted-printable", quoted)


def file_part(name: str, media_type: str, data: bytes) -> bytes:
    """A file as an attachment. A name beyond ASCII goes as RFC 2231 says, and as encoded words for programs that know
    only those."""
    kind = media_type.lower() if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
    if kind.startswith(("multipart/", "message/")):
        kind = "application/octet-stream"  # base64 is forbidden for these (RFC 2046, 5.2.1)
    name = line(name).replace("/", "_").replace("\\", "_")[:200] or "file"
    if name.isascii():
        quoted = name.replace('"', "'")
        said, also = f'; filename="{quoted}"', f'; name="{quoted}"'
    else:
        said = _continued("filename", name)
        also = f';\r\n name="{Header(name, "utf-8", LINE, " name=").encode(linesep=_EOL)}"'
    fields = f"Content-Type: {kind}{also}\r\nContent-Disposition: attachment{said}\r\n"
    encoded = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return fields.encode("ascii") + b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded


def calendar_part(data: bytes, method: str) -> bytes:
    """A calendar as a part that mail programs act upon (RFC 6047, 2.4): *method* is the METHOD that stands in it."""
    encoded = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return _part(f"text/calendar; method={method}; charset=UTF-8", "base64", encoded)


def alternative(parts: Sequence[bytes]) -> bytes:
    """*parts* as one multipart/alternative with its fields, the plainest first."""
    return _multipart("alternative", parts)


def mixed(parts: Sequence[bytes]) -> bytes:
    """*parts* as one multipart/mixed with its fields; a single one stays as it is."""
    return parts[0] if len(parts) == 1 else _multipart("mixed", parts)


_EOL = "\r\n"


def _multipart(subtype: str, parts: Sequence[bytes]) -> bytes:
    # No encoding that we use can make a line of it.
    boundary = f"=_{secrets.token_hex(16)}"
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode("ascii")
    inner = b"".join(f"--{boundary}\r\n".encode("ascii") + part + b"\r\n" for part in parts)
    return head + inner + f"--{boundary}--\r\n".encode("ascii")


def _part(kind: str, encoding: str, body: bytes) -> bytes:
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode("ascii") + body


def _folded(name: str, words: Sequence[str], between: str) -> bytes:
    out, length = [f"{name}:"], len(name) + 1
    for number, word in enumerate(words):
        last = number == len(words) - 1
        piece = word if last else word + between.rstrip()
        first_line = piece.partition(_EOL)[0]
        if number and length + 1 + len(first_line) > LINE:
            out.append(_EOL)
            length = 0
        out.append(f" {piece}")
        length = len(piece.rpartition(_EOL)[2]) + (0 if _EOL in piece else length + 1)
    return "".join(out).encode("utf-8") + b"\r\n"


def _continued(parameter: str, value: str) -> str:
    """RFC 2231: percent-encoded UTF-8, in numbered pieces where it is long."""
    encoded = quote(value, safe="")
    room = LINE - len(parameter) - 12
    pieces: list[str] = []
    while encoded:
        end = min(room, len(encoded))
        cut = encoded.rfind("%", max(0, end - 2), end)  # an escape must not be cut
        if cut > 0 and end < len(encoded) and cut + 3 > end:
            end = cut
        pieces.append(encoded[:end])
        encoded = encoded[end:]
    if len(pieces) == 1:
        return f";\r\n {parameter}*=utf-8''{pieces[0]}"
    pieces[0] = f"utf-8''{pieces[0]}"
    return "".join(f";\r\n {parameter}*{number}*={piece}" for number, piece in enumerate(pieces))
