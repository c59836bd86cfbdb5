"""What becomes of alerts, for those who subscribe to it: written in the transaction in which it happens."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.subscribers import rows
from hub.store.alert_tables import alerts
from hub.store.way_tables import subscriber_events, subscribers

OPENED, ACKNOWLEDGED, ENDED = rows.EVENTS

_IDS = ("company_id", "deal_id", "case_id", "conversation_id", "query_id", "task_id", "booking_id")
"""The ids in `alerts.about` that are told."""


def happened(
    conn: Connection, type_: str, alert_ids: Collection[int], new_id: Callable[[], int], now: datetime
) -> None:
    """Something of *type_* (`OPENED`, `ACKNOWLEDGED`, `ENDED`) became of these alerts: whoever subscribes is told of
    it, with ids and never with a name. Costs one look-up where nobody does."""
    if not alert_ids:
        return
    found = conn.execute(sa.select(subscribers.c.id, subscribers.c.events).where(subscribers.c.enabled)).all()
    wanting = [row.id for row in found if type_ in row.events]
    if not wanting:
        return
    made = [
        {
            "id": new_id(), "subscriber_id": subscriber_id, "type": type_, "alert_id": row.id, "data": _data(row),
            "at": now, "due_at": now, "state": rows.QUEUED,
        }
        for row in conn.execute(sa.select(alerts).where(alerts.c.id.in_(alert_ids)).order_by(alerts.c.id))
        for subscriber_id in wanting
    ]  # fmt: skip
    if made:
        conn.execute(subscriber_events.insert(), made)


def _data(row: sa.Row[*tuple[Any, ...]]) -> dict[str, str]:
    """An alert as programs see it."""
    about = row.about or {}
    ids = {"interaction": row.interaction_id, "contact": row.contact_id}
    ids |= {name.removesuffix("_id"): about.get(name) for name in _IDS}
    said = {
        "id": str(row.id),
        "state": row.state,
        "severity": row.severity,
        "kind": row.kind,
        "rule": row.rule,
        "agent": row.agent,
    }
    return said | {name: str(value) for name, value in ids.items() if value is not None}
