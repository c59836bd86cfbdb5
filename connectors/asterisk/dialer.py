"""Places calls: the colleague's phone rings first, and when it is picked up it calls the other side."""

from __future__ import annotations

import re

import hub
from connectors.asterisk.manager import connected, refused
from connectors.asterisk.numbers import DIALLED, Numbers
from connectors.asterisk.settings import AsteriskSettings
from connectors.asterisk.wire import Packet

AGENT_RINGS_SECONDS = 30
_NUMBER = re.compile(r"\+?[0-9*#]{1,40}")
_IDENT = re.compile(r"[A-Za-z0-9._-]{1,100}")


class Dialer(hub.Dialer):
    """`Originate` over the manager interface
    (https://docs.asterisk.org/Latest_API/API_Documentation/AMI_Actions/Originate/). The channel's id is ours, so the
    key of the call is known before it begins, and an attempt that is repeated is refused by Asterisk and not placed
    twice. What becomes of the call is told by its events.

    The dialplan gets `HUB_DIAL` (the hub's id), `HUB_LINE`, `HUB_RING_SECONDS` and `HUB_MACHINE` (1 or 0).
    """

    Settings = AsteriskSettings

    def __init__(self, settings: AsteriskSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._numbers = Numbers.of(settings, setup)

    @property
    def ready(self) -> bool:
        """Whether the settings name a context or a trunk."""
        return bool(self._settings.dial_context or self._settings.trunk_device)

    def reaches(self, phone: str) -> bool:
        """The extensions of this source, and the numbers that its trunk reaches."""
        return self._device(phone) != ""

    async def dial(self, wanted: hub.Dial) -> hub.Dialled:
        """Ring *wanted.phone* for half a minute, and let it call."""
        device, number = self._device(wanted.phone), self._number(wanted.callee)
        if not self.ready:
            raise hub.Misconfigured("Set dial_context or trunk_device, so that the hub can place calls.")
        if not device:
            raise hub.Unsupported("This phone is not one of this phone system's.")
        if not number:
            raise hub.Unsupported("Only phone numbers can be called over this phone system.")
        if not _IDENT.fullmatch(wanted.id):
            raise hub.Unsupported("A dial's id has only letters, digits and .-_")
        ident = f"{DIALLED}{wanted.id}"
        variables = {
            "HUB_DIAL": wanted.id,
            "HUB_LINE": self._number(wanted.line),
            "HUB_RING_SECONDS": str(wanted.ring_seconds),
            "HUB_MACHINE": str(int(wanted.machine)),
        }
        await self._originate(ident, device, number, variables)
        return hub.Dialled(f"{self._source}:{ident}")

    async def hang_up(self, key: str) -> None:
        """End every channel of the call of *key*."""
        ident = self._ident(key)
        async with connected(self._settings) as manager:
            for channel in await manager.listed("CoreShowChannels"):
                if ident not in (channel["Linkedid"], channel["Uniqueid"]):
                    continue
                answer = await manager.action("Hangup", Channel=channel["Channel"])
                if not answer.succeeded and "permission" in answer["Message"].lower():
                    raise refused("Hangup", answer)

    async def _originate(self, ident: str, device: str, number: str, variables: dict[str, str]) -> None:
        async with connected(self._settings) as manager:
            try:
                answer = await manager.action(
                    "Originate",
                    ident=ident,
                    Channel=device,
                    ChannelId=ident,
                    **self._then(number, variables["HUB_RING_SECONDS"]),
                    CallerID=variables["HUB_LINE"],
                    Timeout=str(AGENT_RINGS_SECONDS * 1000),
                    Variable=",".join(f"{name}={value}" for name, value in variables.items()),
                    Async="true",
                )
            except hub.Unavailable as error:
                raise TimeoutError("Asterisk closed the connection and did not say whether it calls") from error
        if not answer.succeeded:
            raise _not_placed(answer)

    def _then(self, number: str, seconds: str) -> dict[str, str]:
        """What the colleague's phone does when it is picked up."""
        if self._settings.trunk_device:
            return {"Application": "Dial", "Data": f"{self._settings.trunk_device.format(number=number)},{seconds}"}
        return {"Context": self._settings.dial_context, "Exten": number, "Priority": "1"}

    def _device(self, phone: str) -> str:
        """The device to ring, "" for a phone that is not ours to ring."""
        source, slash, name = phone.partition("/")
        if slash and source == self._source and _IDENT.fullmatch(name):
            return self._numbers.device(phone)
        number = self._number(phone) if phone.startswith("tel:") else ""
        if number and self._settings.trunk_device:
            return self._settings.trunk_device.format(number=number)
        return f"Local/{number}@{self._settings.dial_context}" if number and self._settings.dial_context else ""

    def _number(self, handle: str) -> str:
        scheme, _, number = handle.partition(":")
        return number if scheme == "tel" and _NUMBER.fullmatch(number) else ""

    def _ident(self, key: str) -> str:
        source, _, ident = key.partition(":")
        if source != self._source or not ident:
            raise hub.Unsupported("This call is not one of this phone system's.")
        return ident


def _not_placed(answer: Packet) -> hub.Verdict:
    """Why Asterisk did not take the call."""
    why = answer["Message"] or "no reason"
    if "permission" in why.lower():
        return refused("Originate", answer)
    return hub.Unsupported(f"Asterisk does not place the call: {why}.")
