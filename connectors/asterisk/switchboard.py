"""What the phone system's events amount to: channels become the phones of a call, by what Asterisk links together.

Asterisk gives every channel a `Uniqueid`, and all channels of one call the `Linkedid` of its first. An interaction is
`<source>:<linkedid>`. When two calls become one (a transfer, a pickup) Asterisk changes the Linkedid of one of them;
the interaction with somebody outside goes on then, under the key that it has had.

Nothing here does I/O or knows a clock. Events that Asterisk repeats have the same id, so that what is heard again after
a reconnect changes nothing.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connectors.asterisk.causes import of_originate, unanswered
from connectors.asterisk.numbers import DIALLED, RUNG, End, Numbers, device_of, is_pseudo
from connectors.asterisk.wire import Packet
from hub import (
    Call,
    CallState,
    Channel,
    Direction,
    Event,
    Joined,
    Leg,
    Outcome,
    Participant,
    Recording,
    Role,
)
from hub.formats.digest import stable_id

REMEMBERED = 2_000
"""Calls that are over and still known: what is told of them a moment later is not a new call."""

Sound = Callable[[str, Packet, datetime], Recording | None]
"""Makes a recording of the file that a channel variable names: by the variable's name, its event and the time."""


def no_sound(_variable: str, _packet: Packet, _at: datetime) -> Recording | None:
    """Where no file can be had."""
    return None


@dataclass(slots=True)
class _Phone:
    """A channel that is a phone. *leg* says whether it is told as a leg of its call. *name* is the channel's, by which
    the leg goes: call detail records have that only, so the same leg is known again there."""

    id: str
    name: str
    call: _Conversation
    end: End
    linkedid: str
    leg: bool
    state: CallState | None = None
    dialled: bool = False
    dial_status: str = ""
    joined: Joined | None = None
    by: str | None = None
    bridge: str = ""
    recording: Recording | None = None
    machine: bool = False


@dataclass(slots=True)
class _Conversation:
    """A call while it is alive. *caller* is the id of the phone that began it; *told* is false while it is not worth
    telling: a phone of ours that has called nobody yet."""

    id: str
    caller: str
    outside: bool
    phones: dict[str, _Phone] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    told: bool = False
    answered: bool = False
    direction: Direction | None = None
    queue: str = ""
    queued: bool = False
    passed_on_by: str = ""
    consulting: str = ""
    exten: str = ""
    cause: str = ""


class Switchboard:
    """Hears packets and says what they mean. *sound* makes recordings of files."""

    def __init__(self, numbers: Numbers, sound: Sound = no_sound) -> None:
        self._numbers = numbers
        self._sound = sound
        self._phones: dict[str, _Phone] = {}
        self._calls: dict[str, _Conversation] = {}
        self._aliases: dict[str, str] = {}
        self._over: OrderedDict[str, None] = OrderedDict()
        self._just_over: list[str] = []
        self._order = itertools.count(1)
        self._events: list[Event] = []
        self._hears: Mapping[str, Callable[[Packet, datetime], None]] = {
            "Newchannel": self._newchannel,
            "Newstate": self._newstate,
            "NewCallerid": self._newcallerid,
            "DialBegin": self._dial_begin,
            "DialState": self._dial_state,
            "DialEnd": self._dial_end,
            "BridgeEnter": self._bridge_enter,
            "BridgeLeave": self._bridge_leave,
            "Hold": self._hold,
            "Unhold": self._hold,
            "BlindTransfer": self._blind_transfer,
            "AttendedTransfer": self._attended_transfer,
            "Pickup": self._pickup,
            "ConfbridgeJoin": self._conference,
            "QueueCallerJoin": self._queue_join,
            "QueueCallerLeave": self._queue_leave,
            "QueueCallerAbandon": self._queue_leave,
            "AgentCalled": self._agent_called,
            "AgentConnect": self._agent_connect,
            "AgentRingNoAnswer": self._agent_no_answer,
            "VarSet": self._varset,
            "MixMonitorStop": self._recorded,
            "OriginateResponse": self._originated,
            "Hangup": self._hangup,
        }

    # --- what others ask ----------------------------------------------------------------------------------------------

    def hear(self, packet: Packet, at: datetime) -> list[Event]:
        """What *packet*, which came at *at*, says of calls."""
        hears = self._hears.get(packet.event)
        if hears is not None:
            hears(packet, at)
        return self._said()

    def resume(self, alive: Mapping[str, str], channels: Sequence[Packet], at: datetime) -> list[Event]:
        """What is true when a connection begins. *alive* are the linkedids of calls that were alive when the last one
        ended, each with the id of its interaction; *channels* are those of `CoreShowChannels`."""
        self._aliases = {linkedid: ident for linkedid, ident in alive.items() if linkedid != ident}
        known = set(alive.values())
        for packet in sorted(channels, key=lambda each: each["Uniqueid"] != each["Linkedid"]):
            if not packet["Uniqueid"] or is_pseudo(packet["Channel"]) or packet["Uniqueid"] in self._phones:
                continue
            called = packet["Application"].startswith(("AppDial", "AppQueue")) or packet["Uniqueid"].startswith(RUNG)
            phone = self._found(packet, at, called=called)
            phone.bridge = packet["BridgeId"]
            phone.call.told |= phone.call.id in known
            if called and phone.leg:
                self._begin(phone.call, at)
                self._leg_state(phone, _STATES.get(packet["ChannelState"], CallState.QUEUED), at)
        return self._said()

    def gone(self, idents: Iterable[str], at: datetime) -> list[Event]:
        """Calls that were alive before, are not any more, and of whose end nothing is known: they are over."""
        for ident in idents:
            facts = Call(state=CallState.ENDED, ended_at=at, presumed=True)
            self._events.append(self._event(ident, "gone", at, facts))
            self._forget(ident)
        return self._said()

    def _said(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    @property
    def alive(self) -> dict[str, str]:
        """The linkedids of the calls that are alive, each with the id of its interaction."""
        told = {ident: ident for ident, call in self._calls.items() if call.told}
        return {**told, **{linkedid: ident for linkedid, ident in self._aliases.items() if ident in told}}

    def interaction(self, linkedid: str) -> str:
        """The id of the interaction that *linkedid* belongs to."""
        return self._aliases.get(linkedid, linkedid)

    def lives(self, linkedid: str) -> bool:
        """Whether this call is alive."""
        return self.interaction(linkedid) in self._calls or linkedid in self._phones

    def take_over(self) -> list[str]:
        """The ids of the calls that ended, by what live events told, since this was last asked."""
        over, self._just_over = self._just_over, []
        return over

    # --- channels -----------------------------------------------------------------------------------------------------

    def _newchannel(self, packet: Packet, at: datetime) -> None:
        if not is_pseudo(packet["Channel"]):
            self._found(packet, at, called=packet["Uniqueid"] != packet["Linkedid"])

    def _found(self, packet: Packet, at: datetime, *, called: bool, prefix: str = "") -> _Phone:
        """The phone that *packet* is about; one that nobody has told of yet is known from now on."""
        uniqueid = packet[f"{prefix}Uniqueid"]
        linkedid = packet[f"{prefix}Linkedid"] or uniqueid
        phone = self._phones.get(uniqueid)
        if phone is not None:
            if linkedid != phone.linkedid:
                self._relinked(phone, linkedid, at)
            return phone
        number, name = packet[f"{prefix}CallerIDNum"], packet[f"{prefix}CallerIDName"]
        exten = "" if packet[f"{prefix}Exten"] == "s" else packet[f"{prefix}Exten"]
        end = self._numbers.end(packet[f"{prefix}Channel"], number, name)
        ident = self._aliases.get(linkedid, linkedid)
        call = self._calls.get(ident)
        begins = call is None
        if call is None:
            called = called and uniqueid.startswith(RUNG)
            call = self._calls[ident] = _Conversation(ident, uniqueid, not end.ours, exten=exten)
        phone = _Phone(uniqueid, packet[f"{prefix}Channel"], call, end, linkedid, leg=called or not begins)
        self._phones[uniqueid] = call.phones[uniqueid] = phone
        if begins and not end.ours and not exten and packet[f"{prefix}ChannelState"] == "0":
            call.caller = ""  # an application calls somebody outside: nobody of ours is there yet
            self._calls_out(call, end.phone, at)
        elif begins and uniqueid.startswith(DIALLED):
            call.outside, call.direction = True, Direction.OUTBOUND
            self._begin(call, at)
        elif begins and not end.ours:
            self._begin(call, at)
        elif begins and exten and not self._numbers.is_internal(exten):
            self._calls_out(call, self._numbers.handle(exten), at)
        return phone

    def _known(self, packet: Packet, at: datetime, prefix: str = "") -> _Phone | None:
        """The phone that *packet* is about, `None` where that is no phone."""
        channel = packet[f"{prefix}Channel"]
        uniqueid = packet[f"{prefix}Uniqueid"]
        if not uniqueid or (is_pseudo(channel) and uniqueid not in self._phones):
            return None
        linkedid = packet[f"{prefix}Linkedid"]
        if uniqueid not in self._phones and (linkedid in self._over or uniqueid in self._over):
            return None
        return self._found(packet, at, called=uniqueid != linkedid, prefix=prefix)

    def _newstate(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at)
        state = _STATES.get(packet["ChannelState"])
        if phone is None or not phone.leg:
            if phone is not None and phone.id.startswith(DIALLED):
                phone.state = state
            return
        if state is CallState.RINGING or (state is CallState.ANSWERED and not phone.dialled):
            self._leg_state(phone, state, at)

    def _newcallerid(self, packet: Packet, at: datetime) -> None:
        """The dialplan has set who calls. What it sets for a phone of ours is shown outside, and no news."""
        phone = self._known(packet, at)
        if phone is None or phone.leg or phone.id != phone.call.caller or phone.end.ours:
            return
        number = packet["CallerIDNum"]
        end = self._numbers.end(packet["Channel"], number, packet["CallerIDName"])
        if not end.ours and end != phone.end:
            phone.end = end
            caller = self._numbers.participant(end, Role.CALLER)
            self._tell(phone.call, stable_id("caller", end.phone, end.name), at, Call(participants=(caller,)))

    # --- ringing and answering ----------------------------------------------------------------------------------------

    def _dial_begin(self, packet: Packet, at: datetime) -> None:
        phone, source = self._known(packet, at, "Dest"), self._known(packet, at)
        if phone is None:
            return
        if source is None and phone.id == phone.call.caller and not phone.id.startswith(RUNG):
            return  # a phone that is rung so that it may call somebody then
        phone.dialled = source is not None
        called = _dialled_number(packet["DialString"])
        if not phone.end.ours or (called and not self._numbers.is_internal(called)):
            phone.end = self._numbers.end(packet["DestChannel"], packet["DestCallerIDNum"], called=called)
            if not phone.end.phone:
                phone.end = self._numbers.extension(device_of(phone.name).partition("/")[2])
        self._dials(phone, source, at)
        shown = self._numbers.handle(packet["CallerIDNum"])
        if phone.call.direction is Direction.OUTBOUND and shown in self._numbers.lines:
            self._tell(phone.call, f"line:{shown}", at, Call(line=shown))

    def _dials(self, phone: _Phone, source: _Phone | None, at: datetime) -> None:
        """*phone* is being called, by *source* if a phone called it."""
        call = phone.call
        phone.leg = True
        if call.queued:
            phone.joined = Joined.QUEUE
        elif call.passed_on_by:
            phone.joined, phone.by = Joined.BLIND_TRANSFER, call.passed_on_by
        elif source is not None and source.leg and call.answered and source.end.ours:
            phone.joined, phone.by = Joined.WARM_TRANSFER, source.name
        elif source is None and call.answered and call.consulting:
            phone.joined, phone.by = Joined.WARM_TRANSFER, call.consulting
        if call.direction is not Direction.INBOUND and phone.joined is None and call.caller in call.phones:
            if phone.end.ours and not call.outside:
                self._calls_inside(call, phone.end, at)
            elif not phone.end.ours:
                self._calls_out(call, phone.end.phone, at)
        self._begin(call, at)
        self._leg_state(phone, CallState.QUEUED, at)

    def _dial_state(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at, "Dest")
        if phone is not None and phone.leg and packet["DialStatus"] in ("RINGING", "PROGRESS"):
            self._leg_state(phone, CallState.RINGING, at)

    def _dial_end(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at, "Dest")
        if phone is None or not phone.leg:
            return
        phone.dial_status = packet["DialStatus"]
        if phone.dial_status == "ANSWER":
            self._leg_state(phone, CallState.ANSWERED, at)

    def _agent_called(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at, "Dest")
        if phone is not None:
            phone.dialled, phone.joined = True, Joined.QUEUE
            self._dials(phone, None, at)

    def _agent_connect(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at, "Dest")
        if phone is not None and phone.leg:
            self._leg_state(phone, CallState.ANSWERED, at)

    def _agent_no_answer(self, packet: Packet, at: datetime) -> None:
        phone = self._phones.get(packet["DestUniqueid"])
        if phone is not None and not phone.dial_status:
            phone.dial_status = "NOANSWER"

    def _queue_join(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at)
        if phone is not None:
            phone.call.queue, phone.call.queued = packet["Queue"], True
            facts = Call(queue=packet["Queue"], state=CallState.QUEUED)
            self._begin(phone.call, at)
            self._tell(phone.call, f"queue:{packet['Queue']}", at, facts)

    def _queue_leave(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at)
        if phone is not None:
            phone.call.queued = False

    # --- during the talk ----------------------------------------------------------------------------------------------

    def _bridge_enter(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at)
        if phone is not None:
            phone.bridge = packet["BridgeUniqueid"]
            if phone.leg and phone.state is not None and phone.state.rank < CallState.ANSWERED.rank:
                self._leg_state(phone, CallState.ANSWERED, at)

    def _bridge_leave(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at)
        if phone is not None and phone.bridge == packet["BridgeUniqueid"]:
            phone.bridge = ""

    def _hold(self, packet: Packet, at: datetime) -> None:
        """One of our phones puts the other side on hold, or takes it back. That the other side does so is not ours."""
        phone = self._known(packet, at)
        if phone is None or not phone.end.ours or not phone.call.answered:
            return
        state = CallState.HELD if packet.event == "Hold" else CallState.ANSWERED
        phone.state = state if phone.leg else phone.state
        legs = (Leg(id=phone.name, state=state),) if phone.leg else ()
        self._tell(phone.call, f"{phone.id}:{state}:{at.isoformat()}", at, Call(state=state, legs=legs))

    def _blind_transfer(self, packet: Packet, at: datetime) -> None:
        phone = self._phones.get(packet["TransfererUniqueid"])
        if phone is not None and packet["Result"] == "Success":
            phone.call.passed_on_by = phone.name
            self._passed_on(phone, at)

    def _attended_transfer(self, packet: Packet, at: datetime) -> None:
        """A phone that talked in two calls has joined them. Whoever it had called second is in the first call now."""
        first = self._phones.get(packet["OrigTransfererUniqueid"])
        second = self._phones.get(packet["SecondTransfererUniqueid"])
        if first is None or second is None or packet["Result"] != "Success":
            return
        self._passed_on(first, at, CallState.ANSWERED)
        if first.call is second.call:
            return
        stays, goes = (first, second) if first.call.outside or not second.call.outside else (second, first)
        leaving = goes.call
        for phone in [each for each in leaving.phones.values() if each is not goes and each is not stays]:
            phone.joined, phone.by, phone.leg = Joined.WARM_TRANSFER, stays.name, True
            self._move(phone, stays.call, at)
        for linkedid in {packet["OrigTransfererLinkedid"], packet["SecondTransfererLinkedid"]} - {stays.call.id, ""}:
            if linkedid != leaving.id or not leaving.outside:
                self._aliases[linkedid] = stays.call.id
        self._maybe_over(leaving, at)

    def _passed_on(self, phone: _Phone, at: datetime, state: CallState = CallState.TRANSFERRED) -> None:
        """*phone* has given the call away; as a whole it is in *state* then."""
        phone.call.consulting = ""
        legs = (Leg(id=phone.name, state=CallState.TRANSFERRED),) if phone.leg else ()
        facts = Call(state=state, legs=legs)
        self._tell(phone.call, f"{phone.id}:transferred", at, facts)

    def _pickup(self, packet: Packet, at: datetime) -> None:
        """Somebody takes a call that rings at a colleague's (`Pickup`): her phone takes the place of that one."""
        phone, target = self._phones.get(packet["Uniqueid"]), self._phones.get(packet["TargetUniqueid"])
        if phone is not None and target is not None:
            phone.joined, phone.leg = Joined.PICKUP, True
            self._move(phone, target.call, at)

    def _conference(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at)
        if phone is None:
            return
        phone.joined = phone.joined or Joined.CONFERENCE
        self._begin(phone.call, at)
        if phone.end.ours:
            phone.leg = True
            self._leg_state(phone, CallState.ANSWERED, at)
        else:
            phone.call.answered = True
            self._tell(phone.call, f"{phone.id}:conference", at, Call(state=CallState.ANSWERED, answered_at=at))

    def _varset(self, packet: Packet, at: datetime) -> None:
        variable = packet["Variable"]
        if variable == "ATTENDEDTRANSFER" and packet["Value"]:  # set on what only joins: by whom somebody is asked
            call = self._calls.get(self.interaction(packet["Linkedid"]))
            if call is not None:
                call.consulting = packet["Value"]
        if variable not in ("MIXMONITOR_FILENAME", "VM_MESSAGEFILE", "AMDSTATUS") or not packet["Value"]:
            return
        phone = self._known(packet, at)
        if phone is None:
            return
        if variable == "AMDSTATUS":
            phone.machine = packet["Value"] == "MACHINE"
            return
        if variable == "MIXMONITOR_FILENAME":
            phone.recording = self._sound(variable, packet, at)
            return
        found = self._sound(variable, packet, at)
        self._begin(phone.call, at)
        facts = Call(outcome=Outcome.VOICEMAIL, recordings=(found,) if found else ())
        self._tell(phone.call, f"voicemail:{packet['Value']}", at, facts)

    def _recorded(self, packet: Packet, at: datetime) -> None:
        phone = self._phones.get(packet["Uniqueid"])
        if phone is not None:
            self._tell_recording(phone, at)

    def _tell_recording(self, phone: _Phone, at: datetime) -> None:
        recording, phone.recording = phone.recording, None
        if recording is not None:
            self._tell(phone.call, f"recording:{recording.id}", at, Call(recordings=(recording,)))

    # --- the end ------------------------------------------------------------------------------------------------------

    def _originated(self, packet: Packet, at: datetime) -> None:
        """A phone of ours that was to call somebody was not picked up, or cannot be rung at all."""
        ident = packet["ActionID"]
        if packet["Response"] != "Failure" or not ident.startswith(DIALLED):
            return
        if ident in self._over or ident in self._calls:
            return  # its hangup tells, or it is another attempt at a call that is under way
        outcome = of_originate(packet["Reason"])
        facts = Call(direction=Direction.OUTBOUND, state=CallState.ENDED, ended_at=at, outcome=outcome)
        self._events.append(self._event(ident, "not placed", at, facts))
        self._forget(ident)

    def _hangup(self, packet: Packet, at: datetime) -> None:
        phone = self._known(packet, at)
        if phone is None:
            return
        call, cause = phone.call, packet["Cause"]
        self._tell_recording(phone, at)
        if phone.leg or (phone.id.startswith(DIALLED) and phone.state is not CallState.ANSWERED):
            self._leg_ended(phone, cause, at)
        if phone.id == call.caller:
            call.cause = cause
        del self._phones[phone.id]
        call.phones.pop(phone.id, None)
        self._maybe_over(call, at)

    def _leg_ended(self, phone: _Phone, cause: str, at: datetime) -> None:
        took = phone.state is not None and phone.state.taken
        spoken_to = Outcome.VOICEMAIL if phone.machine else Outcome.COMPLETED
        outcome = spoken_to if took else unanswered(cause, phone.dial_status)
        phone.state = CallState.ENDED
        leg = Leg(id=phone.name, phone=phone.end.phone or None, state=CallState.ENDED, ended_at=at, outcome=outcome)
        self._tell(phone.call, f"{phone.id}:ended", at, Call(legs=(leg,)))

    def _maybe_over(self, call: _Conversation, at: datetime) -> None:
        """The call is over with its last phone."""
        if call.phones or self._calls.get(call.id) is not call:
            return
        del self._calls[call.id]
        if call.told:
            self._forget(call.id)
            outcome = None if call.answered or not call.cause else unanswered(call.cause, "")
            self._events.append(
                self._event(call.id, "ended", at, Call(state=CallState.ENDED, ended_at=at, outcome=outcome))
            )
        self._aliases = {linkedid: ident for linkedid, ident in self._aliases.items() if ident != call.id}

    def _forget(self, ident: str) -> None:
        self._over[ident] = None
        self._just_over.append(ident)
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)

    # --- calls that become one ----------------------------------------------------------------------------------------

    def _relinked(self, phone: _Phone, linkedid: str, at: datetime) -> None:
        """Asterisk has put *phone* into another call. The call with somebody outside is the one that goes on; two that
        both have somebody outside (in a conference) stay two."""
        phone.linkedid = linkedid
        call = phone.call
        other = self._calls.get(self._aliases.get(linkedid, linkedid))
        if other is None:
            self._aliases[linkedid] = call.id
        elif other is not call and not call.outside:
            self._move(phone, other, at)
            self._maybe_over(call, at)
        elif other is not call and not other.outside:
            for each in list(other.phones.values()):
                self._move(each, call, at)
            self._aliases[linkedid] = call.id
            self._maybe_over(other, at)

    def _move(self, phone: _Phone, call: _Conversation, at: datetime) -> None:
        """*phone* leaves its call for *call*, where it is a leg."""
        before = phone.call
        if before is call:
            return
        if phone.leg and phone.state is not None and before.told:
            ended = Leg(id=phone.name, state=CallState.ENDED, ended_at=at)
            self._tell(before, f"{phone.id}:moved", at, Call(legs=(ended,)))
        before.phones.pop(phone.id, None)
        phone.call, call.phones[phone.id] = call, phone
        phone.leg, phone.state = True, None
        self._begin(call, at)
        self._leg_state(phone, CallState.ANSWERED, at)

    # --- telling ------------------------------------------------------------------------------------------------------

    def _begin(self, call: _Conversation, at: datetime) -> None:
        """Tell of the call, once: who calls, and which number of ours."""
        if call.told:
            return
        call.told = True
        caller = call.phones.get(call.caller)
        if caller is None:
            facts = Call(direction=call.direction, state=CallState.QUEUED, started_at=at)
            self._events.append(self._event(call.id, "began", at, facts))
            return
        if caller.end.ours and call.direction is None and not caller.id.startswith(DIALLED):
            call.direction = Direction.INTERNAL
        participants: tuple[Participant, ...] = (self._numbers.participant(caller.end, Role.CALLER),)
        line = None
        if not caller.end.ours:
            call.direction = Direction.INBOUND
            line = self._numbers.line(call.exten)
            participants += (Participant(line, Role.CALLEE),) if line else ()
        elif not caller.leg and not caller.id.startswith(DIALLED):
            self._tell(call, f"{caller.id}:calls", at, Call(legs=(Leg(id=caller.name, phone=caller.end.phone),)))
        facts = Call(
            participants=participants,
            line=line,
            direction=call.direction,
            state=CallState.QUEUED,
            started_at=at,
        )
        self._events.append(self._event(call.id, "began", at, facts))

    def _calls_out(self, call: _Conversation, callee: str, at: datetime) -> None:
        call.outside, call.direction = True, Direction.OUTBOUND
        self._begin(call, at)
        facts = Call(participants=(Participant(callee, Role.CALLEE),), direction=Direction.OUTBOUND)
        self._tell(call, f"callee:{callee}", at, facts)

    def _calls_inside(self, call: _Conversation, end: End, at: datetime) -> None:
        call.direction = call.direction or Direction.INTERNAL
        self._begin(call, at)
        callee = self._numbers.participant(end, Role.CALLEE)
        self._tell(call, f"callee:{end.phone}", at, Call(participants=(callee,), direction=call.direction))

    def _leg_state(self, phone: _Phone, state: CallState, at: datetime) -> None:
        """Tell where a leg stands, if that is news."""
        if phone.state is not None and state.rank <= phone.state.rank:
            return
        phone.state = state
        if state.taken:
            phone.call.answered = True
            phone.call.passed_on_by = ""
            self._tell_who_dialled(phone.call, at)
        leg = Leg(
            id=phone.name,
            phone=phone.end.phone or None,
            state=state,
            started_at=at if state is CallState.QUEUED else None,
            answered_at=at if state is CallState.ANSWERED else None,
            joined=phone.joined,
            by=phone.by,
        )
        self._tell(phone.call, f"{phone.id}:{state}", at, Call(legs=(leg,)))

    def _tell_who_dialled(self, call: _Conversation, at: datetime) -> None:
        """The colleague for whom the hub calls is on the call once somebody is there: that she picked up her own phone
        is no answer to it."""
        caller = call.phones.get(call.caller)
        if caller is not None and caller.id.startswith(DIALLED):
            leg = Leg(id=caller.name, phone=caller.end.phone, answered_at=at)
            self._tell(call, f"{caller.id}:calls", at, Call(legs=(leg,)))

    def _tell(self, call: _Conversation, what: str, at: datetime, facts: Call) -> None:
        if call.told and what not in call.said:
            call.said.add(what)
            self._events.append(self._event(call.id, what, at, facts))

    def _event(self, ident: str, what: str, at: datetime, facts: Call) -> Event:
        key = f"{self._numbers.source}:{ident}"
        return Event(key=key, id=what, channel=Channel.VOICE, at=at, facts=facts, order=next(self._order))


_STATES = {"5": CallState.RINGING, "6": CallState.ANSWERED}


def _dialled_number(dialled: str) -> str:
    """The number in what `Dial` was told: `+4930555@trunk`, `trunk/+4930555`, `trunk/sip:+4930555@host`."""
    if "@" in dialled and "/" not in dialled:
        return dialled.partition("@")[0]
    return dialled.rpartition("/")[2].removeprefix("sip:").partition("@")[0] if "/" in dialled else ""


def events_of(switchboard: Switchboard, packets: Iterable[tuple[Packet, datetime]]) -> list[Event]:
    """What all these packets say, in order."""
    return [event for packet, at in packets for event in switchboard.hear(packet, at)]
