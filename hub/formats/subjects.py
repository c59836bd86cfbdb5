"""What a subject is about, without what mail programs put around it (RFC 5256 section 2.1, in many languages)."""

from __future__ import annotations

import re


def _any(words: str) -> str:
    return "|".join(re.escape(word) for word in sorted(words.split(), key=len, reverse=True))


_REPLY = _any(
    "re rè ré ref rép r aw antw antwort sv svar ref vs vast vl odp od res resp ynt yan bls bs balas atb ang vá re. "
    "на отв отвт ответ απ σχετ σχ השב תשובה ردا رد 回复 回復 回覆 答复 答復 答覆 返信 회신 답장 답글 trả_lời tl"
)
_FORWARD = _any(
    "fw fwd fyw wg wtr tr rv rif enc enk pd vb doorst doorsturen vs vidarebef vl inoltr i inv továbbítás továbbít "
    "пер пересл пересылка ilt prd prosl přepos πρθ προωθ הועבר העברה "
    "转发 轉發 转寄 轉寄 转 傳轉 転送 전달 fwd. fw. chuyển_tiếp"
)
_PREFIX = re.compile(
    rf"\s*(?:{_REPLY}|{_FORWARD})".replace("_", r"\s")
    + r"\s{0,3}(?:\[\d{1,4}\]|\(\d{1,4}\)|[\^*]\d{1,4}|\s\d{1,2})?\s{0,3}[:：]",
    re.IGNORECASE,
)
# A tag with digits is a ticket's number: it tells one matter from another.
_LIST = re.compile(r"\s*(?:\[[^\[\]\d]{1,60}\]|【[^【】\d]{1,60}】)\s*(?=\S)")
_TRAILER = re.compile(r"(?:\s*\(fwd\))+\s*$", re.IGNORECASE)
_WRAPPED = re.compile(r"\s*\[fwd:(.*)\]\s*", re.IGNORECASE | re.DOTALL)
_LONGEST = 1_000


def base_subject(subject: str) -> tuple[str, bool]:
    """What a decoded subject is about, case-folded, blanks squeezed; and whether a mail of that subject answers or
    forwards another. Prefixes of replies and forwards go in any language and number, and so do the tags of mailing
    lists before what is left; a tag that holds a digit (`[#4711]`) stays. Raises nothing."""
    subject = subject[:_LONGEST]
    answers = False
    while True:
        if (subject[-1:] == ")" or subject[-1:].isspace()) and (trailer := _TRAILER.search(subject)):
            subject, answers = subject[: trailer.start()], True
        elif prefix := _PREFIX.match(subject):
            subject, answers = subject[prefix.end() :], True
        elif "[" not in subject and "【" not in subject:
            break
        elif wrapped := _WRAPPED.fullmatch(subject):
            subject, answers = wrapped[1], True
        elif tag := _LIST.match(subject):
            subject = subject[tag.end() :]
        else:
            break
    return " ".join(subject.casefold().split()), answers
