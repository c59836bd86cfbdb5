"""Meta's Graph API as one number's requests, and what its errors mean
(https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

import hub
from connectors.whatsapp.settings import WhatsAppSettings
from hub.http import Answer, Client

_READ = (400, 401, 403, 404, 413, 429)
_TOKEN = frozenset({0, 190})
_BUSY = frozenset({4, 80007, 130429, 131048, 131056, 133016, 131016})


class Graph:
    """Asks as the number of a source. `close` it in the end."""

    def __init__(self, settings: WhatsAppSettings, source: str) -> None:
        token = settings.access_token.get_secret_value() if settings.access_token else ""
        self._cure = f"access_token of sources.{source}"
        self._client = Client(
            f"{settings.api_url}/{settings.version}",
            headers={"Authorization": f"Bearer {token}"},
            cure=self._cure,
            words=_words,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def ask(self, method: str, path: str, **more: Any) -> Mapping[str, Any]:
        """What Meta answers. Raises `Rejected`, `Unsupported`, `Unavailable`, and `TimeoutError` where it may have
        happened."""
        answer = await self._client.ask(method, path, accept=_READ, **more)
        said = answer.json()
        if answer.status < 300 and isinstance(said, dict):
            return said
        error = said.get("error") if isinstance(said, dict) else None
        code = int(error.get("code") or -1) if isinstance(error, dict) else -1
        words = _words(answer)
        if code in _TOKEN or answer.status == 401:
            raise hub.Rejected(f"Meta does not take the token: {words}; check {self._cure}")
        if code in _BUSY or answer.status == 429:
            raise hub.Unavailable(f"Meta wants a pause: {words}")
        raise hub.Unsupported(f"Meta does not take it: {words}")


def _words(answer: Answer) -> str:
    try:
        error = orjson.loads(answer.body).get("error")
    except (orjson.JSONDecodeError, AttributeError):
        return str(answer.status)
    if not isinstance(error, dict):
        return str(answer.status)
    details = (error.get("error_data") or {}).get("details") if isinstance(error.get("error_data"), dict) else ""
    return " ".join(str(details or error.get("message") or answer.status).split())
