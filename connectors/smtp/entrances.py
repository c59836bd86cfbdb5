"""An agent's own addresses at the door: one to send copies to, one to forward mail to.

Each holds a token that nobody can guess who does not know the door's secret: `dropbox+ada.3f0c…@hub.example.org`. A
mail server hands on what follows the `+` as it stands (RFC 5233).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import hub
from connectors.smtp.settings import SmtpSettings
from hub.formats.signing import hmac_hex

TOKEN_CHARACTERS = 16


class Purpose(StrEnum):
    """What mail at an address is: a copy of what the agent sent, or what somebody else wrote and she passes on."""

    DROPBOX = "dropbox"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True)
class Entrance:
    """One address of one agent."""

    purpose: Purpose
    agent: hub.Agent
    address: str


class Entrances:
    """The addresses of *agents* at the door of *settings*; none where it has neither a dropbox nor a forward."""

    def __init__(self, settings: SmtpSettings, agents: Iterable[hub.Agent]) -> None:
        self._bases = [(purpose, base) for purpose in Purpose if (base := str(getattr(settings, purpose)))]
        secret = settings.secret.get_secret_value() if settings.secret else ""
        found = [_entrance(purpose, base, agent, secret) for agent in agents for purpose, base in self._bases]
        self._known = {entrance.address.lower(): entrance for entrance in found}

    def __iter__(self) -> Iterator[Entrance]:
        return iter(self._known.values())

    def find(self, address: str) -> Entrance | None:
        """The entrance at *address*; `None` where there is none, or its token is wrong. Capitals do not matter."""
        return self._known.get(address.lower())

    def looks_like(self, address: str) -> bool:
        """Whether *address* is an entrance, or would be with the right token: it is nobody's own."""
        local, _, domain = address.lower().rpartition("@")
        return any(base == f"{local.partition('+')[0]}@{domain}" for _, base in self._bases)


def _entrance(purpose: Purpose, base: str, agent: hub.Agent, secret: str) -> Entrance:
    token = hmac_hex(secret, f"{purpose}/{agent.id}".encode())[:TOKEN_CHARACTERS]
    local, _, domain = base.rpartition("@")
    return Entrance(purpose, agent, f"{local}+{agent.id}.{token}@{domain}")
