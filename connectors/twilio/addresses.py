"""What is ours, and what Twilio calls an address: numbers, `sip:…`, `client:…`, and with `whatsapp:` before a number or
before the id of a user who shows none."""

from __future__ import annotations

from dataclasses import dataclass

from hub import Setup, Unsupported
from hub.formats.handles import phone


@dataclass(frozen=True, slots=True)
class Us:
    """What is ours: the *lines* (numbers) of the source, and the *phones* of the colleagues, both as handles."""

    region: str
    lines: frozenset[str]
    phones: frozenset[str]

    @classmethod
    def of(cls, setup: Setup) -> Us:
        """What *setup* says of us."""
        phones = frozenset(handle for agent in setup.agents for handle in agent.handles)
        return cls(setup.region, frozenset(setup.ours), phones)

    def handle(self, address: str | None) -> str:
        """The handle of what Twilio calls an address; empty for a withheld one and for none."""
        return (phone(address, self.region) if address else None) or ""


def rings(handle: str) -> bool:
    """Whether Twilio can ring this phone: a number, a SIP address or one of its own clients."""
    scheme, _, rest = handle.partition(":")
    return bool(rest) and scheme in ("tel", "sip", "sips", "client")


def called(handle: str) -> str:
    """How Twilio writes the phone *handle*. Raises `Unsupported` for what it cannot ring."""
    if not rings(handle):
        raise Unsupported(f"Twilio cannot ring {handle or 'nobody'}: it knows numbers, SIP addresses and its clients.")
    return handle.removeprefix("tel:")


def written_to(handle: str, *, whatsapp: bool) -> str:
    """How Twilio writes the other end of a text message. Raises `Unsupported` for what it cannot write to."""
    if handle.startswith("whatsapp:"):
        return handle
    if not handle.startswith("tel:"):
        raise Unsupported(f"Twilio cannot write to {handle or 'nobody'}: it takes numbers and WhatsApp users.")
    number = handle.removeprefix("tel:")
    return f"whatsapp:{number}" if whatsapp else number
