"""Recordings and messages, fetched from a real Asterisk and from its spool folder."""

from __future__ import annotations

import asyncio
import io
import wave
from contextlib import aclosing
from pathlib import Path

import pytest

import hub
from connectors.asterisk import Recorder
from tests.connectors.asterisk.conftest import about, connector, settings
from tests.contracts.connector import SECONDS
from tests.contracts.recorder import MOST, RecorderContract
from tests.servers.asterisk import Asterisk
from tests.servers.phones import Phones


def sound(seconds: float = 0.5) -> bytes:
    """Silence as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(int(16000 * seconds)))
    return file.getvalue()


class TestContract(RecorderContract):
    """What ARI keeps."""

    asterisk: Asterisk

    @pytest.fixture(autouse=True)
    def _server(self, asterisk: Asterisk) -> None:
        self.asterisk = asterisk

    @pytest.fixture
    def provider_port(self, asterisk: Asterisk) -> int:
        return int(asterisk.ari.url.split(":")[2].split("/")[0])

    def recorder(self, port: int) -> hub.Recorder:
        return Recorder(settings(self.asterisk, **ari(self.asterisk, port)), about())

    def refused(self, port: int) -> hub.Recorder:
        return Recorder(settings(self.asterisk, **ari(self.asterisk, port) | {"ari_password": "not-it"}), about())

    def kept(self, port: int) -> tuple[hub.Recording, bytes]:
        folder = self.asterisk.folder / "spool" / "recording"
        folder.mkdir(exist_ok=True)
        (folder / "hub-kept.wav").write_bytes(sound())
        return hub.Recording(id="stored/hub-kept"), sound()

    def not_there_yet(self, port: int) -> hub.Recording:
        return hub.Recording(id="stored/hub-later")


def ari(asterisk: Asterisk, port: int | None = None) -> dict[str, str]:
    """The settings of ARI."""
    url = f"http://127.0.0.1:{port}/ari" if port else asterisk.ari.url
    return {"ari_url": url, "ari_username": asterisk.ari.username, "ari_password": asterisk.ari.password}


async def told(asterisk: Asterisk, phones: Phones, number: str, talk: float = 2) -> list[hub.Recording]:
    """The recordings that the source tells of a call to *number*."""
    events: list[hub.Event] = []
    async with asyncio.timeout(SECONDS), aclosing(connector(asterisk).listen("{}")) as arrivals:
        await anext(arrivals)
        caller = await phones.call(number, talk=talk, speaks=True)
        while not (ended := {event.key for event in events if event.id == "ended"}):
            events += [item for item in (await anext(arrivals)).items if isinstance(item, hub.Event)]
        assert await caller.done() == 0, caller.complaints
    facts = [event.facts for event in events if event.key in ended and isinstance(event.facts, hub.Call)]
    return [each for call in facts for each in call.recordings]


async def test_a_message_left_in_a_voicemail_box_is_fetched_wherever_it_was_moved(
    asterisk: Asterisk, phones: Phones
) -> None:
    await phones.ring("ringdesk")
    [message] = await told(asterisk, phones, "+4930123459", talk=4)
    assert message.voicemail
    recorder = Recorder(settings(asterisk), about())
    media = await recorder.fetch(message, MOST)
    assert (media.media_type, media.data[:4]) == ("audio/wav", b"RIFF")
    assert len(media.data) > 8000
    old = asterisk.voicemails.parent / "Old"
    old.mkdir()
    for file in asterisk.voicemails.glob("msg0000.*"):
        file.rename(old / file.name.replace("0000", "0007"))
    assert (await recorder.fetch(message, MOST)).data == media.data
    for file in old.iterdir():
        file.unlink()
    with pytest.raises(hub.Unavailable):
        await recorder.fetch(message, MOST)


async def test_a_call_that_the_dialplan_records_is_fetched_when_it_is_written(
    asterisk: Asterisk, phones: Phones
) -> None:
    await phones.answer("desk", speaks=True)
    [recording] = await told(asterisk, phones, "800")
    assert not recording.voicemail
    recorder = Recorder(settings(asterisk), about())
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                media = await recorder.fetch(recording, MOST)
                break
            except hub.Unavailable:
                await asyncio.sleep(0.05)
    assert len(media.data) > 8000
    with pytest.raises(hub.Unsupported):
        await recorder.fetch(recording, 100)


async def test_recording_begins_and_pauses_when_it_is_told(asterisk: Asterisk, phones: Phones) -> None:
    await phones.answer("desk", speaks=True)
    recorder = Recorder(settings(asterisk), about())
    async with asyncio.timeout(SECONDS), aclosing(connector(asterisk).listen("{}")) as arrivals:
        await anext(arrivals)
        caller = await phones.call("+4930123456", talk=1.5, speaks=True)
        found: list[hub.Event] = []
        while not (keys := [event.key for event in found if event.id.endswith(":answered")]):
            found += [item for item in (await anext(arrivals)).items if isinstance(item, hub.Event)]
        [key] = keys
        await recorder.record(key, True)
        await recorder.record(key, False)
        await recorder.record(key, True)
        while not any(event.id == "ended" for event in found):
            found += [item for item in (await anext(arrivals)).items if isinstance(item, hub.Event)]
        assert await caller.done() == 0, caller.complaints
    told = [event.facts for event in found if event.key == key and isinstance(event.facts, hub.Call)]
    [recording] = [each for facts in told for each in facts.recordings]
    assert recording.id.startswith("monitor/hub-")
    with pytest.raises(hub.Unsupported):
        await recorder.record(key, True)


@pytest.mark.parametrize(
    "ident",
    [
        "monitor/../../etc/manager.conf",
        "monitor//etc/passwd",
        "monitor/link.wav",
        "../x.wav",
        "voicemail/default/..",
        "voicemail/../../etc/x",
        "stored/../../x",
        "",
    ],
)
async def test_nothing_outside_of_the_spool_folder_is_read(tmp_path: Path, asterisk: Asterisk, ident: str) -> None:
    (tmp_path / "secret.wav").write_bytes(sound())
    (tmp_path / "spool" / "monitor").mkdir(parents=True)
    (tmp_path / "spool" / "monitor" / "link.wav").symlink_to(tmp_path / "secret.wav")
    recorder = Recorder(settings(asterisk, spool=str(tmp_path / "spool"), **ari(asterisk)), about())
    with pytest.raises((hub.Unsupported, hub.Unavailable)):
        await recorder.fetch(hub.Recording(id=ident), MOST)
    with pytest.raises(hub.Unsupported):
        await recorder.fetch(hub.Recording(id="monitor/x.wav", url="http://elsewhere.example/x.wav"), MOST)
