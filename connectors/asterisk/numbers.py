"""Who a channel is: one of our phones, or somebody on the public network; and which of our numbers was called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.asterisk.settings import AsteriskSettings
from hub import Agent, Participant, Role, Setup
from hub.formats.handles import phone

_WITHHELD = ("", "anonymous", "restricted", "unavailable", "unknown", "withheld", "private", "<unknown>", "asterisk")
_INTERNAL = re.compile(r"[0-9*#]{1,6}")
_LONGEST_NAME = 100
_SHORTEST_SUFFIX = 3
DIALLED = "hub-"
"""How the Uniqueid of a channel begins that the hub itself has opened for a colleague: the first of her call."""

RUNG = "hubring-"
"""How the Uniqueid of a channel begins that the hub has opened to ring a phone for a caller."""

PSEUDO = frozenset(
    "Local Message Surrogate AsyncGoto Announcer Recorder ConfBridgeRecorder CBAnn CBRec Snoop UnicastRTP MulticastRTP "
    "BridgeMedia Parked Bridge WebSocket AudioSocket".casefold().split()
)
"""Kinds of channels that are no phones: they only join others together."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a call: *phone* is an extension of ours (`pbx/21`) or a handle, "" where it withholds its number;
    *ours* says whether it is one of our phones; *name* is what it calls itself."""

    phone: str
    ours: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the config knows of our numbers and phones."""

    source: str
    region: str
    lines: tuple[str, ...]
    agents: Mapping[str, Agent]
    handles: Mapping[str, Agent]
    devices: Mapping[str, str]
    extensions: Mapping[str, str]
    trunks: frozenset[str]
    technology: str

    @classmethod
    def of(cls, settings: AsteriskSettings, setup: Setup) -> Numbers:
        """What *settings* and *setup* say of them."""
        return cls(
            source=setup.name,
            region=setup.region,
            lines=setup.ours,
            agents={extension: agent for agent in setup.agents for extension in agent.extensions},
            handles={handle: agent for agent in setup.agents for handle in agent.handles},
            devices={device.casefold(): number for number, device in settings.phones.items()},
            extensions=dict(settings.phones),
            trunks=frozenset(name.casefold() for name in settings.trunks),
            technology=settings.technology,
        )

    def end(self, channel: str, number: str, name: str = "", *, called: str = "") -> End:
        """Who the *channel* is (`PJSIP/ada-0000001a`), that says it has *number* and *name*. Of a channel that was
        called, *called* is the number that was dialled over a trunk."""
        device = device_of(channel)
        peer = device.partition("/")[2]
        if peer.casefold() not in self.trunks:
            if device.casefold() in self.devices:
                return self._ours(f"{self.source}/{self.devices[device.casefold()]}")
            for said in (peer, number):
                if f"{self.source}/{said}" in self.agents:
                    return self._ours(f"{self.source}/{said}")
            for said in (number, peer):
                if _INTERNAL.fullmatch(said):
                    return self._ours(f"{self.source}/{said}", name)
        said = called or number
        handle = self.handle(said)
        shown = name if name.strip().lower() not in _WITHHELD and name != said else ""
        if not handle and not shown and said.strip().lower() not in _WITHHELD:
            shown = said
        return End(handle, handle in self.handles, shown[:_LONGEST_NAME])

    def extension(self, number: str) -> End:
        """The phone of ours that is called *number* in the dialplan."""
        return self._ours(f"{self.source}/{number}")

    def handle(self, said: str) -> str:
        """The handle of a number that somebody has or dialled, "" where it is none that could be called back."""
        said = said.partition(";")[0]
        if "@" in said and ":" not in said:
            said = f"sip:{said}"
        for text in (said, f"+{said}") if said.isdigit() else (said,):
            handle = phone(text, self.region)
            if handle in self.lines or handle in self.handles:
                return handle or ""
        return phone(said, self.region) or ""

    def line(self, dialled: str) -> str | None:
        """The number of ours that was called where the dialplan's extension is *dialled*: in full, or its last digits.
        With one number only, every call from outside is for it."""
        handle = self.handle(dialled)
        if handle in self.lines:
            return handle
        if dialled.isdigit() and len(dialled) >= _SHORTEST_SUFFIX:
            ending = [line for line in self.lines if line.endswith(dialled)]
            if len(ending) == 1:
                return ending[0]
        if len(self.lines) == 1:
            return self.lines[0]
        return handle or None

    def is_internal(self, number: str) -> bool:
        """Whether *number* is one that only our own phones can call."""
        return not self.handle(number)

    def participant(self, end: End, role: Role) -> Participant:
        """*end* as who takes part: a colleague by a number of hers, or anybody by the number itself."""
        agent = self.agents.get(end.phone) or self.handles.get(end.phone)
        if agent is not None:
            handle = end.phone if ":" in end.phone else ""
            own = (each for each in agent.handles if each.startswith(("tel:", "sip:")))
            return Participant(handle or next(own, ""), role, agent.name)
        if end.ours:
            return Participant("", role, end.name or end.phone.partition("/")[2])
        return Participant(end.phone, role, end.name)

    def device(self, extension: str) -> str:
        """The device to ring for an extension of ours (`pbx/21`): as *phones* has it, or of the usual technology."""
        number = extension.partition("/")[2]
        return self.extensions.get(number, f"{self.technology}/{number}")

    def _ours(self, extension: str, name: str = "") -> End:
        return End(extension, True, name)


def device_of(channel: str) -> str:
    """`PJSIP/ada` of the channel `PJSIP/ada-0000001a`, or of `PJSIP/ada-0000001a<ZOMBIE>`."""
    return channel.partition("<")[0].rpartition("-")[0] or channel


def is_pseudo(channel: str) -> bool:
    """Whether a channel is no phone, or one that has just been replaced by another."""
    return channel.partition("/")[0].casefold() in PSEUDO or "<" in channel
