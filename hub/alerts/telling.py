"""What is told of alerts by which way and when, and what is not told any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.book import Rulebook
from hub.alerts.facts import LASTING
from hub.alerts.rules import Rule
from hub.alerts.timing import Preferences
from hub.live import LiveEvent
from hub.store.alert_tables import alert_settings, alert_tellings, alerts
from hub.store.sets import SetRead, among

_CHUNK = 500
_LASTING = frozenset(kind.value for kind in LASTING)
_SETTINGS = SetRead(sa.select(alert_settings.c.agent, alert_settings.c.settings).where(among(alert_settings.c.agent)))


@dataclass(frozen=True, slots=True)
class New:
    """An alert that somebody is to be told of, as *preferences* say."""

    id: int
    agent: str
    rule: Rule
    expires_at: datetime | None
    preferences: Preferences


def preferences(conn: Connection, agents: Sequence[str]) -> dict[str, Preferences]:
    """How those of *agents* want to be told who have said so."""
    return {agent: Preferences.model_validate_json(text) for agent, text in _SETTINGS(conn, agents)}


def tell(conn: Connection, new: Sequence[New], book: Rulebook, new_id: Callable[[], int], now: datetime) -> None:
    """Have *new* told: at once, or when quiet hours are over, or with the next digest."""
    ways = {agent: book.ways_of(conn, agent) for agent in sorted({each.agent for each in new})}
    rows: list[dict[str, Any]] = []
    for each in new:
        wanted = each.rule.table.ways or each.preferences.wanted(each.rule.severity)
        due = each.preferences.due(each.rule.severity, now, book.zone(each.agent)) if ways[each.agent] else None
        for way in ways[each.agent]:
            names = {way.kind, way.name, way.id}
            if not way.enabled or names.isdisjoint(wanted) or not names.isdisjoint(each.preferences.off):
                continue
            rows.append(
                {
                    "id": new_id(),
                    "alert_id": each.id,
                    "agent": each.agent,
                    "way": way.name,
                    "way_id": way.way_id,
                    "kind": "alert",
                    "state": "held" if due else "queued",
                    "due_at": due or now,
                    "expires_at": each.expires_at,
                    "created_at": now,
                }
            )
    if rows:
        conn.execute(alert_tellings.insert(), rows)


def over(
    conn: Connection,
    ids: Sequence[int],
    state: str,
    book: Rulebook,
    new_id: Callable[[], int],
    now: datetime,
    by: str = "",
) -> list[LiveEvent]:
    """The alerts of *ids* are now in *state* (`acknowledged`, `ended` or `expired`), where they were not over already.
    Nothing more is told of them, and what was told says so where it can be changed. One that lasts stays open for more
    of its episode though somebody has seen to it. Answers what to tell the screens."""
    values: dict[str, Any] = {"state": state, "updated_at": now, "escalate_at": None, "snoozed_until": None}
    if state == "acknowledged":
        values |= {
            "acknowledged_at": now,
            "acknowledged_by": by,
            "ended_at": sa.case((alerts.c.kind.in_(_LASTING), None), else_=sa.literal(now, alerts.c.ended_at.type)),
        }
    else:
        values["ended_at"] = now
    news: list[LiveEvent] = []
    for some in _chunks(sorted(ids)):
        still = (alerts.c.id.in_(some), alerts.c.ended_at.is_(None), alerts.c.state != state)
        done = conn.execute(
            alerts.update().where(*still).values(values).returning(alerts.c.id, alerts.c.agent, alerts.c.severity)
        ).all()
        untell(conn, [row.id for row in done], book, new_id, now, expired=state == "expired")
        news += [LiveEvent("alert-gone", {"id": str(row.id), "state": state}, row.agent) for row in done]
    return news


def untell(
    conn: Connection,
    ids: Sequence[int],
    book: Rulebook,
    new_id: Callable[[], int],
    now: datetime,
    *,
    expired: bool = False,
) -> None:
    """What waits to be told of the alerts of *ids* is not told; what was told, or is being told, is changed where its
    way can."""
    if not ids:
        return
    t = alert_tellings.c
    told = conn.execute(
        sa.select(alert_tellings).where(
            t.alert_id.in_(ids),
            sa.or_(t.kind == "alert", t.state == "queued"),
            sa.or_(t.state.in_(("sent", "perhaps")), t.state == "queued"),
        )
    ).all()
    waiting = sa.and_(t.alert_id.in_(ids), t.state.in_(("held", "queued")), t.kind != "update")
    conn.execute(
        alert_tellings.update().where(waiting).values(state="expired" if expired else "cancelled", digest_id=None)
    )
    updating = {(row.alert_id, row.way, row.way_id) for row in told if row.kind == "update"}
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in told:
        place = (row.alert_id, row.way, row.way_id)
        under_way = row.state == "queued" and row.claimed_until is not None and row.claimed_until > now
        if row.kind != "alert" or place in updating or not book.changes(row.way):
            continue
        if row.state != "queued" or under_way:
            rows[place] = {
                "id": new_id(), "alert_id": row.alert_id, "agent": row.agent, "way": row.way, "way_id": row.way_id,
                "kind": "update", "state": "queued", "due_at": row.claimed_until if under_way else now,
                "created_at": now,
            }  # fmt: skip
    if rows:
        conn.execute(alert_tellings.insert(), list(rows.values()))


def cancel(conn: Connection, *which: sa.ColumnElement[bool]) -> None:
    """What waits to be told, of *which* tellings, is not told."""
    waiting = alert_tellings.c.state.in_(("held", "queued"))
    conn.execute(alert_tellings.update().where(waiting, *which).values(state="cancelled"))


def forgotten(conn: Connection, interaction_id: int) -> None:
    """An interaction is deleted: nothing is left of what was, or is to be, told of it."""
    which = sa.select(alerts.c.id).where(alerts.c.interaction_id == interaction_id)
    conn.execute(alert_tellings.delete().where(alert_tellings.c.alert_id.in_(which)))
    conn.execute(alerts.delete().where(alerts.c.interaction_id == interaction_id))


def _chunks(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
