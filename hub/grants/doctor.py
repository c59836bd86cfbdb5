"""What is wrong with a permission, what soon will be, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from hub.grants.keeper import TESTING, Connectable
from hub.grants.rows import Grant

SOON = timedelta(days=30)
"""What ends within this is worth a reminder."""

LONGEST_SKEW = timedelta(minutes=5)
"""How far clocks may be apart: providers allow as much for what they sign."""

Grade = Literal["ok", "note", "wrong"]
Kind = Literal[
    "none", "unreadable", "given", "cause", "account", "scopes", "short", "testing", "ends", "lasts", "secret", "clock"
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `ok`, `note` (works, but see to it) or `wrong` (does not work). `hub.web.pages.connect_words` says it
    in words, with its *facts*: text, days (`date`) and numbers."""

    grade: Grade
    kind: Kind
    facts: Mapping[str, str | date | int] = field(default_factory=lambda: MappingProxyType({}))


def examine(wanted: Connectable, grant: Grant | None, unreadable: str, now: datetime) -> Iterator[Finding]:
    """What there is to say of *grant*, the permission for *wanted*. *unreadable* is why its tokens cannot be read, ""
    where they can; *now* is UTC."""
    if grant is None:
        yield Finding("wrong", "none", {"provider": wanted.app.provider})
    else:
        yield from _permission(wanted, grant, unreadable, now)
    if wanted.app.secret_expires is not None:
        yield _secret(wanted, wanted.app.secret_expires, now)


def skewed(provider: str, ahead: timedelta) -> Finding | None:
    """What to say of a clock that is *ahead* of the provider's (behind: negative); `None` where that does no harm."""
    if abs(ahead) <= LONGEST_SKEW:
        return None
    direction = "ahead" if ahead > timedelta() else "behind"
    minutes = round(abs(ahead).total_seconds() / 60)
    return Finding("wrong", "clock", {"provider": provider, "minutes": minutes, "direction": direction})


def _permission(wanted: Connectable, grant: Grant, unreadable: str, now: datetime) -> Iterator[Finding]:
    provider = wanted.app.provider
    yield Finding(
        "ok", "given", {"account": grant.account, "on": grant.granted_at.astimezone(UTC), "provider": provider}
    )
    if unreadable:
        yield Finding("wrong", "unreadable", {"why": unreadable})
    if grant.cause:
        yield Finding("wrong", "cause", {"why": grant.cause})
    if grant.account and not wanted.is_right(grant.account):
        yield Finding("wrong", "account", {"came": grant.account, "wanted": ", ".join(wanted.accounts)})
    if missing := wanted.app.missing(grant.scopes):
        yield Finding("wrong", "scopes", {"missing": " ".join(missing)})
    if not grant.refresh_token:
        over = grant.expires_at <= now
        yield Finding("wrong" if over else "note", "short", {"provider": provider, "at": grant.expires_at})
    elif grant.ends_at is not None:
        testing = wanted.app.kind == "google" and grant.ends_at - grant.granted_at < TESTING + timedelta(days=1)
        kind: Kind = "testing" if testing else "ends"
        left = grant.ends_at - now
        grade: Grade = "wrong" if left <= timedelta() else "note" if left <= SOON else "ok"
        yield Finding(grade, kind, {"provider": provider, "on": grant.ends_at})
    elif not grant.cause:
        yield Finding("ok", "lasts", {"provider": provider, "kind": wanted.app.kind})


def _secret(wanted: Connectable, ends: date, now: datetime) -> Finding:
    left = ends - now.date()
    grade: Grade = "wrong" if left < timedelta() else "note" if left <= SOON else "ok"
    return Finding(grade, "secret", {"app": wanted.app.name, "provider": wanted.app.provider, "on": ends})
