"""What could not be understood: kept with its bytes and the reason, looked at, and tried again once we know better.

Only administrators may look: what lies here has passed no rule about who may read what. Functions that take a
connection run inside somebody's transaction.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.privacy.visibility import HUB
from hub.store.schema import blobs, quarantine

if TYPE_CHECKING:
    from hub.operation import Progress
    from hub.service import Service

LISTED = 100


@dataclass(frozen=True, slots=True)
class Held:
    """One thing in quarantine. *kind* is `mail`, `delivery`, `event` or `calendar`; *state* `open` or `replayed`;
    *size* in bytes, *at* UTC."""

    id: int
    source: str
    kind: str
    reason: str
    state: str
    size: int
    blob: str
    about: Mapping[str, Any]
    at: datetime


class NotHeld(LookupError):
    """There is nothing of this id in quarantine. The text says so."""


def listed(conn: Connection, source: str = "", state: str = "open", limit: int = LISTED) -> list[Held]:
    """What lies in quarantine, newest first: of one *source* or of all, in *state* or ("") in any."""
    statement = _held().order_by(quarantine.c.at.desc(), quarantine.c.id.desc()).limit(limit)
    if source:
        statement = statement.where(quarantine.c.source == source)
    if state:
        statement = statement.where(quarantine.c.state == state)
    return [Held(*row) for row in conn.execute(statement)]


def one(conn: Connection, held_id: int) -> Held:
    """The thing of that id. Raises `NotHeld`."""
    row = conn.execute(_held().where(quarantine.c.id == held_id)).one_or_none()
    if row is None:
        raise NotHeld(f"There is nothing of id {held_id} in quarantine. `hub quarantine list` shows what there is.")
    return Held(*row)


def _held() -> sa.Select[Any]:
    c = quarantine.c
    size = sa.func.coalesce(blobs.c.size, 0)
    return sa.select(c.id, c.source, c.kind, c.reason, c.state, size, c.blob, c.about, c.at).outerjoin(
        blobs, blobs.c.hash == c.blob
    )


# --- what commands ask the running hub for --------------------------------------------------------------------------


async def list_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """`quarantine.list`: {source, state, limit} → what lies there."""
    found = await service.store.read(lambda conn: listed(conn, args["source"], args["state"], args["limit"]))
    return [_told(held) for held in found]


async def show_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`quarantine.show`: {id} → one thing, its bytes in base64 as `raw`."""

    def work(conn: Connection) -> tuple[Held, bytes]:
        held = one(conn, args["id"])
        return held, service.store.blobs.read(conn, held.blob) or b""

    held, raw = await service.store.read(work)
    return _told(held) | {"raw": base64.b64encode(raw).decode()}


async def replay_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`quarantine.replay`: {ids} or {source} (all that is open of it) → {done, failed: [[id, why], …]}."""
    ids = list(args.get("ids") or ())
    if not ids:
        found = await service.store.read(lambda conn: listed(conn, args.get("source", ""), "open", 1_000_000))
        ids = [held.id for held in reversed(found)]
    failed = []
    for place, held_id in enumerate(ids):
        why = await _replay(service, held_id)
        if why:
            failed.append([held_id, why])
        await progress({"done": place + 1, "of": len(ids)})
    return {"done": len(ids) - len(failed), "failed": failed}


async def _replay(service: Service, held_id: int) -> str:
    """Try one thing again; "" where it is recorded now, else why not. Raises `NotHeld`."""
    await service.store.read(lambda conn: one(conn, held_id))
    why = await service.ingest.replay(held_id)
    entry, now = service.store.ids(), datetime.now(UTC)
    await service.store.write(
        lambda conn: audit.note(conn, entry, HUB, "quarantine.replay", f"quarantine/{held_id}", now)
    )
    return why


def _told(held: Held) -> dict[str, Any]:
    return asdict(held) | {"at": held.at.isoformat()}
