"""A call on another phone, written down by hand: recorded like any other, under a key of our own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.vocabulary import Agent, Call, CallState, Channel, Direction, Event, Leg, Outcome, Participant, Role

SOURCE = "log"
"""The name of the source of what people write down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """What somebody says of a call: with whom (*handle*, "" where withheld), when it began (UTC), for how many seconds
    they talked, and how it ended."""

    handle: str
    direction: Direction
    began_at: datetime
    duration: int
    outcome: Outcome


def event(said: LoggedCall, call_id: int, agent: Agent | None, now: datetime) -> Event:
    """The event that records it, with the only key there is: `log:<id>`. *agent* had the call, None where the login
    belongs to nobody."""
    outbound = said.direction is Direction.OUTBOUND
    phones = [handle for handle in agent.handles if handle.startswith("tel:")] if agent else []
    them = Participant(said.handle, Role.CALLEE if outbound else Role.CALLER)
    us = [Participant(phone, Role.CALLER if outbound else Role.CALLEE) for phone in phones[:1]]
    talked = said.outcome is Outcome.COMPLETED
    ended_at = said.began_at + timedelta(seconds=said.duration)
    answered_at = said.began_at if talked else None
    legs: tuple[Leg, ...] = ()
    if agent is not None:
        legs = (
            Leg(
                id=agent.id,
                agent=agent.id,
                state=CallState.ENDED,
                answered_at=answered_at,
                ended_at=ended_at,
                outcome=said.outcome,
            ),
        )
    return Event(
        key=f"{SOURCE}:{call_id}",
        id="logged",
        channel=Channel.VOICE,
        at=now,
        facts=Call(
            participants=(*us, them) if outbound else (them, *us),
            direction=said.direction,
            state=CallState.ENDED,
            started_at=said.began_at,
            answered_at=answered_at,
            ended_at=ended_at,
            duration=said.duration if talked else 0,
            outcome=said.outcome,
            legs=legs,
        ),
    )
