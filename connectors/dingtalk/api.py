"""DingTalk's Open API as one app's requests, and what its errors mean
(https://open.dingtalk.com/document/orgapp/obtain-the-access_token-of-an-internal-app)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

import hub
from connectors.dingtalk.settings import DingTalkSettings
from hub.http import Answer, Client

_READ = (400, 401, 403, 404, 429)
_EARLY = 300.0


class Api:
    """Asks as the app of a source, with a token that is good for two hours. `close` it in the end."""

    def __init__(self, settings: DingTalkSettings, source: str) -> None:
        self._settings = settings
        self._cure = f"app_key and app_secret of sources.{source}"
        self._client = Client(settings.api_url, cure=self._cure, words=_words)
        self._token, self._until = "", 0.0

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def post(self, path: str, about: Mapping[str, Any]) -> Mapping[str, Any]:
        """What DingTalk answers. Raises `Rejected`, `Unsupported`, `Unavailable`, and `TimeoutError` where it may have
        happened."""
        for last in (False, True):
            headers = {"x-acs-dingtalk-access-token": await self._fresh()}
            answer = await self._client.ask("POST", path, json=dict(about), headers=headers, accept=_READ)
            if answer.status < 300:
                said = answer.json()
                return said if isinstance(said, dict) else {}
            if not last and _code(answer) in ("InvalidAuthentication", "Forbidden.AccessDenied.AccessTokenExpired"):
                self._token = ""
                continue
            raise self._verdict(answer)
        raise AssertionError("the second answer is the last")

    async def _fresh(self) -> str:
        if not self._token or time.monotonic() > self._until:
            about = {"appKey": self._settings.app_key, "appSecret": self._settings.app_secret.get_secret_value()}
            answer = await self._client.ask("POST", "/v1.0/oauth2/accessToken", json=about, accept=_READ)
            if answer.status >= 300:
                if answer.status == 429:
                    raise self._verdict(answer)
                raise hub.Rejected(f"DingTalk does not know the app: {_words(answer)}; check {self._cure}")
            said = answer.json()
            self._token = str(said["accessToken"])
            self._until = time.monotonic() + max(60.0, float(said["expireIn"]) - _EARLY)
        return self._token

    def _verdict(self, answer: Answer) -> hub.Verdict:
        words, code = _words(answer), _code(answer)
        if answer.status == 429 or "Throttling" in code:
            return hub.Unavailable(f"DingTalk wants a pause: {words}")
        if answer.status in (401, 403) or code == "InvalidAuthentication":
            return hub.Rejected(f"DingTalk does not let the app: {words}; check {self._cure}")
        return hub.Unsupported(f"DingTalk does not take it: {words}")


def _said(answer: Answer) -> Mapping[str, Any]:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _code(answer: Answer) -> str:
    return str(_said(answer).get("code") or "")


def _words(answer: Answer) -> str:
    said = _said(answer)
    return f"{said.get('message') or answer.status} ({said.get('code') or answer.status})"
