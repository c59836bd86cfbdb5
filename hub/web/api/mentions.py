"""Mentions: lists of them, what people say of them, and the figures behind the charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field

from hub.crm.directory import Directory
from hub.crm.records import Unknown as UnknownRecord
from hub.inbox.deeds import Refused as DeedRefused
from hub.mentions.charts import Step
from hub.mentions.listing import Filter, MentionView
from hub.mentions.marking import Marking, Refused
from hub.mentions.queries import Unknown
from hub.privacy.visibility import Actor, Scope
from hub.web.access import Visitor
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
from hub.web.api.watch import SpanOut
from hub.web.keys import SERVICE
from hub.web.pages.frame import reader
from hub.web.problems import Problem

endpoints = Endpoints()

State = Literal["new", "seen", "done", "irrelevant"]
Sentiment = Literal["positive", "neutral", "negative", "unclear"]


class WhyOut(BaseModel):
    """A query that found it, and where. It `stands` no longer once an edit took the words away."""

    query: str
    name: str
    spans: list[SpanOut]
    stands: bool


class ElsewhereOut(BaseModel):
    """The same post heard elsewhere (`same`), a `repost`, or a near `copy`."""

    how: str
    source: str
    author: str
    url: str
    reach: int | None = None
    at: datetime


class MaybeOut(BaseModel):
    """A contact that the author is (`sure`) or possibly is."""

    id: str
    name: str
    sure: bool


class MentionOut(BaseModel):
    """A mention. `reach` are the author's followers, `whole_reach` those of everybody who spread it. `sentiment` is the
    hub's, or with `corrected_by` a person's word. What was taken down by its author is `deleted`, and has no text."""

    id: str
    key: str
    conversation: str
    state: State
    owner: str
    author: str
    author_name: str
    author_url: str
    site: str
    source: str
    title: str
    text: str
    url: str
    posted_at: datetime
    edited_at: datetime | None = None
    deleted: bool
    addressed: bool
    reach: int | None = None
    whole_reach: int
    language: str
    sentiment: Sentiment
    confidence: float
    corrected_by: str
    why: list[WhyOut]
    spread: list[ElsewhereOut]
    contacts: list[MaybeOut]
    deal: str | None = None
    case: str | None = None


class MentionList(BaseModel):
    """Newest first; `next` is the path of the next page, and absent on the last one."""

    items: list[MentionOut]
    next: str | None = None


class Which(Shape):
    """Which mentions. Without `state` all but the irrelevant ones; `owner` "-" is nobody's. `addressed`: those that
    name an account of ours, or only the others."""

    query: Id | None = None
    state: State | None = None
    sentiment: Sentiment | None = None
    language: str = ""
    source: str = ""
    owner: str = ""
    q: str = ""
    addressed: bool | None = None
    since: Moment | None = Field(None, alias="from")
    until: Moment | None = None

    @property
    def filter(self) -> Filter:
        """As the desk wants it."""
        return Filter(
            query=int(self.query) if self.query else None,
            state=self.state or "",
            sentiment=self.sentiment or "",
            language=self.language,
            source=self.source,
            owner=self.owner,
            q=self.q,
            addressed=self.addressed,
            since=self.since,
            until=self.until,
        )


class Listed(Which):
    """A page of them."""

    limit: int = Field(50, ge=1, le=200)
    next: str | None = Field(None, description="From the `next` of the page before")


class Exported(Which):
    """In which form."""

    format: Literal["csv", "json"] = "csv"


class Said(Shape):
    """What is said of a mention; what is left out stays as it is. `deal`, `case`: "" unlinks. `contact`: that is who
    the author is; "" takes it back."""

    state: State | None = None
    sentiment: Sentiment | None = None
    language: str | None = Field(None, pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")
    owner: str | None = None
    contact: Id | Literal[""] | None = None
    deal: Id | Literal[""] | None = None
    case: Id | Literal[""] | None = None


class SaidOfSome(Shape):
    """What is said of several."""

    ids: list[Id] = Field(min_length=1, max_length=200)
    state: State | None = None
    sentiment: Sentiment | None = None
    owner: str | None = None


class Changed(BaseModel):
    """Those that it was done to."""

    ids: list[str]


class ProposalOut(BaseModel):
    """A clause that would leave out mentions like this: the whole query as `text`, how many irrelevant ones it drops,
    and how many others it costs."""

    query: str
    clause: str
    text: str
    drops: int
    costs: int


class ProposalList(BaseModel):
    """The best first."""

    items: list[ProposalOut]


class Period(Which):
    """Of which time; by default of the last 30 days."""

    step: Step = "day"


class BarOut(BaseModel):
    """So many in the step that begins at `at`."""

    at: datetime
    count: int
    positive: int
    neutral: int
    negative: int
    unclear: int


class BarList(BaseModel):
    """Every step of the time, empty ones among them."""

    items: list[BarOut]


class ShareQuery(Shape):
    """Which queries: ids with commas between them, all by default."""

    queries: Annotated[tuple[Id, ...], BeforeValidator(commas)] = ()
    since: Moment | None = Field(None, alias="from")
    until: Moment | None = None


class ShareOut(BaseModel):
    """How many mentions a query found, and the followers of their authors."""

    query: str
    count: int
    reach: int


class ShareList(BaseModel):
    """In the order of the queries."""

    items: list[ShareOut]


class EpisodeQuery(Shape):
    """Of which query, how far back."""

    query: Id | None = None
    days: int = Field(30, ge=1, le=365)


class EpisodeOut(BaseModel):
    """A `spike` or a `silence`: so many an hour are `usual`, so many were `seen`; open without `ended_at`."""

    id: str
    query: str
    kind: str
    began_at: datetime
    ended_at: datetime | None = None
    usual: float
    seen: int
    peak: int


class EpisodeList(BaseModel):
    """The latest first."""

    items: list[EpisodeOut]


@endpoints.add("GET", "/api/v1/mentions", returns=MentionList)
async def list_mentions(request: web.Request, visitor: Visitor, query: Listed) -> web.Response:
    """Mentions, newest first."""
    beyond = read_place(query.next) if query.next else None
    page = await request.app[SERVICE].watch.listed(visitor.actor, query.filter, query.limit, beyond)
    path = page_path(request, write_place(page.next)) if page.next else None
    return answer(MentionList(items=[_shown(each) for each in page.items], next=path))


@endpoints.add("GET", "/api/v1/mentions/export", returns=None)
async def export(request: web.Request, visitor: Visitor, query: Exported) -> web.StreamResponse:
    """The mentions as CSV (RFC 4180) or as lines of JSON."""
    kind = "text/csv; charset=utf-8" if query.format == "csv" else "application/x-ndjson"
    headers = {
        "Content-Type": kind,
        "Content-Disposition": f'attachment; filename="mentions.{query.format}"',
        "X-Content-Type-Options": "nosniff",
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    async for piece in request.app[SERVICE].watch.export(visitor.actor, query.filter, query.format):
        await response.write(piece)
    await response.write_eof()
    return response


@endpoints.add("POST", "/api/v1/mentions/bulk", returns=Changed, scope=Scope.WRITE)
async def change_some(request: web.Request, visitor: Visitor, body: SaidOfSome) -> web.Response:
    """Say the same of several."""
    ids = [int(each) for each in body.ids]
    said = Said(state=body.state, sentiment=body.sentiment, owner=body.owner)
    return answer(Changed(ids=[str(id) for id in await _say(request, visitor, ids, said)]))


@endpoints.add("GET", "/api/v1/mentions/{id}", returns=MentionOut)
async def one_mention(request: web.Request, visitor: Visitor) -> web.Response:
    """One mention."""
    return answer(_shown(await _one(request, visitor, record_id(request))))


@endpoints.add("PATCH", "/api/v1/mentions/{id}", returns=MentionOut, scope=Scope.WRITE)
async def change_mention(request: web.Request, visitor: Visitor, body: Said) -> web.Response:
    """Say something of a mention: what it is, how it speaks, whose it is, who its author is."""
    id = record_id(request)
    await _say(request, visitor, [id], body)
    return answer(_shown(await _one(request, visitor, id)))


@endpoints.add("GET", "/api/v1/mentions/{id}/proposals", returns=ProposalList)
async def proposals(request: web.Request, visitor: Visitor) -> web.Response:
    """How the queries that found it could leave out its like."""
    try:
        found = await request.app[SERVICE].watch.proposals(visitor.actor, record_id(request))
    except Unknown:
        raise missing() from None
    items = [
        ProposalOut(query=str(query), clause=each.clause, text=each.text, drops=each.drops, costs=each.costs)
        for query, each in found
    ]
    return answer(ProposalList(items=items))


@endpoints.add("GET", "/api/v1/watch/volume", returns=BarList)
async def volume(request: web.Request, visitor: Visitor, query: Period) -> web.Response:
    """How many mentions over time, and how they speak."""
    since, until = _time(query.since, query.until)
    bars = await request.app[SERVICE].watch.volume(
        visitor.actor, query.filter, since, until, query.step, ZoneInfo(reader(request).timezone)
    )
    items = [
        BarOut(
            at=each.at,
            count=each.count,
            positive=each.positive,
            neutral=each.neutral,
            negative=each.negative,
            unclear=each.unclear,
        )
        for each in bars
    ]
    return answer(BarList(items=items))


@endpoints.add("GET", "/api/v1/watch/share", returns=ShareList)
async def share(request: web.Request, visitor: Visitor, query: ShareQuery) -> web.Response:
    """Of what there is more talk."""
    watch = request.app[SERVICE].watch
    ids = [int(each) for each in query.queries] or [each.id for each in await watch.queries()]
    shares = await watch.share(visitor.actor, ids, *_time(query.since, query.until))
    items = [ShareOut(query=str(each.query_id), count=each.count, reach=each.reach) for each in shares]
    return answer(ShareList(items=items))


@endpoints.add("GET", "/api/v1/watch/episodes", returns=EpisodeList)
async def episodes(request: web.Request, visitor: Visitor, query: EpisodeQuery) -> web.Response:
    """When there were unusually many, or none."""
    found = await request.app[SERVICE].watch.episodes(int(query.query) if query.query else None, query.days)
    items = [
        EpisodeOut(
            id=str(each.id),
            query=str(each.query_id),
            kind=each.kind,
            began_at=each.began_at,
            ended_at=each.ended_at,
            usual=each.usual,
            seen=each.seen,
            peak=each.peak,
        )
        for each in found
    ]
    return answer(EpisodeList(items=items))


async def _one(request: web.Request, visitor: Visitor, id: int) -> MentionView:
    try:
        return await request.app[SERVICE].watch.mention(visitor.actor, id)
    except Unknown:
        raise missing() from None


async def _say(request: web.Request, visitor: Visitor, ids: Sequence[int], said: Said) -> list[int]:
    service, actor = request.app[SERVICE], visitor.actor
    views = [await _one(request, visitor, id) for id in ids]
    marking = Marking(state=said.state, sentiment=said.sentiment, language=said.language)
    try:
        changed = await service.watch.mark(actor, ids, marking)
        values: dict[str, Any] = {}
        if said.owner is not None:
            # Whose it is has somebody to do with it: it stands in the inbox from now on.
            values |= {"owner": said.owner, **({"state": "open"} if said.owner else {})}
        for name, value in (("deal_id", said.deal), ("case_id", said.case)):
            if value is not None:
                values[name] = int(value) if value else None
        if values:
            await service.desk.change(actor, list({view.conversation_id for view in views}), values)
            changed = sorted({*changed, *ids})
        if said.contact is not None:
            await _know(service.directory, actor, [view for view in views if view.author], said.contact)
    except (Refused, DeedRefused) as error:
        raise Problem(422, "refused", str(error)) from error
    except (Unknown, UnknownRecord):
        raise missing() from None
    return changed


async def _know(directory: Directory, actor: Actor, views: Sequence[MentionView], contact: str) -> None:
    for view in views:
        if contact:
            await directory.confirm(actor, view.id, int(contact), view.author)
        else:
            for each in view.contacts:
                if each.sure:
                    await directory.unlink(actor, each.id, view.author)


def _time(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    end = until or datetime.now(UTC)
    begin = since or end - timedelta(days=30)
    if begin >= end:
        raise Problem(422, "no-time", "The time ends before it begins.")
    return begin, end


def _shown(view: MentionView) -> MentionOut:
    return MentionOut(
        id=str(view.id),
        key=view.key,
        conversation=str(view.conversation_id),
        state=view.state,  # type: ignore[arg-type]
        owner=view.owner,
        author=view.author,
        author_name=view.author_name,
        author_url=view.author_url,
        site=view.site,
        source=view.source,
        title=view.title,
        text=view.text,
        url=view.url,
        posted_at=view.posted_at,
        edited_at=view.edited_at,
        deleted=view.deleted,
        addressed=view.addressed,
        reach=view.reach,
        whole_reach=view.whole_reach,
        language=view.language,
        sentiment=view.sentiment,  # type: ignore[arg-type]
        confidence=view.confidence,
        corrected_by=view.corrected_by,
        why=[
            WhyOut(
                query=str(each.query_id),
                name=each.name,
                spans=[SpanOut(field=field, start=start, end=end) for field, start, end in each.spans],
                stands=each.stands,
            )
            for each in view.why
        ],
        spread=[
            ElsewhereOut(
                how=each.how, source=each.source, author=each.author, url=each.url, reach=each.reach, at=each.at
            )
            for each in view.spread
        ],
        contacts=[MaybeOut(id=str(each.id), name=each.name, sure=each.sure) for each in view.contacts],
        deal=str(view.deal_id) if view.deal_id is not None else None,
        case=str(view.case_id) if view.case_id is not None else None,
    )
