"""The Bot API as one bot's requests, and what its errors mean (https://core.telegram.org/bots/api#making-requests)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

import hub
from connectors.telegram.settings import TelegramSettings
from hub.http import Answer, Client

_READ = (400, 401, 403, 404, 409, 413, 429)


class Bot:
    """Asks as the bot of a source. `close` it in the end."""

    def __init__(self, settings: TelegramSettings, source: str) -> None:
        self._token = settings.token.get_secret_value()
        self._cure = f"the token of sources.{source}"
        self._client = Client(settings.api_url, cure=self._cure, words=_words)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def call(self, method: str, about: Mapping[str, Any], *, seconds: float | None = None) -> Any:
        """The result of *method*. Raises `Rejected`, `Unsupported`, `Unavailable`, `Misconfigured`, and `TimeoutError`
        where it may have happened."""
        answer = await self._client.ask("POST", self._path(method), json=dict(about), accept=_READ, seconds=seconds)
        return self._result(answer)

    async def upload(self, method: str, fields: Mapping[str, str], files: Sequence[tuple[str, hub.Enclosure]]) -> Any:
        """The result of *method*, which takes files, each under the name of its field."""
        content = _form(fields, files)
        answer = await self._client.ask("POST", self._path(method), content=content, accept=_READ, seconds=120)
        return self._result(answer)

    async def file(self, path: str, most: int) -> Answer:
        """The bytes of the file that getFile found at *path*."""
        return await self._client.ask("GET", f"/file/bot{self._token}/{quote(path)}", most=most, seconds=120)

    def _path(self, method: str) -> str:
        return f"/bot{self._token}/{method}"

    def _result(self, answer: Answer) -> Any:
        said = answer.json()
        if isinstance(said, dict) and said.get("ok") is True:
            return said.get("result")
        code, words = answer.status, _words(answer)
        if code in (401, 404):
            raise hub.Rejected(f"Telegram does not know the bot: {words}; check {self._cure}")
        if code == 409:
            raise hub.Misconfigured(f"Telegram brings messages either to a webhook or to who asks: {words}")
        if code == 429:
            after = (said.get("parameters") or {}).get("retry_after") if isinstance(said, dict) else None
            raise hub.Unavailable(f"Telegram wants a pause: {words}", float(after) if after else None)
        raise hub.Unsupported(f"Telegram does not take it: {words}")


def _words(answer: Answer) -> str:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return str(answer.status)
    return str(said.get("description") or answer.status) if isinstance(said, dict) else str(answer.status)


def _form(fields: Mapping[str, str], files: Sequence[tuple[str, hub.Enclosure]]) -> tuple[str, bytes]:
    """A form with files (RFC 7578): its media type, and its bytes."""
    boundary = "hub-7d1f0c9e5a"
    while any(boundary.encode() in file.data for _, file in files):
        boundary += "x"
    pieces = []
    for name, value in fields.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        pieces.append(head.encode() + value.encode() + b"\r\n")
    for name, file in files:
        called = file.name.translate({10: "%0A", 13: "%0D", 34: "%22"})
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{called}"\r\n'
        kind = file.media_type if file.media_type.isprintable() and file.media_type.isascii() else ""
        head += f"Content-Type: {kind or 'application/octet-stream'}\r\n\r\n"
        pieces.append(head.encode() + file.data + b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(pieces)
