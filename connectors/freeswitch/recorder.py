"""Brings in recordings from the folder in which FreeSWITCH keeps them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import hub
from connectors.freeswitch.settings import FreeswitchSettings

_TYPES = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".opus": "audio/ogg"}


class Recorder(hub.Recorder):
    """Reads the folder `recordings`, which FreeSWITCH and this machine share, and nothing outside of it."""

    Settings = FreeswitchSettings

    def __init__(self, settings: FreeswitchSettings, setup: hub.Setup) -> None:
        self._folder = Path(settings.recordings).resolve() if settings.recordings else None

    @property
    def ready(self) -> bool:
        """Whether there is a folder."""
        return self._folder is not None

    async def fetch(self, recording: hub.Recording, most: int) -> hub.Media:
        """The sound as FreeSWITCH wrote it."""
        return await asyncio.to_thread(self._read, recording, most)

    def _read(self, recording: hub.Recording, most: int) -> hub.Media:
        if self._folder is None:
            raise hub.Misconfigured("Set recordings to the folder of FreeSWITCH's recordings.")
        if recording.url or "\0" in recording.id:
            raise hub.Unsupported("FreeSWITCH's recordings have no address of their own.")
        path = (self._folder / recording.id).resolve()
        kind = _TYPES.get(path.suffix.lower())
        if not path.is_relative_to(self._folder) or kind is None:
            raise hub.Unsupported("This is no recording in FreeSWITCH's folder of recordings.")
        try:
            size = path.stat().st_size
            if size > most:
                raise hub.Unsupported(f"The recording has {size:,} bytes, of which {most:,} are allowed.")
            return hub.Media(kind, path.read_bytes())
        except FileNotFoundError:
            raise hub.Unavailable("The recording is not there yet.", 5) from None
        except OSError as error:
            raise hub.Unavailable(f"The recording cannot be read: {error.strerror}.") from error
