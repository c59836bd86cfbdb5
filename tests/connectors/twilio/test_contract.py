"""The suites that every connector, sender, dialer and recorder has to pass."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

import hub
from connectors.twilio import Connector, Dialer, Recorder
from tests.connectors.twilio.conftest import LINE, SETUP, port, settings
from tests.contracts.connector import ConnectorContract
from tests.contracts.dialer import DialerContract
from tests.contracts.recorder import RecorderContract
from tests.fakes.twilio_api import WAV, TwilioApi


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    def account(self, api: TwilioApi) -> None:
        self.api = api
        api.page_size = 7

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port), SETUP)

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port, api_key_secret="another-secret"), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.api.message(body=name, date_sent=datetime.now(UTC))

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.Event)
        assert isinstance(item.facts, hub.Message)
        return item.facts.text or ""


class TestDialer(DialerContract):
    wanted = hub.Dial(
        id="d1", agent="ada", phone="tel:+14155550123", callee="tel:+14155550100", line=LINE, ring_seconds=25
    )

    @pytest.fixture(autouse=True)
    def account(self, api: TwilioApi) -> None:
        self.api = api

    def dialer(self, port: int) -> hub.Dialer:
        return Dialer(settings(port), SETUP)

    def refused(self, port: int) -> hub.Dialer:
        return Dialer(settings(port, api_key_secret="another-secret"), SETUP)

    async def placed(self) -> Sequence[tuple[str, str, str]]:
        asked = [said for method, path, said in self.api.asked if (method, path) == ("POST", "Calls.json")]
        found = []
        for said in asked:
            (dial,) = ElementTree.fromstring(said["Twiml"][0])
            assert said["From"] == [dial.attrib["callerId"]]
            assert dial.attrib["timeout"] == "25"
            found.append((f"tel:{said['To'][0]}", f"tel:{dial[0].text}", f"tel:{said['From'][0]}"))
        return found

    async def over(self, key: str) -> bool:
        return bool(self.api.calls[key.removeprefix("twilio:")]["status"] == "completed")


class TestRecorder(RecorderContract):
    @pytest.fixture(autouse=True)
    def account(self, api: TwilioApi) -> None:
        self.api = api

    def recorder(self, port: int) -> hub.Recorder:
        return Recorder(settings(port), SETUP)

    def refused(self, port: int) -> hub.Recorder:
        return Recorder(settings(port, api_key_secret="another-secret"), SETUP)

    def _recording(self, at: int, sound: bytes, media_type: str = "audio/x-wav") -> hub.Recording:
        sid = self.api.recording(self.api.call(), date_created=datetime.now(UTC))
        self.api.media[sid] = (media_type, sound)
        url = self.api.recordings[sid]["media_url"].replace(f":{port(self.api)}/", f":{at}/")
        return hub.Recording(id=sid, url=url)

    def kept(self, port: int) -> tuple[hub.Recording, bytes]:
        return self._recording(port, WAV), WAV

    def not_there_yet(self, port: int) -> hub.Recording:
        recording = self._recording(port, WAV)
        del self.api.media[recording.id]
        return recording

    def no_sound(self, port: int) -> Sequence[hub.Recording]:
        return [self._recording(port, b"<html>", "text/html"), self._recording(port, b"{}", "application/json")]
