"""Timelines and interactions for programs: reading them, and telling the hub of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

import orjson
from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field, RootModel, StringConstraints
from sqlalchemy import Connection

from hub import deletion, timeline
from hub.crm import records
from hub.crm.records import Unknown
from hub.files import rows as stored
from hub.files.rows import Kept
from hub.files.states import State as FileState
from hub.formats.digest import stable_id
from hub.privacy.visibility import Authority, Scope, readable
from hub.store import Store
from hub.timeline import Item, Wanted
from hub.vocabulary import (
    Answer,
    Attendance,
    Call,
    CallState,
    Channel,
    Direction,
    Event,
    Facts,
    Kind,
    Leg,
    Level,
    Meeting,
    Mention,
    Message,
    Outcome,
    Participant,
    Role,
)
from hub.web.access import Visitor
from hub.web.api.contacts import directory_of
from hub.web.api.endpoint import (
    Endpoints,
    Id,
    Moment,
    Shape,
    answer,
    commas,
    missing,
    page_path,
    read_place,
    record_id,
    write_place,
)
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()


# --- what goes out --------------------------------------------------------------------------------------------------


class Person(BaseModel):
    """Who took part, in what role. The handle is empty where the address was withheld."""

    handle: str
    role: Role
    name: str = ""


class Said(BaseModel):
    """What one of the invited says of a meeting."""

    handle: str
    attendance: Attendance
    proposed_start: datetime | None = None
    proposed_end: datetime | None = None
    refused: bool = Field(False, description="The other time that was asked for was refused")
    uninvited: bool = False


class FileOut(BaseModel):
    """A file of a chat. `size` is in bytes, 0 where nobody says; `path` gives its bytes once it is `here`."""

    name: str
    media_type: str
    size: int
    inline: bool
    state: FileState
    reason: str | None = None
    path: str | None = None


class Interaction(BaseModel):
    """One thing that happened, as far as the reader may see it (`level`)."""

    id: str
    key: str
    channel: Channel
    kind: Kind
    direction: Direction
    occurred_at: datetime
    title: str
    preview: str | None = None
    state: str | None = None
    outcome: str | None = None
    duration: int | None = Field(None, description="Talking time in seconds")
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    recovered: bool | None = Field(None, description="A call that was read afterwards from what the provider keeps")
    presumed: bool | None = Field(None, description="A call whose end nobody told: a rule closed it")
    ends_at: datetime | None = None
    cancelled: bool | None = Field(None, description="A meeting that does not take place")
    answers: list[Said] | None = Field(None, description="What those who are invited to a meeting say")
    attachments: int | None = Field(None, description="How many files came with it")
    text: str | None = Field(None, description="Of a chat or a post, where it is read by itself")
    edited_at: datetime | None = Field(None, description="When its writer changed it last; see `/wordings`")
    deleted: bool | None = Field(None, description="Its writer took it back: nothing of what it said is kept")
    files: list[FileOut] | None = Field(None, description="The files of a chat, where it is read by itself")
    participants: list[Person]
    contacts: list[str] = Field(description="On whose timelines it stands")
    conversation: str
    source: str
    level: Level
    revision: int


class Timeline(BaseModel):
    """Newest first; `next` is the path of the next page, and absent on the last one."""

    items: list[Interaction]
    next: str | None = None


class Recorded(BaseModel):
    """What became of an interaction that was told. `recorded` is false where a privacy rule forbids to keep it."""

    key: str
    recorded: bool
    interaction: Interaction | None = None


# --- what comes in --------------------------------------------------------------------------------------------------


class TimelineQuery(Shape):
    """Which items."""

    kind: Annotated[tuple[Kind, ...], BeforeValidator(commas)] = Field((), description="One or more, by commas")
    channel: Annotated[tuple[Channel, ...], BeforeValidator(commas)] = Field((), description="One or more, by commas")
    q: str = Field("", max_length=200, description="Full text: every word, phrases in quotes")
    after: Moment | None = None
    before: Moment | None = None
    limit: int = Field(50, ge=1, le=200)
    next: str | None = Field(None, description="From the `next` of the page before")


class InteractionQuery(Shape):
    """Which interaction."""

    key: str = Field(min_length=1, max_length=2000, description="mail: ids with or without angle brackets")


class PersonIn(Shape):
    """Who took part. An empty handle stands for a withheld address."""

    handle: str = Field("", max_length=500)
    role: Role
    name: str = Field("", max_length=500)


Key = Annotated[str, StringConstraints(min_length=3, max_length=500, pattern=r"^[^\s:]+:\S+$")]
Ident = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Line = Annotated[str, StringConstraints(max_length=2000)]
Body = Annotated[str, StringConstraints(max_length=500_000)]


class NewMessage(Shape):
    """A message that another system sent or received."""

    kind: Literal["message"]
    key: Key = Field(description="<token name>:<your id>")
    channel: Literal["email", "sms", "chat", "social", "web"]
    occurred_at: Moment
    participants: list[PersonIn] = Field(min_length=1, max_length=500)
    title: Line = ""
    text: Body = ""
    conversation: Ident | None = Field(None, description="Your id of the thread it belongs to")
    event: Ident | None = Field(None, description="Your id of this very report; else a hash of it")
    at: Moment | None = Field(None, description="When this became known; the latest report wins")


class NewCall(Shape):
    """A call that another system handled. Report it again under the same key as it goes on."""

    kind: Literal["call"]
    key: Key = Field(description="<token name>:<your id>")
    channel: Literal["voice"] = "voice"
    occurred_at: Moment = Field(description="When it began to ring")
    participants: list[PersonIn] = Field(min_length=1, max_length=100)
    state: CallState
    direction: Direction | None = None
    line: Ident | None = Field(None, description="Which of our numbers")
    agents: list[Ident] = Field(default_factory=list, max_length=50, description="Whose phones: ids or extensions")
    answered_at: Moment | None = None
    ended_at: Moment | None = None
    duration: int | None = Field(None, ge=0, le=1_000_000, description="Talking time in seconds")
    outcome: Outcome | None = None
    event: Ident | None = Field(None, description="Your id of this very report; else a hash of it")
    at: Moment | None = Field(None, description="When this became known; the latest report wins")


class NewInteraction(RootModel[Annotated[NewMessage | NewCall, Field(discriminator="kind")]]):
    """What happened elsewhere."""


class Confirmation(Shape):
    """Who a participant was."""

    contact: Id
    handle: Ident


# --- the endpoints --------------------------------------------------------------------------------------------------


@endpoints.add("GET", "/api/v1/contacts/{id}/timeline", returns=Timeline)
async def read_timeline(request: web.Request, visitor: Visitor, query: TimelineQuery) -> web.Response:
    """What happened with a contact, newest first.

    A full-text search finds only what the reader may read in full.
    """
    contact_id, beyond = record_id(request), read_place(query.next)
    wanted = Wanted(query.kind, query.channel, query.after, query.before, query.q)

    def work(conn: Connection) -> tuple[list[Item], dict[int, tuple[int, ...]]]:
        items = timeline.timeline(conn, visitor.actor, contact_id, wanted, query.limit + 1, beyond)
        if not items:
            records.by_id(conn, visitor.actor, contact_id)
        return items, timeline.contacts_of(conn, [item.id for item in items])

    try:
        found, on = await request.app[SERVICE].store.read(work)
    except Unknown as error:
        raise missing() from error
    items = found[: query.limit]
    cursor = write_place(items[-1].place) if len(found) > query.limit else None
    return answer(Timeline(items=[shown(item, on[item.id]) for item in items], next=page_path(request, cursor)))


@endpoints.add("GET", "/api/v1/interactions", returns=Interaction)
async def find_interaction(request: web.Request, visitor: Visitor, query: InteractionQuery) -> web.Response:
    """The interaction of a key."""
    found = await _found(request.app[SERVICE].store, visitor, query.key)
    if found is None:
        raise missing("There is no such interaction, or it is not open to you.")
    return answer(found)


@endpoints.add("GET", "/api/v1/interactions/{id}", returns=Interaction)
async def read_interaction(request: web.Request, visitor: Visitor) -> web.Response:
    """One interaction."""
    found = await _found(request.app[SERVICE].store, visitor, record_id(request))
    if found is None:
        raise missing("There is no such interaction, or it is not open to you.")
    return answer(found)


@endpoints.add("POST", "/api/v1/interactions", returns=Recorded, scope=Scope.WRITE, status=201)
async def tell_interaction(request: web.Request, visitor: Visitor, body: NewInteraction) -> web.Response:
    """Tell the hub of a message or call. Tokens only; the key begins with the token's name and a colon.

    Idempotent: the same report again changes nothing and is answered 200. A different report under the same key
    completes or corrects what is known. 202 where a privacy rule forbids to keep it.
    """
    told = body.root
    name = visitor.actor.name
    if visitor.session is not None:
        raise Problem(403, "not-allowed", "Systems tell of interactions with a token of their own.")
    if not told.key.startswith(f"{name}:"):
        errors = [FieldError("key", f'The key must begin with "{name}:", the name of your token.')]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    participants = _participants(request, told.participants)
    service = request.app[SERVICE]
    known = await _found(service.store, visitor, told.key)
    await service.ingest.record(f"api/{name}", [_event(told, participants, _line(request, told))])
    found = await _found(service.store, visitor, told.key)
    status = 202 if found is None else 200 if known is not None else 201
    return answer(Recorded(key=told.key, recorded=found is not None, interaction=found), status)


@endpoints.add("POST", "/api/v1/interactions/{id}/confirm", returns=Interaction, scope=Scope.WRITE)
async def confirm_candidate(request: web.Request, visitor: Visitor, body: Confirmation) -> web.Response:
    """Say which of several candidates a participant was. The interaction joins her timeline, and the choice is kept."""
    interaction_id = record_id(request)
    try:
        await directory_of(request).confirm(visitor.actor, interaction_id, int(body.contact), body.handle)
    except Unknown as error:
        raise missing(f"There is no {error}.") from error
    found = await _found(request.app[SERVICE].store, visitor, interaction_id)
    if found is None:
        raise missing()
    return answer(found)


@endpoints.add("DELETE", "/api/v1/interactions/{id}", returns=None, scope=Scope.WRITE, status=204)
async def delete_interaction(request: web.Request, visitor: Visitor) -> web.Response:
    """Delete an interaction for good, with its copies, notes and files at the hub: it does not come back with the next
    reading of its mailbox. For administrators and managers; what lies at the provider is not touched."""
    if visitor.actor.authority not in (Authority.ADMIN, Authority.MANAGER):
        raise Problem(403, "not-allowed", "Only administrators and managers delete interactions.")
    service, interaction_id = request.app[SERVICE], record_id(request)
    store, now = service.store, datetime.now(UTC)
    news = await store.write(lambda conn: deletion.delete(conn, store, visitor.actor, interaction_id, now))
    if not news:
        raise missing("There is no such interaction, or it is not open to you.")
    service.live.publish(news)
    return web.Response(status=204)


# --- between the models and the core --------------------------------------------------------------------------------


def shown(item: Item, contacts: tuple[int, ...], kept: Sequence[Kept] | None = None) -> Interaction:
    """An item as the API shows it; whole, with its text and the files *kept* of it, where these are given."""
    facts = item.facts
    call = facts if isinstance(facts, Call) else None
    meeting = facts if isinstance(facts, Meeting) else None
    files = facts.attachments if isinstance(facts, Message) else None
    said = facts if isinstance(facts, Message | Mention) else None
    whole = kept is not None
    return Interaction(
        id=str(item.id),
        key=item.key,
        channel=item.channel,
        kind=item.kind,
        direction=item.direction,
        occurred_at=item.occurred_at,
        title=item.title,
        preview=item.preview or None,
        state=item.state or None,
        outcome=item.outcome or None,
        duration=call.duration if call else None,
        answered_at=call.answered_at if call else None,
        ended_at=call.ended_at if call else None,
        recovered=call.recovered if call else None,
        presumed=call.presumed if call else None,
        ends_at=meeting.ends_at if meeting else None,
        cancelled=meeting.cancelled or None if meeting else None,
        answers=[_said(each) for each in meeting.answers] or None if meeting else None,
        attachments=sum(1 for each in files if not each.inline) if files else None,
        text=said.text if said and whole else None,
        edited_at=said.edited_at if said else None,
        deleted=said.deleted or None if said else None,
        files=[_file(each) for each in kept] if kept else None,
        participants=[Person(handle=each.handle, role=each.role, name=each.name) for each in facts.participants or ()],
        contacts=[str(contact) for contact in contacts],
        conversation=str(item.conversation_id),
        source=item.source,
        level=next(level for level in reversed(Level) if readable(item.level, level)),
        revision=item.revision,
    )


def _file(kept: Kept) -> FileOut:
    here = kept.state is FileState.HERE
    return FileOut(
        name=kept.name,
        media_type=kept.media_type,
        size=kept.size,
        inline=kept.inline,
        state=kept.state,
        reason=kept.reason or None,
        path=f"/api/v1/interactions/{kept.interaction_id}/files/{kept.position}" if here else None,
    )


def _said(answer: Answer) -> Said:
    return Said(
        handle=answer.handle,
        attendance=answer.attendance,
        proposed_start=answer.proposed_start,
        proposed_end=answer.proposed_end,
        refused=answer.refused,
        uninvited=answer.uninvited,
    )


async def _found(store: Store, visitor: Visitor, which: int | str) -> Interaction | None:
    def work(conn: Connection) -> Interaction | None:
        if isinstance(which, int):
            item = timeline.one(conn, visitor.actor, which)
        else:
            item = timeline.by_key(conn, visitor.actor, which)
        if item is None:
            return None
        kept = stored.of(conn, [item.id]).get(item.id, ()) if readable(item.level, Level.ALL) else ()
        return shown(item, timeline.contacts_of(conn, [item.id])[item.id], kept)

    return await store.read(work)


def _participants(request: web.Request, given: list[PersonIn]) -> tuple[Participant, ...]:
    directory = directory_of(request)
    found, errors = [], []
    for index, each in enumerate(given):
        handle = directory.handle(each.handle) if each.handle else ""
        if handle is None:
            errors.append(
                FieldError(f"participants.{index}.handle", "This is neither a phone number nor a mail address.")
            )
        else:
            found.append(Participant(handle, each.role, each.name))
    if errors:
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    return tuple(found)


def _line(request: web.Request, told: NewMessage | NewCall) -> str | None:
    return directory_of(request).handle(told.line) if isinstance(told, NewCall) and told.line else None


def _event(told: NewMessage | NewCall, participants: tuple[Participant, ...], line: str | None) -> Event:
    facts: Facts
    if isinstance(told, NewMessage):
        facts = Message(
            participants=participants, title=told.title, text=told.text, sent_at=told.occurred_at, ident=told.key
        )
    else:
        facts = Call(
            participants=participants,
            line=line,
            direction=told.direction,
            state=told.state,
            started_at=told.occurred_at,
            answered_at=told.answered_at,
            ended_at=told.ended_at,
            duration=told.duration,
            outcome=told.outcome,
            legs=tuple(
                Leg(id=agent, agent=agent, state=told.state, answered_at=told.answered_at, ended_at=told.ended_at)
                for agent in told.agents
            ),
        )
    return Event(
        key=told.key,
        id=told.event or stable_id(orjson.dumps(told.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS).decode()),
        channel=Channel(told.channel),
        at=told.at or datetime.now(UTC),
        facts=facts,
        conversation=getattr(told, "conversation", None) or "",
    )
