"""From what a phone system says to what the hub says.

With an `agent`, `ringing`, `answered` and `missed` are about that phone, so that a group of phones may ring for one
call; `ended` is about the call and ends it on every phone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from connectors.calls.payloads import CallNews
from hub import (
    Agent,
    Call,
    CallState,
    Channel,
    Direction,
    Event,
    Leg,
    Outcome,
    Participant,
    Role,
    Setup,
    Unsupported,
)
from hub.formats.digest import stable_id
from hub.formats.handles import phone

_STATES = {
    "ringing": CallState.RINGING,
    "answered": CallState.ANSWERED,
    "ended": CallState.ENDED,
    "missed": CallState.ENDED,
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose phones a source's calls reach: the source's *name* and *lines* (handles), and the colleagues by their id,
    by their extensions and by their handles."""

    name: str
    region: str
    lines: frozenset[str]
    by_id: dict[str, Agent]
    by_extension: dict[str, Agent]
    by_handle: dict[str, Agent]

    @classmethod
    def of(cls, setup: Setup) -> Desk:
        """What *setup* says of them."""
        return cls(
            name=setup.name,
            region=setup.region,
            lines=frozenset(setup.ours),
            by_id={agent.id: agent for agent in setup.agents},
            by_extension={extension: agent for agent in setup.agents for extension in agent.extensions},
            by_handle={handle: agent for agent in setup.agents for handle in agent.handles},
        )

    def extension(self, said: str | None) -> str | None:
        """`pbx/21` for the extension that *said* names: in full, or as `21` on the source called `pbx`."""
        named = (said or "", f"{self.name}/{said}")
        return next((extension for extension in named if extension in self.by_extension), None)

    def leg(self, said: str, state: CallState, at: datetime, outcome: Outcome | None) -> Leg:
        """The phone of the agent that *said* names by id, extension or number. One that nobody has is kept as it was
        said, and rings nowhere."""
        handle = phone(said, self.region)
        reached = self.extension(said) or (handle if handle in self.by_handle else said)
        by_id = said in self.by_id
        return Leg(
            id=said if by_id else reached,
            phone=None if by_id else reached,
            agent=said if by_id else None,
            state=state,
            answered_at=at if state is CallState.ANSWERED else None,
            ended_at=at if state is CallState.ENDED else None,
            outcome=outcome,
        )

    def participant(self, said: str | None, role: Role) -> Participant:
        """Who *said* is: a colleague at an extension, or somebody with a number; without a handle if neither."""
        extension = self.extension(said)
        if extension is not None:
            agent = self.by_extension[extension]
            own = next((handle for handle in agent.handles if handle.startswith(("tel:", "sip:"))), "")
            return Participant(own, role, agent.name)
        handle = phone(said, self.region) if said else None
        if handle is not None:
            return Participant(handle, role)
        # An extension of which the config knows nothing is still better than "withheld".
        return Participant("", role, said if said and said.isdigit() else "")


def event(body: bytes, desk: Desk, received_at: datetime) -> Event:
    """What *body* says, on the key `<source>:<id>`, so that equal ids of two phone systems are two calls. *received_at*
    stands in where the phone system says no time. Raises `Unsupported`."""
    try:
        news = CallNews.model_validate_json(body)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors())
        raise Unsupported(f"Not a call as docs/TELEPHONY.md describes it: {'; '.join(problems)}.") from error
    at = news.at or received_at
    return Event(
        key=f"{desk.name}:{news.id}",
        id=stable_id(news.event, news.agent, news.at, news.duration, news.caller, news.called),
        channel=Channel.VOICE,
        at=at,
        facts=_facts(news, desk, at),
        order=tuple(_STATES).index(news.event),
    )


def _facts(news: CallNews, desk: Desk, at: datetime) -> Call:
    state = _STATES[news.event]
    ended = news.event == "ended"
    duration = round(news.duration) if ended and news.duration is not None else None
    # Talking time proves that somebody answered, even where the phone system never says so.
    talked = Outcome.COMPLETED if duration else None
    missed = Outcome.MISSED if news.event == "missed" else None
    agent = news.agent or desk.extension(news.called)
    legs = (desk.leg(agent, state, at, talked or (missed and Outcome.NO_ANSWER)),) if agent else ()
    whole = ended or not legs
    return Call(
        participants=_participants(news, desk),
        line=_line(news, desk),
        direction=_direction(news, desk),
        state=state if whole else None,
        started_at=at if state is CallState.RINGING else None,
        answered_at=at if whole and state is CallState.ANSWERED else None,
        ended_at=at if whole and state is CallState.ENDED else None,
        duration=duration,
        outcome=talked or missed,
        legs=legs,
    )


def _participants(news: CallNews, desk: Desk) -> tuple[Participant, ...] | None:
    said = ((news.caller, "caller", Role.CALLER), (news.called, "called", Role.CALLEE))
    known = (desk.participant(text, role) for text, field, role in said if field in news.model_fields_set)
    return tuple(known) or None


def _line(news: CallNews, desk: Desk) -> str | None:
    """The number of ours that is called or calls."""
    called, caller = (phone(said, desk.region) if said else None for said in (news.called, news.caller))
    ours = next((handle for handle in (called, caller) if handle in desk.lines), None)
    outside = caller not in desk.by_handle and desk.extension(news.caller) is None
    return ours or (called if outside and news.caller is not None else None)


def _direction(news: CallNews, desk: Desk) -> Direction | None:
    """Known here only where an extension calls: addresses are the core's to compare."""
    if desk.extension(news.caller) is None:
        return None
    return Direction.OUTBOUND if desk.extension(news.called) is None else Direction.INTERNAL
