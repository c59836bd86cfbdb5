"""What a batch of events means for alerts: the facts of messages, calls and bounces, told in the transaction that
records them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from hub.alerts.facts import Fact, FactKind
from hub.alerts.raising import raised
from hub.calls.missed import MISSED
from hub.live import LiveEvent
from hub.store.columns import moment
from hub.vocabulary import Call, CallState, Direction, Match, Message

if TYPE_CHECKING:
    from hub.batch import Books, Subject

CALL_RINGS = timedelta(minutes=2)
"""Nobody is told later than this that somebody calls."""

_RECORDED = (FactKind.MESSAGE, FactKind.CALL, FactKind.MISSED, FactKind.BOUNCE)


def recorded(
    conn: Connection,
    subjects: Sequence[Subject],
    who: Mapping[str, Match],
    missed: Collection[int],
    bounced: Collection[int],
    books: Books,
    now: datetime,
) -> list[LiveEvent]:
    """Raise what the rules want of *subjects*, which were just written: *missed* are the calls among them whose entry
    in the ledger opened, *bounced* the reports that a letter of ours came back. Answers what to tell the screens."""
    wanted = {kind for kind in _RECORDED if books.alerts.wants(kind)}
    if not wanted:
        return []
    calls = [each for each in subjects if isinstance(each.facts, Call) and each.row is not None]
    over = [each for each in calls if isinstance(each.facts, Call) and each.facts.state is CallState.ENDED]
    facts = [_over(each) for each in over if FactKind.CALL in wanted]
    ours = books.ours.handles
    for subject in subjects:
        kind = _kind(subject, missed, bounced)
        if kind is None or kind not in wanted or not subject.live:
            continue
        handle = next((p.handle for p in subject.participants if p.role.begins and p.handle not in ours), "")
        found = who.get(handle)
        contact = found.sure.contact_id if found and found.sure else None
        channel, source = subject.entries[-1][1].event.channel, subject.entries[-1][0]
        facts.append(fact(kind, subject.id, subject.conversation, contact, moment(subject.at), channel, source))
    facts = [each for each in facts if each.ended or each.expires_at is None or each.expires_at > now]
    return raised(conn, facts, books.alerts, books.new_id, now) if facts else []


def fact(
    kind: FactKind, interaction_id: int, conversation_id: int, contact_id: int | None, at: datetime, channel: str,
    source: str,
) -> Fact:  # fmt: skip
    """The fact of something on a timeline. Messages of one conversation are one episode."""
    keys = {FactKind.MESSAGE: f"message/{conversation_id}", FactKind.CALL: f"call/{interaction_id}"}
    return Fact(
        kind=kind,
        key=keys.get(kind, f"{kind}/{interaction_id}"),
        at=at,
        interaction_id=interaction_id,
        contact_id=contact_id,
        conversation_id=conversation_id,
        source=source,
        values={"channel": str(channel)} if channel else {},
        expires_at=at + CALL_RINGS if kind is FactKind.CALL else None,
    )


def _over(subject: Subject) -> Fact:
    """The call is over: nobody is told any more that it rings."""
    return Fact(kind=FactKind.CALL, key=f"call/{subject.id}", at=moment(subject.at), ended=True)


def _kind(subject: Subject, missed: Collection[int], bounced: Collection[int]) -> FactKind | None:
    facts = subject.facts
    if subject.id in bounced:
        return FactKind.BOUNCE
    if isinstance(facts, Call):
        if subject.id in missed and facts.outcome in MISSED:
            return FactKind.MISSED
        rings = facts.state is not CallState.ENDED and subject.row is None
        return FactKind.CALL if rings and subject.direction is Direction.INBOUND else None
    if not isinstance(facts, Message) or subject.row is not None or subject.direction is not Direction.INBOUND:
        return None
    return None if facts.automatic or facts.report or facts.deleted else FactKind.MESSAGE
