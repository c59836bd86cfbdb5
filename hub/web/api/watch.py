"""What is watched: queries, and what they would have caught."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from hub.mentions import queries
from hub.mentions.preview import Preview
from hub.mentions.queries import Stored
from hub.mentions.query import QueryError
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Shape, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.web.pages.frame import reader
from hub.web.problems import Problem

endpoints = Endpoints()

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=queries.LONGEST_NAME)]
Text = Annotated[str, StringConstraints(max_length=4_000)]


class QueryOut(BaseModel):
    """A query: its `text` in the language of docs/QUERIES.md, the `agents` who watch it, and how many of its mentions
    nobody has seen to (`new`)."""

    id: str
    name: str
    text: str
    agents: list[str]
    enabled: bool
    version: int
    new: int
    created_at: datetime
    updated_at: datetime


class QueryList(BaseModel):
    """All queries, by name."""

    items: list[QueryOut]


class QueryIn(Shape):
    """A new query."""

    name: Name
    text: Text
    agents: list[str] = Field([], max_length=100)


class QueryChange(Shape):
    """The whole query, and the `version` that it was read at."""

    name: Name
    text: Text
    agents: list[str] = Field([], max_length=100)
    enabled: bool = True
    version: int = Field(ge=1)


class TryIn(Shape):
    """A query that may not be kept yet."""

    text: Text


class SpanOut(BaseModel):
    """A place that made a post match, in code points, `end` excluded."""

    field: str
    start: int
    end: int


class SampleOut(BaseModel):
    """A post that it would have caught."""

    key: str
    source: str
    author: str
    site: str
    title: str
    text: str
    url: str
    posted_at: datetime
    spans: list[SpanOut]


class PreviewOut(BaseModel):
    """What a query would have caught in the last `days`: `count` of the posts that are kept, and as many as there will
    have been (`estimated`), since of busy sources only a share is kept. `looked` of `kept` posts were looked at."""

    count: int
    estimated: int
    days: int
    by_day: dict[date, int]
    sample: list[SampleOut]
    looked: int
    kept: int


@endpoints.add("GET", "/api/v1/queries", returns=QueryList)
async def list_queries(request: web.Request, visitor: Visitor) -> web.Response:
    """All queries."""
    return answer(QueryList(items=[_shown(each) for each in await request.app[SERVICE].watch.queries()]))


@endpoints.add("POST", "/api/v1/queries", returns=QueryOut, scope=Scope.WRITE, status=201)
async def make_query(request: web.Request, visitor: Visitor, body: QueryIn) -> web.Response:
    """Watch for something new."""
    _known(request, body.agents)
    try:
        made = await request.app[SERVICE].watch.make(visitor.actor, body.name, body.text, body.agents)
    except QueryError as error:
        raise wrong(error) from error
    return answer(_shown(made), 201)


@endpoints.add("POST", "/api/v1/queries/preview", returns=PreviewOut)
async def preview(request: web.Request, visitor: Visitor, body: TryIn) -> web.Response:
    """What a query would have caught. A syntax error is a problem `query-syntax` with its `place` and `length` in code
    points."""
    try:
        found = await request.app[SERVICE].watch.preview(body.text, ZoneInfo(reader(request).timezone))
    except QueryError as error:
        raise wrong(error) from error
    return answer(_previewed(found))


@endpoints.add("GET", "/api/v1/queries/{id}", returns=QueryOut)
async def one_query(request: web.Request, visitor: Visitor) -> web.Response:
    """One query."""
    try:
        return answer(_shown(await request.app[SERVICE].watch.query(record_id(request))))
    except queries.Unknown:
        raise missing() from None


@endpoints.add("PUT", "/api/v1/queries/{id}", returns=QueryOut, scope=Scope.WRITE)
async def change_query(request: web.Request, visitor: Visitor, body: QueryChange) -> web.Response:
    """Change a query. 409 where somebody else did meanwhile."""
    _known(request, body.agents)
    values: dict[str, Any] = {"name": body.name, "text": body.text, "agents": body.agents, "enabled": body.enabled}
    try:
        changed = await request.app[SERVICE].watch.change(visitor.actor, record_id(request), body.version, **values)
    except QueryError as error:
        raise wrong(error) from error
    except queries.Unknown:
        raise missing() from None
    except queries.Stale as error:
        raise Problem(409, "changed", str(error), version=error.version) from error
    return answer(_shown(changed))


@endpoints.add("DELETE", "/api/v1/queries/{id}", returns=None, scope=Scope.WRITE, status=204)
async def archive_query(request: web.Request, visitor: Visitor) -> web.Response:
    """Watch for it no longer. What it found stays."""
    try:
        await request.app[SERVICE].watch.archive(visitor.actor, record_id(request))
    except queries.Unknown:
        raise missing() from None
    return web.Response(status=204)


def wrong(error: QueryError) -> Problem:
    """The problem that points at the place in the text."""
    return Problem(422, "query-syntax", error.text, error=error.kind, place=error.place, length=error.length)


def _known(request: web.Request, agents: list[str]) -> None:
    for agent in agents:
        if agent not in request.app[SERVICE].config.agents:
            raise Problem(422, "no-such-agent", f'There is no agent "{agent}".')


def _shown(query: Stored) -> QueryOut:
    return QueryOut(
        id=str(query.id),
        name=query.name,
        text=query.text,
        agents=list(query.agents),
        enabled=query.enabled,
        version=query.version,
        new=query.new,
        created_at=query.created_at,
        updated_at=query.updated_at,
    )


def _previewed(found: Preview) -> PreviewOut:
    sample = [
        SampleOut(
            key=each.key,
            source=each.source,
            author=each.author,
            site=each.site,
            title=each.title,
            text=each.text,
            url=each.url,
            posted_at=each.posted_at,
            spans=[SpanOut(field=span.field, start=span.start, end=span.end) for span in each.spans],
        )
        for each in found.sample
    ]
    return PreviewOut(
        count=found.count,
        estimated=found.estimated,
        days=found.days,
        by_day=found.by_day,
        sample=sample,
        looked=found.looked,
        kept=found.kept,
    )
