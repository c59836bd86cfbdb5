"""Fetches the recordings that a phone system names by their addresses."""

from __future__ import annotations

from urllib.parse import urljoin

import hub
from connectors.calls.settings import CallsSettings
from hub.http import Client

NOT_THERE_YET_SECONDS = 10.0
FETCH_SECONDS = 120.0

_UNTYPED = ("application/octet-stream", "binary/octet-stream")
_BEGINNINGS = {b"RIFF": "audio/wav", b"OggS": "audio/ogg", b"ID3": "audio/mpeg", b"\xff\xfb": "audio/mpeg"}


class Recorder(hub.Recorder):
    """Asks the host of `recordings_url`, and no other, whatever address an event has named."""

    Settings = CallsSettings

    def __init__(self, settings: CallsSettings, setup: hub.Setup) -> None:
        password, token = settings.recordings_password, settings.recordings_token
        self._base = settings.recordings_url
        self._source = setup.name
        self._client = Client(
            self._base,
            user=settings.recordings_user,
            password=password.get_secret_value() if password else "",
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
            cure=f"the login for recordings in sources.{setup.name}",
        )

    @property
    def ready(self) -> bool:
        """Whether there is a host to fetch from."""
        return bool(self._base)

    async def fetch(self, recording: hub.Recording, most: int) -> hub.Media:
        """The sound at the recording's address, which may be a path on the host."""
        if not self._base:
            raise hub.Misconfigured(f"Set sources.{self._source}.recordings_url, so that recordings can be fetched.")
        if not recording.url:
            raise hub.Unsupported("The phone system told no address of this recording.")
        url = urljoin(f"{self._base}/", recording.url)
        answer = await self._client.ask("GET", url, accept=(404,), most=most, redirects=True, seconds=FETCH_SECONDS)
        if answer.status == 404:
            raise hub.Unavailable("The phone system does not have the recording yet", NOT_THERE_YET_SECONDS)
        media_type = answer.media_type
        if media_type in _UNTYPED:
            found = (kind for beginning, kind in _BEGINNINGS.items() if answer.body.startswith(beginning))
            media_type = next(found, media_type)
        if not media_type.startswith("audio/"):
            raise hub.Unsupported(f"The phone system sends {media_type} where it should send sound")
        return hub.Media(media_type, answer.body)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()
