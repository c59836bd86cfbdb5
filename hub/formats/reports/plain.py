"""Bounces in words: whom they name, what the server said, and where the returned mail begins.

Every mail server has its own letter. They share what is read here: the address stands at the beginning of a line or
after "to", the server's answer after it, and the returned mail below a rule.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from hub.formats.reports import reasons, status
from hub.formats.reports.returned import LONGEST, Original, from_text
from hub.formats.reports.vocabulary import Kind, Reason, Recipient

_MOST = 1_000
_APART = r"\s<>\"'“”„,;:()\[\]@|，。；：、（）「」【】《》"
_ADDRESS = rf"[^{_APART}]{{1,64}}@(?:[^{_APART}.]{{1,63}}\.){{1,9}}[^\W\d_][^{_APART}.]{{0,62}}"

_CUT = re.compile(
    r"""^(?:
      [ \t]{0,20}[-=*_]{2,80}[^\n]{0,40}\b(?:original\ (?:message|mail)|returned\ (?:message|mail)|unsent\ message
        |a\ copy\ of
        |below\ this\ line|message\ headers?)\b[^\n]{0,80}
    | [ \t]*(?:included\ |here\ |below\ )?(?:is\ )?(?:this\ is\ )?(?:a|the)\ copy\ of\ (?:the|your)\ [^\n]{0,80}
    | [ \t]*(?:the\ |your\ )?(?:original\ )?message\ (?:headers?\ )?follows?\b[^\n]{0,40}
    | [ \t]*original\ message(?:\ headers?)?[ \t]*:[ \t]*
    | (?:Received|Return-Path|X-Received|DKIM-Signature|Message-ID)[ \t]*:[^\n]*
    )$""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_NOT_ITS_OWN = re.compile(
    r"^[ \t]*(?:>(?!>|[ \t]*[^\s@]{1,64}@[^\s@]{1,255}[ \t]*$)"
    r"|(?:[*•-][ \t]*)?(?:Subject|From|To|Cc|Bcc|Sent|Date|Reply-To)[ \t]*:)[^\n]*\n?",
    re.IGNORECASE | re.MULTILINE,
)
_EXPANDED = re.compile(
    rf"(?:{_ADDRESS}|an undisclosed address)[>\"]?:?\s{{0,9}}\((?:expanded|generated) from:?\s{{0,4}}<?({_ADDRESS})>?\)"
)

_FAILED = re.compile(
    r"""undeliver | (?:not|n't|cannot|never)\ (?:be\ |been\ |able\ to\ )?(?:deliver|sent|send|reach|relayed)
    | unable\ to\ deliver | (?:fail(?:ed|ure)?|error)s?\b | returned\ (?:mail|message)
    | aborted | could\ not\ find | bounced? | reject(?:ed|s)\b | blocked
    | did\ not\ reach | delivery\ (?:problem|error) | unknown\ user | user\ unknown | trouble\ delivering
    | (?<!\d)5\d\d[\ -]
    | unzustellbar | nicht\ zugestellt | non\ (?:remis|distribu) | no\ (?:se\ pudo|entregad)
    | не\ (?:может\ быть\ |было\ )?доставлен
    | できません | 送信エラー | エラー | 存在しない | 退信 | 无法|無法|失败|失敗""",
    re.IGNORECASE | re.VERBOSE,
)
_WAITING = re.compile(
    r"""warning:\ (?:could\ not\ send|message\ (?:still|delayed)) | delivery\ status\ notification\ \(delay
    | (?:will|shall)\ (?:keep|continue)\ (?:on\ )?(?:trying|to\ try) | will\ (?:be\ )?(?:retr|try\ again)
    | continue\ to\ attempt | attempts\ will\ continue | (?:has|have)\ been\ (?:delayed|postponed)
    | still\ undelivered | delivery\ (?:is\ |has\ been\ )?(?:temporarily\ )?delayed | not\ yet\ been\ delivered
    | warning\ message\ only | no\ action\ is\ required""",
    re.IGNORECASE | re.VERBOSE,
)
_FOR_GOOD = re.compile(r"permanent|given up|giving up|no further|will not (?:be )?(?:retr|try|continue)", re.IGNORECASE)

_AT_START = re.compile(rf"^[ \t]*(?:[*•>-]{{1,3}}[ \t]+)?[\"<\[]{{0,2}}({_ADDRESS})[\">]{{0,2}}", re.MULTILINE)
_AFTER = re.compile(
    r"(?:\b(?:to|recipients?|user|address(?:es)?|errors|for|name)\b[ \t]*(?:is|are)?[ \t]*:?"
    r"|(?:收件人|收信人|邮箱|信箱|地址|宛先|送信先)[：:（(]?)\s{0,4}"
    rf"[\"<]{{0,2}}({_ADDRESS})",
    re.IGNORECASE,
)
_ANYWHERE = re.compile(rf"(?:SMTP[:=])?({_ADDRESS})", re.IGNORECASE)
_HELPERS = re.compile(r"(?:postmaster|abuse|support|help|helpdesk|admin|info|service)@", re.IGNORECASE)
_SENDERS = re.compile(rf"\b(?:mail from|envelope[- ]from|from)\b\s?:?\s?<?({_ADDRESS})", re.IGNORECASE)
_REMOTE = re.compile(
    r"\b(?:host:?|server(?: for the recipient domain \S+ by)?|talking to|remote host|smtp server)[ \t]+"
    r"<?((?:[a-z0-9-]{1,63}\.){1,9}[a-z0-9-]{1,63})",
    re.IGNORECASE,
)


class Letter(NamedTuple):
    """What a server wrote, parted: *subject*, the *words* of its own, and what it gave back."""

    subject: str
    words: str
    original: Original


def letter(subject: str, text: str, known: Original) -> Letter:
    """*text* parted at the returned mail, of which *known* is known. What the words tell of it is added."""
    text = text[:LONGEST]
    cut = _CUT.search(text)
    words = text[: cut.start()] if cut else text
    below = from_text(text[cut.start() :]) if cut else Original()
    original = known.or_else(below).or_else(from_text(words))
    # What our mail was called is no reason: it may have been called "Mailbox full".
    subject = subject.replace(original.subject, "") if original.subject else subject
    return Letter(subject, _EXPANDED.sub(r"\1", _NOT_ITS_OWN.sub("", words)), original)


def read(
    told: Letter, named: Sequence[str], ours: Collection[str], *, guess: bool
) -> tuple[Kind, list[Recipient]] | None:
    """What *told* says of whom; None where it is no bounce. *named* are the addresses that a field of the report names,
    *ours* those it was sent to, in lower case: they did not fail unless nobody else did. Where no address is found,
    *guess* takes the recipient of the returned mail, if it had just one."""
    everything = told.subject + "\n" + told.words
    waiting = bool(_WAITING.search(everything)) and not _FOR_GOOD.search(told.words)
    if not named and not waiting and not _FAILED.search(everything):
        return None
    if "final-recipient:" in told.words.lower():
        found = status.recipients(status.fields(told.words).groups, told.words)
        if found:
            return status.kind(found), found
    who = list(dict.fromkeys(named)) or _addresses(told.words, ours)
    if not who and guess and len(told.original.to) == 1:
        who = list(told.original.to)
    if not who:
        return None
    return (Kind.DELAY if waiting else Kind.BOUNCE), _recipients(who[:_MOST], told, waiting)


def _addresses(words: str, ours: Collection[str]) -> list[str]:
    """Those in *words* who look concerned: not who sent the mail, and not we or whom to ask unless nobody else is
    there."""
    senders = {match[1].lower() for match in _SENDERS.finditer(words)}
    everybody = [
        list(dict.fromkeys(match[1].rstrip(".") for match in pattern.finditer(words)))
        for pattern in (_AT_START, _AFTER, _ANYWHERE)
    ]
    for found in everybody:
        others = [each for each in found if each.lower() not in ours and each.lower() not in senders]
        if others:
            return [each for each in others if not _HELPERS.match(each)] or others
    return [each for found in everybody for each in found if each.lower() in ours and each.lower() not in senders][:1]


def _recipients(who: Sequence[str], told: Letter, waiting: bool) -> list[Recipient]:
    said = _said_of(who, told.words)
    for_good = bool(_FOR_GOOD.search(told.words))
    if len(who) > 1:
        return [_recipient(each, said[each], "", waiting, for_good) for each in who]
    return [_recipient(who[0], said[who[0]], told.subject + "\n" + told.words, waiting, for_good)]


def _recipient(address: str, said: str, everything: str, waiting: bool, for_good: bool) -> Recipient:
    """*said* is what follows the address, *everything* what explains it too, where nobody else failed."""
    diagnostic = _telling(said) or _telling(everything) or status.one_line(said.partition("\n")[0])
    code, reply = reasons.codes("", diagnostic)
    reason = (
        (Reason.EXPIRED if reasons.EXPIRED.search(everything[: reasons.LONGEST]) else None)
        or reasons.by_words(diagnostic)
        or reasons.by_codes(code)
        or reasons.by_words(said)
        or reasons.by_words(everything)
        or reasons.by_general_codes(code, reply)
        or Reason.UNDEFINED
    )
    remote = _REMOTE.search(said) or _REMOTE.search(everything)
    return Recipient(
        address=address,
        outcome="delayed" if waiting else "failed",
        permanent=not waiting and (reasons.lasting(code, reply, reason) or (for_good and not code and not reply)),
        reason=reason,
        status=code,
        diagnostic=diagnostic,
        remote=remote[1].lower() if remote else "",
    )


def _said_of(who: Sequence[str], words: str) -> dict[str, str]:
    """For each address the words from it to the next one."""
    places = {each: words.find(each) for each in who}
    starts = sorted({place for place in places.values() if place != -1})
    ends = dict(zip(starts, (*starts[1:], len(words)), strict=False))
    return {each: words[place : ends[place]] if place != -1 else "" for each, place in places.items()}


# A reply, else a status alone.
_ANSWERS = (
    re.compile(r"(?<![\d.:/\w-])[45]\d\d(?=[\s\-,'\")#]|$)(?!\s*(?:bytes|for\b))"),
    re.compile(r"(?<![\d.:/\w-])[45]\.[0-7]\.\d{1,3}(?=[\s\-,'\")#]|$)"),
)


_ENDS = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:>>>|<<<|-{3,}|={3,}))")


def _telling(text: str) -> str:
    """The server's answer in *text*, to the end of its paragraph; else the line that says why; else nothing."""
    answer = next((found for found in (each.search(text) for each in _ANSWERS) if found), None)
    if answer:
        return status.one_line(_ENDS.split(text[answer.start() : answer.start() + 1_500], 1)[0])
    for line in text.split("\n"):
        if line.strip() and reasons.by_words(line):
            return status.one_line(line)
    return ""
