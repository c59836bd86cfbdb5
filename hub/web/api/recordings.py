"""Recordings and voicemails, for programs and for the player on a timeline."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub import audit, timeline
from hub.calls import consents
from hub.calls.consents import Purpose
from hub.calls.recordings import rows
from hub.calls.recordings.policy import State, Why
from hub.calls.recordings.rows import Kept
from hub.config_calls import Recorded
from hub.contracts import Unavailable, Unsupported, Verdict
from hub.live import LiveEvent
from hub.privacy.visibility import Authority, Scope, readable
from hub.store.schema import recordings
from hub.timeline import Item
from hub.vocabulary import Call, Level
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Id, Shape, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.web.problems import Problem

endpoints = Endpoints()

_SOUND = frozenset({"audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg", "audio/mp4", "audio/webm"})
"""Media types that are told to a browser as they are; it must never take anything else for a page."""


class RecordingOut(BaseModel):
    """The sound of a call. `state` is waiting (it will be fetched), kept, unwanted (not allowed), refused, failed or
    gone; `reason` says why: line, voicemail, consent, withdrawn, expired, deleted, no-source, or in words."""

    id: str
    interaction: str
    voicemail: bool
    state: State
    reason: str | None = None
    media_type: str | None = None
    size: int | None = None
    seconds: int | None = None
    started_at: datetime | None = None
    keep_until: datetime | None = None
    audio: str | None = Field(None, description="The path of the sound, where it is kept")


class RecordingList(BaseModel):
    """The earliest first."""

    items: list[RecordingOut]


class RecordingQuery(Shape):
    """Which call."""

    interaction: Id


class Switch(Shape):
    """Whether it is recorded from now on. `evidence` is how we know that the other side agreed."""

    on: bool
    evidence: str = Field("", max_length=1000)


class Switched(BaseModel):
    """As it is now."""

    on: bool


@endpoints.add("GET", "/api/v1/recordings", returns=RecordingList)
async def list_recordings(request: web.Request, visitor: Visitor, query: RecordingQuery) -> web.Response:
    """The recordings of a call."""
    interaction_id = int(query.interaction)

    def work(conn: Connection) -> list[Kept] | None:
        return rows.of(conn, [interaction_id]) if _open(conn, visitor, interaction_id) else None

    found = await request.app[SERVICE].store.read(work)
    if found is None:
        raise missing("There is no such call, or it is not open to you.")
    return answer(RecordingList(items=[shown(each) for each in found]))


@endpoints.add("GET", "/api/v1/recordings/{id}/audio", returns=None)
async def hear(request: web.Request, visitor: Visitor) -> web.StreamResponse:
    """The sound itself; one Range (RFC 9110, section 14) is answered in part."""
    store, recording_id = request.app[SERVICE].store, record_id(request)

    def work(conn: Connection) -> tuple[Kept, bytes] | None:
        one = rows.by_id(conn, recording_id)
        if one is None or one.state is not State.KEPT or not _open(conn, visitor, one.interaction_id):
            return None
        data = store.blobs.read(conn, one.blob)
        return None if data is None else (one, data)

    found = await store.read(work)
    if found is None:
        raise missing("There is no such recording, or it is not open to you.")
    one, data = found
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Type": one.media_type if one.media_type in _SOUND else "application/octet-stream",
        "Content-Disposition": "inline",
        "Cache-Control": "private, no-store",
    }
    try:
        wanted = request.http_range
    except ValueError:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
    if wanted.start is None and wanted.stop is None:
        return web.Response(body=data, headers=headers)
    first, last, _ = wanted.indices(len(data))
    if first >= last:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {first}-{last - 1}/{len(data)}"
    return web.Response(status=206, body=data[first:last], headers=headers)


@endpoints.add("DELETE", "/api/v1/recordings/{id}", returns=None, scope=Scope.WRITE, status=204)
async def delete_recording(request: web.Request, visitor: Visitor) -> web.Response:
    """Delete the sound here; that the call was recorded stays known. For administrators and managers. What lies at the
    provider is not touched."""
    if visitor.actor.authority not in (Authority.ADMIN, Authority.MANAGER):
        raise Problem(403, "not-allowed", "Only administrators and managers delete recordings.")
    service, recording_id, now = request.app[SERVICE], record_id(request), datetime.now(UTC)

    def work(conn: Connection) -> int | None:
        one = rows.by_id(conn, recording_id)
        if one is None or not rows.delete(conn, service.store.blobs, recordings.c.id == recording_id, Why.DELETED):
            return None
        audit.note(conn, service.store.ids(), visitor.actor, "recording.delete", f"recording/{recording_id}", now)
        return one.interaction_id

    interaction_id = await service.store.write(work)
    if interaction_id is None:
        raise missing("There is no such recording.")
    service.live.publish([LiveEvent("recording", {"interaction": str(interaction_id), "id": str(recording_id)})])
    return web.Response(status=204)


@endpoints.add("POST", "/api/v1/calls/{id}/recording", returns=Switched, scope=Scope.WRITE)
async def switch(request: web.Request, visitor: Visitor, body: Switch) -> web.Response:
    """Begin or pause recording a call that is under way. It begins only where the line's policy allows it, and the
    other side agreed where the policy asks for that: what she said (`evidence`) is kept as her consent."""
    service, interaction_id, now = request.app[SERVICE], record_id(request), datetime.now(UTC)

    def work(conn: Connection) -> tuple[Item | None, str]:
        item = timeline.one(conn, visitor.actor, interaction_id)
        if item is None or not isinstance(item.facts, Call) or not body.on:
            return item, ""
        return item, _forbidden(conn, visitor, item, item.facts)

    def _forbidden(conn: Connection, visitor: Visitor, item: Item, call: Call) -> str:
        line = service.config.telephony.line(call.line or "")
        if line.record is Recorded.NEVER:
            return "Nothing is recorded on this line: its policy says never."
        others = [p.handle for p in call.participants or () if p.handle and p.handle not in service.ours.handles]
        said = [each for handle in others for each in consents.of(conn, handle) if each.purpose is Purpose.RECORD]
        if body.evidence:
            for handle in others:
                consent = consents.Consent(
                    handle, Purpose.RECORD, True, body.evidence, item.id, visitor.actor.record, now
                )
                consents.write(conn, visitor.actor, service.store.ids, consent)
            return ""
        if any(not each.given for each in said):
            return "She said that she does not want to be recorded."
        if line.record is Recorded.CONSENT and not said:
            return "On this line the other side has to agree first. Say in `evidence` how she did."
        return ""

    item, forbidden = await service.store.write(work)
    if item is None or not isinstance(item.facts, Call):
        raise missing("There is no such call, or it is not open to you.")
    if forbidden:
        raise Problem(409, "not-recorded", forbidden)
    try:
        await service.recordings.record(item.source, item.key, body.on)
    except Unsupported as verdict:
        raise Problem(409, "not-recorded", str(verdict)) from verdict
    except (Verdict, TimeoutError) as verdict:
        raise Unavailable(str(verdict) or "The phone system does not answer.") from verdict
    return answer(Switched(on=body.on))


def _open(conn: Connection, visitor: Visitor, interaction_id: int) -> bool:
    """Whether the visitor may hear what was said in it."""
    item = timeline.one(conn, visitor.actor, interaction_id)
    return item is not None and readable(item.level, Level.ALL)


def shown(one: Kept) -> RecordingOut:
    """A recording as the API shows it."""
    kept = one.state is State.KEPT
    return RecordingOut(
        id=str(one.id),
        interaction=str(one.interaction_id),
        voicemail=one.voicemail,
        state=one.state,
        reason=one.reason or None,
        media_type=one.media_type if kept else None,
        size=one.size if kept else None,
        seconds=one.seconds,
        started_at=one.started_at,
        keep_until=one.keep_until if kept else None,
        audio=f"/api/v1/recordings/{one.id}/audio" if kept else None,
    )
