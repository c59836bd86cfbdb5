"""The words of a post, for comparing it with others: without addresses and names, and alike whatever the case, width or
accents they are written in."""

from __future__ import annotations

import re
import unicodedata

_NOISE = re.compile(r"https?://\S+|www\.\S+|(?<!\w)@[\w.\-]+(?:@[\w.\-]+)?|^rt\b:?", re.IGNORECASE | re.MULTILINE)
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")


def plain(text: str) -> str:
    """*text* without addresses, names (`@ada`) and the sign of a hashtag."""
    return _NOISE.sub(" ", text).replace("#", " ").replace("＃", " ")


def words(text: str) -> list[str]:
    """The words of *text* in their plainest form; of writing without blanks, each character."""
    folded = unicodedata.normalize("NFKD", plain(text).casefold())
    return _WORD.findall("".join(each for each in folded if not unicodedata.combining(each)))


def is_cjk(word: str) -> bool:
    """Whether it is a character of a writing without blanks."""
    return len(word) == 1 and bool(re.match(rf"[{_CJK}]", word))
