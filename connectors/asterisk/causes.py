"""Why a phone was not answered: hangup causes (ITU-T Q.850, as Asterisk numbers them) and the states of `Dial`.

https://docs.asterisk.org/Configuration/Miscellaneous/Hangup-Cause-Mappings/
"""

from __future__ import annotations

from hub import Outcome

ANSWERED_ELSEWHERE = "26"

_CAUSES = {
    "16": Outcome.CANCELLED,
    "17": Outcome.BUSY,
    "18": Outcome.NO_ANSWER,
    "19": Outcome.NO_ANSWER,
    "21": Outcome.REJECTED,
    ANSWERED_ELSEWHERE: Outcome.CANCELLED,
}
_SAY_NOTHING = frozenset(("", "0", "31", "127"))
_CERTAIN = frozenset(("17", "21", ANSWERED_ELSEWHERE))
_DIALLED = {
    "BUSY": Outcome.BUSY,
    "NOANSWER": Outcome.NO_ANSWER,
    "CANCEL": Outcome.CANCELLED,
    "CONGESTION": Outcome.FAILED,
    "CHANUNAVAIL": Outcome.FAILED,
    "INVALIDARGS": Outcome.FAILED,
    "DONTCALL": Outcome.REJECTED,
    "TORTURE": Outcome.REJECTED,
}
_DISPOSITIONS = {
    "ANSWERED": Outcome.COMPLETED,
    "NO ANSWER": Outcome.NO_ANSWER,
    "BUSY": Outcome.BUSY,
    "FAILED": Outcome.FAILED,
    "CONGESTION": Outcome.FAILED,
}
_ORIGINATED = {"1": Outcome.NO_ANSWER, "3": Outcome.NO_ANSWER, "5": Outcome.BUSY}


def unanswered(cause: str, dialled: str) -> Outcome | None:
    """Why a phone that nobody picked up is quiet: by its hangup *cause*, and by what `Dial` said of it (""). A phone
    that declines is "busy" to `Dial`, and only the cause tells; else `Dial` knows more than "normal clearing" does."""
    if cause in _CERTAIN:
        return _CAUSES[cause]
    known = _DIALLED.get(dialled.upper())
    if known is not None or cause in _SAY_NOTHING:
        return known
    return _CAUSES.get(cause, Outcome.FAILED)


def of_record(disposition: str) -> Outcome | None:
    """How a call detail record says that a phone was left."""
    return _DISPOSITIONS.get(disposition.upper())


def of_originate(reason: str) -> Outcome:
    """Why a phone that was to call somebody was not picked up (`OriginateResponse`, `Reason`)."""
    return _ORIGINATED.get(reason, Outcome.FAILED)
