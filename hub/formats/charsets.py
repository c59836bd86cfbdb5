"""Bytes of a mail into text, whatever the mail calls them.

Labels follow what browsers do (WHATWG Encoding Standard): `gb2312` is read as GB 18030, `iso-8859-1` as
windows-1252, because that is what those who write them mean.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from charset_normalizer import from_bytes

_MEANT = {
    "iso8859-1": "cp1252",
    "iso8859-8-i": "iso8859-8",
    "iso8859-8-e": "iso8859-8",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "hz",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "iso2022_jp": "iso2022_jp_ext",
}
_ALIASES = {
    "unicode11utf7": "utf-7",
    "ksc56011987": "cp949",
    "ksc56011989": "cp949",
    "ksc5601": "cp949",
    "xgbk": "gb18030",
    "gb231280": "gb18030",
    "xeuc": "euc_jp",
    "xeuctw": "big5hkscs",
    "xsjis": "cp932",
    "xmacroman": "mac-roman",
    "xmaccyrillic": "mac-cyrillic",
    "xbig5": "big5hkscs",
    "utf8mb4": "utf-8",
    "utf8mb3": "utf-8",
    "iso88598i": "iso8859-8",
    "iso88598e": "iso8859-8",
    "windows874": "cp874",
    "windows31j": "cp932",
    "windows949": "cp949",
    "windows936": "gb18030",
    "cp936": "gb18030",
}
# They map text to text or to escapes: never what a mail means, and a way to smuggle in surrogates.
_NOT_FOR_MAIL = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"))
# Charsets that write more than ASCII in bytes below 128.
_ESCAPED_ASCII = frozenset(
    (
        *("utf-7", "hz", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
        *("iso2022_jp_ext", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_3", "iso2022_jp_2004", "iso2022_kr"),
    )
)
_SINGLE_BYTE = re.compile(r"cp125\d|iso8859-\d+|koi8-[ru]|mac-\w+|cp874|cp4\d\d|cp8\d\d")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_ENOUGH_TO_GUESS = 40
"""Bytes above 127 from which statistics beat the rule of thumb."""


def decode(data: bytes, label: str = "", hint: str = "") -> str:
    """The text of *data*, which calls its charset *label*; *hint* is another charset seen in the same mail.

    A label that is missing, unknown or wrong costs a guess, never an error. No NUL and no surrogate comes out.
    """
    if data.isascii():
        codec = _codec(label) if label else ""
        if codec in _ESCAPED_ASCII:
            return clean(data.decode(codec, "replace"))
        return clean(data.decode("iso2022_jp_ext" if b"\x1b$" in data else "ascii", "replace"))
    for codec in (_codec(label), _codec(hint)):
        if codec in ("", "ascii"):
            continue
        if codec != "utf-8" and _SINGLE_BYTE.fullmatch(codec) and is_utf8(data):
            break
        try:
            text = data.decode(codec)
        except UnicodeError:
            continue
        if codec == "utf-8":  # its surrogates are errors
            return text.replace("\x00", "")
        return clean(text)
    if is_utf8(data):
        return clean(data.decode("utf-8"))
    codec = _codec(label)
    if codec not in ("", "ascii") and _nearly(data, codec):
        return clean(data.decode(codec, "replace"))
    return clean(data.decode(_guess(data), "replace"))


def known(label: str) -> bool:
    """Whether *label* names a charset that can be read."""
    return bool(_codec(label))


def is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def clean(text: str) -> str:
    """*text* without NUL, which PostgreSQL can't store, and without surrogates, which nobody can encode."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


@lru_cache(maxsize=512)
def _codec(label: str) -> str:
    label = label.strip(" \t\"'").lower()
    squeezed = re.sub(r"[^a-z0-9]", "", label)
    name = _ALIASES.get(squeezed, label)
    for candidate in (name, squeezed, squeezed.removeprefix("x")):
        try:
            found = codecs.lookup(candidate)
        except (LookupError, ValueError):
            continue
        if found.name in _NOT_FOR_MAIL or not getattr(found, "_is_text_encoding", True):
            return ""
        return _MEANT.get(found.name, found.name)
    return ""


def _nearly(data: bytes, codec: str) -> bool:
    """Whether the label is right all the same: at most one character in fifty is broken, or only the last, cut one."""
    text = data.decode(codec, "replace")
    if text.count("\ufffd") * 50 <= len(text):
        return True
    return "\ufffd" not in text[:-1] and not text[:-1].isascii()


def _guess(data: bytes) -> str:
    runs = _HIGH_RUN.findall(data)
    high = sum(len(run) for run in runs)
    if high >= _ENOUGH_TO_GUESS:
        best = from_bytes(data[:20_000]).best()
        if best is not None:
            return best.encoding
    if all(len(run) % 2 == 0 for run in runs):
        # Both bytes of a GB 2312 character are above 160; in Western text a letter with an accent stands alone.
        try:
            data.decode("gb2312")
        except UnicodeDecodeError:
            pass
        else:
            return "gb18030"
    return "cp1252"
