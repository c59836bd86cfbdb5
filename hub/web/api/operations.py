"""Sources, quarantine, and one's own sessions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub import audit
from hub.privacy.visibility import Scope
from hub.quarantine import NotHeld, one
from hub.sources import State
from hub.sources.reading import progress
from hub.store.schema import blobs, quarantine, refusals, sources
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Shape, answer, missing, page_path, read_place, record_id, write_place
from hub.web.keys import ACCESS, SERVICE, SUPERVISOR

endpoints = Endpoints()


# --- what goes out --------------------------------------------------------------------------------------------------


class FirstReading(BaseModel):
    """How far the first reading of a source is. `rate` is per second, `left` in seconds; absent while unknown."""

    done: int
    total: int
    rate: float | None = None
    left: float | None = None


class Source(BaseModel):
    """A configured source and how it does. `behind_*` is what the provider has and we have not."""

    name: str
    provider: str | None = None
    state: str
    cause: str | None = None
    behind_messages: int | None = None
    behind_seconds: float | None = None
    measured_at: datetime | None = None
    next_try_at: datetime | None = Field(None, description="When it is tried again, while it waits")
    first_reading: FirstReading | None = None
    last_item_at: datetime | None = None
    items: int = 0
    refused: dict[str, int] = Field(description="Deliveries refused, by reason")
    webhook_url: str | None = None


class Sources(BaseModel):
    """All sources."""

    items: list[Source]


class Held(BaseModel):
    """Something that could not be understood, kept with its bytes."""

    id: str
    source: str
    kind: str
    reason: str
    state: str
    size: int
    at: datetime


class HeldWhole(Held):
    """The same with what is known about it, and its first bytes as text."""

    about: dict[str, Any]
    text: str


class Quarantine(BaseModel):
    """Newest first; `next` is the path of the next page, and absent on the last one."""

    items: list[Held]
    next: str | None = None


class Session(BaseModel):
    """A browser in which one is logged in."""

    id: str
    client: str
    created_at: datetime
    expires_at: datetime
    current: bool


class Sessions(BaseModel):
    """Newest first."""

    items: list[Session]


class QuarantineQuery(Shape):
    """Which of it."""

    state: str | None = Field("open", pattern="^(open|replayed)$")
    limit: int = Field(50, ge=1, le=200)
    next: str | None = Field(None, description="From the `next` of the page before")


# --- sources and quarantine -----------------------------------------------------------------------------------------

SHOWN = 64 << 10


@endpoints.add("GET", "/api/v1/sources", returns=Sources)
async def list_sources(request: web.Request, visitor: Visitor) -> web.Response:
    """Every configured source, what it brought, and how far behind it is."""
    service = request.app[SERVICE]
    rows, refused = await service.store.read(_sources)
    problems = {problem.source: str(problem) for problem in service.config.problems if problem.source}
    found = []
    for name in dict.fromkeys((*service.config.sources, *problems, *rows)):
        row, config = rows.get(name), service.config.sources.get(name)
        state = State.MISCONFIGURED.value if name in problems else row.state if row else State.NEW.value
        found.append(
            Source(
                name=name,
                provider=config.provider if config else None,
                state=state,
                cause=problems.get(name) or (row.cause if row else None) or None,
                behind_messages=row.behind_messages if row else None,
                behind_seconds=row.behind_seconds if row else None,
                measured_at=row.measured_at if row else None,
                next_try_at=row.next_try_at if row else None,
                first_reading=_first_reading(row) if row else None,
                last_item_at=row.last_item_at if row else None,
                items=row.items if row else 0,
                refused=refused.get(name, {}),
                webhook_url=service.config.webhook_url(name) if config and config.offers.webhook else None,
            )
        )
    return answer(Sources(items=found))


@endpoints.add("POST", "/api/v1/sources/{name}/retry", returns=None, scope=Scope.ADMIN, status=204)
async def retry_source(request: web.Request, visitor: Visitor) -> web.Response:
    """Try a source at once, with what its config and its secrets say now. 404 where this hub has none of that name."""
    supervisor, name = request.app[SUPERVISOR], request.match_info["name"]
    if supervisor is None or not supervisor.retry(name):
        raise missing("There is no such source to try.")
    service = request.app[SERVICE]
    service.letters.resume(name)
    entry, now = service.store.ids(), datetime.now(UTC)
    await service.store.write(
        lambda conn: audit.note(conn, entry, visitor.actor, "source.retry", f"source/{name}", now)
    )
    return web.Response(status=204)


def _first_reading(row: sa.Row[*tuple[Any, ...]]) -> FirstReading | None:
    reads = row.state == State.LISTENING
    found = progress(row.backfill_done, row.backfill_total, row.backfill_began_at, datetime.now(UTC), reads=reads)
    return FirstReading(done=found.done, total=found.total, rate=found.rate, left=found.left) if found else None


@endpoints.add("GET", "/api/v1/quarantine", returns=Quarantine, scope=Scope.ADMIN)
async def list_quarantine(request: web.Request, visitor: Visitor, query: QuarantineQuery) -> web.Response:
    """What could not be understood, newest first."""
    wanted = _HELD.order_by(quarantine.c.at.desc(), quarantine.c.id.desc()).limit(query.limit + 1)
    if query.state:
        wanted = wanted.where(quarantine.c.state == query.state)
    if (beyond := read_place(query.next)) is not None:
        here = sa.tuple_(quarantine.c.at, quarantine.c.id)
        wanted = wanted.where(here < sa.tuple_(sa.literal(beyond[0], quarantine.c.at.type), sa.literal(beyond[1])))
    rows = await request.app[SERVICE].store.read(lambda conn: conn.execute(wanted).all())
    cursor = write_place((rows[query.limit - 1].at, rows[query.limit - 1].id)) if len(rows) > query.limit else None
    return answer(
        Quarantine(items=[Held(**_held(row)) for row in rows[: query.limit]], next=page_path(request, cursor))
    )


@endpoints.add("GET", "/api/v1/quarantine/{id}", returns=HeldWhole, scope=Scope.ADMIN)
async def read_quarantine(request: web.Request, visitor: Visitor) -> web.Response:
    """One thing in quarantine, with its first bytes as text."""
    held_id, store = record_id(request), request.app[SERVICE].store

    def work(conn: Connection) -> tuple[sa.Row[*tuple[Any, ...]], bytes] | None:
        row = conn.execute(_HELD.where(quarantine.c.id == held_id)).one_or_none()
        return None if row is None else (row, store.blobs.read(conn, row.blob) or b"")

    found = await store.read(work)
    if found is None:
        raise missing()
    row, raw = found
    text = raw[:SHOWN].decode("utf-8", "backslashreplace")
    return answer(HeldWhole(**_held(row), about=row.about, text=text))


@endpoints.add("POST", "/api/v1/quarantine/{id}/replay", returns=Held, scope=Scope.ADMIN)
async def replay_quarantine(request: web.Request, visitor: Visitor) -> web.Response:
    """Try to understand it again; `state` says whether that went well, `reason` why not."""
    held_id, service = record_id(request), request.app[SERVICE]
    try:
        await service.store.read(lambda conn: one(conn, held_id))
    except NotHeld as error:
        raise missing() from error
    entry, now = service.store.ids(), datetime.now(UTC)
    why = await service.ingest.replay(held_id)
    await service.store.write(
        lambda conn: audit.note(conn, entry, visitor.actor, "quarantine.replay", f"quarantine/{held_id}", now)
    )
    row = await service.store.read(lambda conn: conn.execute(_HELD.where(quarantine.c.id == held_id)).one())
    return answer(Held(**_held(row) | ({"reason": why} if why else {})))


_HELD = sa.select(quarantine, blobs.c.size).outerjoin(blobs, blobs.c.hash == quarantine.c.blob)


def _held(row: sa.Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "source": row.source,
        "kind": row.kind,
        "reason": row.reason,
        "state": row.state,
        "size": row.size or 0,
        "at": row.at,
    }


def _sources(conn: Connection) -> tuple[dict[str, sa.Row[*tuple[Any, ...]]], dict[str, dict[str, int]]]:
    rows = {row.name: row for row in conn.execute(sa.select(sources).order_by(sources.c.name))}
    refused: dict[str, dict[str, int]] = {}
    for row in conn.execute(sa.select(refusals.c.source, refusals.c.reason, refusals.c.count.label("number"))):
        refused.setdefault(row.source, {})[row.reason] = row.number
    return rows, refused


# --- one's own sessions ---------------------------------------------------------------------------------------------


@endpoints.add("GET", "/api/v1/sessions", returns=Sessions)
async def list_sessions(request: web.Request, visitor: Visitor) -> web.Response:
    """Where one is logged in, newest first; empty for a token."""
    if visitor.session is None:
        return answer(Sessions(items=[]))
    found = await request.app[ACCESS].sessions(visitor.session.login)
    return answer(
        Sessions(
            items=[
                Session(
                    id=each.hash,
                    client=each.client,
                    created_at=each.created_at,
                    expires_at=each.expires_at,
                    current=each.hash == visitor.hash,
                )
                for each in found
            ]
        )
    )


@endpoints.add("DELETE", "/api/v1/sessions/{id}", returns=None, status=204)
async def end_session(request: web.Request, visitor: Visitor) -> web.Response:
    """Log out in another browser; its open pages stop at once."""
    if visitor.session is None or not await request.app[ACCESS].end(visitor.session.login, request.match_info["id"]):
        raise missing()
    return web.Response(status=204)
