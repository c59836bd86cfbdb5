"""What is said without a name, on screens that strangers see, and in place of what is over."""

from __future__ import annotations

from hub.web.i18n import Reader


def brief(reader: Reader, kind: str) -> str:
    """What an alert of that kind is about, without saying whom it concerns."""
    t = reader.gettext
    said = {
        "message": t("A customer has written."),
        "call": t("A customer calls."),
        "missed": t("A call was missed."),
        "overdue-call": t("A missed call waits to be returned."),
        "deal-moved": t("A deal has moved."),
        "deal-still": t("A deal stands still."),
        "silence-of-contact": t("Nobody has spoken to a contact for long."),
        "promise-due": t("An answer that was promised is due."),
        "source-lag": t("A source lags behind."),
        "source-silent": t("A source has fallen silent."),
        "source-ok": t("A source works again."),
        "mention": t("You are talked about."),
        "spike": t("You are talked about more than usual."),
        "silence": t("You are talked about less than usual."),
        "booking": t("A meeting was booked."),
        "bounce": t("A mail did not arrive."),
        "reminder": t("You asked to be reminded."),
    }
    return said.get(kind) or t("There is an alert for you.")


def done(reader: Reader, state: str, who: str) -> str:
    """Why nothing is left to be done about an alert in that state; *who* is the colleague who saw to it, "" where it is
    herself or nobody."""
    t = reader.gettext
    if state == "acknowledged":
        return t("%(who)s has seen to it.") % {"who": who} if who else t("You have seen to it.")
    if state == "snoozed":
        return t("You want to hear of it later.")
    return t("It is over.")


def digest(reader: Reader, count: int) -> str:
    """What stands over *count* alerts that are told together."""
    t = reader.ngettext
    return t("%(count)s alert has gathered", "%(count)s alerts have gathered", count) % {"count": reader.number(count)}
