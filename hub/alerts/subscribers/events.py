"""What became of alerts, for those who subscribe to it: read from the alerts themselves, each event once.

It may be asked at any time and by any hub: an alert is opened, acknowledged and ended at most once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.subscribers import rows
from hub.crm.records import insert
from hub.store.alert_tables import alerts
from hub.store.way_tables import subscriber_events, subscribers

OPENED, ACKNOWLEDGED, ENDED = rows.EVENTS

MOST_AT_ONCE = 500

_IDS = ("company", "deal", "case", "conversation", "query", "task", "booking", "mention", "reminder")
"""The ids in `alerts.about` that are told."""


def anybody_listens(conn: Connection) -> bool:
    """Whether there is a subscriber at all."""
    return (
        conn.execute(sa.select(sa.literal(1)).select_from(subscribers).where(subscribers.c.enabled)).first() is not None
    )


def caught_up(
    conn: Connection,
    new_id: Callable[[], int],
    now: datetime,
    *,
    ids: Collection[int] | None = None,
    since: datetime | None = None,
) -> int:
    """Have the subscribers told what became of the alerts *ids*, or of all that changed after *since*, and was not told
    yet. Answers how many webhooks that makes. Costs one look-up where nobody subscribes."""
    found = conn.execute(
        sa.select(subscribers.c.id, subscribers.c.events, subscribers.c.since).where(subscribers.c.enabled)
    ).all()
    if not found or ids == []:
        return 0
    wanted = sa.select(alerts).order_by(alerts.c.id)
    if ids is not None:
        wanted = wanted.where(alerts.c.id.in_(ids))
    if since is not None:
        wanted = wanted.where(alerts.c.updated_at >= since)
    known = {
        (row.subscriber_id, row.alert_id, row.type)
        for row in conn.execute(
            sa.select(subscriber_events.c.subscriber_id, subscriber_events.c.alert_id, subscriber_events.c.type)
            .join(alerts, alerts.c.id == subscriber_events.c.alert_id)
            .where(alerts.c.id.in_(ids) if ids is not None else sa.true())
            .where(alerts.c.updated_at >= since if since is not None else sa.true())
        )
    }
    made = []
    for row in conn.execute(wanted):
        for type_, state, at in _events(row):
            for subscriber in found:
                if (
                    type_ in subscriber.events
                    and at >= subscriber.since
                    and (subscriber.id, row.id, type_) not in known
                ):
                    made.append(
                        {
                            "id": new_id(), "subscriber_id": subscriber.id, "type": type_, "alert_id": row.id,
                            "data": _data(row, state), "at": at, "due_at": now, "state": rows.QUEUED,
                        }
                    )  # fmt: skip
    for start in range(0, len(made), MOST_AT_ONCE):
        conn.execute(insert(conn, subscriber_events).on_conflict_do_nothing(), made[start : start + MOST_AT_ONCE])
    return len(made)


def _events(row: sa.Row[*tuple[Any, ...]]) -> list[tuple[str, str, datetime]]:
    """What has become of an alert, in its order: type, the state that it was in then, and when."""
    found = [(OPENED, "open", row.created_at)]
    if row.acknowledged_at is not None:
        found.append((ACKNOWLEDGED, "acknowledged", row.acknowledged_at))
    if row.ended_at is not None:
        found.append((ENDED, row.state, row.ended_at))
    return found


def _data(row: sa.Row[*tuple[Any, ...]], state: str) -> dict[str, str]:
    """An alert as programs see it: ids, and never a name."""
    about = row.about or {}
    ids = {"interaction": row.interaction_id, "contact": row.contact_id}
    ids |= {name: about.get(name) for name in _IDS}
    said = {
        "id": str(row.id),
        "state": state,
        "severity": row.severity,
        "kind": row.kind,
        "rule": row.rule,
        "agent": row.agent,
    }
    return said | {name: str(value) for name, value in ids.items() if value is not None}
