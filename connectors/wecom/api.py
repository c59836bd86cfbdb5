"""WeCom's API as one app's requests, and what its errors mean
(https://developer.work.weixin.qq.com/document/path/90313)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

import hub
from connectors.wecom.settings import WeComSettings
from hub.http import Answer, Client

_TOKEN = frozenset({40014, 42001})
_BUSY = frozenset({-1, 45009, 45033, 45011})
_REFUSED = frozenset({40001, 40013, 40056, 41001, 48002, 48004, 60011, 60020, 301002})
_LIMIT = frozenset({95001, 95002})
_EARLY = 300.0


class Api:
    """Asks as the app of a source, with a token that is good for two hours. `close` it in the end."""

    def __init__(self, settings: WeComSettings, source: str) -> None:
        self._settings = settings
        self._cure = f"corp_id and secret of sources.{source}"
        self._client = Client(settings.api_url, cure=self._cure, words=_words)
        self._token, self._until = "", 0.0

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def post(self, path: str, about: Mapping[str, Any]) -> Mapping[str, Any]:
        """What WeCom answers. Raises `Rejected`, `Unsupported`, `Unavailable`, and `TimeoutError` where it may have
        happened."""
        return self._said(await self._asked("POST", path, json=dict(about)))

    async def file(self, media_id: str, most: int) -> Answer:
        """A file that somebody sent within the last three days. Raises as `post`."""
        answer = await self._asked("GET", "/cgi-bin/media/get", (("media_id", media_id),), most=most, seconds=120)
        if answer.media_type in ("application/json", "text/plain"):
            self._said(answer)  # what is refused comes as JSON
        return answer

    async def _asked(self, method: str, path: str, query: tuple[tuple[str, str], ...] = (), **more: Any) -> Answer:
        for last in (False, True):
            answer = await self._client.ask(method, path, query=(("access_token", await self._fresh()), *query), **more)
            if last or _code(answer) not in _TOKEN:
                return answer
            self._token = ""
        raise AssertionError("the second answer is the last")

    async def _fresh(self) -> str:
        if not self._token or time.monotonic() > self._until:
            assert self._settings.secret is not None, "it is ready"
            query = (("corpid", self._settings.corp_id), ("corpsecret", self._settings.secret.get_secret_value()))
            said = self._said(await self._client.ask("GET", "/cgi-bin/gettoken", query=query))
            self._token = str(said.get("access_token") or "")
            self._until = time.monotonic() + max(60.0, float(said.get("expires_in") or 0) - _EARLY)
        return self._token

    def _said(self, answer: Answer) -> Mapping[str, Any]:
        code, words = _code(answer), _words(answer)
        if code == 0:
            said = answer.json()
            return said if isinstance(said, dict) else {}
        if code in _BUSY:
            raise hub.Unavailable(f"WeCom wants a pause: {words}")
        if code in _REFUSED or code in _TOKEN:
            raise hub.Rejected(f"WeCom does not let the app: {words}; check {self._cure}")
        if code in _LIMIT:
            raise hub.Unsupported(
                f"WeChat takes five messages at most within 48 hours after the customer's last one: {words}"
            )
        raise hub.Unsupported(f"WeCom does not take it: {words}")


def _document(answer: Answer) -> Mapping[str, Any]:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _code(answer: Answer) -> int:
    """0 where all is well; a file is not JSON, and no error."""
    code = _document(answer).get("errcode", 0)
    return code if isinstance(code, int) else -1


def _words(answer: Answer) -> str:
    """WeCom's own, without the hint and the address that it adds for developers."""
    said = _document(answer)
    words = str(said.get("errmsg") or answer.status).partition(", hint:")[0]
    return f"{words} ({said.get('errcode', answer.status)})"
