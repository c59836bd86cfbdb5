"""Names of files that came from outside."""

from __future__ import annotations

import re
from urllib.parse import quote

_LONGEST = 200
_PATH = re.compile(r"[/\\]")
_NOT_IN_NAMES = re.compile(r'[<>:"|?*]')
# They turn "exe.fdp" round, or hide; the joiners U+200C and U+200D stay, Persian and emoji need them.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)


def filename(written: str) -> str:
    """A stranger's name for a file, fit to be saved under on any system: no path, no control characters or marks of
    direction, nothing that Windows reserves, at most 200 characters with its ending kept."""
    name = _PATH.split(written)[-1]
    name = " ".join(name.split())
    if not name.isprintable() or _NOT_IN_NAMES.search(name) or _UNSEEN.search(name):
        name = _NOT_IN_NAMES.sub("_", _UNSEEN.sub("", name))
    name = name.rstrip(". ")
    if _RESERVED.match(name):
        name = f"_{name}"
    if len(name) > _LONGEST:
        stem, dot, ending = name.rpartition(".")
        ending = dot + ending if stem and len(ending) <= 16 else ""
        name = name[: _LONGEST - len(ending)] + ending
    return name


def attachment_header(name: str) -> str:
    """`Content-Disposition: attachment` with *name* (RFC 6266 section 5): ASCII for old programs, UTF-8 for others."""
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", name)
    plain = re.sub(r"[^\x20-\x7e]|[\"%;]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
