"""Google's Calendar API (v3): requests with the source's permission, and what its errors mean.

https://developers.google.com/workspace/calendar/api/guides/errors
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

import orjson

import hub
from connectors.google_calendar.settings import GoogleCalendarSettings
from hub.http import Answer, Client

MOST = 32 << 20
"""The largest page in bytes: 250 events, each with a long text and many invited."""

PAUSE = 60.0
"""Seconds until what Google limits is tried again, where it says nothing."""

_LIMITS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "calendarUsageLimitsExceeded"})
_OWN = frozenset({"owner"})

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Found:
    """A calendar of the account: its *id* and *name*, the caller's *role* in it, and whether it is the main one."""

    id: str
    name: str
    role: str
    primary: bool

    def called(self, name: str) -> bool:
        """Whether the config means it by *name*."""
        return name in (self.id, self.name) or (name == "primary" and self.primary)


class Server:
    """The API as the account of a source sees it. `close` it in the end. Raises as `hub.http.Client.ask`."""

    def __init__(self, settings: GoogleCalendarSettings, setup: hub.Setup) -> None:
        self.host = urlsplit(settings.api_url).hostname or settings.api_url
        self._settings = settings
        self._source = setup.name
        self._loan = setup.loan
        self._client = Client(
            f"{settings.api_url}/calendar/v3",
            cure=f"the permission of {setup.name} on its page under Sources",
            words=_words,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        json: Any = None,
        etag: str = "",
        accept: Collection[int] = (),
    ) -> Answer:
        """The answer to one request. With *etag* it counts only over that state."""
        if self._loan is None:
            raise hub.Unavailable("signing in by OAuth takes a running hub, which keeps the permission")
        condition = {"If-Match": etag} if etag else {}

        async def once(bearer: str, also: Collection[int]) -> Answer:
            headers: Mapping[str, str] = {"Authorization": f"Bearer {bearer}", **condition}
            return await self._client.ask(
                method, path, query=query, json=json, headers=headers, accept=(*accept, *also), most=MOST
            )

        bearer = await self._loan.access_token()
        answer = await once(bearer, (401, 403))
        if answer.status == 401:
            # A token can be void before its time: another one may do.
            answer = await once(await self._loan.access_token(bearer), (403,))
        if answer.status == 403:
            raise self._forbidden(answer)
        return answer

    async def pages(
        self, path: str, query: Query, accept: Collection[int] = (), page: str = ""
    ) -> AsyncGenerator[tuple[Answer, Mapping[str, Any]]]:
        """The pages of a list, from the one that *page* names; one in *accept* is the last, and empty."""
        while True:
            asked = [*query, *([("pageToken", page)] if page else [])]
            try:
                answer = await self.ask("GET", path, query=asked, accept=accept)
            except hub.Unsupported as error:
                # Whatever is wrong with a list, it is not one event that cannot be taken.
                raise hub.Unavailable(str(error)) from None
            if answer.status in accept:
                yield answer, {}
                return
            told = answer.json()
            if not isinstance(told, dict):
                raise hub.Unavailable(f"{self.host} answers with no list")
            yield answer, told
            page = str(told.get("nextPageToken") or "")
            if not page:
                return

    async def listed(self) -> list[Found]:
        """The calendars in the account's list."""
        found: list[Found] = []
        async for _, told in self.pages("/users/me/calendarList", [("maxResults", "250")]):
            found += [
                Found(
                    str(each["id"]),
                    str(each.get("summaryOverride") or each.get("summary") or ""),
                    str(each.get("accessRole") or ""),
                    bool(each.get("primary")),
                )
                for each in objects(told)
                if each.get("id") and not each.get("deleted")
            ]
        return found

    def chosen(self, found: Sequence[Found]) -> list[Found]:
        """Those among *found* that are to be read: with the one that is written into. Raises `Misconfigured`."""
        named = self._settings.calendars
        chosen = [self.named(each, found, "calendars") for each in named] if named else self._owned(found)
        if self._settings.write_to:
            chosen.append(self.named(self._settings.write_to, found, "write_to"))
        return list(dict.fromkeys(chosen))

    def named(self, name: str, found: Sequence[Found], key: str) -> Found:
        """The calendar that *key* of the settings calls *name*. Raises `Misconfigured`."""
        meant = [each for each in found if each.called(name)]
        exact = [each for each in meant if each.id == name]
        if len(exact or meant) == 1:
            return (exact or meant)[0]
        what = "there is no calendar" if not meant else "there are several calendars"
        known = ", ".join(sorted(f'"{each.name}"' for each in found)) or "none"
        raise hub.Misconfigured(
            f'{what} called "{name}" in the Google account; sources.{self._source}.{key} may name {known}, or an id'
        )

    @staticmethod
    def _owned(found: Sequence[Found]) -> list[Found]:
        return [each for each in found if each.role in _OWN]

    def _forbidden(self, answer: Answer) -> hub.Verdict:
        """What a 403 means: Google has it for what passes, too."""
        reasons, said = _reasons(answer), _words(answer)
        if reasons & _LIMITS:
            after = answer.headers.get("retry-after", "")
            seconds = min(float(after), 86_400.0) if after.isascii() and after.isdigit() else PAUSE
            return hub.Unavailable(f"{self.host} takes no more requests now: {said}", seconds)
        if "accessNotConfigured" in reasons:
            return hub.Rejected("the Google Calendar API is not enabled in the app's project; enable it there")
        if "insufficientPermissions" in reasons:
            return hub.Rejected(
                f"the permission of {self._source} does not reach its calendars; add the scopes that"
                " docs/CALENDARS.md names to its OAuth app, and connect again"
            )
        return hub.Rejected(f"{self.host} answers 403: {said}; check what the account may do with this calendar")


def events(calendar: str, event: str = "") -> str:
    """The path of a calendar's events, or of one of them."""
    path = f"/calendars/{quote(calendar, safe='@')}/events"
    return f"{path}/{quote(event, safe='')}" if event else path


def objects(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is listed on a page."""
    items = told.get("items")
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []


def _error(answer: Answer) -> Mapping[str, Any]:
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    error = told.get("error") if isinstance(told, dict) else None
    return error if isinstance(error, dict) else {}


def _words(answer: Answer) -> str:
    return str(_error(answer).get("message") or "")


def _reasons(answer: Answer) -> set[str]:
    errors = _error(answer).get("errors")
    found = errors if isinstance(errors, list) else []
    return {str(each.get("reason")) for each in found if isinstance(each, dict)}
