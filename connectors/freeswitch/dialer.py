"""Places calls: the colleague's phone rings first, and when it is picked up it calls the other side."""

from __future__ import annotations

import re
import uuid

import hub
from connectors.freeswitch.session import connected
from connectors.freeswitch.settings import FreeswitchSettings

AGENT_RINGS_SECONDS = 30
_NAMESPACE = uuid.UUID("7f2d0f0e-6c0b-4f1e-9a55-0d5a2b6c9e11")
_NUMBER = re.compile(r"\+?[0-9*#]{1,40}")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_IDENT = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class Dialer(hub.Dialer):
    """`bgapi originate`
    (https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_commands_1966741/). The channel's id
    is ours, so the key of the call is known before it begins. The channel has the variables `hub_dial` (the hub's id),
    `hub_callee` and `hub_line`.
    """

    Settings = FreeswitchSettings

    def __init__(self, settings: FreeswitchSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name

    @property
    def ready(self) -> bool:
        """Whether the settings say how a number outside is called."""
        return bool(self._settings.trunk_device)

    def reaches(self, phone: str) -> bool:
        """The extensions of this source."""
        return self._device(phone) != ""

    async def dial(self, wanted: hub.Dial) -> hub.Dialled:
        """Ring *wanted.phone* for half a minute, and let it call."""
        device, callee, line = self._device(wanted.phone), _number(wanted.callee), _number(wanted.line)
        if self._settings.trunk_device is None:
            raise hub.Misconfigured("Set trunk_device, so that the hub can place calls.")
        if not device:
            raise hub.Unsupported("This phone is not one of this phone system's.")
        if not callee:
            raise hub.Unsupported("Only phone numbers can be called over this phone system.")
        if not _IDENT.fullmatch(wanted.id):
            raise hub.Unsupported("A dial's id has only letters, digits and .-_")
        ident = str(uuid.uuid5(_NAMESPACE, f"{self._source}/{wanted.id}"))
        variables = {
            "origination_uuid": ident,
            "originate_timeout": str(AGENT_RINGS_SECONDS),
            "origination_caller_id_number": callee,
            "effective_caller_id_number": line,
            "hub_dial": wanted.id,
            "hub_callee": callee,
            "hub_line": line,
        }
        said = ",".join(f"{name}={value}" for name, value in variables.items() if value)
        trunk = self._settings.trunk_device.format(number=callee)
        application = f"&bridge([leg_timeout={wanted.ring_seconds}]{trunk})"
        command = f"bgapi originate {{{said}}}{device} {application}\nJob-UUID: {ident}"
        async with connected(self._settings) as session:
            answer = await session.begun(command)
        if not answer.startswith("+OK"):
            raise hub.Unsupported(f"FreeSWITCH does not place the call: {answer.removeprefix('-ERR').strip()[:200]}")
        return hub.Dialled(f"{self._source}:{ident}")

    async def hang_up(self, key: str) -> None:
        """End every channel of the call of *key*."""
        source, _, ident = key.partition(":")
        if source != self._source or not _IDENT.fullmatch(ident):
            raise hub.Unsupported("This call is not one of this phone system's.")
        async with connected(self._settings) as session:
            for row in await session.channels():
                if ident in (row.get("uuid"), row.get("call_uuid")) and _IDENT.fullmatch(row.get("uuid", "")):
                    await session.api(f"uuid_kill {row['uuid']}")

    def _device(self, phone: str) -> str:
        source, slash, name = phone.partition("/")
        known = slash and source == self._source and _NAME.fullmatch(name)
        return self._settings.phone_device.format(number=name) if known else ""


def _number(handle: str) -> str:
    scheme, _, number = handle.partition(":")
    return number if scheme == "tel" and _NUMBER.fullmatch(number) else ""
