"""Fetches recordings from Twilio, and begins, pauses and goes on recording."""

from __future__ import annotations

import hub
from connectors.twilio.dialer import sid_of
from connectors.twilio.rest import NOT_FOUND, NOT_IN_PROGRESS, Rest, code, words
from connectors.twilio.settings import TwilioSettings
from connectors.twilio.twiml import RETRIES
from hub.http import Answer

NOT_THERE_YET_SECONDS = 10.0
"""A recording may be missing for a few seconds after Twilio told of it."""


class Recorder(hub.Recorder):
    """https://www.twilio.com/docs/voice/api/recording and .../call-recording-resource"""

    Settings = TwilioSettings

    def __init__(self, settings: TwilioSettings, setup: hub.Setup) -> None:
        self._ready = settings.has_key
        self._callback = f"{setup.webhook_url}{RETRIES}"
        self._rest = Rest(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is an API key."""
        return self._ready

    async def fetch(self, recording: hub.Recording, most: int) -> hub.Media:
        """The sound as WAV, with both sides apart where they were recorded so."""
        url = recording.url or self._rest.address(f"Recordings/{recording.id}")
        if (recording.channels or 1) > 1 and "?" not in url:
            url = f"{url}?RequestedChannels={recording.channels}"
        answer = await self._rest.sound(url, most)
        if answer.status == 404:
            raise hub.Unavailable("Twilio does not have the recording yet", NOT_THERE_YET_SECONDS)
        return hub.Media(answer.media_type, answer.body)

    async def record(self, key: str, on: bool) -> None:
        """Go on with the recording of the call that is paused, or begin one; or pause it."""
        recordings = f"Calls/{sid_of(key)}/Recordings"
        change = [("Status", "in-progress")] if on else [("Status", "paused"), ("PauseBehavior", "skip")]
        answer = await self._rest.ask("POST", f"{recordings}/Twilio.CURRENT.json", change, accept=(400, 404))
        if answer.status == 404 and on:
            begin = [
                ("RecordingChannels", "dual"),
                ("RecordingStatusCallback", self._callback),
                ("RecordingStatusCallbackEvent", "completed"),
                ("RecordingStatusCallbackEvent", "absent"),
            ]
            answer = await self._rest.ask("POST", f"{recordings}.json", begin, accept=(400, 404))
        elif answer.status == 404:
            return  # nothing is recorded, so there is nothing to pause
        if answer.status >= 400:
            raise hub.Unsupported(_why(answer))

    async def close(self) -> None:
        """Close its connections."""
        await self._rest.close()


def _why(answer: Answer) -> str:
    if code(answer) in (NOT_IN_PROGRESS, NOT_FOUND):
        return "Twilio can record a call only while it is being talked."
    return words(answer) or "Twilio does not record this call."
