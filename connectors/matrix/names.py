"""What Matrix calls people and messages, as handles and keys (https://spec.matrix.org/latest/appendices/#identifiers)."""

from __future__ import annotations

import re
from urllib.parse import quote

_MXC = re.compile(r"mxc://([A-Za-z0-9.\-:\[\]]{1,255})/([A-Za-z0-9_\-]{1,255})")


def handle_of(user: str) -> str:
    """The handle of a user id: `@ada:hub.test` is `matrix:u/ada:hub.test` (MSC2312)."""
    return f"matrix:u/{quote(user.removeprefix('@'), safe=':._=-/+~')}"


def key_of(event_id: str) -> str:
    """The key under which a message is recorded."""
    return f"matrix:{event_id}"


def media_of(url: str) -> tuple[str, str] | None:
    """Server and id of an `mxc://` address, None for anything else."""
    found = _MXC.fullmatch(url)
    return (found[1], found[2]) if found else None
