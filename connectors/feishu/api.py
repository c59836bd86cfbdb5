"""Feishu's Open API as one app's requests, and what its errors mean
(https://open.feishu.cn/document/server-docs/getting-started/server-error-codes)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

import hub
from connectors.feishu.settings import FeishuSettings
from hub.http import Answer, Client

_READ = (400, 401, 403, 404, 429)
_TOKEN = frozenset({99991663, 99991664, 99991661, 99991668})
_SECRET = frozenset({10003, 10014, 10012})
_BUSY = frozenset({99991400, 230020, 11232, 11233})
_EARLY = 300.0


class Api:
    """Asks as the app of a source, with a token that is good for two hours at most. `close` it in the end."""

    def __init__(self, settings: FeishuSettings, source: str) -> None:
        self._settings = settings
        self._cure = f"app_id and app_secret of sources.{source}"
        self._client = Client(settings.api_url, cure=self._cure, words=_words)
        self._token, self._until = "", 0.0

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def post(self, path: str, about: Mapping[str, Any], query: tuple[tuple[str, str], ...] = ()) -> Any:
        """The data that Feishu answers. Raises `Rejected`, `Unsupported`, `Unavailable`, and `TimeoutError` where it
        may have happened."""
        answer = await self._asked("POST", path, query=query, json=dict(about))
        return self._data(answer)

    async def bytes(self, path: str, query: tuple[tuple[str, str], ...], most: int) -> Answer:
        """A file. Raises as `post`, but never `TimeoutError`."""
        answer = await self._asked("GET", path, query=query, most=most, seconds=120)
        if answer.status != 200:
            self._data(answer)
        return answer

    async def _asked(self, method: str, path: str, **more: Any) -> Answer:
        for last in (False, True):
            headers = {"Authorization": f"Bearer {await self._fresh()}"}
            answer = await self._client.ask(method, path, headers=headers, accept=_READ, **more)
            if _code(answer) not in _TOKEN or last:
                return answer
            self._token = ""
        raise AssertionError("the second answer is the last")

    async def _fresh(self) -> str:
        if not self._token or time.monotonic() > self._until:
            assert self._settings.app_secret is not None, "it is ready"
            about = {"app_id": self._settings.app_id, "app_secret": self._settings.app_secret.get_secret_value()}
            path = "/open-apis/auth/v3/tenant_access_token/internal"
            answer = await self._client.ask("POST", path, json=about, accept=_READ)
            said = answer.json()
            if said.get("code") != 0:
                raise hub.Rejected(f"Feishu does not know the app: {_words(answer)}; check {self._cure}")
            self._token = str(said["tenant_access_token"])
            self._until = time.monotonic() + max(60.0, float(said["expire"]) - _EARLY)
        return self._token

    def _data(self, answer: Answer) -> Any:
        code = _code(answer)
        if answer.status < 300 and code == 0:
            return answer.json().get("data") or {}
        words = _words(answer)
        if code in _TOKEN or code in _SECRET:
            raise hub.Rejected(f"Feishu does not let the app: {words}; check {self._cure}")
        if code in _BUSY or answer.status == 429:
            raise hub.Unavailable(f"Feishu wants a pause: {words}")
        raise hub.Unsupported(f"Feishu does not take it: {words}")


def _said(answer: Answer) -> Mapping[str, Any]:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _code(answer: Answer) -> int:
    code = _said(answer).get("code", -1)
    return code if isinstance(code, int) else -1


def _words(answer: Answer) -> str:
    said = _said(answer)
    return f"{said.get('msg') or answer.status} ({said.get('code', answer.status)})"
