"""What stands in place of what is over, and over what is told together."""

from __future__ import annotations

from hub.web.i18n import Reader


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
