"""Words for booking: why a host was chosen, why a time is open or not, and how a booking stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hub.booking.explain import Explanation
from hub.booking.rules import Reason
from hub.booking.states import BookingView, State, Why
from hub.vocabulary import Agent
from hub.web.i18n import Reader

Agents = Mapping[str, Agent]


def name_of(agents: Agents, agent: str) -> str:
    """A colleague's name, or her id where nobody has it any more."""
    return agents[agent].name if agent in agents else agent


def names(agents: Agents, some: str) -> str:
    """The names behind ids that stand in one text with commas."""
    return ", ".join(name_of(agents, each.strip()) for each in some.split(",") if each.strip())


def chosen(reader: Reader, why: Why, agents: Agents) -> str:
    """Why somebody takes a booking, as one sentence; "" for a code that nobody knows any more."""
    t = reader.gettext
    facts: dict[str, str | int] = dict(why)
    facts["agent"] = name_of(agents, str(why.get("agent", "")))
    facts["agents"] = names(agents, str(why.get("agents", "")))
    facts["by"] = name_of(agents, str(why.get("by", "")))
    facts["for"] = name_of(agents, str(why.get("for", "")))
    said = {
        "joins": t("It takes place already, and had a free seat."),
        "only": t("%(agent)s is its only host."),
        "all": t("All its hosts take part: %(agents)s."),
        "fixed": t("%(agents)s always takes part."),
        "asked-for": t("The invitee asked for %(agent)s."),
        "owner": t("The contact is %(agent)s’s own."),
        "only-free": t("Nobody but %(agent)s was free."),
        "fewest": t("It was %(agent)s’s turn: %(taken)s of the last %(of)s in 30 days, the fewest for her share."),
        "longest-ago": t("It was %(agent)s’s turn: nobody with as few had waited longer."),
        "first": t("It was %(agent)s’s turn: all had as many, and hers is the first name."),
        "stands-in": t("%(agent)s stands in for %(for)s."),
        "others-taken": t("Whose turn it was, was taken at that very moment."),
        "reassigned": t("%(by)s gave it to %(agent)s."),
    }.get(str(why.get("code", "")), "")
    return said % facts if said else ""


def state(reader: Reader, view: BookingView) -> tuple[str, str]:
    """How a booking stands, and its tone."""
    t = reader.gettext
    if view.state is State.CONFIRMED and view.no_show:
        return t("did not come"), "late"
    return {
        State.HELD: (t("being filled in"), "waiting"),
        State.ASKED: (t("asks whether you agree"), "waiting"),
        State.CONFIRMED: (t("confirmed"), "well"),
        State.CANCELLED: (t("cancelled"), "late"),
        State.DECLINED: (t("declined"), "late"),
        State.RELEASED: (t("given back"), ""),
    }[view.state]


def written(reader: Reader, view: BookingView, agents: Agents) -> list[tuple[str, str]]:
    """What became of it in each host's calendar: words and tone."""
    t = reader.gettext
    found = []
    for each in view.calendars:
        facts = {"name": name_of(agents, each.agent), "source": each.source, "why": each.reason}
        if each.state == "done":
            said, tone = (t("In %(name)s’s calendar"), "well") if each.wanted == "put" else ("", "")
        elif each.state == "failed":
            said, tone = t("Not in %(name)s’s calendar %(source)s: %(why)s"), "late"
        else:
            said, tone = t("Being written into %(name)s’s calendar"), "waiting"
        if said:
            found.append((said % facts, tone))
    return found


def reason(reader: Reader, each: Reason, agents: Agents) -> str:
    """What one rule says of a time, as one sentence."""
    t, facts = reader.gettext, each.facts
    said = _open(reader, each) if each.opens else ""
    if not said:
        said = {
            "outside-hours": t("Outside her working hours."),
            "past-closing": t("It would last beyond her working hours, which end at %(until)s."),
            "holiday": t("A holiday."),
            "special-day": t("A day with hours of its own: %(special)s."),
            "between-times": t("Between two times that are offered: they begin every %(step)s minutes."),
            "notice": t("Too soon: it must be booked %(minutes)s minutes ahead."),
            "window": t("Too far ahead: it can be booked for the next %(days)s days."),
            "absent": t("She is absent until %(until_day)s."),
            "calendar": t("Taken in her calendar from %(since)s to %(until)s: %(title)s."),
            "stale-calendar": t("Her calendar is too old to be relied on. %(why)s"),
            "appointment": t("Booked here already, from %(since)s to %(until)s with its buffers."),
            "most-per-day": t("She has %(taken)s on that day, and takes no more than %(most)s."),
            "most-per-week": t("She has %(taken)s in that week, and takes no more than %(most)s."),
            "unknown-agent": t("Nobody of that name is in the config file."),
            "takes-part-already": t("%(agent)s takes part already, in another role."),
            "stand-in": t("%(agent)s stands in for her."),
            "seats-left": t("It takes place then, and has %(left)s free seats."),
        }.get(each.kind, "")
    told: dict[str, str | int] = {**facts}
    for name in ("since", "until"):
        told[name] = _clock(reader, facts.get(name))
    told["until_day"] = _day(reader, facts.get("until"))
    told["agent"] = name_of(agents, str(facts.get("agent", "")))
    told["title"] = str(facts.get("title") or t("busy"))
    told["why"] = t(str(facts["why"])) if facts.get("why") else ""
    for name in ("step", "minutes", "days", "taken", "most", "left", "special"):
        told.setdefault(name, "")
    return (said % told).strip() if said else each.kind


def _open(reader: Reader, each: Reason) -> str:
    t = reader.gettext
    if each.kind == "hours":
        return t("Within her working hours.") if each.facts.get("hours") else t("She has no working hours set.")
    return {
        "notice": t("Early enough."),
        "window": t("Not too far ahead."),
        "calendar": t("Nothing in this calendar at that time. %(why)s"),
        "no-calendar": t("She has no calendar here that could say that she is busy."),
        "most-per-day": t("She takes that many on a day: %(most)s."),
        "most-per-week": t("She takes that many in a week: %(most)s."),
    }.get(each.kind, "")


def verdict(reader: Reader, found: Explanation) -> str:
    """Whether the time is offered, as one sentence."""
    t = reader.gettext
    return t("This time is offered.") if found.open else t("This time is not offered.")


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None


def _clock(reader: Reader, value: object) -> str:
    moment = _moment(value)
    return reader.clock(moment) if moment else ""


def _day(reader: Reader, value: object) -> str:
    moment = _moment(value)
    return reader.date(moment) if moment else ""


def wrong(reader: Reader, code: str) -> str:
    """What is wrong with a field, by its code (`hub.booking.questions.WrongAnswers`)."""
    t = reader.gettext
    return {
        "missing": t("Please fill this in."),
        "too-long": t("This is too long."),
        "no-mail": t("This is no mail address."),
        "no-phone": t("This is no phone number. Begin it with + and the country code."),
        "no-option": t("Choose one of these."),
        "no-number": t("Write a number."),
        "no-date": t("Choose a date."),
        "refused-mail": t("Bookings with this kind of mail address are not taken. Please use your own."),
    }.get(code, t("This cannot be read."))
