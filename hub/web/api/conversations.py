"""`/api/v1/conversations`: the shared inbox for programs, and for the pages' own scripts."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints
from sqlalchemy import Connection

from hub import timeline
from hub.inbox import conversation as conversations
from hub.inbox import listing
from hub.inbox.deeds import MISSING, Done, Gone, Refused, Stale
from hub.inbox.desk import AT_ONCE
from hub.inbox.listing import COUNTED, Box, Link, Row, Sort, State, Wanted
from hub.inbox.presence import Doing, Here
from hub.letters import letters
from hub.letters.letters import LetterView
from hub.privacy.visibility import Scope, readable
from hub.service import Service
from hub.vocabulary import Channel, Kind, Level
from hub.web.access import Visitor
from hub.web.api.contacts import directory_of
from hub.web.api.endpoint import (
    Endpoints,
    Id,
    Moment,
    Shape,
    answer,
    commas,
    if_match,
    missing,
    page_path,
    read_place,
    record_id,
    write_place,
)
from hub.web.api.interactions import Interaction
from hub.web.api.interactions import shown as shown_interaction
from hub.web.api.letters import LetterOut
from hub.web.api.letters import shown as shown_letter
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

T = TypeVar("T")
endpoints = Endpoints()

NAMED = 50
"""So many contacts of a name are looked for in a search among conversations."""


Name = Annotated[str, StringConstraints(max_length=200)]


# --- what goes out --------------------------------------------------------------------------------------------------


class Who(BaseModel):
    """The one outside whom a conversation is with. `handle` is empty where the address was withheld."""

    name: str
    handle: str
    contact: str | None = None
    company: str | None = None


class Linked(BaseModel):
    """A deal or a case."""

    id: str
    title: str


class Conversation(BaseModel):
    """A conversation by the last thing in it that the reader may see (`level`). `owner` is an agent's id, empty where
    nobody has it; `waiting_since` is when the other side said what nobody answered yet. `revision` is the ETag.
    `readers` and `writers` are the agents who have it open now. `undo` is the deed that led to this answer."""

    id: str
    channel: Channel
    kind: Kind
    title: str
    who: Who | None = None
    preview: str | None = None
    at: datetime
    state: State
    owner: str
    team: str
    waiting_since: datetime | None = None
    snoozed_until: datetime | None = None
    unread: bool
    deal: Linked | None = None
    case: Linked | None = None
    sharing: str
    level: Level
    revision: int
    readers: list[str]
    writers: list[str]
    undo: str | None = None


class Page(BaseModel):
    """A page of the inbox; `next` is the path of the next page, and absent on the last one."""

    items: list[Conversation]
    next: str | None = None


class Counts(BaseModel):
    """How many open conversations there are in each box (mentioned: with a note that names the reader and that she has
    not seen), and how many that are snoozed and closed. Counted up to 1,000 each."""

    mine: int
    unassigned: int
    all: int
    mentioned: int
    snoozed: int
    closed: int


class Note(BaseModel):
    """What a colleague noted, on which interaction; `mentions` are the agents it names."""

    id: str
    interaction: str
    author: str
    text: str
    written_at: datetime
    mentions: list[str]


class Entry(BaseModel):
    """One of: an interaction, a note, a letter of ours."""

    at: datetime
    interaction: Interaction | None = None
    note: Note | None = None
    letter: LetterOut | None = None


class Whole(Conversation):
    """A conversation with everything in it, oldest first. `read_at` is how far the reader has read; `more` says that
    earlier items were left out."""

    items: list[Entry]
    read_at: datetime | None = None
    more: bool


class Refusal(BaseModel):
    """A conversation that was left as it is, and why."""

    id: str
    reason: str


class Outcome(BaseModel):
    """What became of an action. `undo` is the deed to undo, absent where nothing changed."""

    done: list[str]
    refused: list[Refusal]
    undo: str | None = None


class Joined(BaseModel):
    """The conversation that a merge or a split led to, and the deed to undo."""

    conversation: Conversation
    undo: str


class Noted(BaseModel):
    """A note that was written. `unreached` are the agents it names to whom the conversation is not open."""

    id: str
    mentioned: list[str]
    unreached: list[str]
    undo: str


class Undone(BaseModel):
    """What was undone; `refused` are the conversations that somebody changed since."""

    undone: bool
    refused: list[Refusal]


class AgentOut(BaseModel):
    """A colleague."""

    id: str
    name: str


class AgentsOut(BaseModel):
    """The colleagues."""

    items: list[AgentOut]


class TeamOut(BaseModel):
    """A team; `assign` is how its new conversations find their owner."""

    id: str
    name: str
    agents: list[str]
    assign: str


class TeamsOut(BaseModel):
    """The teams."""

    items: list[TeamOut]


# --- what comes in --------------------------------------------------------------------------------------------------


class ListQuery(Shape):
    """Which conversations."""

    state: Annotated[tuple[State, ...], BeforeValidator(commas)] = Field((State.OPEN,), description="By commas")
    box: Box = Box.ALL
    team: Name = ""
    channel: Literal["", "mail", "calls", "chat", "meetings"] = ""
    only: Annotated[tuple[Literal["waiting", "unknown"], ...], BeforeValidator(commas)] = Field(
        (), description="waiting: for our answer; unknown: with people whom nobody knows. By commas"
    )
    q: str = Field("", max_length=200, description="Full text, and names of contacts")
    sort: Sort = Sort.NEWEST
    limit: int = Field(50, ge=1, le=200)
    next: str | None = Field(None, description="From the `next` of the page before")


class Change(Shape):
    """What to set. `deal` and `case` null unlink."""

    state: State | None = None
    snoozed_until: Moment | None = None
    owner: Name | None = Field(None, description='An agent\'s id, "" for nobody')
    team: Name | None = None
    deal: Id | None = None
    case: Id | None = None
    sharing: Literal["", "shared", "private"] | None = None


class Action(Shape):
    """What to do with up to 200 conversations. `assign` needs `owner`, `team` needs `team`, `snooze` needs
    `snoozed_until`, `link` a `deal` or a `case`."""

    ids: list[Id] = Field(min_length=1, max_length=AT_ONCE)
    action: Literal["close", "open", "waiting", "snooze", "assign", "team", "read", "unread", "claim", "link"]
    owner: Name | None = None
    team: Name | None = None
    snoozed_until: Moment | None = None
    deal: Id | None = None
    case: Id | None = None


class Into(Shape):
    """The conversation that stays."""

    into: Id


class From(Shape):
    """The interaction with which the new conversation begins."""

    from_: Id = Field(alias="from")


class NewNote(Shape):
    """A note. "@ada" or "@Ada" names an agent."""

    text: str = Field(min_length=1, max_length=20_000)


class Presence(Shape):
    """What the agent does there. Said every ten seconds, forgotten after twenty-five."""

    doing: Doing


# --- reading ---------------------------------------------------------------------------------------------------------


@endpoints.add("GET", "/api/v1/conversations", returns=Page)
async def list_conversations(request: web.Request, visitor: Visitor, query: ListQuery) -> web.Response:
    """The inbox, newest first or longest waiting first.

    A search finds only what the reader may read in full, and the conversations with contacts of that name.
    """
    service = request.app[SERVICE]
    people: tuple[int, ...] = ()
    if query.q.strip():
        named = await directory_of(request).search(visitor.actor, query.q, limit=NAMED)
        people = tuple(each.id for each in named.contacts)
    wanted = Wanted(
        states=query.state,
        box=query.box,
        team=query.team,
        channel=query.channel,
        waiting="waiting" in query.only,
        unknown="unknown" in query.only,
        q=query.q,
        people=people,
        sort=query.sort,
        limit=query.limit,
        after=read_place(query.next),
    )
    page = await service.store.read(lambda conn: listing.page(conn, visitor.actor, wanted, service.config.agents))
    here = service.presence.of([row.id for row in page.rows])
    cursor = write_place(page.after) if page.after else None
    items = [_shown(row, here.get(row.id, ())) for row in page.rows]
    return answer(Page(items=items, next=page_path(request, cursor)))


@endpoints.add("GET", "/api/v1/conversations/counts", returns=Counts)
async def count_conversations(request: web.Request, visitor: Visitor) -> web.Response:
    """How many there are in each box."""
    found = await request.app[SERVICE].store.read(lambda conn: listing.counts(conn, visitor.actor))
    return answer(Counts(**{name: min(count, COUNTED) for name, count in found.items()}))


@endpoints.add("GET", "/api/v1/conversations/{id}", returns=Whole)
async def read_conversation(request: web.Request, visitor: Visitor) -> web.Response:
    """One conversation with what is in it. One that was merged into another answers 308 and leads there."""
    service, conversation_id = request.app[SERVICE], record_id(request)

    def work(
        conn: Connection,
    ) -> tuple[conversations.Conversation | None, list[LetterView], dict[int, tuple[int, ...]]]:
        found = conversations.read(conn, visitor.actor, conversation_id, service.config.agents)
        if found is None:
            return None, [], {}
        written = letters.of(conn, conversation_id) if readable(found.row.level, Level.ALL) else []
        return found, written, timeline.contacts_of(conn, [item.id for item in found.items])

    found, written, contacts = await service.store.read(work)
    if found is None:
        raise await _moved(request, visitor, conversation_id)
    entries = [
        Entry(at=item.occurred_at, interaction=shown_interaction(item, contacts[item.id])) for item in found.items
    ]
    entries += [Entry(at=each.written_at, note=_note(each)) for each in found.notes]
    entries += [Entry(at=each.sent_at or each.written_at, letter=shown_letter(each)) for each in written]
    entries.sort(key=lambda entry: entry.at)
    row = _shown(found.row, service.presence.of([conversation_id]).get(conversation_id, ()))
    return answer(Whole(**dict(row), items=entries, read_at=found.read_at, more=found.more))


@endpoints.add("GET", "/api/v1/agents", returns=AgentsOut)
async def list_agents(request: web.Request, visitor: Visitor) -> web.Response:
    """The colleagues, by name."""
    agents = sorted(request.app[SERVICE].config.agents.values(), key=lambda each: each.name.casefold())
    return answer(AgentsOut(items=[AgentOut(id=each.id, name=each.name) for each in agents]))


@endpoints.add("GET", "/api/v1/teams", returns=TeamsOut)
async def list_teams(request: web.Request, visitor: Visitor) -> web.Response:
    """The teams, by name."""
    teams = sorted(request.app[SERVICE].config.teams.values(), key=lambda each: each.name.casefold())
    items = [TeamOut(id=each.id, name=each.name, agents=list(each.agents), assign=each.assign) for each in teams]
    return answer(TeamsOut(items=items))


# --- acting ----------------------------------------------------------------------------------------------------------


@endpoints.add("PATCH", "/api/v1/conversations/{id}", returns=Conversation, scope=Scope.WRITE)
async def change_conversation(request: web.Request, visitor: Visitor, body: Change) -> web.Response:
    """Change a conversation; with `If-Match` only where nobody else did since. `undo` names the deed, for
    `POST /api/v1/deeds/{id}/undo`."""
    conversation_id, revision = record_id(request), if_match(request)
    values = _values(body, body.model_fields_set)
    if not values:
        raise _invalid("", "There is nothing to change.")
    try:
        done = await request.app[SERVICE].desk.change(
            visitor.actor, [conversation_id], values, until=body.snoozed_until, revision=revision
        )
    except Stale as error:
        raise Problem(412, "stale", "Somebody changed it since.", revision=error.revision) from error
    except Gone as error:
        raise missing(MISSING) from error
    except Refused as error:
        raise Problem(422, "refused", str(error)) from error
    for _, reason in done.refused:
        raise missing(MISSING) if reason == MISSING else Problem(403, "not-allowed", reason)
    return await _answer(request, visitor, conversation_id, done.deed)


@endpoints.add("POST", "/api/v1/conversations/actions", returns=Outcome, scope=Scope.WRITE)
async def act_on_conversations(request: web.Request, visitor: Visitor, body: Action) -> web.Response:
    """Do the same with up to 200 conversations at once. Those that cannot take part are named with the reason; the
    others are done, and one deed undoes them all."""
    desk, actor, ids = request.app[SERVICE].desk, visitor.actor, [int(id) for id in body.ids]
    try:
        if body.action == "claim":
            done = await desk.claim(actor, ids)
        elif body.action in ("read", "unread"):
            done = await desk.read(actor, ids, unread=body.action == "unread")
        else:
            done = await desk.change(actor, ids, _acted(body), until=body.snoozed_until)
    except Refused as error:
        raise Problem(422, "refused", str(error)) from error
    return answer(Outcome(done=_texts(done.done), refused=_refused(done), undo=_text(done.deed)))


@endpoints.add("POST", "/api/v1/conversations/{id}/claim", returns=Conversation, scope=Scope.WRITE)
async def claim_conversation(request: web.Request, visitor: Visitor) -> web.Response:
    """Make the conversation the agent's own. 409 names who has it already (`owner`, `name`)."""
    service, conversation_id = request.app[SERVICE], record_id(request)
    try:
        done = await service.desk.claim(visitor.actor, [conversation_id])
    except Refused as error:
        raise Problem(422, "refused", str(error)) from error
    if done.done:
        return await _answer(request, visitor, conversation_id, done.deed)
    row = await _row(service, visitor, conversation_id)
    if row is None or not row.owner:
        raise missing(MISSING)
    name = service.desk.name(row.owner)
    raise Problem(409, "claimed", service.desk.has(row.owner), owner=row.owner, name=name)


@endpoints.add("POST", "/api/v1/conversations/{id}/merge", returns=Joined, scope=Scope.WRITE)
async def merge_conversation(request: web.Request, visitor: Visitor, body: Into) -> web.Response:
    """Make this conversation a part of another one of the same channel: what was said in it is there from now on, later
    replies follow, and links to it lead there."""
    into = int(body.into)
    deed = await _joined(request.app[SERVICE].desk.merge(visitor.actor, record_id(request), into))
    return await _led(request, visitor, into, deed)


@endpoints.add("POST", "/api/v1/conversations/{id}/split", returns=Joined, scope=Scope.WRITE)
async def split_conversation(request: web.Request, visitor: Visitor, body: From) -> web.Response:
    """Make a conversation of its own of an interaction and all that came after it."""
    new, deed = await _joined(request.app[SERVICE].desk.split(visitor.actor, record_id(request), int(body.from_)))
    return await _led(request, visitor, new, deed)


@endpoints.add("POST", "/api/v1/conversations/{id}/notes", returns=Noted, scope=Scope.WRITE, status=201)
async def write_note(request: web.Request, visitor: Visitor, body: NewNote) -> web.Response:
    """Note something for colleagues. Who is named is alerted at once; those to whom the conversation is not open are
    told nothing, and named in the answer."""
    try:
        written = await request.app[SERVICE].desk.note(visitor.actor, record_id(request), body.text)
    except Gone as error:
        raise missing(MISSING) from error
    except Refused as error:
        raise Problem(403, "not-allowed", str(error)) from error
    noted = Noted(
        id=str(written.id),
        mentioned=list(written.mentioned),
        unreached=list(written.unreached),
        undo=str(written.deed),
    )
    return answer(noted, 201)


@endpoints.add("POST", "/api/v1/conversations/{id}/presence", returns=None, scope=Scope.WRITE, status=204)
async def say_presence(request: web.Request, visitor: Visitor, body: Presence) -> web.Response:
    """Say that the agent reads or writes here, or has left. Colleagues see it live; it is kept nowhere."""
    service, conversation_id, agent = request.app[SERVICE], record_id(request), visitor.actor.agent
    if not agent:
        raise Problem(422, "refused", "This login belongs to no agent; only agents are seen by their colleagues.")
    if not await service.store.read(lambda conn: conversations.visible(conn, visitor.actor, [conversation_id])):
        raise missing(MISSING)
    service.presence.say(agent, conversation_id, body.doing)
    return web.Response(status=204)


@endpoints.add("POST", "/api/v1/deeds/{id}/undo", returns=Undone, scope=Scope.WRITE)
async def undo_deed(request: web.Request, visitor: Visitor) -> web.Response:
    """Undo what somebody did, for every conversation that is still as it was left. 409 says who changed it since."""
    done = await _joined(request.app[SERVICE].desk.undo(visitor.actor, record_id(request)))
    return answer(Undone(undone=True, refused=_refused(done)))


# --- between the models and the core --------------------------------------------------------------------------------


def _shown(row: Row, here: Iterable[Here], deed: int | None = None) -> Conversation:
    party, present = row.parties.outside, list(here)
    who = None
    if party is not None:
        contact = _text(party.contact_id)
        who = Who(name=party.name, handle=party.handle, contact=contact, company=party.company or None)
    return Conversation(
        id=str(row.id),
        channel=row.channel,
        kind=row.kind,
        title=row.title,
        who=who,
        preview=row.preview or None,
        at=row.at,
        state=row.state,
        owner=row.owner,
        team=row.team,
        waiting_since=row.waiting_since,
        snoozed_until=row.snoozed_until,
        unread=row.unread,
        deal=_linked(row.deal),
        case=_linked(row.case),
        sharing=row.sharing,
        level=next(level for level in reversed(Level) if readable(row.level, level)),
        revision=row.revision,
        readers=[each.agent for each in present if each.doing is Doing.READING],
        writers=[each.agent for each in present if each.doing is Doing.WRITING],
        undo=_text(deed),
    )


def _linked(link: Link | None) -> Linked | None:
    return None if link is None else Linked(id=str(link.id), title=link.title)


def _note(note: conversations.Note) -> Note:
    return Note(
        id=str(note.id),
        interaction=str(note.interaction_id),
        author=note.author,
        text=note.text,
        written_at=note.written_at,
        mentions=list(note.mentions),
    )


def _text(id: int | None) -> str | None:
    return None if id is None else str(id)


def _texts(ids: Sequence[int]) -> list[str]:
    return [str(id) for id in ids]


def _refused(done: Done) -> list[Refusal]:
    return [Refusal(id=str(id), reason=reason) for id, reason in done.refused]


def _values(body: Change | Action, given: Iterable[str]) -> dict[str, Any]:
    """What *body* sets, by the columns' names."""
    values: dict[str, Any] = {}
    for name in ("state", "owner", "team", "sharing"):
        value = getattr(body, name, None)
        if value is not None:
            values[name] = value
    for name in ("deal", "case"):
        if name in given:
            value = getattr(body, name)
            values[f"{name}_id"] = None if value is None else int(value)
    if body.snoozed_until is not None:
        values.setdefault("state", State.SNOOZED)
    return values


_STATES = {"close": State.CLOSED, "open": State.OPEN, "waiting": State.WAITING, "snooze": State.SNOOZED}
_NEEDS = {"assign": "owner", "team": "team", "snooze": "snoozed_until"}


def _acted(body: Action) -> dict[str, Any]:
    """What the action sets."""
    field = _NEEDS.get(body.action)
    if field is not None and getattr(body, field) is None:
        raise _invalid(field, f'"{body.action}" needs it.')
    if body.action in _STATES:
        return {"state": _STATES[body.action]}
    if body.action == "link":
        values = _values(body, body.model_fields_set & {"deal", "case"})
        links = {name: value for name, value in values.items() if name in ("deal_id", "case_id")}
        if not links:
            raise _invalid("deal", '"link" needs a deal or a case.')
        return links
    return {"owner": body.owner} if body.action == "assign" else {"team": body.team}


def _invalid(field: str, message: str) -> Problem:
    errors = [FieldError(field, message)] if field else []
    return Problem(422, "invalid", message if not field else "Some fields cannot be taken as they are.", errors=errors)


async def _joined(doing: Awaitable[T]) -> T:
    """What a merge, a split or an undoing answers, its refusals as problems."""
    try:
        return await doing
    except Gone as error:
        raise missing(MISSING if "deed" not in str(error) else "There is no such deed of yours.") from error
    except Refused as error:
        raise Problem(409, "refused", str(error)) from error


async def _row(service: Service, visitor: Visitor, conversation_id: int) -> Row | None:
    return await service.store.read(
        lambda conn: listing.one(conn, visitor.actor, conversation_id, service.config.agents)
    )


async def _answer(request: web.Request, visitor: Visitor, conversation_id: int, deed: int | None) -> web.Response:
    service = request.app[SERVICE]
    row = await _row(service, visitor, conversation_id)
    if row is None:
        raise missing(MISSING)
    return answer(_shown(row, service.presence.of([row.id]).get(row.id, ()), deed))


async def _led(request: web.Request, visitor: Visitor, conversation_id: int, deed: int) -> web.Response:
    service = request.app[SERVICE]
    row = await _row(service, visitor, conversation_id)
    if row is None:
        raise missing(MISSING)
    shown = _shown(row, service.presence.of([row.id]).get(row.id, ()))
    return answer(Joined(conversation=shown, undo=str(deed)))


async def _moved(request: web.Request, visitor: Visitor, conversation_id: int) -> web.HTTPException | Problem:
    """Where a conversation has gone: the 308 that leads there, or the 404."""

    def work(conn: Connection) -> int | None:
        now = conversations.current(conn, conversation_id)
        known = now != conversation_id and conversations.visible(conn, visitor.actor, [now])
        return now if known else None

    now = await request.app[SERVICE].store.read(work)
    return missing(MISSING) if now is None else web.HTTPPermanentRedirect(f"/api/v1/conversations/{now}")
