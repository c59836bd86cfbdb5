"""How a source does in words: its state, what it reads, what to do about it, in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.sources import State
from hub.sources.canary import Flight
from hub.sources.habits import Quiet
from hub.sources.reading import Progress
from hub.web.i18n import Reader

LONG_BEHIND_SECONDS = 900
"""Whoever is behind by more than this does not just catch up."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a source, as far as words need it. Times are UTC."""

    state: str = State.NEW.value
    behind_messages: int | None = None
    behind_seconds: float | None = None
    measured_at: datetime | None = None
    last_item_at: datetime | None = None
    next_try_at: datetime | None = None


def said(
    speaks: Reader, known: Known, reading: Progress | None, flight: Flight | None, *, permission: bool
) -> tuple[str, str]:
    """A state in words, and its tone: "late", "waiting", "well" or "". *permission*: somebody permits us to read it,
    with no password."""
    t, state = speaks.gettext, known.state
    if state == State.NEW and known.last_item_at is not None:
        return t("listening"), "well"  # a webhook has nothing to connect to: what it brought proves it
    if state == State.LISTENING:
        return _listening(speaks, known, reading, flight)
    if state == State.WAITING and known.next_try_at is not None:
        left = (known.next_try_at - speaks.now).total_seconds()
        if left >= 1:
            return t("cannot be reached, trying again in %s") % speaks.lasting(left), "waiting"
    return {
        State.NEW.value: (t("waits for its first message"), ""),
        State.CONNECTING.value: (t("connecting"), "waiting"),
        State.WAITING.value: (t("cannot be reached, trying again"), "waiting"),
        State.FAILED.value: (t("stopped by an error of ours, trying again"), "late"),
        State.REJECTED.value: (t("sign in again") if permission else t("the provider refuses us"), "late"),
        State.MISCONFIGURED.value: (t("cannot work as it is configured"), "late"),
        State.ELSEWHERE.value: (t("another hub listens"), "well"),
        State.OFF.value: (t("switched off"), ""),
    }.get(state, (state, ""))


def _listening(speaks: Reader, known: Known, reading: Progress | None, flight: Flight | None) -> tuple[str, str]:
    t, behind = speaks.gettext, known.behind_messages
    if reading is not None:
        return t("reads what is there for the first time"), "waiting"
    if flight is not None and flight.cause:
        return t("the test mail did not come back"), "late"
    if behind:
        facts = {"count": speaks.number(behind), "time": speaks.lasting(max(1, known.behind_seconds or 0))}
        if known.behind_seconds is None:
            words = speaks.ngettext(
                "behind by %(count)s message, catching up", "behind by %(count)s messages, catching up", behind
            )
        elif known.behind_seconds < LONG_BEHIND_SECONDS:
            words = speaks.ngettext(
                "behind by %(count)s message, catching up, %(time)s",
                "behind by %(count)s messages, catching up, %(time)s",
                behind,
            )
        else:
            words = speaks.ngettext(
                "behind by %(count)s message for %(time)s", "behind by %(count)s messages for %(time)s", behind
            )
        late = (known.behind_seconds or 0) >= LONG_BEHIND_SECONDS
        return words % facts, "late" if late else "waiting"
    if known.measured_at is not None:
        return t("up to date, measured %s") % speaks.ago(known.measured_at), "well"
    return t("listening"), "well"


def reads(speaks: Reader, reading: Progress) -> str:
    """How far a first reading is: "1,204 of 9,800, 62 a second, 3 min left"."""
    t = speaks.gettext
    words = t("%(done)s of %(total)s") % {"done": speaks.number(reading.done), "total": speaks.number(reading.total)}
    if reading.rate is None or reading.left is None:
        return words
    rate = speaks.number(round(reading.rate) if reading.rate >= 10 else round(reading.rate, 1))
    facts = {"progress": words, "rate": rate, "time": speaks.lasting(max(1, reading.left))}
    return t("%(progress)s · %(rate)s a second · %(time)s left") % facts


def hint(speaks: Reader, quiet: Quiet | None) -> str:
    """That a source is quieter than usual, "" where it is not."""
    if quiet is None:
        return ""
    facts = {"time": speaks.lasting(quiet.seconds), "usual": speaks.lasting(quiet.usual)}
    return speaks.gettext("quiet for %(time)s, usually every %(usual)s at this time of the week") % facts


def round_trip(speaks: Reader, flight: Flight | None) -> str:
    """How the last test mail did, "" where none flies."""
    if flight is None or flight.cause:
        return ""
    if flight.arrived_at is None:
        return speaks.gettext("a test mail is on its way since %s") % speaks.clock(flight.sent_at)
    seconds = max(1.0, (flight.arrived_at - flight.sent_at).total_seconds())
    facts = {"clock": speaks.clock(flight.sent_at), "time": speaks.lasting(seconds)}
    return speaks.gettext("the test mail of %(clock)s came back after %(time)s") % facts


def cure(speaks: Reader, state: str, *, config: bool, permission: bool) -> str:
    """What to do about it, "" where nothing needs to be done. *config*: the hub could not even read its table.
    *permission*: somebody permits us to read it, with no password."""
    t = speaks.gettext
    if state == State.REJECTED and permission:
        return ""  # the state says it, and a button does it
    if state == State.MISCONFIGURED and config:
        return t("Correct it in the config file, run “hub check”, then restart the hub.")
    return {
        State.REJECTED.value: t("Renew the password or the permission, then try now."),
        State.MISCONFIGURED.value: t("Correct it in the config file, then try now."),
        State.WAITING.value: t("Nothing to do unless it lasts: the hub goes on trying and loses nothing."),
        State.FAILED.value: t("Look into the log, and tell whoever looks after the hub."),
    }.get(state, "")


def suspicion(reader: Reader, reason: str) -> str:
    """Why a lead is held, by a `hub.visitors.suspicion.Reason`."""
    t = reader.gettext
    return {
        "trap": t("it filled in a field that nobody sees"),
        "quick": t("it was sent within three seconds"),
        "throw-away": t("a throw-away mail address"),
        "links": t("full of links"),
        "flood": t("too many at once"),
    }.get(reason, reason)
