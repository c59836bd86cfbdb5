"""Who a channel is: one of our phones, or somebody on the public network; and which of our numbers was called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hub import Agent, Participant, Role, Setup
from hub.formats.handles import phone

_WITHHELD = ("", "anonymous", "restricted", "unavailable", "unknown", "withheld", "private", "0000000000")
_INTERNAL = re.compile(r"[0-9*#]{1,6}")
_LONGEST_NAME = 100
_SHORTEST_SUFFIX = 3


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the config knows of our numbers and phones."""

    source: str
    region: str
    lines: tuple[str, ...]
    agents: Mapping[str, Agent]
    handles: Mapping[str, Agent]

    @classmethod
    def of(cls, setup: Setup) -> Numbers:
        """What *setup* says of them."""
        return cls(
            source=setup.name,
            region=setup.region,
            lines=setup.ours,
            agents={extension: agent for agent in setup.agents for extension in agent.extensions},
            handles={handle: agent for agent in setup.agents for handle in agent.handles},
        )

    def extension(self, *said: str) -> str:
        """`pbx/21` for the first of *said* that is a phone of ours: one that an agent has, else one with a number that
        is too short for the public network. "" where none is."""
        known = (f"{self.source}/{each}" for each in said if f"{self.source}/{each}" in self.agents)
        short = (f"{self.source}/{each}" for each in said if _INTERNAL.fullmatch(each))
        return next(known, "") or next(short, "")

    def handle(self, said: str) -> str:
        """The handle of a number that somebody has or dialled, "" where it is none that could be called back."""
        for text in (said, f"+{said}") if said.isascii() and said.isdigit() else (said,):
            handle = phone(text, self.region)
            if handle in self.lines or handle in self.handles:
                return handle or ""
        return phone(said, self.region) or ""

    def line(self, dialled: str) -> str | None:
        """The number of ours that was called where *dialled* is what FreeSWITCH was asked for: in full, or its last
        digits. With one number only, every call from outside is for it."""
        handle = self.handle(dialled)
        if handle in self.lines:
            return handle
        if dialled.isascii() and dialled.isdigit() and len(dialled) >= _SHORTEST_SUFFIX:
            ending = [line for line in self.lines if line.endswith(dialled)]
            if len(ending) == 1:
                return ending[0]
        return self.lines[0] if len(self.lines) == 1 else handle or None

    def participant(self, said: str, role: Role, name: str = "") -> Participant:
        """Who *said* is: a colleague at an extension, or somebody with a number. One who withholds it has no handle."""
        extension = self.extension(said)
        agent = self.agents.get(extension)
        if agent is not None:
            own = (each for each in agent.handles if each.startswith(("tel:", "sip:")))
            return Participant(next(own, ""), role, agent.name)
        handle = "" if extension else self.handle(said)
        shown = name if name.strip().lower() not in _WITHHELD and name != said else ""
        if not handle and not shown and said.strip().lower() not in _WITHHELD:
            shown = said
        return Participant(handle, role, shown[:_LONGEST_NAME])
