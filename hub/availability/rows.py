"""What is stored of how agents can be reached: one statement reads it for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.availability.states import Away, Declared, Known, Rota, Standing, State, standings
from hub.crm.records import Unknown, insert
from hub.privacy.visibility import Actor
from hub.store.schema import absences, availability, micros, moment

_ALL = sa.text(
    "SELECT 'said' AS what, agent, state AS word, until AS until, note, 0 AS interaction FROM availability"
    " UNION ALL SELECT 'absent', agent, stand_in, until_at, note, id FROM absences"
    " WHERE from_at <= :now AND until_at > :now"
    " UNION ALL SELECT 'talking', agent, '', expires_at, '', interaction_id FROM pops"
    " WHERE state = 'answered' AND mine AND expires_at > :now"
    " UNION ALL SELECT 'wrapping', agent, '', ends_at, '', interaction_id FROM wrap_ups WHERE state = 'open'"
)


@dataclass(frozen=True, slots=True)
class Absence:
    """When *agent* is out of the office (UTC, *until_at* exclusive), who stands in, and why."""

    id: int
    agent: str
    from_at: datetime
    until_at: datetime
    stand_in: str = ""
    note: str = ""


def read(conn: Connection, now: datetime) -> Known:
    """What is stored of all agents at *now*. A wrap-up whose time is over runs no more, though nobody ended it yet."""
    declared: dict[str, Declared] = {}
    absent: dict[str, Away] = {}
    talking: dict[str, int] = {}
    wrapping: dict[str, tuple[int, datetime]] = {}
    for what, agent, word, until, note, interaction in conn.execute(_ALL, {"now": micros(now)}):
        if what == "said":
            declared[agent] = Declared(State(word), None if until is None else moment(until), note)
        elif what == "absent":
            longest = absent.get(agent)
            if longest is None or longest.until < moment(until):
                absent[agent] = Away(moment(until), word, note)
        elif what == "talking":
            talking[agent] = interaction
        elif (ends_at := moment(until)) > now and (agent not in wrapping or wrapping[agent][1] < ends_at):
            wrapping[agent] = (interaction, ends_at)
    return Known(declared, absent, talking, wrapping)


def now_read(conn: Connection, rota: Rota, now: datetime, agents: Iterable[str] | None = None) -> dict[str, Standing]:
    """How *agents* (None: all) stand at *now*: one statement, whatever their number."""
    return standings(rota, read(conn, now), now, agents)


def declare(conn: Connection, actor: Actor, entry: int, agent: str, said: Declared, now: datetime) -> None:
    """*agent* says how she can be reached. Available without an end is what holds where nothing is said."""
    values = {"state": said.state.value, "until": said.until, "note": said.note, "changed_at": now}
    statement = insert(conn, availability).values(agent=agent, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["agent"], set_=values))
    audit.note(conn, entry, actor, f"availability.{said.state}", f"agent/{agent}", now)


def coming(conn: Connection, now: datetime) -> list[Absence]:
    """The absences that run at *now* or are to come, the next first."""
    query = sa.select(absences).where(absences.c.until_at > now).order_by(absences.c.from_at, absences.c.id)
    return [_absence(row) for row in conn.execute(query)]


def absence(conn: Connection, absence_id: int) -> Absence:
    """One of them. Raises `Unknown`."""
    row = conn.execute(sa.select(absences).where(absences.c.id == absence_id)).one_or_none()
    if row is None:
        raise Unknown(f"absence/{absence_id}")
    return _absence(row)


def add(conn: Connection, actor: Actor, entry: int, new: Absence, now: datetime) -> None:
    """Write an absence down."""
    values: dict[str, Any] = {name: getattr(new, name) for name in ("id", "agent", "from_at", "until_at")}
    conn.execute(absences.insert().values(**values, stand_in=new.stand_in, note=new.note))
    audit.note(conn, entry, actor, "absence.create", f"absence/{new.id}", now)


def remove(conn: Connection, actor: Actor, entry: int, absence_id: int, now: datetime) -> None:
    """She is there after all."""
    conn.execute(absences.delete().where(absences.c.id == absence_id))
    audit.note(conn, entry, actor, "absence.delete", f"absence/{absence_id}", now)


def _absence(row: sa.Row[Any]) -> Absence:
    return Absence(row.id, row.agent, row.from_at, row.until_at, row.stand_in, row.note)
