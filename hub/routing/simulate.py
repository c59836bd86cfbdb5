"""Goes through a plan as a call would, without any call: what would happen to whom, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.routing.engine import Answer
from hub.routing.plan import Plan
from hub.routing.router import Router
from hub.vocabulary import Asked, HangUp, Heard, Listen, Ring, TakeMessage, Wait

MOST_STEPS = 100
"""A caller who waits an hour passes more steps than anybody wants to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A call that might be: from *caller* (a handle, "" withheld) to *line*, at *at* (UTC). *presses* are the keys
    pressed, one for each menu; *taken*: whoever is rung picks up."""

    caller: str
    line: str
    at: datetime
    presses: Sequence[str] = ()
    taken: bool = True


@dataclass(frozen=True, slots=True)
class Passed:
    """What the caller came to at *at*, and what she did then."""

    at: datetime
    answer: Answer
    heard: Heard | None
    digits: str = ""


async def simulate(router: Router, plan: Plan, trial: Trial) -> list[Passed]:
    """Step after step until the call ends, at most `MOST_STEPS`. Nothing is written; who is free is as it is now."""
    passed: list[Passed] = []
    presses = list(trial.presses)
    asked = Asked(key="trial", caller=trial.caller, line=trial.line, at=trial.at)
    while len(passed) < MOST_STEPS:
        answer = await router.trial(plan, asked)
        heard, digits, seconds = _does(answer, presses, taken=trial.taken)
        passed.append(Passed(asked.at, answer, heard, digits))
        if heard is None or heard is Heard.ANSWERED:
            break
        asked = Asked(
            key=asked.key,
            caller=asked.caller,
            line=asked.line,
            at=asked.at + timedelta(seconds=seconds),
            place=answer.step.place,
            heard=heard,
            digits=digits,
        )
    return passed


def _does(answer: Answer, presses: list[str], *, taken: bool) -> tuple[Heard | None, str, int]:
    """What the caller, or whoever is rung, does; and how many seconds that takes. None: it is over."""
    match answer.step.action:
        case Listen(seconds=seconds):
            return (Heard.DIGITS, presses.pop(0), 3) if presses else (Heard.NOTHING, "", seconds)
        case Ring(seconds=seconds):
            return (Heard.ANSWERED, "", 5) if taken else (Heard.UNANSWERED, "", seconds)
        case Wait(seconds=seconds):
            return Heard.DONE, "", seconds
        case TakeMessage():
            return Heard.DONE, "", 20
        case HangUp():
            return None, "", 0
        case None:
            return Heard.DONE, "", 3
