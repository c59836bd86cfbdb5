"""Words for booking: why a time is offered or not, why a host takes it, where a booking stands; in the reader's
language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hub.booking.choosing import Why
from hub.booking.rules import Reason
from hub.booking.states import BookingView, State
from hub.vocabulary import Agent
from hub.web.i18n import Reader


def reason(reader: Reader, why: Reason, agents: Mapping[str, Agent]) -> str:
    """What one rule or event says of a time."""
    t, facts = reader.gettext, why.facts
    between = {"since": _clock(reader, facts.get("since")), "until": _clock(reader, facts.get("until"))}
    match why.kind:
        case "hours":
            return t("within the hours in which it can be booked")
        case "outside-hours":
            return t("outside the hours in which it can be booked")
        case "past-closing":
            return t("it would end after those hours do")
        case "holiday":
            return t("a holiday")
        case "special-day":
            return t("a day with hours of its own")
        case "between-times":
            return t("between two times that are offered: one every %(minutes)s min") % {
                "minutes": facts.get("step", "")
            }
        case "notice":
            words = t("early enough") if why.opens else t("too soon: it is booked %(minutes)s min before at the latest")
            return words % {"minutes": facts.get("minutes", "")} if not why.opens else words
        case "window":
            words = t("not too far away") if why.opens else t("too far away: %(days)s days ahead at most")
            return words % {"days": facts.get("days", "")} if not why.opens else words
        case "absent":
            return t("absent from %(since)s until %(until)s") % between
        case "calendar":
            if why.opens:
                return t("free in this calendar")
            title = str(facts.get("title") or "") or t("something private")
            return t("in the calendar: %(title)s, %(since)s–%(until)s") % {"title": title, **between}
        case "no-calendar":
            return t("no calendar is connected: only what is booked here takes time")
        case "stale-calendar":
            return t("this calendar is out of date: %(why)s") % {"why": facts.get("why", "")}
        case "appointment":
            return t("booked here from %(since)s until %(until)s, buffers included") % between
        case "most-per-day" | "most-per-week":
            per_day, per_week = t("no more than %(most)s a day"), t("no more than %(most)s a week")
            return (per_day if why.kind == "most-per-day" else per_week) % {"most": facts.get("most", "")}
        case "stand-in":
            names = {"name": _name(agents, facts.get("agent")), "other": _name(agents, facts.get("for"))}
            return t("%(name)s stands in for %(other)s") % names
        case "seats-left":
            return t("%(number)s seats are left") % {"number": facts.get("left", "")}
        case "takes-part-already":
            return t("%(name)s takes part already") % {"name": _name(agents, facts.get("agent"))}
        case "unknown-agent":
            return t("no colleague of that name is known")
    return why.kind


def choice(reader: Reader, why: Why, agents: Mapping[str, Agent]) -> str:
    """Why a host takes a booking, one reason of it."""
    t = reader.gettext
    name, other = _name(agents, why.get("agent")), _name(agents, why.get("for"))
    names = ", ".join(_name(agents, each) for each in str(why.get("agents", "")).split(", ") if each)
    counted = {"name": name, "taken": why.get("taken", 0), "of": why.get("of", 0)}
    return {
        "joins": t("there are seats left in a meeting that takes place anyway"),
        "only": t("%(name)s is the only host") % counted,
        "all": t("all take part: %(names)s") % {"names": names},
        "fixed": t("always takes part: %(names)s") % {"names": names},
        "asked-for": t("%(name)s was asked for") % counted,
        "owner": t("%(name)s owns the contact") % counted,
        "only-free": t("nobody else than %(name)s was free") % counted,
        "fewest": t("%(name)s had %(taken)s of %(of)s, the fewest for her weight") % counted,
        "longest-ago": t("of those with as few, %(name)s waited longest") % counted,
        "first": t("all were equal, and %(name)s is the first by name") % counted,
        "stands-in": t("%(name)s stands in for %(other)s") % {"name": name, "other": other},
        "others-taken": t("whoever should have had it was taken at that moment"),
        "reassigned": t("given to %(name)s by a colleague") % counted,
    }.get(str(why.get("code", "")), str(why.get("code", "")))


def state(reader: Reader, booking: BookingView) -> tuple[str, str]:
    """Where a booking stands, and its tone."""
    t = reader.gettext
    over = booking.ends_at <= reader.now
    if booking.state is State.CONFIRMED:
        if booking.conflict:
            return t("conflicts with something in a calendar"), "late"
        if booking.overlaps:
            return t("lies over another booking"), "late"
        if booking.no_show:
            return t("did not come"), "late"
        if any(each.state == "failed" for each in booking.calendars):
            return t("not in the calendar yet"), "waiting"
        return (t("took place"), "") if over else (t("booked"), "well")
    return {
        State.ASKED: (t("waits for an answer"), "waiting"),
        State.HELD: (t("somebody fills in the form"), ""),
        State.CANCELLED: (t("cancelled"), "late"),
        State.DECLINED: (t("declined"), "late"),
        State.RELEASED: (t("nothing came of it"), ""),
    }[booking.state]


def _clock(reader: Reader, text: object) -> str:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return ""
    return reader.clock(moment)


def _name(agents: Mapping[str, Agent], agent: object) -> str:
    known = agents.get(str(agent or ""))
    return known.name if known else str(agent or "")
