"""Twilio asks what to do with a call, and a plan of the hub answers in TwiML."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

import hub
from connectors.twilio.settings import TwilioSettings
from tests.fakes.twilio import ACCOUNT, InboundCall, Twilio
from webhooks.twilio import Webhook

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
URL = "https://hub.example.org/webhooks/front-desk"
LINE, CALLER = "tel:+14155550199", "tel:+14155550100"
PLACE = "desk/2.a,b:1_x-y"
CALL = InboundCall("CA00000000000000000000000000000001")
TWILIO = Twilio(URL)


def door(plan: str = "desk") -> Webhook:
    settings = TwilioSettings.model_validate({"account_sid": ACCOUNT, "auth_token": TWILIO.auth_token})
    return Webhook(settings, hub.Setup("front-desk", "US", (LINE,), (), (), URL, plan=plan))


def twiml(step: hub.Step, fields: dict[str, str] | None = None) -> Element:
    reply = door().reply(TWILIO.delivery(fields or CALL.arrives(), NOW), step)
    assert (reply.status, reply.content_type) == (200, "text/xml")
    return ElementTree.fromstring(reply.body)


def asked_after(url: str, **fields: str) -> hub.Asked | None:
    """What the request to *url*, which our TwiML named, asks."""
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == URL
    told = {**CALL.arrives(), "CallStatus": "in-progress", **fields}
    delivery = TWILIO.delivery(told, NOW, f"?{parts.query}")
    webhook = door()
    webhook.verify(delivery)
    return webhook.asked(delivery)


def test_a_call_that_comes_in_is_asked_about_and_only_with_a_plan() -> None:
    delivery = TWILIO.delivery(CALL.arrives(), NOW)
    asked = door().asked(delivery)
    assert asked == hub.Asked(key=f"twilio:{CALL.sid}", caller=CALLER, line=LINE, at=NOW)
    assert door(plan="").asked(delivery) is None
    assert door().reply(delivery).body == b'<Response><Reject reason="busy"/></Response>'


@pytest.mark.parametrize(
    "fields",
    [
        CALL.leg("CA2", "+14155550123", "ringing", 1),
        CALL.over(9),
        CALL.message_left(5, 4),
        {**CALL.arrives(), "Direction": "outbound-api"},
        {"MessageSid": "SM1", "From": "+14155550100", "To": "+14155550199", "SmsStatus": "received"},
    ],
)
def test_what_merely_tells_asks_nothing(fields: dict[str, str]) -> None:
    assert door().asked(TWILIO.delivery(fields, NOW)) is None


def test_a_menu_is_heard_while_it_can_be_answered_and_its_place_comes_back() -> None:
    step = hub.Step(
        place=PLACE,
        prompts=(hub.Prompt(text="Sales <1>", language="en-GB"), hub.Prompt(audio="https://example.org/menu.mp3")),
        action=hub.Listen(most=1, seconds=4),
    )
    (gather,) = twiml(step)
    assert gather.tag == "Gather"
    assert [(each.tag, each.text, each.get("language")) for each in gather] == [
        ("Say", "Sales <1>", "en-GB"),
        ("Play", "https://example.org/menu.mp3", None),
    ]
    assert (gather.attrib["numDigits"], gather.attrib["timeout"], gather.attrib["finishOnKey"]) == ("1", "4", "")
    pressed = asked_after(gather.attrib["action"], Digits="#", msg="Gather End")
    assert pressed == hub.Asked(
        key=f"twilio:{CALL.sid}", caller=CALLER, line=LINE, at=NOW, place=PLACE, heard=hub.Heard.DIGITS, digits="#"
    )
    silent = asked_after(gather.attrib["action"], Digits="")
    assert silent is not None
    assert (silent.heard, silent.digits) == (hub.Heard.NOTHING, "")


def test_phones_ring_at_once_tell_us_and_what_became_of_them_comes_back() -> None:
    phones = (CALLER, "sip:bob@pbx.example.org", "client:ada", "pbx/21")
    (dial,) = twiml(hub.Step(place="ring", action=hub.Ring(phones=phones, seconds=15, record=True)))
    assert [(each.tag, each.text) for each in dial] == [
        ("Number", "+14155550100"),
        ("Sip", "sip:bob@pbx.example.org"),
        ("Client", "ada"),
    ]
    for phone in dial:
        assert phone.attrib["statusCallback"] == f"{URL}?line=tel%3A%2B14155550199#rc=3&rp=all"
        assert phone.attrib["statusCallbackEvent"] == "initiated ringing answered completed"
    assert (dial.attrib["timeout"], dial.attrib["record"]) == ("15", "record-from-answer-dual")
    for status, heard in (("completed", "answered"), ("no-answer", "unanswered"), ("busy", "unanswered")):
        asked = asked_after(dial.attrib["action"], DialCallStatus=status, DialCallSid="CA2")
        assert asked is not None
        assert (asked.place, asked.heard) == ("ring", heard)
    hung_up = asked_after(dial.attrib["action"], DialCallStatus="completed", CallStatus="completed")
    assert hung_up is None, "nobody is left to hear the answer"


def test_a_leg_that_a_plan_rings_knows_the_line_from_its_url() -> None:
    (dial,) = twiml(hub.Step(place="ring", action=hub.Ring(phones=("tel:+14155550123",))))
    query = urlsplit(dial[0].attrib["statusCallback"]).query
    delivery = TWILIO.delivery(CALL.leg("CA2", "+14155550123", "ringing", 1), NOW, f"?{query}")
    (event,) = door().parse(delivery)
    assert isinstance(event, hub.Event)
    assert isinstance(event.facts, hub.Call)
    assert event.facts.line == LINE


def test_phones_that_twilio_cannot_ring_are_nobody() -> None:
    (redirect,) = twiml(hub.Step(place="ring", action=hub.Ring(phones=("pbx/21",))))
    asked = asked_after(redirect.text or "")
    assert asked is not None
    assert (asked.place, asked.heard) == ("ring", "unanswered")


@pytest.mark.parametrize(
    ("action", "elements"),
    [
        (None, ["Redirect"]),
        (hub.Wait(queue="support", seconds=10), ["Pause", "Redirect"]),
        (hub.Wait(queue="support", music="https://example.org/short.mp3"), ["Play", "Redirect"]),
        (hub.TakeMessage(seconds=90), ["Record", "Redirect"]),
    ],
)
def test_what_goes_on_by_itself_asks_again(action: hub.Wait | hub.TakeMessage | None, elements: list[str]) -> None:
    response = twiml(hub.Step(place=PLACE, action=action))
    assert [each.tag for each in response] == elements
    asked = asked_after(response[-1].text or "")
    assert asked is not None
    assert (asked.place, asked.heard) == (PLACE, "done")


def test_a_message_that_is_left_tells_of_its_recording() -> None:
    record = twiml(hub.Step(place="vm", action=hub.TakeMessage(seconds=90)))[0]
    assert record.attrib["maxLength"] == "90"
    assert record.attrib["recordingStatusCallback"] == f"{URL}#rc=3&rp=all"
    assert parse_qs(urlsplit(record.attrib["action"]).query) == {"at": ["vm"], "did": ["take"]}


def test_the_busy_tone_costs_nothing_while_nobody_has_answered() -> None:
    busy = hub.Step(place="end", action=hub.HangUp(busy=True))
    assert [(each.tag, each.get("reason")) for each in twiml(busy)] == [("Reject", "busy")]
    answered = {**CALL.arrives(), "CallStatus": "in-progress"}
    assert [each.tag for each in twiml(busy, answered)] == ["Hangup"]
    goodbye = hub.Step(place="end", prompts=(hub.Prompt(text="Bye"),), action=hub.HangUp(busy=True))
    assert [each.tag for each in twiml(goodbye)] == ["Say", "Hangup"]


def test_a_plan_that_has_no_answer_any_more_ends_the_call() -> None:
    delivery = TWILIO.delivery({**CALL.arrives(), "CallStatus": "in-progress"}, NOW, "?at=gone&did=say")
    assert door().reply(delivery).body == b"<Response/>"


def test_what_to_enter_at_twilio_has_the_overrides_that_make_it_repeat() -> None:
    told = "\n".join(door().advice())
    assert f"each statusCallback: {URL}#rc=3&rp=all" in told
    assert f"A call comes in: {URL} (the plan desk answers)" in told
    assert "your own TwiML, not the hub" in "\n".join(door(plan="").advice())


def test_a_machine_detected_beside_a_call_wakes_who_reads_the_list() -> None:
    fields = {"CallSid": "CA00000000000000000000000000000011", "AnsweredBy": "machine_start"}
    settings = {"account_sid": ACCOUNT, "auth_token": "t", "api_key_sid": "SK1", "api_key_secret": "s"}
    with_key = Webhook(TwilioSettings.model_validate(settings), hub.Setup("front-desk", "US", (LINE,), (), (), URL))
    assert list(with_key.parse(TWILIO.delivery(fields, NOW))) == [hub.Changed("front-desk")]
    assert list(door().parse(TWILIO.delivery(fields, NOW))) == []
