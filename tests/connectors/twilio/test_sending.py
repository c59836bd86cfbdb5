"""Text messages, calls and recordings as Twilio is asked for them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

import hub
from connectors.twilio import Dialer, Recorder, Sender
from tests.connectors.twilio.conftest import LINE, SETUP, port, settings
from tests.fakes.twilio_api import WAV, TwilioApi

ANN = "tel:+14155550100"
CALLBACK = f"{SETUP.webhook_url}#rc=3&rp=all"


@pytest.fixture
async def sender(api: TwilioApi) -> AsyncIterator[Sender]:
    made = Sender(settings(port(api)), SETUP)
    yield made
    await made.close()


@pytest.fixture
async def recorder(api: TwilioApi) -> AsyncIterator[Recorder]:
    made = Recorder(settings(port(api)), SETUP)
    yield made
    await made.close()


def letter(text: str = "", recipient: str = ANN, **changes: object) -> hub.Letter:
    return hub.Letter(key="l1", sender=LINE, recipients=(recipient,), raw=text.encode(), **changes)  # type: ignore[arg-type]


async def test_an_sms(api: TwilioApi, sender: Sender) -> None:
    sent = await sender.send(letter("Grüße, 您好", channel=hub.Channel.SMS))
    assert sent.provider_id in api.messages
    assert sent.key == f"twilio:{sent.provider_id}"
    (asked,) = api.asked
    assert asked == (
        "POST",
        "Messages.json",
        {"From": ["+14155550199"], "To": ["+14155550100"], "StatusCallback": [CALLBACK], "Body": ["Grüße, 您好"]},
    )


async def test_whatsapp_users_with_and_without_a_number_are_answered(api: TwilioApi, sender: Sender) -> None:
    for recipient in (ANN, "whatsapp:US.13491208655302741918"):
        await sender.send(letter("Hi", recipient, channel=hub.Channel.CHAT))
    ends = [(said["From"][0], said["To"][0]) for _, _, said in api.asked]
    assert ends == [
        ("whatsapp:+14155550199", "whatsapp:+14155550100"),
        ("whatsapp:+14155550199", "whatsapp:US.13491208655302741918"),
    ]


async def test_a_whatsapp_template_with_its_values(api: TwilioApi, sender: Sender) -> None:
    template = hub.Template(id="HX00000000000000000000000000000001", values={"1": "Ann", "2": "5 €"})
    await sender.send(letter("Dear Ann, that is 5 €", channel=hub.Channel.CHAT, template=template))
    ((_, _, said),) = api.asked
    assert said["ContentSid"] == ["HX00000000000000000000000000000001"]
    assert json.loads(said["ContentVariables"][0]) == {"1": "Ann", "2": "5 €"}
    assert "Body" not in said


async def test_what_twilio_never_takes_is_unsupported_in_words(api: TwilioApi, sender: Sender) -> None:
    api.refuses["Messages.json"] = (400, 63016, "Failed to send freeform message")
    with pytest.raises(hub.Unsupported, match=r"24 hours old, so only a template may be sent \(63016\)"):
        await sender.send(letter("Hi", channel=hub.Channel.CHAT))
    api.refuses["Messages.json"] = (400, 21999, "Something that has no words here.")
    with pytest.raises(hub.Unsupported, match=r"Something that has no words here \(21999\)"):
        await sender.send(letter("Hi"))
    for wrong in (letter("Hi", "mailto:ann@example.org"), letter("Hi", "client:ann")):
        with pytest.raises(hub.Unsupported):
            await sender.send(wrong)
    with pytest.raises(hub.Unsupported, match="one recipient"):
        await sender.send(hub.Letter(key="l1", sender=LINE, recipients=(ANN, LINE), raw=b"Hi"))


async def test_sending_too_fast_is_tried_later_and_a_wrong_key_is_not(api: TwilioApi, sender: Sender) -> None:
    api.busy = 1
    with pytest.raises(hub.Unavailable):
        await sender.send(letter("Hi"))
    stranger = Sender(settings(port(api), api_key_secret="another"), SETUP)
    with pytest.raises(hub.Rejected, match=r"sources\.front-desk\.api_key_sid"):
        await stranger.send(letter("Hi"))
    await stranger.close()
    bare = Sender(settings(port(api)).model_copy(update={"api_key_sid": ""}), SETUP)
    assert not bare.ready
    with pytest.raises(hub.Misconfigured):
        await bare.send(letter("Hi"))


async def test_a_call_tells_the_webhook_of_both_ends_and_listens_for_machines(api: TwilioApi) -> None:
    dialer = Dialer(settings(port(api)), SETUP)
    await dialer.dial(hub.Dial(id="d", agent="ada", phone="client:ada", callee=ANN, line=LINE, machine=True))
    await dialer.close()
    ((_, _, said),) = api.asked
    assert said["To"] == ["client:ada"]
    assert said["StatusCallback"] == [CALLBACK]
    assert said["StatusCallbackEvent"] == ["initiated", "ringing", "answered", "completed"]
    (number,) = ElementTree.fromstring(said["Twiml"][0]).iter("Number")
    assert number.attrib == {
        "statusCallback": CALLBACK,
        "statusCallbackEvent": "initiated ringing answered completed",
        "machineDetection": "Enable",
        "amdStatusCallback": CALLBACK,
    }


async def test_only_a_call_of_twilios_is_hung_up(api: TwilioApi) -> None:
    dialer = Dialer(settings(port(api)), SETUP)
    for key in ("pbx:17.1", "twilio:../../Keys", "twilio:"):
        with pytest.raises(hub.Unsupported):
            await dialer.hang_up(key)
    assert api.asked == []
    await dialer.close()


async def test_recording_begins_pauses_and_goes_on(api: TwilioApi, recorder: Recorder) -> None:
    sid = api.call(status="in-progress", start_time=datetime.now(UTC))
    key = f"twilio:{sid}"
    await recorder.record(key, False)  # nothing is recorded yet, so there is nothing to pause
    assert api.recordings == {}
    await recorder.record(key, True)
    (made,) = api.recordings.values()
    await recorder.record(key, False)
    assert made["status"] == "paused"
    await recorder.record(key, True)
    assert made["status"] == "in-progress"
    assert len(api.recordings) == 1
    api.change(sid, status="completed")
    with pytest.raises(hub.Unsupported, match="being talked"):
        await recorder.record(key, True)


async def test_both_sides_of_a_recording_are_fetched_apart(api: TwilioApi, recorder: Recorder) -> None:
    sid = api.recording(api.call(), date_created=datetime.now(UTC), channels=2)
    media = await recorder.fetch(hub.Recording(id=sid, channels=2), 1 << 20)
    assert (media.media_type, media.data) == ("audio/x-wav", WAV)
    ((_, path, said),) = api.asked
    assert (path, said) == (f"Recordings/{sid}", {"RequestedChannels": ["2"]})
