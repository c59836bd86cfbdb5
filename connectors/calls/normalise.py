"""From what a phone system says to what the hub says.

With an `agent` or a `leg`, what is told is about that phone, so that a group of phones may ring for one call; `queued`,
`ended` and `voicemail` are about the call, and the latter two end it on every phone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    Recording,
    Role,
    Setup,
    Transcript,
    Unsupported,
)
from hub.formats.digest import stable_id
from hub.formats.handles import phone

_STATES = {
    "queued": CallState.QUEUED,
    "ringing": CallState.RINGING,
    "answered": CallState.ANSWERED,
    "held": CallState.HELD,
    "resumed": CallState.ANSWERED,
    "transferred": CallState.TRANSFERRED,
    "ended": CallState.ENDED,
    "missed": CallState.ENDED,
    "voicemail": CallState.ENDED,
}
"""The others say nothing about where the call stands."""

_ORDER = {
    "queued": -1,
    "ringing": 0,
    "answered": 1,
    "ended": 2,
    "missed": 3,
    "held": 4,
    "resumed": 5,
    "transferred": 6,
    "voicemail": 7,
    "recording": 8,
    "transcript": 9,
}
"""Within one second. An end wins whatever stands here, because a state never goes back."""

_WHOLE = ("queued", "ended", "voicemail")
"""Events about the call, even where they name a phone."""


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

    def leg(self, news: CallNews, agent: str | None, at: datetime, outcome: Outcome | None) -> Leg:
        """The phone that *news* is about: that of *agent*, named by id, extension or number, or one that has only an
        id. One that nobody has is kept as it was said, and rings nowhere."""
        state = _STATES[news.event]
        handle = phone(agent, self.region) if agent else None
        reached = self.extension(agent) or (handle if handle in self.by_handle else agent)
        by_id = agent in self.by_id
        return Leg(
            id=news.leg or (agent if by_id else reached) or "",
            phone=None if by_id else reached,
            agent=agent if by_id else None,
            state=state,
            answered_at=at if news.event == "answered" else None,
            ended_at=at if state is CallState.ENDED else None,
            outcome=outcome,
            joined=news.joined,
            by=self.leg_id(news.by) if news.by else None,
        )

    def leg_id(self, said: str) -> str:
        """The id of the leg that *said* names, where legs have no ids of their own but those of their phones."""
        handle = phone(said, self.region)
        return (
            said
            if said in self.by_id
            else self.extension(said) or (handle if handle in self.by_handle else None) or said
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
    return told(news, desk, received_at)


def told(news: CallNews, desk: Desk, received_at: datetime) -> Event:
    """*news* as an event of the call. Raises `Unsupported`."""
    at = news.at or received_at
    return Event(
        key=f"{desk.name}:{news.id}",
        id=stable_id(news.event, news.agent, news.at, news.duration, news.caller, news.called, *news.further),
        channel=Channel.VOICE,
        at=at,
        facts=_facts(news, desk, at),
        order=_ORDER[news.event],
    )


def _facts(news: CallNews, desk: Desk, at: datetime) -> Call:
    state = _STATES.get(news.event)
    over = state is CallState.ENDED
    ended = news.event in ("ended", "voicemail")
    duration = round(news.duration) if ended and news.duration is not None else None
    outcome = _outcome(news, duration)
    agent = news.agent or desk.extension(news.called)
    named = bool(agent or news.leg) and state is not None and news.event != "queued"
    # What a phone did not answer is missed only by the call.
    of_leg = Outcome.NO_ANSWER if outcome is Outcome.MISSED else outcome
    legs = (desk.leg(news, agent, at, of_leg),) if named else ()
    whole = not legs or news.event in _WHOLE
    own_outcome = outcome if whole or outcome is Outcome.MISSED or news.outcome is None else None
    return Call(
        participants=_participants(news, desk),
        line=_line(news, desk),
        direction=news.direction or _direction(news, desk),
        state=state if whole else None,
        started_at=at if state is CallState.RINGING else None,
        answered_at=at if whole and news.event == "answered" else None,
        ended_at=at if whole and over else None,
        duration=duration,
        outcome=own_outcome,
        legs=legs,
        queue=news.queue or None,
        recordings=_recordings(news),
        transcripts=_transcripts(news),
    )


def _outcome(news: CallNews, duration: int | None) -> Outcome | None:
    if news.outcome is not None:
        return news.outcome
    if news.event == "voicemail":
        return Outcome.VOICEMAIL
    # Talking time proves that somebody answered, even where the phone system never says so.
    if duration:
        return Outcome.COMPLETED
    return Outcome.MISSED if news.event == "missed" else None


def _recordings(news: CallNews) -> tuple[Recording, ...]:
    said = news.recording
    if said is None:
        return ()
    seconds = round(said.seconds) if said.seconds is not None else None
    voicemail = said.voicemail or news.event == "voicemail"
    return (Recording(id=said.id, url=said.url or "", voicemail=voicemail, seconds=seconds),)


def _transcripts(news: CallNews) -> tuple[Transcript, ...]:
    said = news.transcript
    if said is None:
        return ()
    of = said.recording or (news.recording.id if news.recording else "")
    return (Transcript(id=said.id, text=said.text, recording=of, language=said.language or ""),)


def _participants(news: CallNews, desk: Desk) -> tuple[Participant, ...] | None:
    said = ((news.caller, "caller", Role.CALLER), (news.called, "called", Role.CALLEE))
    known = [desk.participant(text, role) for text, field, role in said if field in news.model_fields_set]
    named = news.name if not desk.extension(news.caller) else None
    return tuple(replace(each, name=named) if named and each.role is Role.CALLER else each for each in known) or None


def _line(news: CallNews, desk: Desk) -> str | None:
    """The number of ours that is called or calls. Raises `Unsupported` where *news* says one that is no number."""
    if news.line:
        told = phone(news.line, desk.region)
        if told is None:
            raise Unsupported("Not a call as docs/TELEPHONY.md describes it: line: is no phone number.")
        return told
    called, caller = (phone(said, desk.region) if said else None for said in (news.called, news.caller))
    ours = next((handle for handle in (called, caller) if handle in desk.lines), None)
    outside = caller not in desk.by_handle and desk.extension(news.caller) is None
    return ours or (called if outside and news.caller is not None else None)


def _direction(news: CallNews, desk: Desk) -> Direction | None:
    """Known here only where an extension calls: addresses are the core's to compare."""
    if desk.extension(news.caller) is None:
        return None
    return Direction.OUTBOUND if desk.extension(news.called) is None else Direction.INTERNAL
