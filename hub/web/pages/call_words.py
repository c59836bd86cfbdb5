"""Words for telephony: how colleagues can be reached, what phones of a call do, what becomes of recordings, when a
missed call is due. In the reader's language."""

from __future__ import annotations

from datetime import datetime, timedelta

from hub.availability import Standing, State
from hub.calls.missed import MissedCall
from hub.calls.recordings.policy import State as Sound
from hub.calls.recordings.policy import Why
from hub.calls.recordings.rows import Kept
from hub.dialing.states import EntryState, ListState
from hub.vocabulary import CallState, Joined
from hub.web.i18n import Reader
from hub.web.pages import moments, words

SOON = timedelta(hours=1)
"""What is due within this time is amber."""

TONES = {
    State.AVAILABLE: "well",
    State.AWAY: "waiting",
    State.DND: "late",
    State.BUSY: "late",
    State.WRAPPING: "waiting",
    State.OFF: "off",
    State.ABSENT: "off",
}


def standing(speaks: Reader, state: State) -> str:
    """How somebody can be reached."""
    t = speaks.gettext
    return {
        State.AVAILABLE: t("Available"),
        State.AWAY: t("Away"),
        State.DND: t("Do not disturb"),
        State.BUSY: t("On a call"),
        State.WRAPPING: t("Wraps up a call"),
        State.OFF: t("Not at work"),
        State.ABSENT: t("Out of the office"),
    }[state]


def about(speaks: Reader, found: Standing, stand_in: str) -> str:
    """What there is to say of it: until when, the note, who stands in (a name)."""
    t = speaks.gettext
    said = []
    if found.until is not None:
        said.append(t("until %s") % moments.short(speaks, found.until))
    if found.note:
        said.append(found.note)
    if stand_in and found.out:
        said.append(t("%s stands in") % stand_in)
    return " · ".join(said)


def state(speaks: Reader, now: CallState) -> tuple[str, str]:
    """What a call or one of its phones does, and its tone."""
    t = speaks.gettext
    return {
        CallState.QUEUED: (t("waits"), "waiting"),
        CallState.RINGING: (t("ringing"), "well"),
        CallState.ANSWERED: (t("talking"), "well"),
        CallState.HELD: (t("on hold"), "waiting"),
        CallState.TRANSFERRED: (t("passed on"), "waiting"),
        CallState.ENDED: (t("over"), ""),
    }[now]


def joined(speaks: Reader, how: Joined | None, by: str) -> str:
    """How a phone came into its call; *by* is who passed the call on to it, "" where nobody did."""
    t = speaks.gettext
    if how is None:
        return ""
    if by and how in (Joined.BLIND_TRANSFER, Joined.WARM_TRANSFER):
        said = t("passed on by %s") if how is Joined.BLIND_TRANSFER else t("announced and passed on by %s")
        return said % by
    return {
        Joined.QUEUE: t("out of the queue"),
        Joined.PICKUP: t("picked up for somebody else"),
        Joined.BLIND_TRANSFER: t("passed on"),
        Joined.WARM_TRANSFER: t("announced and passed on"),
        Joined.CONFERENCE: t("joined the conference"),
    }[how]


def due(speaks: Reader, entry: MissedCall) -> tuple[str, str]:
    """By when a missed call is to be returned, or what became of it; and the tone."""
    t, now = speaks.gettext, speaks.now
    if entry.state != "open":
        how = {
            "call": t("reached by phone"),
            "message": t("answered in writing"),
            "agent": t("closed by hand"),
            "inbox": t("closed in the inbox"),
        }.get(entry.closed_how, t("closed"))
        return how, ""
    apart = entry.due_at - now
    if apart < timedelta(0):
        return t("overdue by %s") % words.age(speaks, entry.due_at), "late"
    if apart < SOON:
        return t("due in %s") % speaks.lasting(max(60.0, apart.total_seconds())), "waiting"
    return t("due %s") % moments.short(speaks, entry.due_at), ""


def promised(speaks: Reader, due_at: datetime | None) -> tuple[str, str]:
    """By when a task is to be done, and the tone."""
    t = speaks.gettext
    if due_at is None:
        return "", ""
    if due_at < speaks.now:
        return t("overdue by %s") % words.age(speaks, due_at), "late"
    return moments.short(speaks, due_at), "waiting" if due_at - speaks.now < SOON else ""


def sound(speaks: Reader, kept: Kept) -> str:
    """What became of a recording that cannot be played."""
    t = speaks.gettext
    why = {
        Why.LINE: t("nothing is recorded on this line"),
        Why.VOICEMAIL: t("messages on this line are not fetched"),
        Why.CONSENT: t("the other side did not agree"),
        Why.WITHDRAWN: t("the other side does not want to be recorded"),
        Why.EXPIRED: t("it was kept long enough"),
        Why.DELETED: t("somebody deleted it"),
        Why.NO_SOURCE: t("this phone system gives none"),
    }
    because = why[Why(kept.reason)] if kept.reason in list(Why) else kept.reason
    said = {
        Sound.WAITING: t("It will be here soon."),
        Sound.KEPT: "",
        Sound.UNWANTED: t("Not kept: %s."),
        Sound.REFUSED: t("Not taken: %s."),
        Sound.FAILED: t("It could not be fetched: %s."),
        Sound.GONE: t("Not here any more: %s."),
    }[kept.state]
    return said % because if "%s" in said else said


def of_list(speaks: Reader, now: ListState) -> tuple[str, str]:
    """How a list stands, and its tone."""
    t = speaks.gettext
    return {
        ListState.RUNNING: (t("is being called"), "well"),
        ListState.PAUSED: (t("paused"), "waiting"),
        ListState.DONE: (t("done"), ""),
    }[now]


def of_entry(speaks: Reader, now: EntryState) -> tuple[str, str]:
    """How an entry of a list did, and its tone."""
    t = speaks.gettext
    return {
        EntryState.WAITING: (t("to be called"), ""),
        EntryState.CALLING: (t("is being called"), "well"),
        EntryState.REACHED: (t("reached"), "well"),
        EntryState.MACHINE: (t("a machine answered"), "waiting"),
        EntryState.PERHAPS: (t("perhaps called"), "waiting"),
        EntryState.REFUSED: (t("not allowed"), "late"),
        EntryState.FAILED: (t("not reached"), "late"),
        EntryState.SKIPPED: (t("left out"), ""),
    }[now]
