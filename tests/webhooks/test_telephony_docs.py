"""docs/TELEPHONY.md says what the doors do: its examples are put through them."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import hub
from connectors.calls.payloads import CallNews
from connectors.calls.settings import CallsSettings
from connectors.twilio.settings import TwilioSettings
from hub.calls.fold import fold_calls
from webhooks.calls import Webhook

TEXT = (Path(__file__).parents[2] / "docs" / "TELEPHONY.md").read_text("utf-8")
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def calls() -> dict[str, hub.Call]:
    """What the requests in the document amount to, by their keys."""
    agents = (hub.Agent("ada", "Ada", ("tel:+4930123451",), ("pbx/21",)),)
    settings = CallsSettings.model_validate({"token": "the-token"})
    door = Webhook(settings, hub.Setup("pbx", "DE", ("tel:+4930123456",), (), agents, ""))
    told: dict[str, list[tuple[str, hub.Event]]] = {}
    for body in re.findall(r"-d '\n(.*?)'$", "".join(blocks("sh")), re.MULTILINE | re.DOTALL):
        url, headers = "https://hub.example.org/webhooks/pbx", {"authorization": "Bearer the-token"}
        delivery = hub.Delivery("POST", url, headers, body.encode(), NOW)
        door.verify(delivery)
        for event in door.parse(delivery):
            assert isinstance(event, hub.Event)
            told.setdefault(event.key, []).append(("pbx", event))
    return {key: fold_calls(events, frozenset({"tel:+4930123456"})) for key, events in told.items()}


def test_the_curl_examples_are_an_answered_and_a_missed_call() -> None:
    found = calls()
    talked, missed = found["pbx:1772442000.17"], found["pbx:1772442100.18"]
    assert len(found) == 2
    assert (talked.outcome, talked.duration, talked.legs[0].phone) == ("completed", 63, "pbx/21")
    assert (missed.outcome, missed.duration, missed.direction) == ("missed", 0, "inbound")
    assert missed.started_at == datetime(2026, 3, 2, 9, 1, 40, tzinfo=UTC)
    assert missed.ended_at == datetime(2026, 3, 2, 9, 2, 5, tzinfo=UTC)


def test_every_phone_in_the_twiml_tells_all_that_a_pop_needs() -> None:
    twiml = [*blocks("xml"), *(table["twiml"] for text in blocks("toml") if "twiml" in (table := tomllib.loads(text)))]
    assert len(twiml) == 3
    for text in twiml:
        root = ElementTree.fromstring(text.strip())
        phones = [each for each in root.iter() if each.tag in ("Number", "Client", "Sip")]
        assert phones
        for phone in phones:
            assert phone.attrib["statusCallback"].startswith("https://hub.example.org/webhooks/front-desk")
            assert phone.attrib["statusCallbackEvent"] == "initiated ringing answered completed"


def test_the_settings_in_the_examples_are_settings() -> None:
    common = {"provider", "ours", "rings"}
    seen = []
    for text in blocks("toml"):
        for table in tomllib.loads(text).get("sources", {}).values():
            settings = {"twilio": TwilioSettings, "calls": CallsSettings}[table["provider"]]
            settings.model_validate({key: value for key, value in table.items() if key not in common})
            seen.append(table["provider"])
    assert seen == ["twilio", "twilio", "calls", "calls"]


def test_every_key_and_outcome_is_explained() -> None:
    for key in (field.alias or name for name, field in CallNews.model_fields.items()):
        assert re.search(rf"^\| .*`{key}`.* \|", TEXT, re.MULTILINE), key
    for setting in {*TwilioSettings.model_fields, *CallsSettings.model_fields}:
        assert setting in TEXT
    for outcome in hub.Outcome:
        assert f"`{outcome}`" in TEXT
    assert json.dumps("ringing") in TEXT
