"""Our account on its server: sessions, records, and what names us (https://docs.bsky.app/docs/api)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

import hub
from connectors.bluesky.settings import BlueskySettings
from hub.http import Answer, Client

_ENDED = ("ExpiredToken", "InvalidToken", "BadJwt", "ExpiredJwt")


class Account:
    """The account of a source, signed in when first asked. `close` it in the end. Raises as `hub.http.Client.ask`."""

    def __init__(self, settings: BlueskySettings, source: str) -> None:
        self._settings = settings
        self._cure = f"identifier and password of sources.{source}"
        self._client = Client(settings.service, cure=self._cure, words=_words)
        self._token = ""
        self.did = ""

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def sign_in(self) -> None:
        """Begin a session, once: an account may begin a few hundred a day."""
        if self._token:
            return
        password = self._settings.password
        assert password is not None, "the settings ask for both"
        about = {"identifier": self._settings.identifier, "password": password.get_secret_value()}
        answer = await self._client.ask("POST", "/xrpc/com.atproto.server.createSession", json=about, accept=(400, 401))
        if answer.status != 200:
            raise hub.Rejected(f"{_host(self._settings)} does not let us in: {_words(answer)}; check {self._cure}")
        said = answer.json()
        self._token, self.did = str(said["accessJwt"]), str(said["did"])

    async def query(self, method: str, query: Sequence[tuple[str, str]]) -> Any:
        """What the XRPC query *method* answers."""
        return (await self._ask("GET", method, query, None)).json()

    async def call(self, method: str, body: Mapping[str, Any]) -> Any:
        """What the XRPC procedure *method* answers."""
        return (await self._ask("POST", method, (), body)).json()

    async def _ask(self, verb: str, method: str, query: Sequence[tuple[str, str]], body: Any) -> Answer:
        answer = await self._once(verb, method, query, body)
        if answer.status >= 400 and _error(answer) in _ENDED:
            self._token = ""  # a session is good for two hours or so; a new one is begun
            answer = await self._once(verb, method, query, body)
        if answer.status < 300:
            return answer
        if answer.status == 401:
            raise hub.Rejected(f"{_host(self._settings)} does not let us: {_words(answer)}; check {self._cure}")
        raise hub.Unsupported(f"{_host(self._settings)} refuses it: {_words(answer)}")

    async def _once(self, verb: str, method: str, query: Sequence[tuple[str, str]], body: Any) -> Answer:
        await self.sign_in()
        headers = {"Authorization": f"Bearer {self._token}"}
        return await self._client.ask(
            verb, f"/xrpc/{method}", query=query, json=body, headers=headers, accept=(400, 401)
        )


def _host(settings: BlueskySettings) -> str:
    return urlsplit(settings.service).hostname or settings.service


def _said(answer: Answer) -> Mapping[str, Any]:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _error(answer: Answer) -> str:
    return str(_said(answer).get("error") or "")


def _words(answer: Answer) -> str:
    said = _said(answer)
    return str(said.get("message") or said.get("error") or answer.status)
