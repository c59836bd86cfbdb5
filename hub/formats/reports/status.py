"""Delivery status notifications (RFC 3464; RFC 6533 for addresses in UTF-8), and those who write them by ear."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hub.formats import headers
from hub.formats.reports import reasons
from hub.formats.reports.vocabulary import Kind, Reason, Recipient

TYPES = ("message/delivery-status", "message/global-delivery-status")

_MOST = 1_000
_LONGEST_LINE = 2_000
_LONGEST_DIAGNOSTIC = 500
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60})[ \t]*:[ \t]*(.*)")
_TYPE = re.compile(r"^\s*[A-Za-z0-9-]+\s*;\s*")
_XTEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_OURS = ("final-recipient", "original-recipient", "action", "status", "diagnostic-code")
_ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")


class Fields(NamedTuple):
    """The groups of a status part, and what stood between them and is no field."""

    groups: list[dict[str, str]]
    stray: str


def fields(text: str) -> Fields:
    """The groups of fields in *text*, names in lower case, folded lines joined. Lines that are no field belong to the
    one before; the boundary of a part that was cut too late ends it all."""
    groups: list[dict[str, str]] = [{}]
    stray: list[str] = []
    last = ""
    for line in text.split("\n"):
        line = line[:_LONGEST_LINE].rstrip()
        if line.startswith("--"):
            break
        if not line:
            last = ""
            if groups[-1]:
                groups.append({})
            continue
        found = _FIELD.match(line)
        if found:
            last = found[1].lower()
            if last in groups[-1] and last in ("final-recipient", "action"):
                groups.append({})
            groups[-1].setdefault(last, found[2])
        elif last and len(groups[-1][last]) < _LONGEST_LINE:
            groups[-1][last] += " " + line.strip()
        elif not last:
            stray.append(line)
        if len(groups) > _MOST:
            break
    return Fields([group for group in groups if group][:_MOST], "\n".join(stray[:50]))


def recipients(groups: Sequence[Mapping[str, str]], words: str) -> list[Recipient]:
    """Everybody named in *groups*. *words* is what the report says to people: it explains where the fields do not,
    if there is just one to whom it can refer."""
    concerned = [group for group in groups if any(name in group for name in _OURS)]
    if len(concerned) != 1:
        words = ""
    found = [_recipient(group, words) for group in concerned]
    return [each for each in found if each.address]


def kind(found: Sequence[Recipient]) -> Kind:
    """What a notification tells: the worst of what it says of anybody."""
    outcomes = {each.outcome for each in found}
    if "failed" in outcomes:
        return Kind.BOUNCE
    return Kind.DELAY if "delayed" in outcomes else Kind.DELIVERED


def address(value: str) -> str:
    """The address in `rfc822; ada@example.org` or `utf-8; \\x{7528}@…` (RFC 6533 section 3), empty where it is of
    another kind (X.400, or none)."""
    bare = _TYPE.sub("", value).strip()
    if "\\x{" in bare:
        bare = _XTEXT.sub(_character, bare)
    return next((each.address for each in headers.addresses(bare[:1_000]) if "@" in each.address), "")


def _character(match: re.Match[str]) -> str:
    point = int(match[1], 16)
    return chr(point) if 0x20 < point < 0xD800 or 0xDFFF < point <= 0x10FFFF else ""


def host(value: str) -> str:
    """The name in `dns; mx.example.org (192.0.2.1)`."""
    return next(iter(_TYPE.sub("", value).partition("(")[0].split()), "")[:255]


def one_line(text: str) -> str:
    """*text* as a diagnostic."""
    return " ".join(text.split())[:_LONGEST_DIAGNOSTIC]


def _recipient(group: Mapping[str, str], words: str) -> Recipient:
    diagnostic = group.get("diagnostic-code", "")
    if re.match(r"\s*[A-Za-z][A-Za-z0-9-]*\s*;", diagnostic):
        diagnostic = _TYPE.sub("", diagnostic)
    stated = group.get("status", "")
    status, reply = reasons.codes(stated, diagnostic)
    action = re.match(r"[a-z]+", group.get("action", "").strip().lower())
    outcome = action[0] if action and action[0] in _ACTIONS else _outcome(status)
    who = address(group.get("original-recipient", "")) or address(group.get("final-recipient", ""))
    remote = host(group.get("remote-mta", ""))
    if outcome not in ("failed", "delayed"):
        return Recipient(address=who, outcome=outcome, status=status, diagnostic=one_line(diagnostic), remote=remote)
    reason = (
        reasons.by_words(diagnostic)
        or reasons.by_codes(status)
        or reasons.by_words(stated)
        or reasons.by_words(words)
        or reasons.by_general_codes(status, reply)
        or Reason.UNDEFINED
    )
    return Recipient(
        address=who,
        outcome=outcome,
        permanent=outcome == "failed" and reasons.lasting(status, reply, reason),
        reason=reason,
        status=status,
        diagnostic=one_line(diagnostic or stated),
        remote=remote,
    )


def _outcome(status: str) -> str:
    return "delivered" if status.startswith("2") else "failed"
