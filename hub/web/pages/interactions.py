"""One interaction unfolded where it stands: the mail in its frame, the call with its phones; files and notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy import Connection

from hub import audit
from hub.calls import wrapping
from hub.crm.records import Unknown
from hub.fold import is_taken_back
from hub.formats import mail
from hub.formats.filenames import attachment_header
from hub.formats.handles import display
from hub.formats.mail import Unreadable
from hub.privacy.visibility import readable
from hub.store.blobs import Blobs
from hub.store.schema import notes
from hub.timeline import Item, one
from hub.vocabulary import Agent, Attachment, Call, Direction, Level, Meeting, Mention, Message, Outcome
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import call_words, entries, frame, mail_view, meeting_words, words
from hub.web.pages.attached import Shown, attached
from hub.web.pages.calls_recordings import Sound, sounds, transcript
from hub.web.pages.contacts import text
from hub.web.pages.entries import Entry
from hub.web.pages.parties import Parties, names_of, parties
from hub.wordings import wordings

LONGEST_NOTE = 10_000
SHOWN_INLINE = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What a mail's frame may load as an image of its own. Never SVG: it can carry scripts."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a colleague noted."""

    author: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of a call: whose, since when, how it came in, and how it went there."""

    name: str
    at: datetime | None
    joined: str
    outcome: str
    tone: str


@dataclass(frozen=True, slots=True)
class Unfolded:
    """Everything the reader may see of one interaction."""

    item: Item
    sort: str
    entry: Entry
    people: Parties
    text: tuple[mail_view.Piece, ...]
    html: bool
    lost: str
    files: tuple[Attachment, ...]
    phones: tuple[Phone, ...]
    notes: tuple[Note, ...]
    sounds: tuple[Sound, ...] = ()
    transcript: str = ""
    came_of_it: tuple[str, ...] = ()
    answers: tuple[meeting_words.Said, ...] = ()
    attached: tuple[Shown, ...] = ()
    edited_at: datetime | None = None
    gone: bool = False


async def unfolded(request: web.Request) -> web.Response:
    """What stands under a line of the timeline once it is opened; `talk` where that is a conversation's."""
    who, agents, speaks = frame.actor(request), frame.agents(request), frame.reader(request)
    store = request.app[SERVICE].store
    interaction_id = frame.record_id(request)

    def work(conn: Connection) -> Unfolded | None:
        item = one(conn, who, interaction_id)
        if item is None:
            return None
        return unfold(conn, store.blobs, speaks, item, parties(conn, [item.id], agents)[item.id], agents)

    found = await frame.read(request, work)
    if found is None:
        raise web.HTTPNotFound
    return frame.fragment(request, "timeline/_unfolded.html", reader=speaks, it=found, talk="talk" in request.query)


def unfold(
    conn: Connection, blobs: Blobs, speaks: Reader, item: Item, people: Parties, agents: Mapping[str, Agent]
) -> Unfolded:
    """All of *item*: its mail is read anew from *blobs*."""
    names = names_of(agents.values())
    facts = item.facts
    plain, html, lost = getattr(facts, "text", None), False, ""
    if isinstance(facts, Message) and item.blob:
        raw = blobs.read(conn, item.blob)
        try:
            body = mail.body(raw or b"")
            plain, html = body.text, body.html is not None
        except Unreadable as error:
            lost = str(error)
    everybody = (*people.began, *people.reached, *people.copied)
    kinds = {"Call": Call, "Meeting": Meeting, "Mention": Mention, "Message": Message}
    return Unfolded(
        item=item,
        sort=next(name for name, kind in kinds.items() if isinstance(facts, kind)),
        entry=entries.entry(speaks, item, people, names),
        people=people,
        text=mail_view.text(plain) if plain else (),
        html=html,
        lost=lost,
        files=tuple(each for each in facts.attachments or () if not each.inline) if isinstance(facts, Message) else (),
        phones=_phones(speaks, facts, names) if isinstance(facts, Call) else (),
        notes=noted(conn, item, {agent.id: agent.name for agent in agents.values()}),
        sounds=sounds(conn, speaks, item),
        transcript=transcript(item),
        came_of_it=_came_of_it(conn, item, names) if isinstance(facts, Call) else (),
        answers=meeting_words.answers(speaks, facts, everybody) if isinstance(facts, Meeting) else (),
        attached=attached(conn, speaks, [item]).get(item.id, ()) if isinstance(facts, Message) else (),
        edited_at=facts.edited_at if isinstance(facts, Message | Mention) else None,
        gone=is_taken_back(facts),
    )


def noted(conn: Connection, item: Item, colleagues: dict[str, str]) -> tuple[Note, ...]:
    """The notes on *item*, oldest first; for those who may read all of it."""
    if not readable(item.level, Level.ALL):
        return ()
    rows = conn.execute(sa.select(notes).where(notes.c.interaction_id == item.id).order_by(notes.c.written_at))
    return tuple(Note(colleagues.get(row.author, row.author), row.text, row.written_at) for row in rows)


def _came_of_it(conn: Connection, item: Item, names: Mapping[str, str]) -> tuple[str, ...]:
    """What those who took the call say of it."""
    if not readable(item.level, Level.ALL):
        return ()
    said = [each for each in wrapping.of_calls(conn, [item.id]) if each.disposition]
    return tuple(f"{each.disposition} ({names.get(each.agent, each.agent)})" for each in said)


def _phones(speaks: Reader, call: Call, names: dict[str, str]) -> tuple[Phone, ...]:
    shown = []
    called = {leg.id: names.get(leg.agent or "") or names.get(leg.phone or "") or "" for leg in call.legs}
    for leg in call.legs:
        name = called[leg.id] or (display(leg.phone) if leg.phone else "") or leg.agent or ""
        took = leg.answered_at is not None or leg.outcome is Outcome.COMPLETED
        seconds = int((leg.ended_at - leg.answered_at).total_seconds()) if leg.ended_at and leg.answered_at else 0
        ended = Outcome.COMPLETED if took else (leg.outcome or Outcome.NO_ANSWER)
        state = leg.state or ""
        # Seen as a call that we make: a phone that rang while another was picked up did not miss anything.
        said = words.outcome(speaks, Direction.OUTBOUND, "" if state == "ended" else state, ended, seconds)
        how = call_words.joined(speaks, leg.joined, called.get(leg.by or "", ""))
        at = leg.answered_at or leg.started_at
        shown.append(Phone(name, at, how, said[0], "" if took else "muted"))
    return tuple(shown)


async def said_before(request: web.Request) -> web.Response:
    """What a message has said, the oldest wording first."""
    who, interaction_id = frame.actor(request), frame.record_id(request)
    found = await frame.read(request, lambda conn: wordings(conn, who, interaction_id))
    if found is None:
        raise web.HTTPNotFound
    return frame.fragment(request, "timeline/_wordings.html", reader=frame.reader(request), wordings=found)


async def body(request: web.Request) -> web.Response:
    """A mail's HTML, alone and sandboxed: no scripts, no forms, nothing from other hosts unless `images=1`."""
    item, raw = await _raw(request)
    speaks = frame.reader(request)
    images = request.query.get("images") == "1"
    shown = mail_view.frame(
        mail.body(raw),
        lambda index: f"/interactions/{item.id}/files/{index}?inline",
        speaks.gettext("Earlier mails"),
        images,
    )
    document = request.app[frame.FRAME].text(
        speaks.tag, "timeline/body.html", {"reader": speaks, "html": shown.html, "blocked": shown.blocked}
    )
    pictures = "'self' data: https: http:" if images else "'self' data:"
    return web.Response(
        text=document,
        content_type="text/html",
        headers={
            "Content-Security-Policy": "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; "
            f"default-src 'none'; style-src 'self' 'unsafe-inline'; img-src {pictures}; form-action 'none'; "
            "base-uri 'none'; frame-ancestors 'self'",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


async def file(request: web.Request) -> web.Response:
    """An attachment to keep. `inline` serves the pictures that a mail shows itself, to its frame only."""
    item, raw = await _raw(request)
    index = int(request.match_info["index"])
    known = item.facts.attachments or () if isinstance(item.facts, Message) else ()
    about = next((each for each in known if each.index == index), None)
    if about is None:
        raise web.HTTPNotFound
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, max-age=3600",
    }
    if "inline" in request.query and about.media_type in SHOWN_INLINE:
        return web.Response(body=mail.attachment(raw, index), content_type=about.media_type, headers=headers)
    headers["Content-Disposition"] = attachment_header(about.name or f"part-{index}")
    return web.Response(body=mail.attachment(raw, index), content_type="application/octet-stream", headers=headers)


async def _raw(request: web.Request) -> tuple[Item, bytes]:
    """A mail that the reader may read in full, and its bytes."""
    who, store = frame.actor(request), request.app[SERVICE].store
    interaction_id = frame.record_id(request)

    def work(conn: Connection) -> tuple[Item, bytes] | None:
        item = one(conn, who, interaction_id)
        raw = store.blobs.read(conn, item.blob) if item and item.blob else None
        return (item, raw) if item and raw is not None and isinstance(item.facts, Message) else None

    found = await frame.read(request, work)
    if found is None:
        raise web.HTTPNotFound
    return found


async def note(request: web.Request) -> web.Response:
    """Write a note on an interaction. With `id` the note of that id takes the new text: a draft that grows."""
    writer, store = frame.writer(request), request.app[SERVICE].store
    form = await request.post()
    said = text(form, "text")[:LONGEST_NOTE]
    interaction_id, new_id, entry = frame.record_id(request), store.ids(), store.ids()
    draft = frame.number(text(form, "id"))
    author, at = writer.agent or writer.name, datetime.now(UTC)

    def work(conn: Connection) -> int | None:
        item = one(conn, writer, interaction_id)
        if item is None or not readable(item.level, Level.ALL):
            return None
        if draft:
            ours = (notes.c.id == draft) & (notes.c.author == author) & (notes.c.interaction_id == interaction_id)
            if not said:
                conn.execute(notes.delete().where(ours))
                return 0
            if conn.execute(notes.update().where(ours).values(text=said, written_at=at)).rowcount:
                return draft
        if not said:
            return 0
        conn.execute(
            notes.insert().values(id=new_id, interaction_id=interaction_id, author=author, text=said, written_at=at)
        )
        audit.note(conn, entry, writer, "note.write", f"interaction/{interaction_id}", at)
        return new_id

    written = await store.write(work)
    if written is None:
        raise web.HTTPNotFound
    if request.headers.get("Accept", "").startswith("application/json"):
        return web.json_response({"id": str(written) if written else ""})
    return await unfolded(request)


async def was(request: web.Request) -> web.Response:
    """Say who of several candidates it was; the interaction comes onto her timeline and the choice is remembered."""
    writer = frame.writer(request)
    form = await request.post()
    contact = text(form, "contact")
    try:
        await frame.directory(request).confirm(
            writer, frame.record_id(request), frame.number(contact), text(form, "handle")
        )
    except Unknown as error:
        raise web.HTTPNotFound from error
    if frame.is_fragment(request):
        return web.Response(status=204, headers={"HX-Refresh": "true"})
    raise web.HTTPSeeOther(f"/contacts/{contact}")
