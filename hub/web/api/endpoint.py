"""How an endpoint of the API is written: a function whose annotations are its contract.

    @endpoints.add("PATCH", "/api/v1/contacts/{id}", returns=Contact, scope=Scope.WRITE)
    async def change(request: web.Request, visitor: Visitor, body: ContactChange) -> web.Response: ...

*query* and *body* are pydantic models, read and checked before the function runs, and described by OpenAPI.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, get_type_hints

import orjson
from aiohttp import web
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
)

from hub.privacy.visibility import Scope
from hub.store.schema import micros, moment
from hub.web.auth import needs
from hub.web.problems import FieldError, Problem, invalid

Function = Callable[..., Awaitable[web.StreamResponse]]


class Shape(BaseModel):
    """Base of what comes in: unknown fields are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _plus(value: object) -> object:
    # A plus sign that was not percent-encoded arrives as a blank: 2026-01-01T00:00:00 01:00
    return value.replace(" ", "+") if isinstance(value, str) and "T" in value else value


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Moment = Annotated[AwareDatetime, BeforeValidator(_plus), AfterValidator(_utc)]
"""An ISO 8601 time with its offset; UTC once it is in."""


def _of_ours(text: str) -> str:
    if int(text) >= 1 << 63:
        raise ValueError("this is no id")
    return text


Id = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$"), AfterValidator(_of_ours)]
"""The id of a record, as text: JavaScript's numbers would round it."""


def commas(value: object) -> object:
    """The words of a query's value that are told apart by commas."""
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path. *query* and *body* are the models of what comes in, *returns* of what goes out."""

    method: str
    path: str
    function: Function
    scope: Scope
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    returns: type[BaseModel] | None
    status: int

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Check who asks and what they send, then run the function."""
        given: dict[str, Any] = {"visitor": needs(request, self.scope)}
        if self.query is not None:
            given["query"] = _query(request, self.query)
        if self.body is not None:
            given["body"] = await _body(request, self.body)
        return await self.function(request, **given)


class Endpoints(list[Endpoint]):
    """The endpoints of a module."""

    def add(
        self,
        method: str,
        path: str,
        *,
        returns: type[BaseModel] | None,
        scope: Scope = Scope.READ,
        status: int = 200,
    ) -> Callable[[Function], Function]:
        """Make an endpoint of a function. Its docstring is the description in OpenAPI."""

        def made(function: Function) -> Function:
            hints = get_type_hints(function)
            self.append(Endpoint(method, path, function, scope, hints.get("query"), hints.get("body"), returns, status))
            return function

        return made


def answer(model: BaseModel, status: int = 200) -> web.Response:
    """*model* as JSON; what is not known is left out. A record with a revision has it as its ETag."""
    response = web.Response(
        body=model.model_dump_json(exclude_none=True).encode(), status=status, content_type="application/json"
    )
    revision = getattr(model, "revision", None)
    if revision is not None:
        response.headers["ETag"] = f'"{revision}"'
    return response


def record_id(request: web.Request) -> int:
    """The id in the path. Raises the 404 for what cannot be one."""
    text = request.match_info["id"]
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) >= 1 << 63:
        raise missing()
    return int(text)


def missing(what: str = "There is no such record.") -> Problem:
    """A 404."""
    return Problem(404, "not-found", what)


def if_match(request: web.Request) -> int | None:
    """The revision in If-Match (RFC 9110 section 13.1.1); None where any will do."""
    value = request.headers.get("If-Match", "*").strip()
    if value == "*":
        return None
    tag = value.removeprefix("W/").strip('"')
    if not tag.isascii() or not tag.isdigit():
        raise Problem(412, "stale", "If-Match must be the ETag that the record came with.")
    return int(tag)


def page_path(request: web.Request, cursor: str | None) -> str | None:
    """The path of the next page of this very request."""
    return None if cursor is None else str(request.rel_url.update_query({"next": cursor}))


def write_place(place: tuple[datetime, int]) -> str:
    """The end of a page, by (time, id), for its `next`."""
    at, last = place
    return base64.urlsafe_b64encode(f"{micros(at)}.{last}".encode()).rstrip(b"=").decode()


def read_place(text: str | None) -> tuple[datetime, int] | None:
    """What `write_place` wrote. Raises a 422."""
    if text is None:
        return None
    try:
        at, _, last = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(".")
        return moment(int(at)), int(last)
    except (binascii.Error, ValueError, OverflowError) as error:
        raise bad_next() from error


def bad_next() -> Problem:
    """A 422 for a `next` that we never gave out."""
    errors = [FieldError("next", "This is no page we know of. Begin without it.")]
    return Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)


def _query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    values = {name: ",".join(request.query.getall(name)) for name in request.query}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid(error) from error


async def _body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    if request.content_type != "application/json":
        raise Problem(415, "unsupported-media-type", "Send application/json.")
    try:
        return model.model_validate(orjson.loads(await request.read()))
    except orjson.JSONDecodeError as error:
        raise Problem(400, "bad-json", f"The body is not JSON: {error}") from error
    except ValidationError as error:
        raise invalid(error) from error
