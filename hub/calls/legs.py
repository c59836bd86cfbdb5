"""The phones of a call, each merged from everything that was said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub.vocabulary import Call, CallState, Leg, Outcome


@dataclass(slots=True)
class Phone:
    """A leg as far as it is merged. *source* told of it first, at *first_at*. *talked* is its talking time in seconds,
    *rang_at* when it was last heard ringing, or about to. *word* is the place, among all that was said, of the latest
    word that it was answered, held or passed on, -1 for none; *passed_at* when it passed the call on, if that was the
    latest."""

    leg: Leg
    source: str
    first_at: datetime
    talked: int | None = None
    rang_at: datetime | None = None
    word: int = -1
    passed_at: datetime | None = None
    _taken_at: datetime | None = None
    _over_at: datetime | None = None

    def hear(self, place: int, at: datetime, leg: Leg) -> None:
        """What was said next of this phone, at the time *at*."""
        if leg is not self.leg:
            self.leg = merged(self.leg, leg)
        state = leg.state
        if state is CallState.RINGING or state is CallState.QUEUED:
            self.rang_at = at
        elif state is CallState.ENDED:
            self._over_at = at
        elif state is not None and state.taken:
            self.word = place
            self.passed_at = at if state is CallState.TRANSFERRED else None
            self._taken_at = self._taken_at or at

    def settle(self) -> None:
        """Everything is heard: fill in the times that follow from the others."""
        leg = self.leg
        ended_at = leg.ended_at
        if ended_at is None and self._over_at is not None:
            ended_at = self._over_at
        answered_at = leg.answered_at
        if answered_at is None:
            if self.talked and ended_at is not None and (took(leg) or self._taken_at is not None):
                answered_at = ended_at - timedelta(seconds=self.talked)
            else:
                answered_at = self._taken_at
        if answered_at is not leg.answered_at or ended_at is not leg.ended_at:
            self.leg = replace(leg, answered_at=answered_at, ended_at=ended_at)


Said = tuple[datetime, str, Call]
"""What an event says of a call: its time (UTC), its source's name, its facts."""


def phones_of(said: Sequence[Said]) -> list[Phone]:
    """The legs in the order in which they were first heard of. *said* is in the order of its times."""
    phones: dict[str, Phone] = {}
    for place, (at, source, call) in enumerate(said):
        for leg in call.legs:
            phone = phones.get(leg.id)
            if phone is None:
                phone = phones[leg.id] = Phone(leg, source, at)
            phone.hear(place, at, leg)
            if call.duration is not None and about_one_phone(call):
                phone.talked = max(0, call.duration)
    for phone in phones.values():
        phone.settle()
    if len(phones) > 1 or any(call.state is CallState.ANSWERED for _, _, call in said):
        _quieten(said, phones)
    return list(phones.values())


def about_one_phone(call: Call) -> bool:
    """Whether an event tells of a phone only: then its duration is that phone's and not the call's."""
    return call.state is None and len(call.legs) == 1


def merged(before: Leg, after: Leg) -> Leg:
    """One leg, *after* being said later. Its state never goes back, and of several ways of being answered the latest
    counts."""
    return Leg(
        id=after.id,
        phone=after.phone or before.phone,
        agent=after.agent or before.agent,
        state=later(before.state, after.state),
        started_at=_earlier(before.started_at, after.started_at),
        answered_at=_earlier(before.answered_at, after.answered_at),
        ended_at=after.ended_at or before.ended_at,
        outcome=_outcome(before, after),
        joined=after.joined or before.joined,
        by=after.by or before.by,
    )


def _outcome(before: Leg, after: Leg) -> Outcome | None:
    """That a machine answered is told beside the call, and its end says no more than that it was answered."""
    if Outcome.VOICEMAIL in (before.outcome, after.outcome):
        return Outcome.VOICEMAIL
    return after.outcome or before.outcome


def later(before: CallState | None, after: CallState | None) -> CallState | None:
    """The state of what was said to be in both: the one of the higher rank, *after* within one."""
    if before is None or after is None:
        return after or before
    return after if after.rank >= before.rank else before


def took(leg: Leg) -> bool:
    """Whether somebody answered this phone, and no machine in her place."""
    if leg.outcome is Outcome.VOICEMAIL:
        return False
    return leg.answered_at is not None or leg.outcome is Outcome.COMPLETED or bool(leg.state and leg.state.taken)


def talks(leg: Leg) -> bool:
    """Whether somebody is on this phone now, or has the caller on hold there."""
    return leg.state is CallState.ANSWERED or leg.state is CallState.HELD


def closed(leg: Leg, ended_at: datetime | None) -> Leg:
    """*leg* in a call that is over: it is over too, and who still talked did so until the end."""
    if leg.state is CallState.ENDED:
        return leg
    until = leg.ended_at or (ended_at if took(leg) else None)
    return replace(leg, state=CallState.ENDED, ended_at=until)


def passed_to_nobody_yet(phones: Sequence[Phone]) -> bool:
    """Whether a phone passed the call on and none was heard of since to which it may have gone."""
    for phone in phones:
        if phone.passed_at is not None:
            others = (each for each in phones if each is not phone)
            if not any(_followed(phone, each) for each in others):
                return True
    return False


def _followed(phone: Phone, other: Phone) -> bool:
    since = phone.passed_at is not None and other.first_at >= phone.passed_at
    return since or other.leg.by == phone.leg.id or talks(other.leg)


def _quieten(said: Sequence[Said], phones: dict[str, Phone]) -> None:
    """End the phones that rang when another was picked up: their own end may come a moment later, or never. A phone
    that began to ring only afterwards rings on, for the call is being passed on to it."""
    whole = [(call.answered_at, at) for at, _, call in said if call.state is CallState.ANSWERED]
    picked_up = [answered_at for answered_at, _ in whole if answered_at is not None]
    picked_up += [at for answered_at, at in whole if answered_at is None][:1]  # what comes later ends a hold
    picked_up += [phone.leg.answered_at for phone in phones.values() if phone.leg.answered_at is not None]
    if not picked_up:
        return
    last = max(picked_up)
    for phone in phones.values():
        waits = phone.leg.state is CallState.RINGING or phone.leg.state is CallState.QUEUED
        if waits and phone.rang_at is not None and phone.rang_at <= last:
            phone.leg = replace(phone.leg, state=CallState.ENDED)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
