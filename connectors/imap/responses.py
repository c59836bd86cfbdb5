"""What an IMAP server says, as values (RFC 3501, 7 and 9). Pure, and lean: of a mail it touches only what stands around
its literal. imapclient's parser looks at each byte, which at ten thousand mails is what a first reading waits for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from imapclient.imap_utf7 import decode

from connectors.imap.stream import Garbled

LITERAL = re.compile(rb"~?\{(\d{1,19})\+?\}$")
"""The end of a line that a literal follows (RFC 3501, 4.3; RFC 3516 for the tilde)."""

_TOKEN = re.compile(
    rb"""[ \t]*(?:
        (?P<open>\()
      | (?P<close>\))
      | "(?P<quoted>(?:[^"\\]|\\.)*)"
      | (?P<atom>[^\s()"\[]*\[[^\]]*\][^\s()"]* | [^\s()"]+)
    )""",
    re.VERBOSE,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_CODE = re.compile(rb"\[([A-Za-z0-9-]+)(?: ([^\]]*))?\]")
_DATE = re.compile(rb" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_MONTHS = {
    month: number for number, month in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)
}
_NUMBERED = re.compile(rb"(\d+) ([A-Za-z]+) ?")

MOST_UIDS = 50_000
"""Of a set that a server writes as ranges no more is believed than this: "1:4294967295" is four billion."""


class TooLarge:
    """Stands for a literal that was not kept."""


TOO_LARGE = TooLarge()


@dataclass(frozen=True, slots=True)
class Untagged:
    """One untagged response: its *kind* in upper case, its *number* (of EXISTS, EXPUNGE and FETCH), and the rest of it:
    the *lines*, with *literals* between them."""

    kind: bytes
    number: int
    lines: list[bytes]
    literals: list[bytes | TooLarge] = field(default_factory=list)

    @property
    def text(self) -> bytes:
        """The rest as far as its first literal."""
        return self.lines[0]

    @property
    def code(self) -> tuple[bytes, bytes]:
        """Response code and its argument, as of "* OK [UIDNEXT 4]" (RFC 3501, 7.1); empty where there is none."""
        found = _CODE.match(self.text)
        return (found[1].upper(), found[2] or b"") if found else (b"", b"")

    def values(self) -> list[Any]:
        """The rest as lists of lists, bytes, `None` (NIL) and `TOO_LARGE`. Raises `Garbled`."""
        return values(self.lines, self.literals)

    def pairs(self) -> dict[bytes, Any]:
        """The last list in it as names (upper case) and values, as FETCH and STATUS write them. Raises `Garbled`."""
        told = self.values()
        if not told or not isinstance(told[-1], list):
            raise Garbled("no list")
        each = iter(told[-1])
        try:
            return {name.upper(): value for name, value in zip(each, each, strict=True)}
        except (AttributeError, ValueError) as error:
            raise Garbled("no pairs") from error


def untagged(lines: list[bytes], literals: list[bytes | TooLarge]) -> Untagged:
    """The response that begins with "* " in the first of *lines*."""
    first = lines[0][2:]
    if numbered := _NUMBERED.match(first):
        return Untagged(numbered[2].upper(), int(numbered[1]), [first[numbered.end() :], *lines[1:]], literals)
    kind, _, rest = first.partition(b" ")
    return Untagged(kind.upper(), 0, [rest, *lines[1:]], literals)


def values(lines: Sequence[bytes], literals: Sequence[bytes | TooLarge] = ()) -> list[Any]:
    """What *lines* with *literals* between them say, as nested lists. Raises `Garbled`."""
    top: list[Any] = []
    stack = [top]
    for number, line in enumerate(lines):
        at, end = 0, len(line.rstrip())
        while at < end:
            token = _TOKEN.match(line, at)
            if token is None:
                raise Garbled("no token")
            at = token.end()
            kind = token.lastgroup
            if kind == "atom":
                word = token["atom"]
                stack[-1].append(None if word in (b"NIL", b"nil") else word)
            elif kind == "quoted":
                quoted = token["quoted"]
                stack[-1].append(_ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted)
            elif kind == "open":
                inner: list[Any] = []
                stack[-1].append(inner)
                stack.append(inner)
            else:
                stack.pop()
                if not stack:
                    raise Garbled("a bracket too many")
        if number < len(literals):
            stack[-1].append(literals[number])
    if len(stack) != 1:
        raise Garbled("a bracket is missing")
    return top


def integer(told: object) -> int:
    """A number of at most 19 digits. Raises `Garbled`."""
    if isinstance(told, bytes) and told.isdigit() and len(told) < 20:
        return int(told)
    raise Garbled("no number")


def flags(told: object) -> frozenset[str]:
    """Flags, without \\Recent, which belongs to whoever looks first and not to the mail (RFC 3501, 2.3.2)."""
    names = _words(told)
    return frozenset(name for name in names if name.lower() != "\\recent")


def labels(told: object) -> frozenset[str]:
    """Gmail's labels, out of modified UTF-7."""
    return frozenset(name(word) for word in told if isinstance(word, bytes)) if isinstance(told, list) else frozenset()


def name(told: bytes) -> str:
    """A folder's name (RFC 3501, 5.1.3). What is no modified UTF-7 is taken as UTF-8, which some servers send."""
    return decode(told) if told.isascii() else told.decode("utf-8", "replace")


def date(told: object) -> datetime | None:
    """An INTERNALDATE, "17-Jul-1996 02:44:25 -0700", in UTC; `None` where it is none."""
    found = _DATE.fullmatch(told) if isinstance(told, bytes) else None
    if found is None:
        return None
    day, month, year, hour, minute, second, east, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        local = datetime(
            int(year), _MONTHS[month.lower()], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC
        )
        return local - offset if east == b"+" else local + offset
    except (KeyError, ValueError, OverflowError):
        return None


def uids(told: bytes, least: int = 1, most: int = 2**32) -> list[int]:
    """A set as in "4,7:9" (RFC 3501, 9), ascending, and of it what lies between *least* and *most*; of too many the
    highest. Raises `Garbled`."""
    found: set[int] = set()
    for part in reversed(told.split(b",")):
        first, colon, last = part.strip().partition(b":")
        low, high = sorted((integer(first), integer(last if colon else first)))
        low, high = max(low, least), min(high, most)
        found.update(range(max(low, high - MOST_UIDS + 1 + len(found)), high + 1))
    return sorted(found)


def compact(numbers: Iterable[int]) -> str:
    """Ascending or descending *numbers* as a set, with ranges where they follow each other."""
    return ",".join(f"{low}:{high}" if low != high else str(low) for low, high in _runs(sorted(numbers)))


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    start = 0
    for at, number in enumerate(numbers):
        if at + 1 == len(numbers) or numbers[at + 1] != number + 1:
            yield numbers[start], number
            start = at + 1


def _words(told: object) -> list[str]:
    if not isinstance(told, list):
        return []
    return [word.decode("ascii", "replace") for word in told if isinstance(word, bytes)]
