"""What goes out to the CRMs, for programs: how each CRM does, what waits, and what a person must look at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from pydantic import BaseModel, Field

from hub import audit, outgoing
from hub.outgoing import State
from hub.privacy.visibility import Scope
from hub.store.schema import outbox
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Shape, answer, missing, page_path, read_place, record_id, write_place
from hub.web.keys import SERVICE

endpoints = Endpoints()


class Crm(BaseModel):
    """A configured CRM and how it does. What was `perhaps` sent or `failed` waits for a person."""

    name: str
    adapter: str
    health: str
    cause: str | None = None
    next_try: datetime | None = None
    waiting: int
    perhaps: int
    failed: int


class Row(BaseModel):
    """One thing that is not there yet. `subject` is `activity:<interaction>:<contact>` or `contact:<contact>`."""

    id: str
    crm: str
    subject: str
    state: str
    reason: str | None = None
    attempts: int
    due_at: datetime


class Outbox(BaseModel):
    """The CRMs, and rows newest first; `next` is the path of the next page, and absent on the last one."""

    crms: list[Crm]
    items: list[Row]
    next: str | None = None


class OutboxQuery(Shape):
    """Which rows."""

    state: str | None = Field(
        None, pattern="^(waiting|perhaps|failed)$", description="Without it `perhaps` and `failed`"
    )
    limit: int = Field(50, ge=1, le=200)
    next: str | None = Field(None, description="From the `next` of the page before")


@endpoints.add("GET", "/api/v1/outbox", returns=Outbox, scope=Scope.ADMIN)
async def list_outbox(request: web.Request, visitor: Visitor, query: OutboxQuery) -> web.Response:
    """How every CRM does, and what is not there yet."""
    service = request.app[SERVICE]
    crms = service.config.crm
    wanted = sa.select(outbox).where(
        outbox.c.destination.in_(list(crms)),
        outbox.c.state.in_([State(query.state)] if query.state else outgoing.STUCK),
    )
    if (beyond := read_place(query.next)) is not None:
        here = sa.tuple_(outbox.c.due_at, outbox.c.id)
        wanted = wanted.where(here < sa.tuple_(sa.literal(beyond[0], outbox.c.due_at.type), sa.literal(beyond[1])))
    wanted = wanted.order_by(outbox.c.due_at.desc(), outbox.c.id.desc()).limit(query.limit + 1)
    counts = await service.store.read(lambda conn: outgoing.counts(conn, crms))
    rows = await service.store.read(lambda conn: conn.execute(wanted).all())
    last = rows[query.limit - 1] if len(rows) > query.limit else None
    cursor = write_place((last.due_at, last.id)) if last else None
    statuses = service.outbox.statuses()
    found = [
        Crm(
            name=name,
            adapter=crm.adapter,
            health=statuses[name].health,
            cause=statuses[name].cause or None,
            next_try=statuses[name].next_try,
            **{state.value: number for state, number in counts[name].items()},
        )
        for name, crm in crms.items()
    ]
    items = [_row(row) for row in rows[: query.limit]]
    return answer(Outbox(crms=found, items=items, next=page_path(request, cursor)))


@endpoints.add("POST", "/api/v1/outbox/{id}/retry", returns=Row, scope=Scope.ADMIN)
async def retry_outbox(request: web.Request, visitor: Visitor) -> web.Response:
    """Send again what may have been sent or was not taken. 404 where nothing of that id is stuck."""
    row_id, store = record_id(request), request.app[SERVICE].store
    entry, now = store.ids(), datetime.now(UTC)

    def work(conn: sa.Connection) -> sa.Row[*tuple[Any, ...]] | None:
        if not outgoing.retry(conn, row_id):
            return None
        audit.note(conn, entry, visitor.actor, "outbox.retry", f"outbox/{row_id}", now)
        return conn.execute(sa.select(outbox).where(outbox.c.id == row_id)).one()

    row = await store.write(work)
    if row is None:
        raise missing()
    return answer(_row(row))


def _row(row: sa.Row[*tuple[Any, ...]]) -> Row:
    return Row(
        id=str(row.id),
        crm=row.destination,
        subject=row.subject,
        state=row.state,
        reason=row.reason or None,
        attempts=row.attempts,
        due_at=row.due_at,
    )
