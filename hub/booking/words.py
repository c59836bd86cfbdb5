"""What people are told of a booking, in their language and on their clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from babel import dates

from hub.web.i18n import Reader, zone

_DAY = {"en": "EEEE d MMMM y", "zh-Hans": "y年M月d日EEEE", "zh-Hant": "y年M月d日EEEE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What there is to say: times are UTC, *hosts* names. *place_kind* is the event type's (`we-call`, `video`, …).
    *link* is the invitee's page, *page* the host's, *again* where another one is booked, each "" for nobody to see.
    *asked*: a host has to agree yet. *by_invitee*: she ended it herself; *reason* is why. *notes* are her answers."""

    title: str
    starts_at: datetime
    ends_at: datetime
    hosts: Sequence[str]
    name: str
    place_kind: str = ""
    place: str = ""
    link: str = ""
    page: str = ""
    again: str = ""
    payment_url: str = ""
    company: str = ""
    asked: bool = False
    by_invitee: bool = False
    reason: str = ""
    mail: str = ""
    phone: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A mail's subject and text."""

    subject: str
    text: str


def when(reader: Reader, starts_at: datetime, ends_at: datetime) -> str:
    """From when until when, with the day and the zone: "Tuesday 24 November 2026, 10:00–10:30 (Berlin)"."""
    t = reader.gettext
    said = {
        "day": _day(reader, starts_at),
        "begin": reader.clock(starts_at),
        "end": reader.clock(ends_at),
        "zone": _zone(reader),
    }
    if reader.local(starts_at).date() == reader.local(ends_at).date():
        return t("%(day)s, %(begin)s–%(end)s (%(zone)s)") % said
    return t("%(day)s, %(begin)s – %(last)s, %(end)s (%(zone)s)") % {**said, "last": _day(reader, ends_at)}


def to_invitee(reader: Reader, kind: str, facts: Facts) -> Words:
    """What the invitee is told of *kind*: `booked`, `asked`, `moved`, `cancelled`, `declined`, `proposed`, `reminder`
    or `follow-up`."""
    t = reader.gettext
    about = {"title": facts.title, "hosts": _names(reader, facts.hosts), "name": facts.name}
    match kind:
        case "asked":
            subject = t("Asked for: %(title)s") % about
            first = t("You asked for this meeting. You will hear from %(hosts)s whether it takes place.") % about
        case "moved":
            subject = t("Moved: %(title)s") % about
            first = t("Your meeting has a new time:")
        case "cancelled":
            subject = t("Cancelled: %(title)s") % about
            first = t("You cancelled this meeting:") if facts.by_invitee else t("This meeting does not take place:")
        case "declined":
            subject = t("Not possible: %(title)s") % about
            first = t("%(hosts)s cannot take this meeting:") % about
        case "proposed":
            subject = t("Another time, please: %(title)s") % about
            first = t("%(hosts)s asks you to choose another time for this meeting:") % about
        case "reminder":
            subject = t("Reminder: %(title)s") % about
            first = t("This is to remind you of your meeting:")
        case "follow-up":
            subject = t("Thank you: %(title)s") % about
            first = t("Thank you for your time. We hope that this meeting was of use to you:")
        case _:
            subject = t("Booked: %(title)s") % about
            first = t("Your meeting is booked:")
    greeting = t("Hello %(name)s,") % about if facts.name else t("Hello,")
    details = [facts.title, when(reader, facts.starts_at, facts.ends_at), t("With: %(hosts)s") % about]
    over = kind in ("cancelled", "declined", "follow-up")
    if not over:
        details += _place(reader, facts)
    parts = [f"{greeting}\n\n{first}", "\n".join(details)]
    if facts.reason:
        parts.append(t("Reason: %(reason)s") % {"reason": facts.reason})
    if kind == "moved" and facts.asked:
        parts.append(t("%(hosts)s still has to agree to it.") % about)
    if kind == "booked" and facts.payment_url:
        parts.append(t("Please pay here: %(url)s") % {"url": facts.payment_url})
    parts += _ways_on(reader, kind, facts, over=over)
    if facts.company:
        parts.append(facts.company)
    return Words(f"{subject}, {when(reader, facts.starts_at, facts.ends_at)}", "\n\n".join(parts))


def reminder_text(reader: Reader, facts: Facts) -> str:
    """The reminder as a text message."""
    t = reader.gettext
    said = {
        "title": facts.title,
        "hosts": _names(reader, facts.hosts),
        "when": when(reader, facts.starts_at, facts.ends_at),
        "link": facts.link,
    }
    return t("Reminder: %(title)s with %(hosts)s, %(when)s. Change or cancel: %(link)s") % said


def to_host(reader: Reader, kind: str, facts: Facts) -> Words:
    """What a host is told of *kind*: `booked`, `asked`, `moved`, `given`, `cancelled` or `conflict`."""
    t = reader.gettext
    about = {"title": facts.title, "name": facts.name, "hosts": _names(reader, facts.hosts)}
    match kind:
        case "asked":
            subject = t("%(name)s asks for: %(title)s") % about
            first = t("%(name)s asks for this meeting. Please agree to it, or decline it.") % about
        case "moved":
            subject = t("Moved: %(title)s with %(name)s") % about
            first = t("This meeting has a new time.")
        case "given":
            subject = t("Given to %(hosts)s: %(title)s with %(name)s") % about
            first = t("This meeting is not yours any more. It is now with %(hosts)s.") % about
        case "cancelled":
            subject = t("Cancelled: %(title)s with %(name)s") % about
            first = (
                t("%(name)s cancelled this meeting.") % about
                if facts.by_invitee
                else t("This meeting does not take place.")
            )
        case "conflict":
            subject = t("Conflict: %(title)s with %(name)s") % about
            first = t(
                "Something else came into your calendar at the time of this meeting. It stands as it was. "
                "Move one of the two, or ask %(name)s for another time."
            ) % about  # fmt: skip
        case _:
            subject = t("Booked: %(title)s with %(name)s") % about
            first = t("%(name)s booked this meeting.") % about
    details = [facts.title, when(reader, facts.starts_at, facts.ends_at)]
    details += [each for each in (facts.name, facts.mail, facts.phone) if each]
    if kind != "cancelled":
        details += _place(reader, facts)
    parts = [first, "\n".join(details)]
    if facts.notes:
        parts.append(facts.notes)
    if facts.reason:
        parts.append(t("Reason: %(reason)s") % {"reason": facts.reason})
    if facts.page:
        parts.append(facts.page)
    return Words(f"{subject}, {when(reader, facts.starts_at, facts.ends_at)}", "\n\n".join(parts))


def _ways_on(reader: Reader, kind: str, facts: Facts, *, over: bool) -> list[str]:
    t = reader.gettext
    if over:
        return [t("Book another time: %(link)s") % {"link": facts.again}] if facts.again else []
    if not facts.link:
        return []
    if kind == "proposed":
        return [t("Choose another time: %(link)s") % {"link": facts.link}]
    return [t("Change or cancel: %(link)s") % {"link": facts.link}]


def _place(reader: Reader, facts: Facts) -> list[str]:
    t = reader.gettext
    if not facts.place:
        return []
    said = {"place": facts.place}
    match facts.place_kind:
        case "we-call":
            return [t("We call you: %(place)s") % said]
        case "you-call":
            return [t("Please call: %(place)s") % said]
        case "video":
            return [t("Video call: %(place)s") % said]
    return [t("Place: %(place)s") % said]


def _names(reader: Reader, hosts: Sequence[str]) -> str:
    t = reader.gettext
    if len(hosts) < 2:
        return hosts[0] if hosts else ""
    return t("%(some)s and %(last)s") % {"some": t(", ").join(hosts[:-1]), "last": hosts[-1]}


def _day(reader: Reader, moment: datetime) -> str:
    return dates.format_date(reader.local(moment).date(), _DAY[reader.tag], locale=reader.locale)


def _zone(reader: Reader) -> str:
    """The zone as people call it: by its city."""
    return dates.get_timezone_location(zone(reader.timezone), locale=reader.locale, return_city=True)
