"""One calendar server: requests with its login, and addresses in one spelling."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Self
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

import hub
from connectors.caldav.multistatus import Multistatus, multistatus
from connectors.caldav.settings import CaldavSettings
from hub.http import Answer, Client

LARGEST_LIST = 64 << 20
"""The longest list of changes in bytes: some hundred thousand events."""

SECONDS = 60.0
"""Servers that keep a calendar in files read all of it for one answer."""

_PORTS = {"http": 80, "https": 443}
_IN_PATHS = "~!$&'()*+,;=:@-._"


class Elsewhere(hub.Misconfigured):
    """The server names an address on another host, which is not asked."""


class Server:
    """The server of a *source*'s settings. `close` it in the end. Raises as `hub.http.Client.ask`."""

    def __init__(self, settings: CaldavSettings, source: str, loan: hub.Loan | None) -> None:
        self.host = urlsplit(settings.url).hostname or settings.url
        self.source = source
        self._origin = settings.origin
        self._bearer = settings.auth == "bearer"
        self._loan = loan
        password = settings.password.get_secret_value() if settings.password and not self._bearer else ""
        self._client = Client(
            settings.origin,
            user="" if self._bearer else settings.username,
            password=password,
            cure=f"the permission of {source} on its page under Sources"
            if self._bearer
            else f"sources.{source}.username and password (many providers want a password made for this one program)",
            seconds=SECONDS,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    def path(self, href: str, base: str = "/") -> str:
        """The path that *href* means, relative to *base*, percent-encoded in one way: servers spell one address in
        several. Raises `Elsewhere` for an address of another host."""
        try:
            parts = urlsplit(urljoin(f"{self._origin}{base}", href))
            same = _origin(parts) == _origin(urlsplit(self._origin))
        except ValueError:
            same, parts = False, urlsplit("")
        if not same:
            # iCloud writes the port that goes without saying.
            netloc = parts.netloc.removesuffix(":443") if parts.scheme == "https" else parts.netloc
            where = f"{parts.scheme}://{netloc}" if netloc.isascii() and netloc else "another host"
            raise Elsewhere(
                f"{self.host} keeps the calendars at {where}; write that as sources.{self.source}.url if it is to be"
                " trusted"
            )
        return "/".join(quote(unquote(each), safe=_IN_PATHS) for each in parts.path.split("/")) or "/"

    async def ask(
        self,
        method: str,
        path: str,
        *,
        content: tuple[str, bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
        most: int | None = None,
        redirects: bool = False,
    ) -> Answer:
        """The answer to one request."""
        limit = LARGEST_LIST if most is None else most

        async def once(authorization: Mapping[str, str], also: Collection[int] = ()) -> Answer:
            return await self._client.ask(
                method,
                path,
                content=content,
                headers={**(headers or {}), **authorization},
                accept=(*accept, *also),
                most=limit,
                redirects=redirects,
            )

        if not self._bearer:
            return await once({})
        if self._loan is None:
            raise hub.Unavailable("signing in by OAuth takes a running hub, which keeps the permission")
        token = await self._loan.access_token()
        answer = await once({"Authorization": f"Bearer {token}"}, (401,))
        if answer.status == 401:
            # A token can be void before its time: another one may do.
            answer = await once({"Authorization": f"Bearer {await self._loan.access_token(token)}"})
        return answer

    async def report(
        self, method: str, path: str, body: str, *, depth: int, accept: Collection[int] = (), redirects: bool = False
    ) -> tuple[Answer, Multistatus]:
        """The answer to a PROPFIND or REPORT, and what it says; empty for the statuses in *accept*."""
        answer = await self.ask(
            method,
            path,
            content=("application/xml; charset=utf-8", body.encode()),
            headers={"Depth": str(depth), "Prefer": "return=minimal"},
            accept=accept,
            redirects=redirects,
        )
        return answer, Multistatus(()) if answer.status in accept else multistatus(answer.body)


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme)
