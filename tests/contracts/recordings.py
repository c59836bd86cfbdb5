"""Recordings: a provider's requests in wire format beside its plug-in, each with what it must become.

`connectors/<provider>/recordings/<condition>.http` is a raw HTTP/1.1 request, `<condition>.json` what it must become:

    {"events": [{"key", "channel", "at", "facts", "id"?, "order"?, "conversation"?}, ...], "reply": {"status", ...},
     "receipts"?: [{"key", "state", "reason"?}, ...]}
    {"unsupported": "<words of the reason>", "reply": {...}}

`source.toml` in the same folder is the source they were made for, in the words of the config. A fact that is not known
is left out, as is an order of 0. Requests are received at `RECEIVED_AT`, which stands in for times they do not tell.
"""

from __future__ import annotations

import importlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hub

RECEIVED_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CONNECTORS = Path(__file__).parents[2] / "connectors"


@dataclass(frozen=True, slots=True)
class Recording:
    """One request and what it must become. *path* has no suffix."""

    path: Path

    @property
    def provider(self) -> str:
        """The provider whose folder it lies in."""
        return self.path.parts[-3]

    @property
    def expected(self) -> dict[str, Any]:
        """What the request must become."""
        found: dict[str, Any] = json.loads(self.path.with_name(f"{self.path.name}.json").read_text("utf-8"))
        return found

    def delivery(self) -> hub.Delivery:
        """The request as the hub hands it to a webhook."""
        raw = self.path.with_name(f"{self.path.name}.http").read_bytes()
        head, _, body = raw.partition(b"\r\n\r\n")
        request, *lines = head.decode("ascii").split("\r\n")
        method, target, _ = request.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        assert len(body) == int(headers.get("content-length", 0)), "the recording is not whole"
        return hub.Delivery(method, f"{source(self.provider)['hub']['public_url']}{target}", headers, body, RECEIVED_AT)


def source(provider: str) -> dict[str, Any]:
    """The `source.toml` of a provider's recordings."""
    return tomllib.loads((CONNECTORS / provider / "recordings" / "source.toml").read_text("utf-8"))


def webhook(provider: str, **changed: object) -> hub.Webhook:
    """The webhook that a provider's recordings were made for; with *changed* settings it is somebody else's."""
    document = source(provider)
    ((name, table),) = document["sources"].items()
    agents = tuple(
        hub.Agent(id, agent["name"], tuple(agent.get("handles", ())), tuple(agent.get("extensions", ())))
        for id, agent in document.get("agents", {}).items()
    )
    common = {"provider", "ours", "rings"}
    setup = hub.Setup(
        name=name,
        region=document["hub"]["region"],
        ours=tuple(table.get("ours", ())),
        rings=tuple(table.get("rings", ())),
        agents=agents,
        webhook_url=f"{document['hub']['public_url']}/webhooks/{name}",
    )
    plugin = importlib.import_module(f"webhooks.{provider}").Webhook
    settings = {key: value for key, value in table.items() if key not in common}
    built: hub.Webhook = plugin(plugin.Settings.model_validate({**settings, **changed}), setup)
    return built


def recordings(provider: str = "*") -> list[Recording]:
    """Every recording of a provider, or of all."""
    found = sorted(CONNECTORS.glob(f"{provider}/recordings/*.http"))
    return [Recording(path.with_suffix("")) for path in found]


def told(event: hub.Event, expected: Mapping[str, Any]) -> dict[str, Any]:
    """*event* in the words of an expectation: what is not known is left out, and the id where none is expected."""
    shown: dict[str, Any] = {
        "key": event.key,
        "channel": event.channel.value,
        "at": _plain(event.at),
        "facts": _plain(asdict(event.facts)),
    }
    if "id" in expected:
        shown["id"] = event.id
    if event.order:
        shown["order"] = event.order
    if event.conversation:
        shown["conversation"] = event.conversation
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _plain(each) for key, each in value.items() if each is not None and each != ()}
        return {key: each for key, each in kept.items() if not (key == "name" and each == "")}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
