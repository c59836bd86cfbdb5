"""Alerts and rules in the words of the pages: how urgent, about what, for whom, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hub.alerts.desk import Alert
from hub.web.i18n import Reader

SEVERITIES = ("urgent", "warning", "notice", "info")
"""The most urgent first."""

_TONES = {"urgent": "late", "warning": "waiting"}
_ICONS = {
    "message": "message",
    "call": "call-in",
    "missed": "call-missed",
    "overdue-call": "call-missed",
    "deal-moved": "deal",
    "deal-still": "deal",
    "silence-of-contact": "people",
    "promise-due": "check",
    "source": "sources",
    "source-lag": "sources",
    "source-silent": "sources",
    "mention": "mention",
    "spike": "mention",
    "silence": "mention",
    "booking": "meeting",
    "bounce": "bounce",
    "reminder": "clock",
}


def severities(speaks: Reader) -> dict[str, str]:
    """How urgent something is, the most urgent first."""
    t = speaks.gettext
    return {"urgent": t("Urgent"), "warning": t("Warning"), "notice": t("Notice"), "info": t("Info")}


def tone(severity: str) -> str:
    """Its tone: "late", "waiting" or ""."""
    return _TONES.get(severity, "")


def icon(kind: str) -> str:
    """The sign of what an alert or a rule is about."""
    return _ICONS.get(kind, "bell")


def kinds(speaks: Reader) -> dict[str, str]:
    """What a rule can be about, as one chooses it."""
    t = speaks.gettext
    return {
        "message": t("A customer writes"),
        "call": t("A customer calls"),
        "missed": t("A call is missed"),
        "overdue-call": t("A missed call is overdue"),
        "promise-due": t("A promise is due"),
        "silence-of-contact": t("Nobody speaks to a contact"),
        "deal-moved": t("A deal moves"),
        "deal-still": t("A deal stands still"),
        "booking": t("Something is booked"),
        "bounce": t("A letter comes back"),
        "mention": t("Somebody mentions us"),
        "spike": t("Far more mentions than usual"),
        "silence": t("Far fewer mentions than usual"),
        "source": t("A source lags or falls silent"),
        "reminder": t("A reminder is due"),
    }


def kind(speaks: Reader, name: str) -> str:
    """What an alert is about."""
    t = speaks.gettext
    more = {
        "source-lag": t("A source is behind"),
        "source-silent": t("A source is silent"),
        "more": t("More than one rule may tell in an hour"),
        "test": t("A trial"),
    }
    return kinds(speaks).get(name) or more.get(name, name)


def origin(speaks: Reader, name: str) -> str:
    """Where a rule stands."""
    t = speaks.gettext
    return {"file": t("config file, read only"), "page": t("made here"), "built-in": t("built in")}.get(name, name)


def who(speaks: Reader, name: str, agents: Mapping[str, str], teams: Mapping[str, str]) -> str:
    """Whom a rule tells."""
    t = speaks.gettext
    usual = {
        "concerned": t("whoever it concerns"),
        "admins": t("administrators"),
        "everyone": t("everybody"),
    }
    return usual.get(name) or agents.get(name) or teams.get(name.removeprefix("team:"), name)


def way(speaks: Reader, kind: str, label: str) -> str:
    """A way by which alerts are told."""
    t = speaks.gettext
    return {
        "mail": t("Mail"),
        "sms": t("SMS"),
        "push": t("Push"),
    }.get(kind) or label


def state(speaks: Reader, alert: Alert, until: str) -> str:
    """What became of an alert, "" while it is open; *until* is when a snoozed one comes back."""
    t = speaks.gettext
    return {
        "acknowledged": t("acknowledged"),
        "snoozed": t("snoozed until %s") % until,
        "ended": t("over"),
        "expired": t("expired"),
    }.get(alert.state, "")


def facts(speaks: Reader, alert: Alert) -> list[tuple[str, str]]:
    """The fact behind an alert: what happened, when, how often, and the numbers that the rule has looked at."""
    t = speaks.gettext
    found = [(t("What"), kind(speaks, alert.kind)), (t("When"), speaks.exact(alert.fact_at))]
    if alert.count > 1:
        found.append((t("How often"), speaks.number(alert.count)))
    names = {
        "days": t("Days"),
        "stage": t("Stage"),
        "amount": t("Amount"),
        "state": t("State"),
        "channel": t("Channel"),
        "reach": t("Reach"),
        "sentiment": t("Sentiment"),
        "count": t("Count"),
        "expected": t("Usual"),
    }
    if alert.about.get("source"):
        found.append((t("Source"), str(alert.about["source"])))
    values = alert.about.get("values") or {}
    for name, word in names.items():
        if (value := values.get(name)) not in (None, ""):
            found.append((word, speaks.number(round(value, 2)) if isinstance(value, int | float) else str(value)))
    if alert.escalated_to:
        found.append((t("Told, too"), alert.escalated_to))
    return found


def weekdays(speaks: Reader) -> dict[str, str]:
    """The days of a week, Monday first, as the settings name them."""
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return {name: speaks.short_weekday(datetime(2026, 3, 2 + place).date()) for place, name in enumerate(names)}  # noqa: DTZ001 — a day alone
