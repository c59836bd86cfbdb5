"""Why a phone was not answered: FreeSWITCH's names of hangup causes (ITU-T Q.850, and its own).

https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Troubleshooting-Debugging/Hangup-Cause-Code-Table_3964945/
"""

from __future__ import annotations

from hub import Outcome

BLIND_TRANSFER = "BLIND_TRANSFER"
ATTENDED_TRANSFER = "ATTENDED_TRANSFER"

_CAUSES = {
    "NORMAL_CLEARING": Outcome.CANCELLED,
    "ORIGINATOR_CANCEL": Outcome.CANCELLED,
    "LOSE_RACE": Outcome.CANCELLED,
    "PICKED_OFF": Outcome.CANCELLED,
    "MANAGER_REQUEST": Outcome.CANCELLED,
    BLIND_TRANSFER: Outcome.CANCELLED,
    ATTENDED_TRANSFER: Outcome.CANCELLED,
    "USER_BUSY": Outcome.BUSY,
    "NO_ANSWER": Outcome.NO_ANSWER,
    "NO_USER_RESPONSE": Outcome.NO_ANSWER,
    "ALLOTTED_TIMEOUT": Outcome.NO_ANSWER,
    "PROGRESS_TIMEOUT": Outcome.NO_ANSWER,
    "SUBSCRIBER_ABSENT": Outcome.NO_ANSWER,
    "CALL_REJECTED": Outcome.REJECTED,
}


def unanswered(cause: str) -> Outcome:
    """What became of a phone that nobody picked up."""
    return _CAUSES.get(cause, Outcome.FAILED)
