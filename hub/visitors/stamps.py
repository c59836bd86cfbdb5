"""A form's stamp: when it was shown, signed. It makes a second click harmless, and tells who is too quick."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hub.formats.digest import stable_id
from hub.formats.signing import equal, hmac_hex

GOOD_FOR = timedelta(days=1)
AHEAD = timedelta(minutes=1)
"""How far the clocks of two hubs on one store may differ."""

_STAMP = re.compile(r"(\d{10})\.([0-9a-f]{24})\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A genuine stamp: *ident* names the one lead that it is good for."""

    ident: str
    age: timedelta


class Stamps:
    """Makes and reads stamps with the *key* of this store."""

    def __init__(self, key: str) -> None:
        self._key = hmac_hex(key, b"visitors")

    def made(self, source: str, now: datetime) -> str:
        """A new stamp for the form of *source*."""
        named = f"{int(now.timestamp())}.{secrets.token_hex(12)}"
        return f"{named}.{self._mac(source, named)}"

    def read(self, source: str, text: str, now: datetime) -> Stamp | None:
        """What *text* says; None where it is none of ours, another form's, or older than `GOOD_FOR`."""
        found = _STAMP.fullmatch(text)
        if found is None:
            return None
        seconds, drawn, mac = found.groups()
        if not equal(self._mac(source, f"{seconds}.{drawn}"), mac):
            return None
        age = now - datetime.fromtimestamp(int(seconds), UTC)
        if not -AHEAD <= age <= GOOD_FOR:
            return None
        return Stamp(stable_id("lead", source, drawn), age)

    def _mac(self, source: str, named: str) -> str:
        return hmac_hex(self._key, f"{source}\n{named}".encode())[:32]
