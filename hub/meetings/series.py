"""A series that is cancelled takes with it the instances of it that are still to come and are interactions of their
own, whichever of the two is heard of first."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts as documents
from hub.batch import Entry
from hub.store.schema import conversation_refs, events, interactions, moment
from hub.store.sets import SetRead, among
from hub.vocabulary import Channel, Event, Kind, Meeting

_INSTANCES = SetRead(
    sa.select(conversation_refs.c.ref, interactions.c.key, interactions.c.facts)
    .join(interactions, interactions.c.conversation_id == conversation_refs.c.conversation_id)
    .where(among(conversation_refs.c.ref), interactions.c.kind == Kind.MEETING.value)
)
_SAID = SetRead(sa.select(events.c.key, events.c.at, events.c.facts).where(among(events.c.key)))

Entries = list[tuple[str, Entry]]


def with_instances(conn: Connection, entries: Entries) -> Entries:
    """*entries*, and after them what the end of a series means for its instances."""
    said = [
        (source, entry.event, facts) for source, entry in entries if isinstance(facts := entry.event.facts, Meeting)
    ]
    if not said:
        return entries
    ends = {
        event.key: (source, event.at, facts)
        for source, event, facts in said
        if facts.cancelled and event.key == event.conversation
    }
    instances = {event.key: (event.conversation, facts) for _, event, facts in said if event.key != event.conversation}
    for ref, key, text in _INSTANCES(conn, [f"ical:{name}" for name in sorted(ends)]):  # as `hub.threads` names them
        name = ref.removeprefix("ical:")
        facts = documents.decode(Kind.MEETING, text)
        if isinstance(facts, Meeting) and key.startswith(f"{name}/"):
            instances.setdefault(key, (name, facts))
    asked = {name for name, _ in instances.values()} - ends.keys()
    for name, at, text in _SAID(conn, sorted(asked)):
        facts = documents.decode(Kind.MEETING, text)
        if isinstance(facts, Meeting) and facts.cancelled:
            ends[name] = (said[0][0], moment(at), facts)
    more = []
    for key, (name, facts) in instances.items():
        if name in ends and facts.starts_at is not None:
            source, at, end = ends[name]
            if at < facts.starts_at:
                more.append((source, Entry(_cancelled(key, name, at, facts, end), live=False)))
    return [*entries, *more]


def _cancelled(key: str, series: str, at: datetime, facts: Meeting, end: Meeting) -> Event:
    return Event(
        key=key,
        id=f"series/{end.sequence or 0}",
        channel=Channel.CALENDAR,
        at=at,
        facts=Meeting(cancelled=True, sequence=end.sequence, series_start=facts.series_start),
        conversation=series,
    )
