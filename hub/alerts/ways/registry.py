"""Which ways a colleague has: those that everybody has, those of the config that reach her, and what she made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.ways.way import CHAT, MAIL, PUSH, SMS
from hub.config import Config
from hub.contracts import Misconfigured, Sender, Teller
from hub.formats.handles import display
from hub.store.sets import SetRead, among
from hub.store.way_tables import ways
from hub.vocabulary import Channel

_MADE = SetRead(sa.select(ways.c.id, ways.c.kind, ways.c.label).where(among(ways.c.agent)).order_by(ways.c.id))
_SCHEMES = {MAIL: "mailto:", SMS: "tel:"}
_CHANNELS = {MAIL: Channel.EMAIL, SMS: Channel.SMS}


@dataclass(frozen=True, slots=True)
class WayOf:
    """A way of one colleague: *name* is what its tellings and its courier are called by, *way_id* tells those apart
    that she made herself (None: it is none of these). *kind* is `mail`, `sms`, `chat`, `push`, `ntfy` or `apprise`. By
    one that is not *enabled* nothing is sent."""

    name: str
    way_id: int | None
    kind: str
    label: str
    enabled: bool

    @property
    def id(self) -> str:
        """What it is called in addresses."""
        return self.name if self.way_id is None else str(self.way_id)


class Reach:
    """Whom the ways of *config* reach, with the *senders* and *tellers* of its sources that are ready."""

    def __init__(self, config: Config, senders: Mapping[str, Sender], tellers: Mapping[str, Teller]) -> None:
        self._config = config
        self._tellers = tellers
        self.sources = {kind: self._source(kind, senders) for kind in _CHANNELS}
        """Of mail and text messages the source that sends, and the address of ours that it sends as."""

    def of(self, agent: str) -> tuple[WayOf, ...]:
        """The ways of *agent* beside those that she made herself."""
        found = [self._by_address(kind, agent) for kind in _CHANNELS]
        found += [self._by_chat(source, agent) for source in self._tellers]
        for name, way in self._config.ways.items():
            if way.kind in ("ntfy", "apprise") and (not way.agents or agent in way.agents):
                found.append(WayOf(name, None, way.kind, way.label or name, way.enabled))
        return tuple(way for way in found if way is not None)

    def handle(self, name: str, agent: str) -> str:
        """Where the way called *name* (mail, sms, or that of a chat) reaches *agent*; "" where it does not."""
        if agent not in self._config.agents:
            return ""
        handles = self._config.agents[agent].handles
        if name in _SCHEMES:
            return next((each for each in handles if each.startswith(_SCHEMES[name])), "")
        teller = self._tellers.get(name.removeprefix(f"{CHAT}-"))
        return next((each for each in handles if teller is not None and teller.reaches(each)), "")

    def enabled(self, kind: str) -> bool:
        """Whether the config leaves this kind of way, which every hub has, switched on."""
        return kind not in self._config.ways or self._config.ways[kind].enabled

    def _by_address(self, kind: str, agent: str) -> WayOf | None:
        handle = self.handle(kind, agent)
        if not handle or self.sources[kind] is None:
            return None
        return WayOf(kind, None, kind, display(handle), self.enabled(kind))

    def _by_chat(self, source: str, agent: str) -> WayOf | None:
        only = self._config.ways[CHAT].source if CHAT in self._config.ways else ""
        name = chat_name(source)
        if only not in ("", source) or not self.handle(name, agent):
            return None
        return WayOf(name, None, CHAT, source, self.enabled(CHAT))

    def _source(self, kind: str, senders: Mapping[str, Sender]) -> tuple[str, str] | None:
        only = self._config.ways[kind].source if kind in self._config.ways else ""
        for name, source in self._config.sources.items():
            if only not in ("", name) or name not in senders or _CHANNELS[kind] not in senders[name].channels:
                continue
            for handle in source.ours:
                if handle.startswith(_SCHEMES[kind]):
                    return name, handle
        return None


def chat_name(source: str) -> str:
    """What the way over the chat of *source* is called."""
    return f"{CHAT}-{source}"


def reach_of(config: Config) -> Reach:
    """The reach of *config*, with plug-ins built for it. Whoever has the running hub's asks it instead."""
    senders: dict[str, Sender] = {}
    tellers: dict[str, Teller] = {}
    for name, source in config.sources.items():
        if source.offers.sender is None and source.offers.teller is None:
            continue
        try:
            plugins = config.plugins(name)
        except Misconfigured:  # whoever runs the sources says so
            continue
        if plugins.sender is not None and plugins.sender.ready:
            senders[name] = plugins.sender
        if plugins.teller is not None and plugins.teller.ready:
            tellers[name] = plugins.teller
    return Reach(config, senders, tellers)


def ways_of(conn: Connection, config: Config, agent: str, reach: Reach | None = None) -> tuple[WayOf, ...]:
    """All ways of *agent*, those that she made herself last. *reach* spares building plug-ins each time."""
    reach = reach or reach_of(config)
    made = (WayOf(kind, id, kind, label, reach.enabled(PUSH)) for id, kind, label in _MADE(conn, [agent]))
    return (*reach.of(agent), *made)
