"""Words for meetings: what the invited say, in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.formats.handles import display
from hub.vocabulary import Answer, Attendance, Meeting, Role
from hub.web.i18n import Reader
from hub.web.pages.parties import Party


@dataclass(frozen=True, slots=True)
class Said:
    """What one of the invited says: her name, the words for it, and their tone."""

    name: str
    words: str
    tone: str


def summary(reader: Reader, facts: Meeting) -> tuple[str, str]:
    """How a meeting stands, and its tone: "late" for what is off, "waiting" for what somebody has to decide."""
    t = reader.gettext
    if facts.cancelled:
        return t("cancelled"), "late"
    if any(each.proposed_start and not each.refused for each in facts.answers):
        return t("another time asked for"), "waiting"
    invited = [each for each in facts.participants or () if each.role is Role.ATTENDEE]
    said = [each.attendance for each in facts.answers]
    if said and all(each is Attendance.DECLINED for each in said) and len(said) >= len(invited):
        return t("declined"), "late"
    accepted = said.count(Attendance.ACCEPTED)
    if accepted and len(invited) <= 1:
        return t("accepted"), ""
    if said:
        return t("%(number)d of %(all)d accepted") % {"number": accepted, "all": max(len(invited), len(said))}, ""
    return "", ""


def answers(reader: Reader, facts: Meeting, people: Sequence[Party]) -> tuple[Said, ...]:
    """What each of the invited says."""
    names = {each.handle: each.name for each in people if each.name}
    return tuple(_said(reader, each, names) for each in facts.answers)


def _said(reader: Reader, answer: Answer, names: dict[str, str]) -> Said:
    t = reader.gettext
    name = names.get(answer.handle) or display(answer.handle)
    said = {
        Attendance.NEEDS_ACTION: "",
        Attendance.ACCEPTED: t("accepts"),
        Attendance.DECLINED: t("declines"),
        Attendance.TENTATIVE: t("comes perhaps"),
        Attendance.DELEGATED: t("sends somebody else"),
    }[answer.attendance]
    tone = "late" if answer.attendance is Attendance.DECLINED else ""
    if answer.delegated_to:
        said = t("sends %(name)s") % {"name": names.get(answer.delegated_to) or display(answer.delegated_to)}
    parts = [said] if said else []
    if answer.proposed_start is not None:
        when = reader.exact(answer.proposed_start)
        asks = t("asked for %(when)s, which was refused") if answer.refused else t("asks for %(when)s")
        parts.append(asks % {"when": when})
        tone = tone or ("" if answer.refused else "waiting")
    if answer.uninvited:
        parts.append(t("was not invited"))
        tone = "waiting"
    return Said(name, ", ".join(parts), tone)
