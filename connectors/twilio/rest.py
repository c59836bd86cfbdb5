"""Twilio's REST API, version 2010-04-01: https://www.twilio.com/docs/usage/api"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from connectors.twilio.codes import reason
from connectors.twilio.settings import TwilioSettings
from hub import Misconfigured, Unavailable
from hub.http import Answer, Client

PAGE_SIZE = 200
NOT_IN_PROGRESS = 21220
NOT_FOUND = 20404


class Rest:
    """The REST API of one account, with the key of the *source*. `close` it in the end. Its methods raise as
    `hub.http.Client.ask`."""

    def __init__(self, settings: TwilioSettings, source: str) -> None:
        self._root = f"/2010-04-01/Accounts/{settings.account_sid}"
        self._url = f"{settings.api_url}{self._root}"
        self._ready = settings.has_key
        self._source = source
        secret = settings.api_key_secret
        self._client = Client(
            settings.api_url,
            user=settings.api_key_sid,
            password=secret.get_secret_value() if secret else "",
            cure=f"sources.{source}.api_key_sid and api_key_secret",
            words=words,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    def address(self, path: str) -> str:
        """The whole URL of a *path* below the account."""
        return f"{self._url}/{path}"

    async def ask(
        self,
        method: str,
        path: str,
        form: Sequence[tuple[str, str]] | None = None,
        *,
        query: Sequence[tuple[str, str]] = (),
        accept: tuple[int, ...] = (),
    ) -> Answer:
        """What Twilio answers to a request below the account."""
        self._needs_key()
        return await self._client.ask(method, f"{self._root}/{path}", form=form, query=query, accept=accept)

    async def sound(self, url: str, most: int) -> Answer:
        """The sound at *url*, which must be Twilio's own; 404 is an answer too."""
        self._needs_key()
        return await self._client.ask(
            "GET", url, accept=(404,), media=("audio/",), most=most, redirects=True, seconds=120
        )

    async def pages(self, kind: str, query: Sequence[tuple[str, str]]) -> AsyncGenerator[list[dict[str, Any]], None]:
        """The pages of the list of *kind* (`Calls`, `Messages`, `Recordings`), newest first."""
        answer = await self.ask("GET", f"{kind}.json", query=[*query, ("PageSize", str(PAGE_SIZE))])
        while True:
            document = answer.json()
            page = document.get(kind.lower()) if isinstance(document, dict) else None
            if not isinstance(page, list):
                raise Unavailable(f"Twilio answers what is no list of {kind.lower()}")
            yield [each for each in page if isinstance(each, dict)]
            following = document.get("next_page_uri")
            if not isinstance(following, str) or not following:
                return
            answer = await self._client.ask("GET", following)

    def _needs_key(self) -> None:
        if not self._ready:
            raise Misconfigured(
                f"Twilio cannot be asked without an API key; set sources.{self._source}.api_key_sid and api_key_secret"
            )


def words(answer: Answer) -> str:
    """What Twilio says of an error: its words, and its code."""
    document = _document(answer)
    return reason(document.get("code"), str(document.get("message") or ""))


def code(answer: Answer) -> int:
    """Twilio's code of an error, 0 where it names none."""
    found = _document(answer).get("code")
    return found if isinstance(found, int) else 0


def _document(answer: Answer) -> dict[str, Any]:
    try:
        found = answer.json()
    except Unavailable:
        return {}
    return found if isinstance(found, dict) else {}
