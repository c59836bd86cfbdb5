"""From what Twilio says to what the hub says.

A call is known by the CallSid of its parent. The phones that `<Dial>` rings are child calls: each is a leg, its `To` is
the phone. Twilio's `Direction` is its own point of view (a colleague who calls from her SIP phone is "inbound" to
Twilio, and each leg of `<Dial>` is "outbound"), so it is believed only where it says that an application called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import ValidationError

from connectors.twilio.payloads import CallRequest, MessageRequest, RecordingRequest
from hub import (
    Call,
    CallState,
    Channel,
    Direction,
    Event,
    Leg,
    Message,
    Outcome,
    Participant,
    Role,
    Setup,
    Unsupported,
)
from hub.formats.digest import stable_id
from hub.formats.handles import phone

_STATES = {"ringing": CallState.RINGING, "in-progress": CallState.ANSWERED}
_BEGINS = (None, CallState.RINGING)
_OUTCOMES = {
    "completed": Outcome.COMPLETED,
    "answered": Outcome.COMPLETED,
    "busy": Outcome.BUSY,
    "no-answer": Outcome.NO_ANSWER,
    "failed": Outcome.FAILED,
    "canceled": Outcome.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Us:
    """What is ours: the *lines* (numbers) of the source, and the *phones* of the colleagues, both as handles."""

    region: str
    lines: frozenset[str]
    phones: frozenset[str]

    @classmethod
    def of(cls, setup: Setup) -> Us:
        """What *setup* says of us."""
        phones = frozenset(handle for agent in setup.agents for handle in agent.handles)
        return cls(setup.region, frozenset(setup.ours), phones)

    def handle(self, address: str | None) -> str:
        """The handle of what Twilio calls an address; empty for a withheld one and for none."""
        return (phone(address, self.region) if address else None) or ""


def events(fields: Mapping[str, str], query: Mapping[str, str], us: Us, received_at: datetime) -> tuple[Event, ...]:
    """What the parameters *fields* of a verified request say; *query* are those of the URL it came to, where the owner
    of the number may have added `line` and `caller`. *received_at* stands in where Twilio says no time. Nothing for
    what is known and not wanted. Raises `Unsupported`.
    """
    try:
        if "TranscriptionSid" in fields:
            raise Unsupported("A transcription: the hub does not read these yet.")
        if "RecordingStatus" in fields:
            return _recording(RecordingRequest.model_validate(fields), received_at)
        if "CallSid" in fields:
            return (_call(CallRequest.model_validate(fields), fields, query, us, received_at),)
        if "MessageSid" in fields:
            return _message(MessageRequest.model_validate(fields), fields, us, received_at)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise Unsupported(f"Twilio sent what its documentation does not name: {'; '.join(problems)}.") from error
    raise Unsupported("Neither a call (CallSid) nor a message (MessageSid).")


def _call(
    request: CallRequest, fields: Mapping[str, str], query: Mapping[str, str], us: Us, received_at: datetime
) -> Event:
    at = request.time or received_at
    if request.sequence is None:
        said = ("DialCallSid", "DialCallStatus", "Digits", "SpeechResult", "msg")
        event_id = stable_id(request.sid, request.status, *(fields.get(name, "") for name in said))
    else:
        event_id = f"{request.sid}:{request.sequence}:{request.status}"
    if request.parent_sid:
        facts = _leg(request, query, us, at)
    elif request.direction == "outbound-api":
        facts = _made_by_application(request, us, at)
    else:
        facts = _parent(request, query, us, at)
    return Event(
        key=f"twilio:{request.parent_sid or request.sid}",
        id=event_id,
        channel=Channel.VOICE,
        at=at,
        facts=facts,
        order=request.sequence or 0,
    )


def _leg(request: CallRequest, query: Mapping[str, str], us: Us, at: datetime) -> Call:
    """A phone that `<Dial>` rings. `From` is the caller, or the line of ours that the TwiML shows as `callerId`."""
    called = us.handle(request.called)
    said = _number(query, "caller") or request.caller
    caller = us.handle(said)
    participants: tuple[Participant, ...] | None
    if not said or (caller in us.lines and called in us.phones):
        participants = None  # one of our phones is shown our own number: this leg does not know who calls
    elif caller in us.lines or caller in us.phones:
        participants = _between(caller, called)
    else:
        participants = (Participant(caller, Role.CALLER, request.caller_name),)
    state, outcome = _fate(request.status)
    leg = Leg(
        id=request.sid,
        phone=called or request.called,
        state=state,
        answered_at=at if state is CallState.ANSWERED else None,
        ended_at=at if outcome else None,
        outcome=outcome,
    )
    return Call(
        participants=participants,
        line=us.handle(_number(query, "line")) or (caller if caller in us.lines else None),
        started_at=at if state in _BEGINS else None,
        duration=request.duration if outcome else None,
        legs=(leg,),
    )


def _parent(request: CallRequest, query: Mapping[str, str], us: Us, at: datetime) -> Call:
    """A call that reached Twilio. That Twilio runs TwiML for it (`in-progress`) is no person's answer, and `completed`
    is said of a call that only the voicemail took, or nobody: what the phones say decides."""
    caller, called = us.handle(request.caller), us.handle(request.called)
    line = us.handle(_number(query, "line")) or next((each for each in (called, caller) if each in us.lines), "")
    state, outcome = _fate(request.status)
    duration = request.duration if outcome else None
    legs: tuple[Leg, ...] = ()
    if request.dialled_sid and request.dialled_status:
        legs = (
            Leg(id=request.dialled_sid, state=CallState.ENDED, ended_at=at, outcome=_OUTCOMES[request.dialled_status]),
        )
        duration = request.dialled_duration
    return Call(
        participants=_between(caller, called, request.caller_name) if request.caller is not None else None,
        # A number that Twilio takes calls for is ours, even where the config does not say so.
        line=line or (called if caller not in us.phones else "") or None,
        state=None if state is CallState.ANSWERED else state,
        started_at=at if state in _BEGINS else None,
        ended_at=at if state is CallState.ENDED else None,
        duration=duration,
        outcome=None if outcome is Outcome.COMPLETED else outcome,
        legs=legs,
    )


def _made_by_application(request: CallRequest, us: Us, at: datetime) -> Call:
    """A call that somebody's software made over the REST API. Where it rings a colleague first, to connect her then,
    she is the caller; whom she calls and what becomes of it is told by the leg that `<Dial>` opens."""
    line, called = us.handle(request.caller), us.handle(request.called)
    state, outcome = _fate(request.status)
    made = Call(
        participants=_between(line, called),
        line=line or None,
        direction=Direction.OUTBOUND,
        state=state,
        started_at=at if state in _BEGINS else None,
        answered_at=at if state is CallState.ANSWERED else None,
        ended_at=at if outcome else None,
        duration=request.duration if outcome else None,
        outcome=outcome,
    )
    if called not in us.phones:
        return made
    return replace(
        made,
        participants=(Participant(called, Role.CALLER),),
        state=state if outcome else None,
        answered_at=None,
        duration=None,
        outcome=None if outcome is Outcome.COMPLETED else outcome,
    )


def _fate(status: str) -> tuple[CallState | None, Outcome | None]:
    """Where a call stands that Twilio says is *status*, and how it ended if it did."""
    outcome = _OUTCOMES.get(status)
    return (CallState.ENDED if outcome else _STATES.get(status)), outcome


def _between(caller: str, called: str, caller_name: str = "") -> tuple[Participant, ...]:
    callee = (Participant(called, Role.CALLEE),) if called else ()
    return (Participant(caller, Role.CALLER, caller_name), *callee)


def _recording(request: RecordingRequest, received_at: datetime) -> tuple[Event, ...]:
    """A message left for us makes the call a voicemail. Other recordings need consent first, so they are left alone."""
    if (request.source, request.status) != ("RecordVerb", "completed") or not request.duration:
        return ()
    event = Event(
        key=f"twilio:{request.call_sid}",
        id=f"{request.sid}:{request.status}",
        channel=Channel.VOICE,
        at=request.started_at or received_at,
        facts=Call(outcome=Outcome.VOICEMAIL),
    )
    return (event,)


def _message(request: MessageRequest, fields: Mapping[str, str], us: Us, received_at: datetime) -> tuple[Event, ...]:
    """A text message. Pictures stay at Twilio: the text names their addresses."""
    if request.delivery or request.status not in ("received", "receiving"):
        return ()
    if request.sender.startswith("messenger:"):
        raise Unsupported("A Messenger message over Twilio: the hub has no address for its sender yet.")
    channel = Channel.CHAT if request.sender.startswith("whatsapp:") else Channel.SMS
    sender, recipient = us.handle(request.sender), us.handle(request.recipient)
    media = [fields[f"MediaUrl{n}"] for n in range(request.media) if f"MediaUrl{n}" in fields]
    event = Event(
        key=f"twilio:{request.sid}",
        id=request.sid,
        channel=channel,
        at=received_at,
        facts=Message(
            participants=(
                # A sender without a number (a name such as "DHL", a short code) is known by what it calls itself.
                Participant(sender, Role.SENDER, request.sender_name or ("" if sender else request.sender)),
                Participant(recipient, Role.RECIPIENT),
            ),
            text="\n".join(filter(None, [request.text, *media])),
            sent_at=received_at,
        ),
        conversation=f"{channel}:{'|'.join(sorted((sender, recipient)))}" if sender and recipient else "",
    )
    return (event,)


def _number(query: Mapping[str, str], name: str) -> str:
    """A number that the URL tells. In a query + means a blank, and nobody remembers to write %2B."""
    number = query.get(name, "")
    return f"+{number[1:]}" if number.startswith(" ") else number
