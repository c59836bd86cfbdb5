"""Words for calls that are not placed: what stands in the way, in the reader's language."""

from __future__ import annotations

from datetime import date

from hub.dialing.gate import Refusal, Rule
from hub.dialing.states import NOT_TAKEN, UNHEARD
from hub.vocabulary import Outcome
from hub.web.i18n import Reader


def said(speaks: Reader, refusal: Refusal) -> str:
    """*refusal* in a sentence."""
    facts = dict(refusal.facts)
    if "day" in facts:
        facts["day"] = speaks.weekday(date.fromisoformat(facts["day"]))
    return _sentence(speaks, refusal.rule, bool(facts)) % facts


def because(speaks: Reader, reason: str) -> str:
    """A reason as the store has it: the name of a rule, how a call ended, or in words what a phone system said."""
    t = speaks.gettext
    if reason in list(Rule):
        return _sentence(speaks, Rule(reason), detailed=False)
    words = {
        UNHEARD: t("The phone system was asked to call, and its answer was never heard. It may have called."),
        NOT_TAKEN: t("Your phone rang and was not picked up."),
        Outcome.BUSY: t("busy"),
        Outcome.NO_ANSWER: t("no answer"),
        Outcome.REJECTED: t("rejected"),
        Outcome.FAILED: t("failed"),
        Outcome.CANCELLED: t("cancelled"),
    }
    return words.get(reason, reason)


def _sentence(speaks: Reader, rule: Rule, detailed: bool) -> str:
    t = speaks.gettext
    match rule:
        case Rule.NO_NUMBER:
            return t("This is no number that can be called.")
        case Rule.EMERGENCY:
            return t("Emergency numbers are dialled on the phone itself.")
        case Rule.PREMIUM:
            return t("This number costs extra for every minute.")
        case Rule.OUR_OWN:
            return t("This number is our own.")
        case Rule.NEVER_RECORDED:
            return t("Nothing is ever recorded of this number, so it cannot be called from here.")
        case Rule.DO_NOT_CALL:
            return t("They do not want to be called.")
        case Rule.BLOCKED:
            return t("This number is blocked.")
        case Rule.CONSENT if detailed:
            return t("In %(region)s only who agreed may be called, and no consent is written down.")
        case Rule.CONSENT:
            return t("Only who agreed may be called there, and no consent is written down.")
        case Rule.HOURS if detailed:
            return t("It is %(local)s there (%(zone)s). We call from %(begin)s to %(end)s.")
        case Rule.HOURS:
            return t("It is too early or too late there.")
        case Rule.QUIET_DAY if detailed:
            return t("Nobody is called on %(day)s.")
        case Rule.QUIET_DAY:
            return t("Nobody is called on this day.")
        case Rule.TOO_OFTEN if detailed:
            return t("This number was called %(times)s times within 24 hours.")
        case Rule.TOO_OFTEN:
            return t("This number was called too often within 24 hours.")
        case Rule.NO_LINE:
            return t("No phone system that can call has this line.")
        case Rule.NO_AGENT_PHONE:
            return t("No phone system that can call reaches one of your phones.")
        case Rule.ON_A_CALL:
            return t("You are on a call.")
