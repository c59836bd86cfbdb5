"""Brings in recordings and messages, and begins and pauses recording a call."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote

import hub
from connectors.asterisk.manager import Manager, connected, refused
from connectors.asterisk.rest import rest
from connectors.asterisk.settings import AsteriskSettings
from connectors.asterisk.spool import Spool
from connectors.asterisk.wire import Packet

STORED = "stored/"
"""How the id of a recording begins that ARI keeps."""

_STORED_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")


class Recorder(hub.Recorder):
    """Recordings of ARI are fetched over it; those of MixMonitor, and messages of voicemail, are read from the spool
    folder, which neither of Asterisk's interfaces gives away."""

    Settings = AsteriskSettings

    def __init__(self, settings: AsteriskSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._spool = Spool(settings.spool)

    @property
    def ready(self) -> bool:
        """Whether there is a spool folder, or ARI."""
        return bool(self._spool) or bool(self._settings.ari_url)

    async def fetch(self, recording: hub.Recording, most: int) -> hub.Media:
        """The sound, in whatever format Asterisk keeps it."""
        if recording.url:
            raise hub.Unsupported("Asterisk's recordings have no address of their own.")
        if not recording.id.startswith(STORED):
            if not self._spool:
                raise hub.Misconfigured("Set spool to Asterisk's spool folder, so that the hub can read recordings.")
            return await asyncio.to_thread(self._spool.read, recording, most)
        name = recording.id.removeprefix(STORED)
        if not self._settings.ari_url:
            raise hub.Misconfigured("Set ari_url, so that the hub can fetch what ARI recorded.")
        if not _STORED_NAME.fullmatch(name) or ".." in name:
            raise hub.Unsupported("This is no name of a recording.")
        async with rest(self._settings) as client:
            path = f"/recordings/stored/{quote(name, safe='')}/file"
            answer = await client.ask("GET", path, accept=(404,), most=most, seconds=60)
        if answer.status == 404:
            raise hub.Unavailable("Asterisk has no such recording yet.", 5)
        if not answer.media_type.startswith("audio/"):
            raise hub.Unsupported(f"Asterisk sends {answer.media_type or 'something'} where it should send sound.")
        return hub.Media(answer.media_type, answer.body)

    async def record(self, key: str, on: bool) -> None:
        """Begin MixMonitor on the call's first channel, or go on with it; without *on*, let it write silence."""
        source, _, ident = key.partition(":")
        if source != self._source or not ident:
            raise hub.Unsupported("This call is not one of this phone system's.")
        async with connected(self._settings) as manager:
            channel = await self._channel(manager, ident)
            running = await manager.action("Getvar", Channel=channel, Variable="MIXMONITOR_FILENAME")
            if running["Value"]:
                await _asked(manager, "MixMonitorMute", Channel=channel, Direction="both", State="0" if on else "1")
            elif on:
                file = f"hub-{re.sub(r'[^A-Za-z0-9._-]', '_', ident)}.wav"
                await _asked(manager, "MixMonitor", Channel=channel, File=file, Options="b")

    async def _channel(self, manager: Manager, ident: str) -> str:
        """The channel of the call *ident* with which it began, or the first that is left of it."""
        channels = [
            channel
            for channel in await manager.listed("CoreShowChannels")
            if ident in (channel["Linkedid"], channel["Uniqueid"]) and not channel["Channel"].startswith("Local/")
        ]
        if not channels:
            raise hub.Unsupported("The call is over.")
        return min(channels, key=lambda channel: channel["Uniqueid"] != ident)["Channel"]


async def _asked(manager: Manager, name: str, **fields: str) -> Packet:
    answer = await manager.action(name, **fields)
    if answer.succeeded:
        return answer
    if "permission" in answer["Message"].lower():
        raise refused(name, answer)
    raise hub.Unsupported(f"Asterisk says no to {name}: {answer['Message'] or 'no reason'}.")
