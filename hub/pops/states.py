"""How a call moves the pops of its agents: pure over what is known of the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any

from hub.ours import Ours, Reach, Rung
from hub.store.schema import micros
from hub.vocabulary import Call, CallState, Direction

RINGING_SECONDS = 120  # longer than any phone rings: a call whose end never came is no longer shown then
QUEUE_SECONDS = 3600  # longer than anybody waits
TALKING_SECONDS = 6 * 3600
LATE_SECONDS = 120  # a ringing event older than this tells of a call that rang while nobody could be told
GIVEN_UP = 0
"""`Pop.expires_at` of what rang too long without a word of its end: the same ringing does not show it again."""

HEAD_START_SECONDS = 2
"""For so long a waiting call is shown to the preferred agent alone. A phone system that picks the next phone itself has
named it by then."""

COLUMNS = (
    "id",
    "interaction_id",
    "agent",
    "state",
    "mine",
    "handle",
    "line",
    "queue",
    "preferred",
    "passed_by",
    "since",
    "answered_at",
    "expires_at",
    "revision",
)
_NOBODY = Rung(CallState.ENDED)


@dataclass(frozen=True, slots=True)
class Pop:
    """A row of `pops`. Times are microseconds since 1970."""

    id: int
    interaction_id: int
    agent: str
    state: str
    mine: bool
    handle: str
    line: str
    queue: str
    preferred: str
    passed_by: str
    since: int
    answered_at: int | None
    expires_at: int
    revision: int

    @property
    def shown(self) -> bool:
        """True while it stands on her screen: it rings, or it is the call she took."""
        return self.state == "ringing" or self.current

    @property
    def current(self) -> bool:
        """True while it is the call she took."""
        return self.state == "answered" and bool(self.mine)

    def moved(self, state: str, **changes: Any) -> Pop:
        """The same pop in its next state; *changes* as for `replace`."""
        return replace(self, state=state, revision=self.revision + 1, **{"mine": False, **changes})

    def waits(self, now: int) -> Pop:
        """It, waiting until it is hers to take."""
        return replace(self, state="waiting", mine=False, expires_at=now + QUEUE_SECONDS * 1_000_000)

    @property
    def waits_since(self) -> int:
        """When a waiting pop began to."""
        return self.expires_at - QUEUE_SECONDS * 1_000_000

    def row(self) -> tuple[Any, ...]:
        """In the order of `COLUMNS`."""
        return tuple(getattr(self, name) for name in COLUMNS)


@dataclass(frozen=True, slots=True)
class Ringing:
    """What a call means for the screens now: whom it reaches, and the state of the whole call. *handle* is the other
    side's. *was* is the call's state before, None where it is new. Only a *fresh* one makes new pops."""

    interaction_id: int
    handle: str
    line: str
    since: int
    state: CallState
    phones: Mapping[str, Rung]
    fresh: bool
    queue: str = ""
    was: CallState | None = None

    @property
    def taken(self) -> bool:
        """Whether somebody talks."""
        return self.state.taken or any(rung.state.taken for rung in self.phones.values())


def ringing(
    call: Call,
    direction: Direction,
    source: str,
    ours: Ours,
    *,
    interaction_id: int,
    since: int,
    fresh: bool,
    was: CallState | None = None,
) -> Ringing:
    """What *call*, of which *source* told last, means for the screens. *since* is microseconds since 1970."""
    return Ringing(
        interaction_id=interaction_id,
        handle=other_side(call, direction, ours),
        line=call.line or "",
        since=since,
        state=call.state or CallState.RINGING,
        phones=ours.rung(call, direction, source),
        fresh=fresh,
        queue=call.queue or "",
        was=was,
    )


def other_side(call: Call, direction: Direction, ours: Ours) -> str:
    """Who calls us, or whom we call; "" where that is withheld."""
    if direction is Direction.OUTBOUND:
        people = [each.handle for each in call.participants or () if not each.role.begins]
        return next((handle for handle in people if handle not in ours.handles), "")
    return next((each.handle for each in call.participants or () if each.role.begins), "")


def advance(call: Ringing, before: Mapping[str, Pop], now: int, new_id: Callable[[], int]) -> list[Pop]:
    """The pops of *call* that are new or changed, given the ones *before* by agent. Pure; *now* in microseconds."""
    changed: list[Pop] = []
    for agent in sorted({*call.phones, *before}):
        rung = call.phones.get(agent, _NOBODY)
        pop = before.get(agent)
        state = _state(call, rung, pop)
        mine = state == "answered" and rung.state.taken
        lasts = TALKING_SECONDS if mine else QUEUE_SECONDS if call.state is CallState.QUEUED else RINGING_SECONDS
        expires_at = now + lasts * 1_000_000
        since_when = _micros(rung.answered_at) or now if mine else None
        if pop is None:
            if call.fresh and (state == "ringing" or mine):
                changed.append(
                    Pop(
                        id=new_id(),
                        interaction_id=call.interaction_id,
                        agent=agent,
                        state=state,
                        mine=mine,
                        handle=call.handle,
                        line=call.line,
                        queue=call.queue,
                        preferred="",
                        passed_by=rung.passed_by,
                        since=call.since,
                        answered_at=since_when,
                        expires_at=expires_at,
                        revision=1,
                    )
                )
            continue
        step = _step(call, pop, state, mine, rung)
        if step is not _Step.NONE:
            about: dict[str, Any] = {"mine": mine, "expires_at": expires_at, "answered_at": since_when}
            if step is _Step.ANEW:
                about |= {"id": new_id(), "since": now, "passed_by": rung.passed_by}
            changed.append(pop.moved(state, **about))
    return changed


class _Step(Enum):
    NONE = auto()
    ON = auto()  # the same pop goes on
    ANEW = auto()  # it had left her screens: what comes now is another


def _state(call: Ringing, rung: Rung, pop: Pop | None) -> str:
    if call.state is CallState.ENDED:
        return "over"
    if rung.state.taken:
        return "answered"
    talked = pop is not None and pop.current
    # A phone that rings though somebody talks rings because the call is passed on to it; a group is not asked again,
    # and neither is she of it who just talked.
    if rung.state is not CallState.ENDED and not (rung.reach is Reach.GROUP and (call.taken or talked)):
        return "ringing"
    if talked:
        return "over"  # her part in it, though others may talk on
    return "answered" if call.taken else "over"


def _step(call: Ringing, pop: Pop, state: str, mine: bool, rung: Rung) -> _Step:
    if (pop.state, pop.mine) == (state, mine):
        return _Step.NONE
    if pop.state == "waiting":
        # A group's call waits until it is hers to take; but a phone that rings is shown.
        if state == "ringing":
            return _Step.NONE if rung.reach is Reach.GROUP else _Step.ANEW
        return _Step.ON
    if mine:
        return _Step.ON if pop.shown else _Step.ANEW if call.fresh else _Step.NONE
    if state == "ringing":
        gone = pop.state == "answered" or (pop.state == "over" and pop.expires_at != GIVEN_UP)
        return _Step.ANEW if gone and call.fresh and rung.reach is not Reach.GROUP else _Step.NONE
    return _Step.NONE if pop.state == "over" or (pop.state == "dismissed" and state == "answered") else _Step.ON


def _micros(when: datetime | None) -> int | None:
    return micros(when) if when else None
