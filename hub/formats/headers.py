"""Header fields of a mail: encoded words (RFC 2047), parameters (RFC 2231), mailboxes, message ids and dates."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote_to_bytes

from hub.formats import charsets


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox in an address header. *address* is `local@domain` as it was written, without comments and routes;
    empty where only a name stands there."""

    name: str
    address: str


# Lengths are bounded, here and below, so that no header can be made to take long.
_LONGEST = 16_384
# What is remembered of earlier mails is small.
_LONGEST_TO_REMEMBER = 4_096
_WORD = re.compile(r"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?(.{0,2000}?)\?=", re.DOTALL)
_FOLD = re.compile(r"\n[ \t]+")
_FOLD_AFTER_BLANK = re.compile(r"[ \t\r]{0,100}\n[ \t]+")
_FOLDED_WORD = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?\r\n]*(?:\r?\n[ \t][^?\r\n]*)+\?=")
_CUT_WORD = re.compile(r"\?[bBqQ]\?[^?\r\n]*[\r\n]")
_INNER_FOLD = re.compile(r"\r?\n[ \t]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def unfold(block: str) -> str:
    """A header with each field on one line (RFC 5322 section 2.2.3), `\\n` between them. A fold inside an encoded word,
    which RFC 2047 forbids, leaves nothing behind."""
    if "=?" in block and _CUT_WORD.search(block):
        block = _FOLDED_WORD.sub(lambda word: _INNER_FOLD.sub("", word[0]), block)
    if "\r" in block:
        block = block.replace("\r\n", "\n")
    return (_FOLD_AFTER_BLANK if " \n" in block else _FOLD).sub(" ", block)


def text(value: str) -> str:
    """An unfolded value with its encoded words read."""
    if "=?" in value:
        value = (decode_words if len(value) <= _LONGEST_TO_REMEMBER else decode_words.__wrapped__)(value)
    return value if value.isprintable() else charsets.clean(_CONTROLS.sub("", value.replace("\n", " ")))


@lru_cache(maxsize=4_096)
def decode_words(value: str) -> str:
    """RFC 2047. Blanks between two words go; a character split over two words of one charset is put together."""
    out: list[str] = []
    end = 0
    waiting, charset = b"", ""
    for word in _WORD.finditer(value, 0, _LONGEST):
        between = value[end : word.start()]
        if between and not (charset and between.isspace()):
            out += (charsets.decode(waiting, charset), between)
            waiting, charset = b"", ""
        label = word[1].lower()
        if label != charset:
            out.append(charsets.decode(waiting, charset))
            waiting, charset = b"", label
        waiting += _word_bytes(word[2], word[3])
        end = word.end()
    out += (charsets.decode(waiting, charset), value[end:])
    return "".join(out)


def _word_bytes(encoding: str, content: str) -> bytes:
    raw = content.encode("utf-8")
    if encoding in "bB":
        return from_base64(raw)
    return binascii.a2b_qp(raw, header=True)


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def from_base64(raw: bytes) -> bytes:
    """Base64 as far as it goes: stray characters are passed over, a cut end is cut."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        kept = _NOT_BASE64.sub(b"", raw)
        if len(kept) % 4 == 1:
            kept = kept[:-1]
        return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


# --- parameters -------------------------------------------------------------------------------------------------

_PARAMETER = re.compile(
    r'(?:^|;|(?<=[\s"]))\s*([^\s=;"()]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)(?:"|$)|((?:=\?[^?\s]+\?[bBqQ]\?[^?]*\?=(?:\s+(?==\?))?|[^;\s"(])*))'
)
_PIECE = re.compile(r"([^*]+)\*(\d{1,4})?(\*)?")
_BACKSLASHED = re.compile(r"\\(.)")
_COMMENT = re.compile(r"\([^()]*\)")


def parameters(value: str) -> tuple[str, Mapping[str, str]]:
    """`text/plain; charset=utf-8` as ("text/plain", {"charset": "utf-8"}), names in lower case.

    Reads RFC 2231 (continuations, charsets) and the encoded words that mail programs write here in spite of RFC 2047.
    """
    return _parameters(value[:_LONGEST_TO_REMEMBER])


@lru_cache(maxsize=2_048)
def _parameters(value: str) -> tuple[str, Mapping[str, str]]:
    head, semicolon, rest = value.partition(";")
    if not semicolon and "=" in head:
        head, _, rest = head.strip().partition(" ")
    head = _COMMENT.sub("", head).strip(" \t\"'").lower()
    if " " in head or "\t" in head:
        head, rest = _spaced(head, rest)
    head = "" if head.startswith("/") else head.removesuffix("/")
    found: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for match in _PARAMETER.finditer(rest):
        name = match[1].lower()
        quoted, bare = match[2], match[3]
        content = _BACKSLASHED.sub(r"\1", quoted) if quoted is not None else bare
        piece = _PIECE.fullmatch(name) if "*" in name else None
        if piece:
            pieces.setdefault(piece[1], {}).setdefault(
                int(piece[2] or 0), (bool(piece[3]) or piece[2] is None, content)
            )
        elif content or quoted is not None:
            found.setdefault(name, text(content))
    for name, numbered in pieces.items():
        found[name] = _joined(numbered)
    return head, found


def _spaced(head: str, rest: str) -> tuple[str, str]:
    """`message / rfc822`, and `application/x-stuff title=…` where the semicolon was forgotten."""
    squeezed = re.sub(r"\s*/\s*", "/", head)
    first, _, more = squeezed.partition(" ")
    return first, f"{more}; {rest}" if more else rest


def _joined(numbered: dict[int, tuple[bool, str]]) -> str:
    raw = b""
    charset = ""
    for position, (_, (encoded, content)) in enumerate(sorted(numbered.items())):
        if encoded and position == 0 and content.count("'") >= 2:
            charset, _, content = content.split("'", 2)
        raw += unquote_to_bytes(content) if encoded else content.encode("utf-8")
    return text(charsets.decode(raw, charset))


# --- mailboxes --------------------------------------------------------------------------------------------------

_ONE = re.compile(r'\s*(?:"([^"\\]*)"|([^"\\<>(),:;@\[\]]*?))\s*<\s*([^\s<>(),:;@"\\]+@[^\s<>(),:;@"\\]+)\s*>\s*')
_BARE = re.compile(r'\s*([^\s<>(),:;@"\\]+@[^\s<>(),:;@"\\]+)\s*')
_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*"?|\((?:[^()\\]|\\.)*|<|>|[,;:]|\)|\\.|\s+|[^"()<>,;:\\\s]+', re.DOTALL)
_BLANKS = re.compile(r"[ \t]+")
_ROUTE = re.compile(r"^@[^:]*:")
_AROUND_AT = re.compile(r"\s*([@.])\s*")
MOST_ADDRESSES = 10_000
_MOST_LEXEMES = 300_000
_LONGEST_NAME = 1_000


def addresses(value: str) -> tuple[Address, ...]:
    """The mailboxes of an unfolded address header, groups flattened, in order; entries without any content are left
    out. An encoded word is a name, never an address, whatever it spells. Never raises. At most one more than
    `MOST_ADDRESSES`."""
    if len(value) <= _LONGEST_TO_REMEMBER:
        return _addresses(value)
    return _addresses.__wrapped__(value)


@lru_cache(maxsize=16_384)
def _addresses(value: str) -> tuple[Address, ...]:
    if "  " in value or "\t" in value:
        value = _BLANKS.sub(" ", value)
    simple = _ONE.fullmatch(value)
    if simple:
        return (Address(_name([simple[1] or simple[2] or ""]), simple[3]),)
    bare = _BARE.fullmatch(value)
    if bare:
        return (Address("", bare[1]),)
    return tuple(islice(_mailboxes(value), MOST_ADDRESSES + 1))


def _mailboxes(value: str) -> Iterator[Address]:
    phrase: list[str] = []
    comments: list[str] = []
    inside: list[str] | None = None
    address = ""
    pieces = [match[0] for match in islice(_LEXEME.finditer(value), _MOST_LEXEMES)]
    position = 0
    while position < len(pieces):
        piece = pieces[position]
        position += 1
        if piece.startswith("("):
            position, comment = _comment(pieces, position - 1)
            comments.append(comment)
        elif inside is not None:
            if piece == ">":
                address, inside = _addr_spec("".join(inside)), None
            elif piece == "<":
                inside = []
            else:
                inside.append(piece)
        elif piece == "<":
            if address:
                yield from _entry(phrase[:-1], comments, address)
                phrase, comments, address = phrase[-1:], [], ""
            inside = []
            phrase.append("")
        elif piece in (",", ";"):
            yield from _entry(phrase, comments, address)
            phrase, comments, address = [], [], ""
        elif piece == ":":
            # The name of a group ends here; "mailto:" is a mistake for nothing.
            if address or any("@" in each for each in phrase if not each.startswith('"')):
                phrase.append(piece)
            else:
                phrase, comments = [], []
        elif piece not in (">", ")"):
            phrase.append(piece)
    if inside is not None:
        address = _addr_spec("".join(inside))
    yield from _entry(phrase, comments, address)


def _comment(pieces: list[str], position: int) -> tuple[int, str]:
    """The comment that begins at *position*, with those nested in it, and the position after it."""
    depth = 0
    content: list[str] = []
    while position < len(pieces):
        piece = pieces[position]
        position += 1
        if piece.startswith("("):
            depth += 1
            content.append(piece if depth > 1 else piece[1:])
        elif piece == ")":
            depth -= 1
            if depth == 0:
                break
            content.append(piece)
        else:
            content.append(piece)
    return position, "".join(content)


def _entry(phrase: list[str], comments: list[str], address: str) -> Iterator[Address]:
    if not address:
        joined = "".join(phrase).strip()
        if "@" in joined and "=?" not in joined:
            spec = _addr_spec(joined)
            if not re.search(r"\s", re.sub(r'"(?:[^"\\]|\\.)*"', "", spec)):
                yield Address(_name([" ".join(comments)]), spec)
                return
            yield from _unbracketed(spec.split())
            return
    name = _name(phrase)
    if name or address:
        yield Address(name or _name([" ".join(comments)]), address)


def _unbracketed(words: list[str]) -> Iterator[Address]:
    """`Ada Lovelace ada@example.org`, and several addresses with nothing but blanks between them."""
    name: list[str] = []
    for word in words:
        if "@" in word:
            yield Address(_name([" ".join(name)]), word)
            name = []
        else:
            name.append(word)


def _addr_spec(content: str) -> str:
    spec = _ROUTE.sub("", content.strip())
    if "@" not in spec and spec.startswith('"'):
        spec = spec.strip('"')
    return _CONTROLS.sub("", spec if " " not in spec and "\t" not in spec else _AROUND_AT.sub(r"\1", spec))


def _name(pieces: list[str]) -> str:
    joined = "".join(_BACKSLASHED.sub(r"\1", piece.strip('"')) if piece.startswith('"') else piece for piece in pieces)
    joined = " ".join(text(joined[:_LONGEST]).split())[:_LONGEST_NAME]
    if len(joined) > 1 and joined[0] == joined[-1] == "'":
        joined = joined[1:-1].strip()
    return joined


# --- message ids ------------------------------------------------------------------------------------------------

_ID = re.compile(r"<([^<>]+)>")
# No line of a mail is longer (RFC 5322 section 2.1.1), and no store indexes what is.
_LONGEST_ID = 998
MOST_IDS = 500
_BETWEEN_IDS = re.compile(r"[\s<>,;()\"]+")


def message_id(value: str) -> str:
    """The id in a Message-ID header as it stands there; angle brackets are put around it where they are missing."""
    for found in _ID.findall(value):
        if not found.isspace() and len(found) <= _LONGEST_ID:
            return f"<{''.join(found.split())}>"
    bare = value[:_LONGEST].strip("<> \t").split()
    return f"<{bare[0]}>" if bare and len(bare[0]) <= _LONGEST_ID else ""


def message_ids(value: str) -> tuple[str, ...]:
    """The ids in In-Reply-To or References, in order, each once. Words around them (RFC 822) are passed over. Of more
    than `MOST_IDS` the first, which began the thread, and the latest."""
    if not value:
        return ()
    found = [f"<{''.join(each.split())}>" for each in _ID.findall(value) if not each.isspace()]
    if not found:
        found = [f"<{each}>" for each in _BETWEEN_IDS.split(value) if "@" in each.strip("@")]
    if len(value) > _LONGEST_ID:
        found = [each for each in found if len(each) <= _LONGEST_ID + 2]
    ids = tuple(dict.fromkeys(found))
    return ids if len(ids) <= MOST_IDS else (ids[0], *ids[1 - MOST_IDS :])


# --- dates ------------------------------------------------------------------------------------------------------

_DATE = re.compile(
    r"\s*(?:[A-Za-z]{2,9}\.?,?\s*)?(\d{1,2})[\s.-]+([A-Za-z]{3}|\d{1,2})[A-Za-z]*[\s.,-]+(\d{4}|\d{2,3})[\s,]+"
    r"(\d{1,2})\s*[:.]\s*(\d{1,2})(?:\s*[:.]\s*(\d{1,2}))?(?:\.\d+)?\s*([+-]\d{4}|[A-Za-z]{1,5})?"
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_ZONES = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "jst": 9,
          "cet": 1, "cest": 2, "bst": 1, "msk": 3, "kst": 9}  # fmt: skip


def date(value: str) -> datetime | None:
    """The moment of a Date header in UTC (RFC 5322 section 3.3, and section 4.3 for the old forms); None if there is
    none in it. A zone that is missing or unknown is UTC."""
    value = value[:200]
    while "(" in value:
        shorter = _COMMENT.sub(" ", value)
        if shorter == value:
            break
        value = shorter
    match = _DATE.match(value)
    try:
        if match:
            return _from_match(match)
        old = parsedate_tz(value)
        if old is None:
            return None
        return datetime(*old[:5], min(old[5], 59), tzinfo=UTC) - timedelta(seconds=old[9] or 0)
    except (ValueError, OverflowError):
        return None


def _from_match(match: re.Match[str]) -> datetime | None:
    day, month, year, hour, minute, second, zone = match.groups()
    number = int(month) if month.isdigit() else _MONTHS.get(month.lower())
    if number is None:
        return None
    full_year = int(year)
    if len(year) < 4:  # RFC 5322 section 4.3
        full_year += 2000 if len(year) == 2 and full_year < 50 else 1900
    moment = datetime(
        full_year, number, int(day), int(hour), int(minute), min(int(second or 0), 59), tzinfo=_zone(zone)
    )
    return moment.astimezone(UTC)


@lru_cache(maxsize=256)
def _zone(name: str | None) -> timezone:
    if not name:
        return UTC
    if name[0] in "+-":
        minutes = int(name[1:3]) * 60 + int(name[3:5])
        if minutes >= 24 * 60:
            return UTC
        return timezone(timedelta(minutes=-minutes if name[0] == "-" else minutes))
    hours = _ZONES.get(name.lower(), 0)
    return timezone(timedelta(hours=hours)) if hours else UTC
