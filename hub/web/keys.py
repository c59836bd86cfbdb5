"""The typed keys under which the web application keeps what its handlers need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from hub.web.problems import Problem

if TYPE_CHECKING:
    from hub.service import Service
    from hub.sources.supervisor import Supervisor
    from hub.web.access import Access, Visitor


SERVICE: web.AppKey[Service] = web.AppKey("service")
SUPERVISOR: web.AppKey[Supervisor | None] = web.AppKey("supervisor")
ACCESS: web.AppKey[Access] = web.AppKey("access")
VISITOR: web.RequestKey[Visitor] = web.RequestKey("visitor")

ErrorPage = Callable[[web.Request, Problem], Awaitable[web.StreamResponse]]
ERROR_PAGE: web.AppKey[ErrorPage] = web.AppKey("error_page")
"""Set by the pages: shows a problem to a person."""
