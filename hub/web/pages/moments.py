"""Times to come, as one chooses them: later today, tomorrow morning, on Monday, always on the reader's own clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.web.i18n import Reader, zone

MORNING = 9
EVENING = 18
FURTHEST = timedelta(days=366 * 3)


@dataclass(frozen=True, slots=True)
class Choice:
    """A moment (UTC) and what it is called."""

    label: str
    at: datetime

    def document(self, speaks: Reader) -> dict[str, Any]:
        """As the page's script takes it: *said* is the moment in words."""
        return {"label": self.label, "at": self.at.isoformat(), "said": short(speaks, self.at)}


def choices(speaks: Reader) -> list[Choice]:
    """What one mostly wants, soonest first: nothing that is over, nothing twice."""
    t, now = speaks.gettext, speaks.local(speaks.now)
    morning = now.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    later = (now + timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    monday = morning + timedelta(days=7 - now.weekday())
    found = []
    if later.date() == now.date() and later.hour <= EVENING + 2:
        found.append((t("Later today"), later))
    found.append((t("Tomorrow morning"), morning + timedelta(days=1)))
    if now.weekday() < 3:
        found.append((t("In two days"), morning + timedelta(days=2)))
    if monday - morning > timedelta(days=1):
        found.append((t("Next Monday"), monday))
    found.append((t("In a week"), morning + timedelta(days=7)))
    found.append((t("In a month"), morning + timedelta(days=30)))
    first = {at: label for label, at in reversed(found)}
    return [Choice(first[at], _utc(at, speaks)) for at in sorted(first)]


def read(speaks: Reader, text: str) -> Choice | None:
    """A local time as a browser's field writes it (`2026-03-02T09:30`), None where it is none, over, or too far."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = _utc(local, speaks)
    return Choice("", at) if speaks.now < at < speaks.now + FURTHEST else None


def short(speaks: Reader, at: datetime) -> str:
    """Day and time, as short as it can be said: the time alone today, the weekday within a week."""
    local, today = speaks.local(at), speaks.local(speaks.now).date()
    clock = speaks.clock(at)
    days = (local.date() - today).days
    if days == 0:
        return clock
    if days == 1:
        return speaks.gettext("tomorrow %s") % clock
    if 1 < days < 7:
        return f"{speaks.short_weekday(local.date())} {clock}"
    return f"{speaks.date(at)} {clock}"


def _utc(local: datetime, speaks: Reader) -> datetime:
    # A wall clock of that zone: its offset may change between now and then.
    return local.replace(tzinfo=zone(speaks.timezone)).astimezone(UTC)
