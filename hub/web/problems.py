"""What went wrong, told to programs as RFC 9457 problem details and to people as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request: *field* is its path (`handles.0`), *message* one sentence."""

    field: str
    message: str


class Problem(Exception):
    """Ends a request with *status*. *kind* is a stable word for programs, *detail* one sentence for people.

    *more* are further members of the problem document, such as the record that is in the way.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail or kind)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.more = more

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def document(self) -> dict[str, Any]:
        """The problem details (RFC 9457 section 3)."""
        document: dict[str, Any] = {"type": f"urn:hub:problem:{self.kind}", "title": self.title, "status": self.status}
        if self.detail:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = [{"field": error.field, "message": error.message} for error in self.errors]
        return document | self.more

    def response(self) -> web.Response:
        """As an answer to a program."""
        return web.Response(
            body=orjson.dumps(self.document()), status=self.status, content_type=MEDIA_TYPE, headers=self.headers
        )


def invalid(error: ValidationError) -> Problem:
    """A 422 that names each field pydantic refused, without repeating what was sent."""
    errors = [
        FieldError(".".join(str(part) for part in each["loc"]), each["msg"].removeprefix("Value error, "))
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)


def from_http(error: web.HTTPException) -> Problem:
    """aiohttp's own refusals (404, 405, 413) in the same form."""
    kinds = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-media-type"}
    headers = {name: value for name, value in error.headers.items() if name in ("Allow", "Retry-After")}
    return Problem(error.status, kinds.get(error.status, "refused"), headers=headers)
