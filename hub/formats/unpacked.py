"""Parts that hold a whole mail in a wrapping of their own: Outlook's `winmail.dat`, and S/MIME that is only signed."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass, field

from hub.formats import mime, protection, tnef
from hub.formats.errors import Unreadable
from hub.formats.filenames import filename
from hub.formats.mime import Part

_TNEF = frozenset(("application/ms-tnef", "application/vnd.ms-tnef", "application/x-tnef"))
_NAMED_SO = re.compile(r"win.{0,3}mail\d{0,3}\.dat|noname\.tnef", re.IGNORECASE)
_LARGEST = 64_000_000
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,80}/[a-z0-9.+-]{1,80}")


@dataclass(frozen=True, slots=True)
class Inner:
    """What was inside. *root* is the tree of a signed mail, *text* and *html* are the parts of a `winmail.dat` that a
    reader sees, *files* all parts that may be attachments."""

    files: list[Part]
    root: Part | None = None
    text: list[Part] = field(default_factory=list)
    html: list[Part] = field(default_factory=list)


def is_packed(part: Part) -> bool:
    """Whether *part* is worth a try."""
    kind = part.media_type
    if not kind.startswith("application/"):
        return False
    if kind in _TNEF or kind in protection.OPAQUE:
        return True
    return kind == "application/octet-stream" and bool(_NAMED_SO.fullmatch(part.name))


def unpack(part: Part, raw: bytes, defects: list[str]) -> Inner | None:
    """The parts inside *part* of the mail *raw*; None where it stays a file: it is encrypted, or damaged, which goes to
    *defects*."""
    if part.end - part.start > _LARGEST:
        defects.append(f"{part.name or part.media_type} is too large to be opened")
        return None
    data = mime.content(part, raw)
    if part.media_type not in protection.OPAQUE:
        return _from_tnef(part, data, defects)
    signed = protection.signed_content(data)
    if not signed:
        return None
    root = mime.read(signed, own=True)
    return Inner(list(root.leaves()), root)


def _from_tnef(part: Part, data: bytes, defects: list[str]) -> Inner | None:
    try:
        found = tnef.read(data)
    except Unreadable as error:
        defects.append(f"{part.name or 'winmail.dat'} cannot be opened: {error}")
        return None
    defects += (f"in {part.name or 'winmail.dat'}: {defect}" for defect in found.defects)
    return Inner(
        [_file(each) for each in found.files],
        None,
        [_whole("text/plain", found.text.encode("utf-8"), "utf-8")] if found.text.strip() else [],
        [_whole("text/html", found.html.encode("utf-8"), "utf-8")] if found.html.strip() else [],
    )


def _file(each: tnef.File) -> Part:
    name = filename(each.name)
    kind = each.media_type if _MEDIA_TYPE.fullmatch(each.media_type) else mimetypes.guess_type(name, strict=True)[0]
    fields = (("content-disposition", "attachment"), ("content-id", f"<{each.content_id}>" if each.content_id else ""))
    return Part(fields, kind or "application/octet-stream", {"name": name}, 0, len(each.data), inside=each.data)


def _whole(media_type: str, data: bytes, charset: str) -> Part:
    return Part((), media_type, {"charset": charset}, 0, len(data), inside=data)
