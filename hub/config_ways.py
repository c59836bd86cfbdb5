"""`[ways.<name>]`: by what people are told of alerts, beyond the screen and what each makes for herself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, Field

from hub import config_values as values
from hub.config_reader import STRICT, Reader
from hub.references import Secrets

BUILT_IN = ("mail", "sms", "push", "chat")
"""What every hub has, each under its own name: a table of that name changes it."""

_NEEDS = {"ntfy": ("server", "topic"), "apprise": ("url",)}
_TAKES = {
    "mail": ("source", "details"),
    "sms": ("source", "details"),
    "push": ("details",),
    "chat": ("source", "details"),
    "ntfy": ("server", "topic", "token", "details", "agents"),
    "apprise": ("url", "details", "agents"),
}


class WayTable(BaseModel):
    """`[ways.<name>]`: one way."""

    model_config = STRICT

    kind: Literal["mail", "sms", "push", "chat", "ntfy", "apprise"]
    label: str = Field("", max_length=60)
    enabled: bool = True
    details: bool | None = None
    agents: list[str] = []
    source: str = ""
    server: str = ""
    topic: str = Field("", max_length=64)
    token: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class WayConfig:
    """A way that the administrator made or changed. *details*: names and texts may stand in what is told (None: as the
    kind does by itself). *agents* are those whom it reaches, () for everybody. *source* sends mails and texts, "" for
    the first that can. In *topic* and *url* `{agent}` stands for the id of whoever is told."""

    name: str
    kind: str
    label: str = ""
    enabled: bool = True
    details: bool | None = None
    agents: tuple[str, ...] = ()
    source: str = ""
    server: str = ""
    topic: str = ""
    token: str = field(default="", repr=False)
    url: str = field(default="", repr=False)


def read_ways(reader: Reader) -> dict[str, WayConfig]:
    """The ways of the file."""
    found = {}
    for name, table in reader.tables("ways"):
        path = f"ways.{values.quoted(name)}"
        read = reader.checked(path, WayTable, table)
        if read is None or not _named(reader, path, name, read.kind):
            continue
        for key in table:
            if key not in ("kind", "label", "enabled", *_TAKES[read.kind]):
                reader.wrong(f"{path}.{key}", f"a way of kind {read.kind} has no such key. Leave it out.")
        for key in _NEEDS.get(read.kind, ()):
            if not getattr(read, key):
                reader.wrong(f"{path}.{key}", f"is missing. A way of kind {read.kind} needs it.")
        reader.named(f"{path}.source", read.source, "sources")
        for place, agent in enumerate(read.agents):
            reader.agent(f"{path}.agents[{place}]", agent, reader.section("agents"))
        found[name] = WayConfig(
            name=name,
            kind=read.kind,
            label=read.label,
            enabled=read.enabled,
            details=read.details,
            agents=tuple(dict.fromkeys(read.agents)),
            source=read.source,
            server=reader.value(f"{path}.server", "", values.public_url, read.server) if read.server else "",
            topic=read.topic,
            token=_secret(reader, f"{path}.token", read.token),
            url=_secret(reader, f"{path}.url", read.url),
        )
    return found


def _named(reader: Reader, path: str, name: str, kind: str) -> bool:
    """Whether a way of that *kind* may have this *name*."""
    if kind in BUILT_IN and name != kind:
        reader.wrong(path, f"a way of kind {kind} is always called so. Write [ways.{kind}].")
    elif kind not in BUILT_IN and (name in (*BUILT_IN, "screen") or name.startswith("chat-") or name.isdigit()):
        reader.wrong(path, f'"{name}" is the name of a way that every hub has, or could be. Choose another one.')
    else:
        return True
    return False


def _secret(reader: Reader, path: str, reference: str) -> str:
    if not reference:
        return ""
    secrets = Secrets(reader.folder, reader.environ)
    found = secrets.secret(reference, path)
    for where, message in secrets.problems:
        reader.wrong(where, message)
    reader.secrets |= secrets.known
    return found or ""
