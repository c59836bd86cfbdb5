"""From channels to calls: what FreeSWITCH tells of its channels becomes what the hub records of its calls.

A call is all channels that belong to the first one; its key is that channel's id (`Channel-Call-UUID`). The phones are
its legs. A caller from outside is no leg, and that FreeSWITCH has answered her, with a menu or a queue, is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.freeswitch.causes import ATTENDED_TRANSFER, BLIND_TRANSFER, unanswered
from connectors.freeswitch.numbers import Numbers
from connectors.freeswitch.wire import Told
from hub import Call, CallState, Channel, Direction, Event, Joined, Leg, Outcome, Participant, Recording, Role

EVENTS = (
    "CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_HANGUP_COMPLETE "
    "RECORD_STOP BACKGROUND_JOB HEARTBEAT CUSTOM callcenter::info"
)
"""What is asked to be told."""

REMEMBERED = 2_000
"""Channels that are over and still known, so that a late word of one finds its call."""

_TRANSFERS = (BLIND_TRANSFER, ATTENDED_TRANSFER)
_TALKING = ("ACTIVE", "HELD", "UNHELD")


@dataclass(slots=True)
class Phone:
    """A channel: its call, what rings ("": an outside caller), whether it is the caller's own, and how far it is."""

    call: str
    phone: str
    caller: bool = False
    answered: bool = False


@dataclass(slots=True)
class _Known:
    """What the end of a call depends on: whether somebody answered, whether another phone told of itself, and whether
    the end was told."""

    reached: bool = False
    rang: bool = False
    over: bool = False
    passed_by: str = ""
    joined: Joined | None = None
    talking: list[str] = field(default_factory=list)


class Switchboard:
    """*recordings* is the folder of FreeSWITCH under which recordings are told, *skew* by how much its clock is ahead.
    `phones` are the channels that are alive."""

    def __init__(self, numbers: Numbers, recordings: str = "", skew: timedelta = timedelta(0)) -> None:
        self.phones: dict[str, Phone] = {}
        self._numbers = numbers
        self._recordings = recordings.rstrip("/")
        self._skew = skew
        self._calls: dict[str, _Known] = {}
        self._aliases: dict[str, str] = {}

    @property
    def alive(self) -> dict[str, tuple[str, bool]]:
        """The channels that are alive, each with the id of its call and whether it is answered."""
        return {ident: (phone.call, phone.answered) for ident, phone in self.phones.items()}

    def resume(
        self, before: Mapping[str, tuple[str, bool]], rows: Sequence[Mapping[str, str]], now: datetime
    ) -> list[Event]:
        """What is true when a connection begins. *before* is what was `alive` when the last one ended, *rows* are those
        of `show channels`. A call that was alive and is gone is over; what became of it nobody told."""
        events: list[Event] = []
        for row in sorted(rows, key=lambda each: each.get("call_uuid", "") not in ("", each.get("uuid", ""))):
            told = _listed(row, self._skew)
            ident = told["Unique-ID"]
            if not ident or _is_pseudo(told):
                continue
            if ident in before:
                call, answered = before[ident]
                own, comes = ident == call, told["Call-Direction"] == "inbound"
                phone = self._caller(told) if own and comes else self._dialled(told)
                self._keep(ident, Phone(call, phone, own, answered))
                self._known(call).reached |= answered and not own
                self._known(call).rang |= ident != call
            else:
                events += self._create(told)
            if row.get("callstate") in _TALKING and not self.phones[ident].answered:
                events += self._answer(ident, now, 0)
        living = {phone.call for phone in self.phones.values()}
        for call in sorted({call for call, _ in before.values()} - living):
            facts = Call(state=CallState.ENDED, ended_at=now, presumed=True)
            events.append(self._event(call, "gone", now, 0, facts))
        return events

    def hear(self, told: Told) -> list[Event]:
        """What *told* says of a call; nothing where it says nothing that is recorded."""
        ident, name = told["Unique-ID"], told.name
        if name == "CUSTOM callcenter::info":
            return self._queued(told)
        if name == "BACKGROUND_JOB":
            return self._not_placed(told)
        if not ident:
            return []
        if _is_pseudo(told):
            self._remember(ident, self._call_of(told))
            return []
        if name == "RECORD_STOP":
            return self._recorded(told)
        events = [] if ident in self.phones or ident in self._aliases else self._create(told)
        at, order = self._at(told), _order(told)
        match name:
            case "CHANNEL_ANSWER":
                events += self._answer(ident, at, order)
            case "CHANNEL_BRIDGE":
                events += self._bridge(told, at, order)
            case "CHANNEL_HOLD":
                events += self._change(ident, CallState.HELD, at, order)
            case "CHANNEL_UNHOLD":
                events += self._change(ident, CallState.ANSWERED, at, order)
            case "CHANNEL_HANGUP_COMPLETE":
                events += self._hang_up(told, at, order)
        return events

    def _create(self, told: Told) -> list[Event]:
        ident, at, order = told["Unique-ID"], self._at(told), _order(told)
        call = self._call_of(told)
        known = self._known(call)
        if ident == call:
            facts, phone = self._first(told, at)
            self._keep(ident, phone)
            return [self._event(call, f"{ident}:created", at, order, facts)]
        phone = Phone(call, self._dialled(told))
        self._keep(ident, phone)
        known.rang = True
        queue = _queue(told["variable_cc_queue"])
        joined = Joined.QUEUE if queue else known.joined
        by = known.passed_by if joined is not Joined.QUEUE else ""
        leg = Leg(id=ident, phone=phone.phone, state=CallState.RINGING, started_at=at, joined=joined, by=by or None)
        return [self._event(call, f"{ident}:created", at, order, Call(legs=(leg,), queue=queue))]

    def _first(self, told: Told, at: datetime) -> tuple[Call, Phone]:
        """The call that the channel *told* begins."""
        ident, numbers = told["Unique-ID"], self._numbers
        number, dialled = told["Caller-Caller-ID-Number"] or told["Caller-ANI"], told["Caller-Destination-Number"]
        line: str | None
        if told["Call-Direction"] == "outbound":
            own = self._dialled(told)
            callee = told["variable_hub_callee"] or number
            people = (self._colleague(own, Role.CALLER), numbers.participant(callee, Role.CALLEE))
            line, direction = numbers.handle(told["variable_hub_line"]) or None, Direction.OUTBOUND
        elif own := self._caller(told):
            inside = bool(numbers.extension(dialled))
            people = (self._colleague(own, Role.CALLER), numbers.participant(dialled, Role.CALLEE))
            shown = numbers.handle(told["variable_effective_caller_id_number"])
            line, direction = shown or None, Direction.INTERNAL if inside else Direction.OUTBOUND
        else:
            line, direction = numbers.line(dialled), Direction.INBOUND
            called = Participant(line, Role.CALLEE) if line else numbers.participant(dialled, Role.CALLEE)
            people = (numbers.participant(number, Role.CALLER, told["Caller-Caller-ID-Name"]), called)
        legs = (Leg(id=ident, phone=own, started_at=at),) if own else ()
        facts = Call(
            participants=people, line=line, direction=direction, state=CallState.RINGING, started_at=at, legs=legs
        )
        return facts, Phone(ident, own, caller=True)

    def _answer(self, ident: str, at: datetime, order: int) -> list[Event]:
        phone = self.phones.get(ident)
        if phone is None or phone.answered:
            return []
        phone.answered = True
        known, told = self._known(phone.call), [ident]
        if not phone.caller:
            # The caller's own phone was picked up before, perhaps: that alone was no talk.
            own = self.phones.get(phone.call)
            told += [phone.call] if own and own.caller and own.answered and not known.reached else []
            known.reached = True
            known.passed_by, known.joined = "", None
            known.talking.append(ident)
        elif not known.reached:
            return []
        return [event for each in told for event in self._talks(each, at, order)]

    def _talks(self, ident: str, at: datetime, order: int) -> list[Event]:
        phone = self.phones[ident]
        if not phone.phone:
            return []
        leg = Leg(id=ident, phone=phone.phone, state=CallState.ANSWERED, answered_at=at)
        return [self._event(phone.call, f"{ident}:answered", at, order, Call(legs=(leg,)))]

    def _change(self, ident: str, state: CallState, at: datetime, order: int) -> list[Event]:
        phone = self.phones.get(ident)
        if phone is None or not phone.phone or not self._known(phone.call).reached:
            return []
        leg = Leg(id=ident, phone=phone.phone, state=state)
        return [self._event(phone.call, f"{ident}:{state}:{order or at}", at, order, Call(legs=(leg,)))]

    def _bridge(self, told: Told, at: datetime, order: int) -> list[Event]:
        first = told["Bridge-A-Unique-ID"] or told["Unique-ID"]
        second = told["Bridge-B-Unique-ID"] or told["Other-Leg-Unique-ID"]
        a, b = self.phones.get(first), self.phones.get(second)
        if a is None or not second:
            return []
        if b is None:
            # It was there before anybody listened: all that is known is that it talks.
            number = told["Other-Leg-Destination-Number"] or told["Caller-Callee-ID-Number"]
            b = Phone(a.call, self._numbers.extension(number) or self._numbers.handle(number) or number)
            self.phones[second] = b
            self._known(a.call).reached = b.answered = True
            leg = Leg(id=second, phone=b.phone or None, state=CallState.ANSWERED, answered_at=at)
            return [self._event(a.call, f"{second}:answered", at, order, Call(legs=(leg,)))]
        if a.call != b.call:
            return self._joined(first, second, at, order)
        return [event for ident in (first, second) for event in self._answer(ident, at, order)]

    def _joined(self, first: str, second: str, at: datetime, order: int) -> list[Event]:
        """Two calls become one: somebody has asked a colleague, and now puts the caller through to her."""
        stays, comes = (first, second) if self.phones[first].call == first else (second, first)
        phone, call = self.phones[comes], self.phones[stays].call
        before, phone.call, phone.answered = phone.call, call, True
        self._remember(comes, call)
        known = self._known(call)
        known.reached = True
        by = known.passed_by or next((each for each in reversed(known.talking) if each != comes), "")
        known.talking.append(comes)
        known.passed_by, known.joined = "", None
        leg = Leg(
            id=comes,
            phone=phone.phone or None,
            state=CallState.ANSWERED,
            answered_at=at,
            joined=Joined.WARM_TRANSFER,
            by=by or None,
        )
        events = [self._event(call, f"{comes}:joined", at, order, Call(legs=(leg,)))]
        return events if self._left(before) else [*events, *self._over(before, at, order, Told({}))]

    def _hang_up(self, told: Told, at: datetime, order: int) -> list[Event]:
        ident, cause = told["Unique-ID"], told["Hangup-Cause"]
        phone = self.phones.pop(ident, None)
        if phone is None:
            return []
        call, known, events = phone.call, self._known(phone.call), []
        passed = cause in _TRANSFERS or told["variable_endpoint_disposition"] in _TRANSFERS
        if passed and phone.phone and phone.answered:
            warm = ATTENDED_TRANSFER in (cause, told["variable_endpoint_disposition"])
            known.passed_by, known.joined = ident, Joined.WARM_TRANSFER if warm else Joined.BLIND_TRANSFER
            leg = Leg(id=ident, phone=phone.phone, state=CallState.TRANSFERRED)
            events.append(self._event(call, f"{ident}:transferred", at, order, Call(legs=(leg,))))
        if phone.phone:
            outcome = None if phone.answered else unanswered(cause)
            leg = Leg(id=ident, phone=phone.phone, state=CallState.ENDED, ended_at=at, outcome=outcome)
            events.append(self._event(call, f"{ident}:ended", at, order, Call(legs=(leg,))))
        if (ident == call and not passed) or not self._left(call):
            events += self._over(call, at, order, told)
        return events

    def _over(self, call: str, at: datetime, order: int, told: Told) -> list[Event]:
        """The end of *call*, once. Phones that are left of it still tell how they were left."""
        known = self._known(call)
        events = [] if known.over else [self._event(call, "ended", at, order, self._end(told, known, at))]
        known.over = True
        if not self._left(call):
            self._calls.pop(call, None)
        return events

    def _left(self, call: str) -> bool:
        return any(each.call == call for each in self.phones.values())

    def _end(self, told: Told, known: _Known, at: datetime) -> Call:
        outcome = duration = None
        if known.reached:
            outcome = Outcome.COMPLETED
            seconds = told["variable_billsec"]
            # Where the phones told of themselves, their times count: this one includes what a menu talked.
            duration = int(seconds) if seconds.isascii() and seconds.isdigit() and not known.rang else None
        elif not known.rang:
            outcome = unanswered(told["Hangup-Cause"])
        return Call(state=CallState.ENDED, ended_at=at, outcome=outcome, duration=duration)

    def _queued(self, told: Told) -> list[Event]:
        """`callcenter::info` of mod_callcenter."""
        member = told["CC-Member-Session-UUID"]
        queue, call = _queue(told["CC-Queue"]), self._resolved(member)
        if told["CC-Action"] != "member-queue-start" or not member or not queue:
            return []
        at, order = self._at(told), _order(told)
        return [self._event(call, f"queued:{order or at}", at, order, Call(state=CallState.QUEUED, queue=queue))]

    def _recorded(self, told: Told) -> list[Event]:
        path = told["Record-File-Path"]
        inside = self._recordings and path.startswith(f"{self._recordings}/")
        if not inside:
            return []
        ident, seconds = path.removeprefix(f"{self._recordings}/"), told["variable_record_seconds"]
        length = int(seconds) if seconds.isascii() and seconds.isdigit() else None
        facts = Call(recordings=(Recording(id=ident, seconds=length),))
        return [self._event(self._call_of(told), f"recording:{ident}", self._at(told), _order(told), facts)]

    def _not_placed(self, told: Told) -> list[Event]:
        """A call of ours that could not even begin, so that no channel tells of it."""
        ours = told["Job-Command"] == "originate" and "hub_dial=" in told["Job-Command-Arg"]
        error, _, cause = told.body.strip().partition(" ")
        if not ours or error != "-ERR":
            return []
        at, call = self._at(told), told["Job-UUID"]
        facts = Call(
            direction=Direction.OUTBOUND, state=CallState.ENDED, ended_at=at, outcome=unanswered(cause.strip())
        )
        return [self._event(call, "not-placed", at, _order(told), facts)]

    def _call_of(self, told: Told) -> str:
        ident = told["Unique-ID"]
        if ident in self.phones or ident in self._aliases:
            return self._resolved(ident)
        named = [told["variable_cc_member_session_uuid"], told["Channel-Call-UUID"]]
        if told["Call-Direction"] == "outbound":
            named.append(told["Other-Leg-Unique-ID"])
        return next((self._resolved(each) for each in named if each and each != ident), ident)

    def _resolved(self, ident: str) -> str:
        phone = self.phones.get(ident)
        return phone.call if phone else self._aliases.get(ident, ident)

    def _keep(self, ident: str, phone: Phone) -> None:
        self.phones[ident] = phone
        self._remember(ident, phone.call)

    def _remember(self, ident: str, call: str) -> None:
        self._aliases.pop(ident, None)
        self._aliases[ident] = call
        while len(self._aliases) > REMEMBERED + len(self.phones):
            del self._aliases[next(iter(self._aliases))]

    def _known(self, call: str) -> _Known:
        return self._calls.setdefault(call, _Known())

    def _caller(self, told: Told) -> str:
        """The extension of ours that calls, "" for a caller from outside."""
        return self._numbers.extension(_user(told), told["Caller-Caller-ID-Number"])

    def _dialled(self, told: Told) -> str:
        """What rings: an extension of ours, or a number outside."""
        numbers = self._numbers
        said = (told["variable_dialed_user"], told["Caller-Destination-Number"], _user(told))
        number = told["Caller-Destination-Number"]
        return numbers.extension(*said) or numbers.handle(number) or numbers.handle(_user(told)) or number

    def _colleague(self, extension: str, role: Role) -> Participant:
        return self._numbers.participant(extension.partition("/")[2] or extension, role)

    def _at(self, told: Told) -> datetime:
        return _time(told["Event-Date-Timestamp"], self._skew)

    def _event(self, call: str, ident: str, at: datetime, order: int, facts: Call) -> Event:
        key = f"{self._numbers.source}:{call}"
        return Event(key=key, id=ident, channel=Channel.VOICE, at=at, order=order, facts=facts)


def _listed(row: Mapping[str, str], skew: timedelta) -> Told:
    """A row of `show channels` as what its creation would have told."""
    epoch = row.get("created_epoch", "")
    return Told(
        {
            "Unique-ID": row.get("uuid", ""),
            "Channel-Call-UUID": row.get("call_uuid", ""),
            "Channel-Name": row.get("name", ""),
            "Call-Direction": row.get("direction", ""),
            "Caller-Caller-ID-Number": row.get("cid_num", ""),
            "Caller-Caller-ID-Name": row.get("cid_name", ""),
            "Caller-Destination-Number": row.get("dest", ""),
            "Event-Date-Timestamp": f"{epoch}000000" if epoch.isdigit() else "",
        }
    )


def _time(microseconds: str, skew: timedelta) -> datetime:
    """`Event-Date-Timestamp`; now where it is none."""
    try:
        return datetime.fromtimestamp(int(microseconds) / 1_000_000, UTC) - skew
    except (ValueError, OverflowError, OSError):
        return datetime.now(UTC)


def _order(told: Told) -> int:
    sequence = told["Event-Sequence"]
    return int(sequence) if sequence.isascii() and sequence.isdigit() and len(sequence) < 18 else 0


def _queue(said: str) -> str | None:
    """`sales` of `sales@default`."""
    return said.partition("@")[0] or None


def _user(told: Told) -> str:
    """`1000` of `sofia/internal/1000@192.0.2.5:5060`."""
    return told["Channel-Name"].rpartition("/")[2].partition("@")[0]


def _is_pseudo(told: Told) -> bool:
    """Whether a channel is no phone, and only joins others together."""
    return told["Channel-Name"].startswith(("loopback/", "null/", "error/"))
