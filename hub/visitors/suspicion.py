"""Whether a lead looks like spam, without asking anybody: pure. What is suspected is held for a person, never lost."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import timedelta
from enum import StrEnum

from disposable_email_domains import blocklist

QUICKEST = timedelta(seconds=3)
MOST_LINKS = 2

_LINK = re.compile(r"https?://|www\.[a-z0-9-]+\.|\[url[=\]]|<a\s[^>]*href", re.IGNORECASE)


class Reason(StrEnum):
    """Why a lead is held."""

    TRAP = "trap"  # it filled in what people do not see
    QUICK = "quick"  # nobody types so fast
    THROW_AWAY = "throw-away"  # a mail address of a few minutes, or of a domain that the config refuses
    LINKS = "links"  # it is there for its links
    FLOOD = "flood"  # the form gets far more than it ever did


def reasons(
    *, trap: str, age: timedelta, mail: str, lines: Iterable[str], text: str, refused: Collection[str], flood: bool
) -> tuple[Reason, ...]:
    """Why a lead is suspected, () for one that is not. *trap* is the hidden field, *age* the time since the form was
    shown, *mail* a handle or "", *lines* the short answers, *text* the long ones, *refused* more domains."""
    links = len(_LINK.findall(text)) > MOST_LINKS or any(_LINK.search(each) for each in lines)
    found = {
        Reason.TRAP: bool(trap.strip()),
        Reason.QUICK: age < QUICKEST,
        Reason.THROW_AWAY: throw_away(mail, refused),
        Reason.LINKS: links,
        Reason.FLOOD: flood,
    }
    return tuple(reason for reason, true in found.items() if true)


def throw_away(mail: str, refused: Collection[str] = ()) -> bool:
    """Whether the domain of a mail handle, or one above it, is a throw-away one or among *refused*."""
    labels = mail.rpartition("@")[2].split(".")
    above = {".".join(labels[begin:]) for begin in range(len(labels) - 1)}
    return bool(above & blocklist) or bool(above & set(refused))
