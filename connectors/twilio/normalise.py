"""From what Twilio says to what the hub says.

A call is known by the CallSid of its parent. The phones that `<Dial>` rings are child calls: each is a leg, its `To` is
the phone. Twilio's `Direction` is its own point of view (a colleague who calls from her SIP phone is "inbound" to
Twilio, and each leg of `<Dial>` is "outbound"), so it is believed only where it says that an application called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import ValidationError

from connectors.twilio.addresses import Us
from connectors.twilio.messages import message, pictures, receipts
from connectors.twilio.payloads import (
    CallRequest,
    ConferenceRequest,
    DetectionRequest,
    MessageRequest,
    RecordingRequest,
    TranscriptionRequest,
)
from hub import (
    Call,
    CallState,
    Channel,
    Direction,
    Event,
    Leg,
    Outcome,
    Participant,
    Receipt,
    Recording,
    Role,
    Transcript,
    Unsupported,
)
from hub.formats.digest import stable_id

_STATES = {
    "queued": CallState.QUEUED,
    "initiated": CallState.QUEUED,
    "ringing": CallState.RINGING,
    "in-progress": CallState.ANSWERED,
}
_BEGINS = (None, CallState.QUEUED, CallState.RINGING)
_OUTCOMES = {
    "completed": Outcome.COMPLETED,
    "answered": Outcome.COMPLETED,
    "busy": Outcome.BUSY,
    "no-answer": Outcome.NO_ANSWER,
    "failed": Outcome.FAILED,
    "canceled": Outcome.CANCELLED,
}
_IN_CONFERENCE = {"participant-hold": CallState.HELD, "participant-unhold": CallState.ANSWERED}


def events(
    fields: Mapping[str, str], query: Mapping[str, str], us: Us, received_at: datetime
) -> Sequence[Event | Receipt]:
    """What the parameters *fields* of a verified request say; *query* are those of the URL it came to, where the owner
    of the number may have added `line` and `caller`. *received_at* stands in where Twilio says no time. Nothing for
    what is known and not wanted. Raises `Unsupported`.
    """
    try:
        if "TranscriptionEvent" in fields:
            return ()  # word by word while the call goes on; what is kept is what its recording is written down as
        if "TranscriptionSid" in fields:
            return _transcription(TranscriptionRequest.model_validate(fields), received_at)
        if "RecordingStatus" in fields:
            return recording(RecordingRequest.model_validate(fields), received_at)
        if "ConferenceSid" in fields and "StatusCallbackEvent" in fields:
            return _conference(ConferenceRequest.model_validate(fields), received_at)
        if "CallSid" in fields and "CallStatus" not in fields and "AnsweredBy" in fields:
            return _detected(DetectionRequest.model_validate(fields), us, received_at)
        if "CallSid" in fields:
            return (_call(CallRequest.model_validate(fields), fields, query, us, received_at),)
        if "MessageSid" in fields:
            request = MessageRequest.model_validate(fields)
            if request.delivery:
                return receipts(request.sid, request.delivery, request.error_code, received_at)
            return message(request, pictures(fields, request.media), us, received_at)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise Unsupported(f"Twilio sent what its documentation does not name: {'; '.join(problems)}.") from error
    raise Unsupported("Neither a call (CallSid) nor a message (MessageSid).")


def _call(
    request: CallRequest, fields: Mapping[str, str], query: Mapping[str, str], us: Us, received_at: datetime
) -> Event:
    at = request.time or received_at
    if request.sequence is None:
        said = [fields.get(name, "") for name in ("DialCallSid", "DialCallStatus", "Digits", "SpeechResult", "msg")]
        event_id = stable_id(request.sid, request.status, *said, *filter(None, [request.answered_by]))
    else:
        event_id = f"{request.sid}:{request.sequence}:{request.status}"
    return Event(
        key=f"twilio:{request.parent_sid or request.sid}",
        id=event_id,
        channel=Channel.VOICE,
        at=at,
        facts=call_facts(request, query, us, at),
        order=request.sequence or 0,
    )


def call_facts(request: CallRequest, query: Mapping[str, str], us: Us, at: datetime) -> Call:
    """What *request* says, at that time, of a call or of one of its phones."""
    if request.parent_sid:
        return _leg(request, query, us, at)
    if request.direction == "outbound-api":
        return _made_by_application(request, us, at)
    return _parent(request, query, us, at)


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
    if outcome is Outcome.COMPLETED and _is_machine(request.answered_by):
        outcome = Outcome.VOICEMAIL
    leg = Leg(
        id=request.sid,
        phone=called or request.called,
        state=state,
        started_at=at if state in _BEGINS else None,
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
    if outcome is Outcome.COMPLETED and _is_machine(request.answered_by):
        outcome = Outcome.VOICEMAIL
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


def _is_machine(answered_by: str) -> bool:
    """Whether answering machine detection heard no person: `machine_start`, `machine_end_beep`, `fax`, …"""
    return answered_by.startswith("machine_") or answered_by == "fax"


def _detected(request: DetectionRequest, us: Us, received_at: datetime) -> tuple[Event, ...]:
    """A machine answered. Without its parent the leg belongs to no call that is known here."""
    if not _is_machine(request.answered_by) or request.parent_sid is None:
        return ()
    event = Event(
        key=f"twilio:{request.parent_sid}",
        id=f"{request.sid}:{request.answered_by}",
        channel=Channel.VOICE,
        at=received_at,
        facts=Call(legs=(Leg(id=request.sid, outcome=Outcome.VOICEMAIL),)),
    )
    return (event,)


def _conference(request: ConferenceRequest, received_at: datetime) -> tuple[Event, ...]:
    """Who is put on hold in a conference, and who is taken back. Who joins and leaves is told by the calls."""
    state = _IN_CONFERENCE.get(request.happened)
    if state is None or request.call_sid is None:
        return ()
    event = Event(
        key=f"twilio:{request.call_sid}",
        id=f"{request.conference_sid}:{request.sequence}:{request.happened}",
        channel=Channel.VOICE,
        at=request.time or received_at,
        facts=Call(state=state),
        order=request.sequence,
    )
    return (event,)


def recording(request: RecordingRequest, received_at: datetime, *, recovered: bool | None = None) -> tuple[Event, ...]:
    """A recording that is there to be fetched. A message left for us makes the call a voicemail."""
    if request.status != "completed" or not request.duration:
        return ()
    voicemail = request.source == "RecordVerb"
    sound = Recording(
        id=request.sid,
        url=request.url,
        voicemail=voicemail,
        seconds=request.duration,
        channels=request.channels,
        started_at=request.started_at,
    )
    event = Event(
        key=f"twilio:{request.call_sid}",
        id=f"{request.sid}:{request.status}",
        channel=Channel.VOICE,
        at=request.started_at or received_at,
        facts=Call(outcome=Outcome.VOICEMAIL if voicemail else None, recordings=(sound,), recovered=recovered),
    )
    return (event,)


def _transcription(request: TranscriptionRequest, received_at: datetime) -> tuple[Event, ...]:
    """What was said, where Twilio could write it down."""
    if request.status != "completed" or not request.text:
        return ()
    text = Transcript(id=request.sid, text=request.text, recording=request.recording_sid)
    event = Event(
        key=f"twilio:{request.call_sid}",
        id=f"{request.sid}:{request.status}",
        channel=Channel.VOICE,
        at=received_at,
        facts=Call(transcripts=(text,)),
    )
    return (event,)


def _number(query: Mapping[str, str], name: str) -> str:
    """A number that the URL tells. In a query + means a blank, and nobody remembers to write %2B."""
    number = query.get(name, "")
    return f"+{number[1:]}" if number.startswith(" ") else number
