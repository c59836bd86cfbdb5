"""Alerts on a topic of an ntfy server (docs.ntfy.sh/publish, "Publish as JSON")."""

from __future__ import annotations

import orjson

from hub.alerts.ways.way import Way, What
from hub.contracts import Unavailable
from hub.http import Answer, Client

SECONDS = 15.0
_PRIORITY = {"urgent": 5, "warning": 4, "notice": 3, "info": 2}


class Ntfy(Way):
    """Tells on *topic* of the *server*, in which `{agent}` stands for whoever is told. What it tells of the same alert
    has the same sequence, so that a server since 2.16 shows the latest in place of those before."""

    repeatable = True

    def __init__(self, server: str, topic: str, token: str, *, details: bool = False) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = Client(server, headers=headers, cure="the token of this way", words=_words, seconds=SECONDS)
        self._topic = topic
        self._details = details

    async def tell(self, what: What) -> str:
        """One notification."""
        title = what.done or (what.title if self._details else what.brief or what.title)
        message: dict[str, object] = {
            "topic": self._topic.replace("{agent}", what.agent),
            "sequence_id": what.topic,
            "title": title,
            "message": "\n".join(what.lines) if self._details and what.lines else title,
            "priority": _PRIORITY.get(what.severity, 3),
        }
        if what.url:
            message["click"] = what.url
            message["actions"] = [
                {"action": "view", "label": button.label, "url": button.url} for button in what.buttons if button.url
            ][:3]
        answer = await self._client.ask("POST", "/", json=message, most=64 << 10)
        said = answer.json()
        if not isinstance(said, dict) or not isinstance(said.get("id"), str):
            raise Unavailable("what answers is no ntfy server")
        return str(said["id"])

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()


def _words(answer: Answer) -> str:
    """`{"code": 42901, "http": 429, "error": "limit reached", …}`."""
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    return str(said.get("error", "")) if isinstance(said, dict) else ""
