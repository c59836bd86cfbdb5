"""Canned answers: texts to choose from, and what each was used for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.store.schema import canned, canned_uses


@dataclass(frozen=True, slots=True, kw_only=True)
class Canned:
    """An answer to choose. *owner* is the agent whose own it is, "" where everybody may use it; *shortcut* finds it as
    one types; *uses* is how often it was sent."""

    id: int
    title: str
    body: str
    shortcut: str = ""
    language: str = ""
    owner: str = ""
    team: str = ""
    uses: int = 0
    updated_at: datetime


def listed(conn: Connection, agent: str, q: str = "") -> list[Canned]:
    """The answers that *agent* may use and whose title, shortcut or body holds *q*; the most used first."""
    wanted = sa.select(canned).where(_open(agent)).order_by(canned.c.uses.desc(), canned.c.title, canned.c.id)
    found = [_canned(row) for row in conn.execute(wanted)]
    words = q.casefold().split()
    return [one for one in found if all(word in f"{one.title} {one.shortcut} {one.body}".casefold() for word in words)]


def by_id(conn: Connection, agent: str, canned_id: int) -> Canned | None:
    """The answer of that id, where *agent* may use it."""
    row = conn.execute(sa.select(canned).where(canned.c.id == canned_id, _open(agent))).one_or_none()
    return None if row is None else _canned(row)


def add(conn: Connection, one: Canned) -> None:
    """A new answer."""
    conn.execute(canned.insert().values({**_row(one), "id": one.id, "uses": 0}))


def change(conn: Connection, one: Canned) -> None:
    """Write all of *one* but its uses."""
    conn.execute(canned.update().where(canned.c.id == one.id).values(_row(one)))


def remove(conn: Connection, canned_id: int) -> None:
    """Forget an answer and what it was used for."""
    conn.execute(canned_uses.delete().where(canned_uses.c.canned_id == canned_id))
    conn.execute(canned.delete().where(canned.c.id == canned_id))


def used(conn: Connection, content: Mapping[str, Any], new_id: Callable[[], int], now: datetime) -> None:
    """A letter of this *content* was sent: where it began as a canned answer, remember for what."""
    which = int(content.get("canned") or 0)
    counted = canned.update().where(canned.c.id == which).values(uses=canned.c.uses + 1)
    if not which or not conn.execute(counted).rowcount:
        return
    if words := content.get("words"):
        row = {"canned_id": which, "interaction_id": int(content.get("reply_to") or 0), "words": words, "used_at": now}
        conn.execute(canned_uses.insert().values(id=new_id(), **row))


def _open(agent: str) -> sa.ColumnElement[bool]:
    return canned.c.owner.in_(("", agent))


def _row(one: Canned) -> dict[str, Any]:
    names = ("title", "body", "shortcut", "language", "owner", "team", "updated_at")
    return {name: getattr(one, name) for name in names}


def _canned(row: sa.Row[*tuple[Any, ...]]) -> Canned:
    return Canned(**{name: getattr(row, name) for name in Canned.__dataclass_fields__})
