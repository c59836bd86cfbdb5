"""Reddit's API with OAuth: https://www.reddit.com/dev/api, https://github.com/reddit-archive/reddit/wiki/OAuth2"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

import hub
from connectors.reddit.settings import RedditSettings
from hub.http import Answer, Client

LISTED = 100
"""Things in one page of a listing, and in one question for several."""

_SPARE_SECONDS = 60


class Api:
    """The API as the app of a *source* sees it. `close` it in the end. Raises as `hub.http.Client.ask`; where the quota
    is used up nothing is asked, and `hub.Unavailable` says when it is new."""

    def __init__(self, settings: RedditSettings, source: str) -> None:
        self._settings = settings
        cure = f"client_id, client_secret and refresh_token of sources.{source}"
        agent = {"User-Agent": f"server:hub:v1 (by /u/{settings.username})"}
        secret = settings.client_secret.get_secret_value()
        self._login = Client(
            settings.login_url, user=settings.client_id, password=secret, headers=agent, cure=cure, words=_words
        )
        self._client = Client(settings.api_url, headers=agent, cure=cure, words=_words)
        self._cure = cure
        self._token = ""
        self._until = 0.0
        self._left, self._reset = 1.0, 0.0

    async def close(self) -> None:
        """Close its connections."""
        await self._login.close()
        await self._client.close()

    async def listing(self, path: str, query: Sequence[tuple[str, str]], after: str) -> tuple[list[Any], str]:
        """The things of one page, newest first, and the name after which the next one begins ("": there is none)."""
        paging = [("limit", str(LISTED)), *([("after", after)] if after else [])]
        said = (await self._ask("GET", path, [*query, *paging], None)).json()
        data = said.get("data") if isinstance(said, dict) else None
        if not isinstance(data, dict):
            raise hub.Unavailable("Reddit answers with what is no listing")
        things = [each for each in data.get("children") or () if isinstance(each, dict) and each.get("data")]
        return things, str(data.get("after") or "")

    async def things(self, names: Sequence[str]) -> list[Any]:
        """At most `LISTED` posts and comments by name; those that Reddit does not know are missing."""
        return (await self.listing("/api/info", [("id", ",".join(names))], ""))[0]

    async def comment(self, on: str, text: str) -> str:
        """Write *text* (Markdown) below the thing called *on*, and answer the name of the comment."""
        form = [("thing_id", on), ("text", text), ("api_type", "json")]
        answer = (await self._ask("POST", "/api/comment", [], form)).json()
        said: Mapping[str, Any] = answer.get("json") or {}
        for code, words, *_ in said.get("errors") or ():
            if code == "RATELIMIT":
                raise hub.Unavailable(f"Reddit wants us to wait: {words}", 600.0)
            raise hub.Unsupported(f"Reddit refuses it: {words} ({code})")
        things = (said.get("data") or {}).get("things") or [{}]
        return str((things[0].get("data") or {}).get("name") or "")

    async def _ask(
        self, method: str, path: str, query: Sequence[tuple[str, str]], form: Sequence[tuple[str, str]] | None
    ) -> Answer:
        answer = await self._once(method, path, query, form)
        if answer.status == 401:  # the token may have been revoked before its time
            self._token = ""
            answer = await self._once(method, path, query, form)
        if answer.status == 401:
            raise hub.Rejected(f"Reddit does not let us in; check {self._cure}")
        return answer

    async def _once(
        self, method: str, path: str, query: Sequence[tuple[str, str]], form: Sequence[tuple[str, str]] | None
    ) -> Answer:
        token = await self._access_token()
        if self._left < 1 and time.monotonic() < self._reset:
            raise hub.Unavailable("Reddit's quota is used up for now", self._reset - time.monotonic())
        # Without raw_json every & < > comes as an entity.
        raw = ("raw_json", "1")
        answer = await self._client.ask(
            method,
            path,
            query=[*query, raw] if form is None else [],
            form=None if form is None else [*form, raw],
            headers={"Authorization": f"bearer {token}"},
            accept=(401,),
        )
        self._left = _number(answer.headers.get("x-ratelimit-remaining"), 1.0)
        self._reset = time.monotonic() + _number(answer.headers.get("x-ratelimit-reset"), 0.0)
        return answer

    async def _access_token(self) -> str:
        if self._token and time.monotonic() < self._until:
            return self._token
        form = [("grant_type", "client_credentials")]
        if self._settings.refresh_token is not None:
            form = [("grant_type", "refresh_token"), ("refresh_token", self._settings.refresh_token.get_secret_value())]
        try:
            answer = await self._login.ask("POST", "/api/v1/access_token", form=form, accept=(400,))
        except TimeoutError as error:  # a token that nobody took does no harm
            raise hub.Unavailable(str(error)) from None
        finally:
            await self._login.close()  # the next one is due in an hour
        said = answer.json()
        if answer.status != 200 or "access_token" not in said:
            raise hub.Rejected(f"Reddit does not let us in: {_words(answer)}; check {self._cure}")
        self._token = str(said["access_token"])
        self._until = time.monotonic() + _number(said.get("expires_in"), 3600.0) - _SPARE_SECONDS
        return self._token


def _words(answer: Answer) -> str:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    return str(said.get("message") or said.get("error") or "") if isinstance(said, dict) else ""


def _number(text: object, otherwise: float) -> float:
    try:
        return max(0.0, min(float(str(text)), 86_400.0))
    except ValueError:
        return otherwise
