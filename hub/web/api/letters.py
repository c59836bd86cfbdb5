"""What we write, for programs: answers, new mails and texts, drafts, files, and addresses that nothing is sent to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from hub import audit, timeline
from hub.contracts import Unavailable
from hub.formats import handles
from hub.formats.digest import digest
from hub.letters import drafts, letters, reports
from hub.letters.compose import People, Person
from hub.letters.identities import may_use
from hub.letters.letters import LetterView
from hub.letters.post import MOST_BYTES, Answering, CannotSend, NotOpen, Post, Wanted, among_undeliverable, writer
from hub.letters.states import Reached, State
from hub.privacy.visibility import Actor, Authority, Scope
from hub.store.schema import interactions, merged_conversations, undeliverable
from hub.vocabulary import Channel
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Id, Moment, Shape, answer, commas, missing, record_id
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

_STATUS = {
    "too-large": 413,
    "answered-meanwhile": 409,
    "undeliverable": 409,
    "gaps": 409,
    "no-sender": 409,
    "not-by-mail": 409,
    "window-closed": 409,
    "unsubscribed": 409,
    "no-files": 409,
}


_PUBLIC = (Channel.SOCIAL, Channel.WEB)
_THEN = {"": "", "close": "closed", "snooze": "snoozed"}


Address = Annotated[str, StringConstraints(min_length=3, max_length=500)]
Text = Annotated[str, StringConstraints(max_length=500_000)]
Line = Annotated[str, StringConstraints(max_length=2000)]


# --- what goes out --------------------------------------------------------------------------------------------------


class RecipientOut(BaseModel):
    """What became of a letter at one recipient. `role` is `recipient`, `copied` or `bcc`."""

    handle: str
    name: str | None = None
    role: str
    state: Reached
    reason: str | None = None
    at: datetime


class LetterOut(BaseModel):
    """A letter of ours. `undo_until` is set while it can be called back; `delivery` says in a word how it does, bounces
    included; `interaction` is what it was recorded as once it was sent."""

    id: str
    conversation: str
    interaction: str | None = None
    channel: Channel
    source: str
    agent: str
    sender: str
    subject: str
    text: str
    state: State
    delivery: str
    reason: str | None = None
    due_at: datetime
    undo_until: datetime | None = None
    unless_answered: bool
    written_at: datetime
    sent_at: datetime | None = None
    recipients: list[RecipientOut]


class LettersOut(BaseModel):
    """Letters, the newest first."""

    items: list[LetterOut]


class DraftOut(BaseModel):
    """What she has begun to write."""

    to: list[str]
    cc: list[str]
    bcc: list[str]
    subject: str | None = None
    text: str
    source: str
    uploads: list[str]
    files: list[UploadOut] = Field(description="The uploads that are still there")
    canned: str | None = None
    template: TemplateIn | None = None
    updated_at: datetime


class UploadOut(BaseModel):
    """A file for a letter; `size` in bytes."""

    id: str
    name: str
    media_type: str
    size: int


class IdentityOut(BaseModel):
    """As whom she may write."""

    source: str
    handle: str
    name: str
    preferred: bool


class PeopleOut(BaseModel):
    """To whom an answer goes."""

    to: list[str]
    cc: list[str]


class AnswerOut(BaseModel):
    """What an answer begins with. `quoted` and `signature` will stand below the text."""

    interaction: str | None = None
    identities: list[IdentityOut]
    reply: PeopleOut
    reply_all: PeopleOut
    subject: str
    quoted: str
    signature: str
    undeliverable: dict[str, str] = Field(description="Those of them that nothing is to be sent to, with the reason")


class TemplateOut(BaseModel):
    """A text that the provider has approved. `gaps` are what its values are called, in the order of the text."""

    name: str
    id: str
    text: str
    language: str | None = None
    gaps: list[str]


class AnsweringOut(BaseModel):
    """What may be said in a conversation now. Free text only with `free_text`, and on WhatsApp until `window_ends_at`;
    `templates` always. `longest` counts characters; `refused` says why nothing may be sent at all."""

    channel: Channel
    to: str | None = Field(None, description="The other side's handle; of a mail see `/answer`")
    interaction: str | None = None
    identities: list[IdentityOut]
    longest: int | None = None
    largest: int = Field(0, description="Files of at most so many bytes each may go with it; 0: none")
    window_ends_at: datetime | None = None
    free_text: bool
    templates: list[TemplateOut]
    refused: str | None = None


class UndeliverableOut(BaseModel):
    """An address that cannot be reached or does not want to be. `interaction` is the report that said so."""

    handle: str
    reason: str
    diagnostic: str | None = None
    interaction: str | None = None
    at: datetime


# --- what comes in --------------------------------------------------------------------------------------------------


class TemplateIn(Shape):
    """An approved text and what fills its gaps."""

    name: str = Field(min_length=1, max_length=200)
    values: dict[str, Annotated[str, StringConstraints(max_length=1000)]] = Field({}, max_length=50)


class NewLetter(Shape):
    """A letter to send: a mail, an SMS or a WhatsApp message. An answer without `to` goes to whoever wrote, and on the
    same channel. A new letter goes on `channel`, else by mail to a mail address and by SMS to a number."""

    source: str = Field("", description="From which source; without it the one that the conversation came in on")
    sender: str = Field("", description="From which address of that source")
    to: list[Address] = Field([], max_length=200, description="Addresses, or Name <address>; of a text one number")
    cc: list[Address] = Field([], max_length=200)
    bcc: list[Address] = Field([], max_length=200)
    subject: Line | None = Field(None, description="Without it an answer has the subject of what it answers")
    text: Text = ""
    channel: Literal["email", "sms", "chat"] | None = None
    template: TemplateIn | None = Field(None, description="In place of `text`, on WhatsApp")
    uploads: list[Id] = Field([], max_length=50)
    canned: Id | None = Field(None, description="The canned answer that it began as")
    send_at: Moment | None = None
    unless_answered: bool = Field(False, description="Cancel it if the other side writes first")
    then: Literal["", "close", "snooze"] = Field("", description="What becomes of the conversation once it was sent")
    snoozed_until: Moment | None = Field(None, description="With `snooze`")
    reply_to_interaction: Id | None = Field(None, description="Which mail it answers; else the latest that came in")
    if_latest: Id | None = Field(None, description="409 where another one came in since")
    quote: bool = Field(True, description="Whether what it answers stands below")
    force: bool = Field(False, description="Over gaps, marked addresses and a newer mail")


class DraftIn(Shape):
    """What she has written so far."""

    to: list[Line] = Field([], max_length=200)
    cc: list[Line] = Field([], max_length=200)
    bcc: list[Line] = Field([], max_length=200)
    subject: Line | None = None
    text: Text = ""
    source: Line = ""
    uploads: list[Id] = Field([], max_length=50)
    canned: Id | None = None
    template: TemplateIn | None = None


class LettersQuery(Shape):
    """Which letters."""

    state: Annotated[tuple[State, ...], BeforeValidator(commas)] = Field(
        (State.FAILED, State.PERHAPS, State.SCHEDULED), description="One or more, by commas"
    )
    mine: bool = Field(False, description="Only those that she wrote")
    limit: int = Field(50, ge=1, le=200)


class AnswerQuery(Shape):
    """Which mail is answered."""

    interaction: Id | None = Field(None, description="Else the latest that came in")


class UploadQuery(Shape):
    """What the file is called, and what it is."""

    name: str = Field(min_length=1, max_length=300)
    type: str = Field("application/octet-stream", max_length=200)


# --- letters --------------------------------------------------------------------------------------------------------


@endpoints.add("GET", "/api/v1/conversations/{id}/answer", returns=AnswerOut)
async def read_answer(request: web.Request, visitor: Visitor, query: AnswerQuery) -> web.Response:
    """What an answer in a conversation begins with: as whom, to whom, and about what."""
    conversation = await _conversation(request)
    which = int(query.interaction) if query.interaction else None
    found = await _allowed(lambda: _post(request).answer(visitor.actor, conversation, which))
    everybody = [each.handle for each in (*found.reply_all.to, *found.reply_all.cc)]
    marked = await request.app[SERVICE].store.read(lambda conn: among_undeliverable(conn, everybody))
    return answer(
        AnswerOut(
            interaction=str(found.interaction) if found.interaction else None,
            identities=[
                IdentityOut(source=each.source, handle=each.handle, name=each.name, preferred=each.preferred)
                for each in found.identities
            ],
            reply=_people(found.reply),
            reply_all=_people(found.reply_all),
            subject=found.subject,
            quoted=found.quoted,
            signature=found.signature,
            undeliverable=marked,
        )
    )


@endpoints.add("GET", "/api/v1/conversations/{id}/answering", returns=AnsweringOut)
async def read_answering(request: web.Request, visitor: Visitor) -> web.Response:
    """How a conversation is answered: on which channel, until when with free text, and with which templates."""
    conversation = await _conversation(request)
    found: Answering = await _allowed(lambda: _post(request).answering(visitor.actor, conversation))
    return answer(
        AnsweringOut(
            channel=found.channel,
            to=found.theirs or None,
            interaction=str(found.interaction) if found.interaction else None,
            identities=[
                IdentityOut(source=each.source, handle=each.handle, name=each.name, preferred=each.preferred)
                for each in found.identities
            ],
            longest=found.longest,
            largest=found.largest,
            window_ends_at=found.window_ends_at,
            free_text=found.free_text,
            templates=[
                TemplateOut(
                    name=each.name, id=each.id, text=each.text, language=each.language or None, gaps=list(each.gaps)
                )
                for each in found.templates
            ],
            refused=found.refused or None,
        )
    )


@endpoints.add("POST", "/api/v1/conversations/{id}/letters", returns=LetterOut, scope=Scope.WRITE, status=201)
async def write_answer(request: web.Request, visitor: Visitor, body: NewLetter) -> web.Response:
    """Answer, on the channel of the conversation. It leaves after a moment in which it can be called back.

    409 `answered-meanwhile`, `undeliverable` (with `recipients` and reasons) or `gaps`: send it again with `force`.
    409 `window-closed` (WhatsApp takes only a template now) or `unsubscribed` (she sent STOP): that cannot be forced.
    """
    return await _write(request, visitor, await _conversation(request), body)


@endpoints.add("POST", "/api/v1/letters", returns=LetterOut, scope=Scope.WRITE, status=201)
async def write_letter(request: web.Request, visitor: Visitor, body: NewLetter) -> web.Response:
    """Write a new mail or text. It begins a conversation, but for a text where there is one between these numbers."""
    return await _write(request, visitor, None, body)


@endpoints.add("GET", "/api/v1/letters", returns=LettersOut)
async def list_letters(request: web.Request, visitor: Visitor, query: LettersQuery) -> web.Response:
    """What failed, was perhaps sent, or waits for its time."""
    actor, config = visitor.actor, request.app[SERVICE].config
    sources = [name for name in config.sources if _reads(actor) and may_use(config, name, actor)]
    agent = writer(actor) if query.mine else None
    found = await request.app[SERVICE].store.read(
        lambda conn: letters.listed(conn, query.state, sources, agent, query.limit)
    )
    return answer(LettersOut(items=[shown(each) for each in found]))


@endpoints.add("GET", "/api/v1/letters/{id}", returns=LetterOut)
async def read_letter(request: web.Request, visitor: Visitor) -> web.Response:
    """One letter and what became of it."""
    return answer(shown(await _letter(request, visitor)))


@endpoints.add("DELETE", "/api/v1/letters/{id}", returns=LetterOut, scope=Scope.WRITE)
async def cancel_letter(request: web.Request, visitor: Visitor) -> web.Response:
    """Call a letter back. Its words are a draft again. 409 where it has left."""
    return await _changed(request, visitor, _post(request).cancel, "It has left already.")


@endpoints.add("POST", "/api/v1/letters/{id}/send-now", returns=LetterOut, scope=Scope.WRITE)
async def send_letter_now(request: web.Request, visitor: Visitor) -> web.Response:
    """Hold a letter no longer. 409 where it has left."""
    return await _changed(request, visitor, _post(request).send_now, "It has left already.")


@endpoints.add("POST", "/api/v1/letters/{id}/retry", returns=LetterOut, scope=Scope.WRITE)
async def retry_letter(request: web.Request, visitor: Visitor) -> web.Response:
    """Send again what failed or was perhaps sent. 409 where it is neither. A text that the provider took and could not
    deliver is written again: the answer is the new letter."""
    return await _again(request, visitor)


# --- drafts and files -----------------------------------------------------------------------------------------------


@endpoints.add("GET", "/api/v1/conversations/{id}/draft", returns=DraftOut)
async def read_draft(request: web.Request, visitor: Visitor) -> web.Response:
    """Her own draft in a conversation. 404 where there is none."""
    conversation, agent = await _conversation(request), writer(visitor.actor)
    return answer(await _draft(request, agent, conversation))


@endpoints.add("PUT", "/api/v1/conversations/{id}/draft", returns=DraftOut, scope=Scope.WRITE)
async def write_draft(request: web.Request, visitor: Visitor, body: DraftIn) -> web.Response:
    """Keep her draft, in the place of what was there."""
    conversation, agent = await _conversation(request), writer(visitor.actor)
    content, now = body.model_dump(mode="json"), datetime.now(UTC)

    def work(conn: sa.Connection) -> None:
        if not timeline.among(conn, visitor.actor, interactions.c.conversation_id == conversation, 1):
            raise NotOpen
        drafts.write(conn, agent, conversation, content, now)

    await _allowed(lambda: request.app[SERVICE].store.write(work))
    return answer(await _draft(request, agent, conversation))


@endpoints.add("DELETE", "/api/v1/conversations/{id}/draft", returns=None, scope=Scope.WRITE, status=204)
async def discard_draft(request: web.Request, visitor: Visitor) -> web.Response:
    """Forget her draft."""
    conversation, agent = await _conversation(request), writer(visitor.actor)
    if not await request.app[SERVICE].store.write(lambda conn: drafts.discard(conn, agent, conversation)):
        raise missing()
    return web.Response(status=204)


@endpoints.add("POST", "/api/v1/uploads", returns=UploadOut, scope=Scope.WRITE, status=201)
async def add_upload(request: web.Request, visitor: Visitor, query: UploadQuery) -> web.Response:
    """Add a file for a letter: its bytes are the body. Name it in a draft, or it is forgotten after two days."""
    store, now = request.app[SERVICE].store, datetime.now(UTC)
    data = bytearray()
    async for chunk in request.content.iter_chunked(1 << 16):
        data += chunk
        if len(data) > MOST_BYTES:
            raise Problem(413, "too-large", f"A file may have {MOST_BYTES // 1_000_000} MB.")
    raw = bytes(data)
    name = await asyncio.to_thread(digest, raw)
    made = drafts.Upload(store.ids(), " ".join(query.name.split()), query.type, len(raw), name)
    try:
        await asyncio.to_thread(store.blobs.settle, name, raw)
    except OSError as error:
        raise Unavailable(f"the blob folder cannot be written: {error.strerror}") from error
    agent = writer(visitor.actor)
    await store.write(lambda conn: drafts.upload(conn, store.blobs, made, agent, raw, now))
    return answer(_file(made), 201)


@endpoints.add("DELETE", "/api/v1/uploads/{id}", returns=None, scope=Scope.WRITE, status=204)
async def remove_upload(request: web.Request, visitor: Visitor) -> web.Response:
    """Forget a file."""
    upload_id, store, agent = record_id(request), request.app[SERVICE].store, writer(visitor.actor)
    if not await store.write(lambda conn: drafts.remove(conn, store.blobs, agent, upload_id)):
        raise missing()
    return web.Response(status=204)


# --- addresses that nothing is sent to ------------------------------------------------------------------------------


@endpoints.add("GET", "/api/v1/undeliverable/{handle}", returns=UndeliverableOut)
async def read_undeliverable(request: web.Request, visitor: Visitor) -> web.Response:
    """Why nothing is sent to an address. 404 where it may be written to."""
    handle = _handle(request)
    wanted = sa.select(undeliverable).where(undeliverable.c.handle == handle)
    row = await request.app[SERVICE].store.read(lambda conn: conn.execute(wanted).one_or_none())
    if row is None:
        raise missing("This address may be written to.")
    return answer(
        UndeliverableOut(
            handle=row.handle,
            reason=row.reason,
            diagnostic=row.diagnostic or None,
            interaction=str(row.interaction_id) if row.interaction_id else None,
            at=row.at,
        )
    )


@endpoints.add("DELETE", "/api/v1/undeliverable/{handle}", returns=None, scope=Scope.WRITE, status=204)
async def lift_undeliverable(request: web.Request, visitor: Visitor) -> web.Response:
    """Say that an address can be written to again."""
    handle, store, now = _handle(request), request.app[SERVICE].store, datetime.now(UTC)
    entry = store.ids()

    def work(conn: sa.Connection) -> bool:
        reported = sa.select(undeliverable.c.interaction_id).where(undeliverable.c.handle == handle)
        record = f"interaction/{conn.execute(reported).scalar() or 0}"
        if not reports.lift(conn, handle):
            return False
        audit.note(conn, entry, visitor.actor, "undeliverable.lift", record, now)
        return True

    if not await store.write(work):
        raise missing("This address may be written to.")
    return web.Response(status=204)


# --- between the models and the core --------------------------------------------------------------------------------


def shown(view: LetterView) -> LetterOut:
    """A letter as the API shows it."""
    return LetterOut(
        id=str(view.id),
        conversation=str(view.conversation_id),
        interaction=str(view.interaction) if view.interaction else None,
        channel=view.channel,
        source=view.source,
        agent=view.agent,
        sender=view.sender,
        subject=view.content.get("subject", ""),
        text=view.content.get("text", ""),
        state=view.state,
        delivery=view.delivery,
        reason=view.reason or None,
        due_at=view.due_at,
        undo_until=view.due_at if view.can_be_cancelled else None,
        unless_answered=view.unless_answered,
        written_at=view.written_at,
        sent_at=view.sent_at,
        recipients=[
            RecipientOut(
                handle=each.handle,
                name=each.name or None,
                role=each.role,
                state=each.state,
                reason=each.reason or None,
                at=each.at,
            )
            for each in view.recipients
        ],
    )


def _post(request: web.Request) -> Post:
    return request.app[SERVICE].letters


def _reads(actor: Actor) -> bool:
    """Marketers read no mail, so none of ours either."""
    return actor.authority is not Authority.MARKETER


async def _is_public(request: web.Request, visitor: Visitor, conversation: int | None) -> bool:
    """Whether it is one that marketers answer, too."""
    if conversation is None:
        return False
    found: Answering = await _allowed(lambda: _post(request).answering(visitor.actor, conversation))
    return found.channel in _PUBLIC


async def _conversation(request: web.Request) -> int:
    """The conversation in the path, or what it became part of."""
    asked = record_id(request)
    led_on = sa.select(merged_conversations.c.into_id).where(merged_conversations.c.id == asked)
    return await request.app[SERVICE].store.read(lambda conn: conn.execute(led_on).scalar()) or asked


async def _allowed(work: Callable[[], Any]) -> Any:
    try:
        return await work()
    except NotOpen as error:
        raise missing() from error
    except CannotSend as error:
        raise Problem(_STATUS.get(error.kind, 422), error.kind, str(error), **error.more) from error


async def _write(request: web.Request, visitor: Visitor, conversation: int | None, body: NewLetter) -> web.Response:
    if not _reads(visitor.actor) and not await _is_public(request, visitor, conversation):
        raise Problem(403, "not-allowed", "You may not write letters.")
    errors: list[FieldError] = []
    if body.then == "snooze" and body.snoozed_until is None:
        errors.append(FieldError("snoozed_until", "Say until when."))
    wanted = Wanted(
        source=body.source,
        sender=body.sender,
        to=_persons("to", body.to, errors, request.app[SERVICE].config.region),
        cc=_persons("cc", body.cc, errors),
        bcc=_persons("bcc", body.bcc, errors),
        subject=body.subject,
        text=body.text,
        uploads=tuple(int(each) for each in body.uploads),
        canned=int(body.canned) if body.canned else None,
        send_at=body.send_at,
        unless_answered=body.unless_answered,
        then=_THEN[body.then],
        until=body.snoozed_until,
        reply_to=int(body.reply_to_interaction) if body.reply_to_interaction else None,
        if_latest=int(body.if_latest) if body.if_latest else None,
        quote=body.quote,
        force=body.force,
        channel=Channel(body.channel) if body.channel else None,
        template=body.template.name if body.template else "",
        values=body.template.values if body.template else {},
    )
    if errors:
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    view = await _allowed(lambda: _post(request).write(visitor.actor, conversation, wanted))
    return answer(shown(view), 201)


async def _letter(request: web.Request, visitor: Visitor) -> LetterView:
    letter_id, service = record_id(request), request.app[SERVICE]
    view = await service.store.read(lambda conn: letters.by_id(conn, letter_id))
    if view is None or not (_reads(visitor.actor) or view.channel in _PUBLIC):
        raise missing()
    if view.source not in service.config.sources or not may_use(service.config, view.source, visitor.actor):
        raise missing()
    return view


async def _changed(request: web.Request, visitor: Visitor, change: Callable[..., Any], refusal: str) -> web.Response:
    view = await _letter(request, visitor)
    if not await change(visitor.actor, view.id):
        raise Problem(409, "too-late", refusal)
    return answer(shown(await _letter(request, visitor)))


async def _again(request: web.Request, visitor: Visitor) -> web.Response:
    view = await _letter(request, visitor)
    fresh = await _allowed(lambda: _post(request).retry(visitor.actor, view.id))
    if fresh is None:
        raise Problem(409, "too-late", "It is not stuck.")
    return answer(shown(fresh))


async def _draft(request: web.Request, agent: str, conversation: int) -> DraftOut:
    def work(conn: sa.Connection) -> DraftOut | None:
        found = drafts.read(conn, agent, conversation)
        if found is None:
            return None
        content: Mapping[str, Any] = found.content
        files = drafts.uploaded(conn, agent, [int(each) for each in content.get("uploads", ())])
        return DraftOut(
            to=content.get("to", []),
            cc=content.get("cc", []),
            bcc=content.get("bcc", []),
            subject=content.get("subject"),
            text=content.get("text", ""),
            source=content.get("source", ""),
            uploads=[str(each.id) for each in files],
            files=[_file(each) for each in files],
            canned=content.get("canned") or None,
            template=_template(content.get("template")),
            updated_at=found.updated_at,
        )

    found = await request.app[SERVICE].store.read(work)
    if found is None:
        raise missing("There is no draft.")
    return found


def _template(kept: Mapping[str, Any] | None) -> TemplateIn | None:
    return TemplateIn(name=kept["name"], values=kept.get("values", {})) if kept else None


def _file(upload: drafts.Upload) -> UploadOut:
    return UploadOut(id=str(upload.id), name=upload.name, media_type=upload.media_type, size=upload.size)


def _people(people: People) -> PeopleOut:
    return PeopleOut(to=[_spelt(each) for each in people.to], cc=[_spelt(each) for each in people.cc])


def _spelt(person: Person) -> str:
    shown = handles.display(person.handle)
    return f"{person.name} <{shown}>" if person.name else shown


def _persons(
    name: str, texts: Sequence[str], errors: list[FieldError], region: str | None = None
) -> tuple[Person, ...]:
    """The people of *texts*; with a *region* (ISO 3166, "" for none) numbers too are addresses."""
    found = []
    for index, text in enumerate(texts):
        person = _person(text) or (_number(text, region) if region is not None else None)
        if person is None:
            what = "This is no mail address." if region is None else "This is no mail address and no number."
            errors.append(FieldError(f"{name}.{index}", what))
        else:
            found.append(person)
    return tuple(found)


def _number(text: str, region: str) -> Person | None:
    text = " ".join(text.split())
    if (handle := handles.phone(text, region)) and handle.startswith("tel:"):
        return Person(handle)
    return Person(text) if re.fullmatch(r"whatsapp:[A-Za-z0-9._-]{1,128}", text) else None


def _person(text: str) -> Person | None:
    text = " ".join(text.split())
    before, angle, rest = text.rpartition("<")
    if angle and rest.endswith(">"):
        handle = handles.mail(rest[:-1])
        return Person(handle, before.strip().strip('"').strip()) if handle else None
    handle = handles.mail(text)
    return Person(handle) if handle else None


def _handle(request: web.Request) -> str:
    named = request.match_info["handle"]
    handle = handles.handle(named, request.app[SERVICE].config.region)
    if handle is None:
        raise missing()
    return handle


DraftOut.model_rebuild()
