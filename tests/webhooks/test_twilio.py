"""Twilio's door: the contract, and its signatures against Twilio's own vectors and library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from twilio.request_validator import RequestValidator

import hub
from connectors.twilio.settings import TwilioSettings
from connectors.twilio.signature import form
from tests.contracts.recordings import recordings, webhook
from tests.contracts.webhook import WebhookContract
from webhooks.twilio import Webhook

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"

# From twilio-python's own tests (tests/unit/test_request_validator.py, MIT).
TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
PARAMS = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}
JSON_BODY = b'{"property": "value", "boolean": true}'
JSON_URL = f"{URL}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


def door(**changed: object) -> hub.Webhook:
    settings = TwilioSettings.model_validate({"account_sid": "AC123", "auth_token": TOKEN, **changed})
    return Webhook(settings, hub.Setup("front-desk", "US", (), (), (), URL))


def request(
    signature: str,
    url: str = URL,
    params: Mapping[str, str] | Sequence[tuple[str, str]] = tuple(PARAMS.items()),
    **headers: str,
) -> hub.Delivery:
    told = {"content-type": FORM, "x-twilio-signature": signature}
    told.update({name.replace("_", "-"): value for name, value in headers.items()})
    return hub.Delivery("POST", url, told, urlencode(params).encode(), NOW)


def json_request(body: bytes = JSON_BODY, url: str = JSON_URL) -> hub.Delivery:
    headers = {"content-type": "application/json", "x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4="}
    return hub.Delivery("POST", url, headers, body, NOW)


class TestContract(WebhookContract):
    signed_by = ("x-twilio-signature",)

    def webhook(self) -> hub.Webhook:
        return webhook("twilio")

    def strangers(self) -> Sequence[hub.Webhook]:
        keys = {"webhooks_sharedkey_01": "another-key-of-somebody"}
        return [webhook("twilio", auth_token="another-token", signing_keys=keys)]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [each.delivery() for each in recordings("twilio") if "events" in each.expected]

    def unreadable(self) -> Sequence[hub.Delivery]:
        genuine = self.genuine()[0]
        return [replace(genuine, body=body) for body in (b"\xff\xfe", "From=Jörg".encode(), b"\x80" + genuine.body)]


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        (URL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        # The same request, of which Twilio signed the URL with the default port, or without the port it called.
        (URL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (URL.replace(".com", ".com:443"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL.replace(".com", ".com:8443"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL.replace("https", "http"), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
)
def test_vectors(url: str, signature: str) -> None:
    door().verify(request(signature, url))


def test_several_values_of_one_name_are_signed_once_each_and_sorted() -> None:
    twice = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "5678")]
    door().verify(request("IK+Dwps556ElfBT0I3Rgjkr1wJU=", params=twice))


def test_json_body_vector() -> None:
    door().verify(json_request())


@pytest.mark.parametrize(
    "forged",
    [
        json_request(body=JSON_BODY.replace(b"true", b"false")),
        json_request(url=URL),
        json_request(url=JSON_URL.replace("0a1ff", "ü")),
        replace(json_request(), headers={**json_request().headers, "content-type": FORM}),
    ],
)
def test_json_that_is_not_what_the_url_names_is_forged(forged: hub.Delivery) -> None:
    with pytest.raises(hub.Forged):
        door().verify(forged)


def test_shared_key_vector() -> None:
    signed = request(
        "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=",
        x_twilio_webhooks_signature_settings="key=shared,algorithm=HMAC_SHA256",
    )
    door(signing_keys={"shared": TOKEN}).verify(signed)
    with pytest.raises(hub.Forged, match="signing_keys"):
        door().verify(signed)
    with pytest.raises(hub.Forged):
        door(signing_keys={"shared": "another"}).verify(signed)


@pytest.mark.parametrize("settings", ["key=shared,algorithm=HMAC_MD5", "algorithm=HMAC_SHA256", "key=,algorithm="])
def test_a_signature_with_an_unknown_algorithm_or_key_is_forged(settings: str) -> None:
    """The auth token must not verify what claims another key, whatever the algorithm."""
    with pytest.raises(hub.Forged):
        door(signing_keys={"shared": TOKEN}).verify(
            request("RSOYDt4T1cUTdK1PDd93/VVr8B8=", x_twilio_webhooks_signature_settings=settings)
        )


@given(
    params=st.lists(
        st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8"))), max_size=12
    ),
    query=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#?[]")),
    sha256=st.booleans(),
    port=st.sampled_from(["", ":443", ":8443"]),
    left_out=st.booleans(),
)
def test_agrees_with_twilios_own_validator(
    params: list[tuple[str, str]], query: str, sha256: bool, port: str, left_out: bool
) -> None:
    url = f"https://hub.example.org{port}/webhooks/front-desk?a={query}"
    signed_url = url.replace(port, "", 1) if left_out and port else url

    class Fields(dict[str, list[str]]):
        def getlist(self, name: str) -> list[str]:
            return self[name]

    fields = Fields()
    for name, value in params:
        fields.setdefault(name, []).append(value)
    algorithm = "HMAC_SHA256" if sha256 else "HMAC_SHA1"
    signature = RequestValidator(TOKEN).compute_signature(signed_url, fields, algorithm)
    headers = {"x_twilio_webhooks_signature_settings": f"key=k,algorithm={algorithm}"} if sha256 else {}
    verifying = door(signing_keys={"k": TOKEN})
    verifying.verify(request(signature, url, params, **headers))
    with pytest.raises(hub.Forged):
        verifying.verify(request(signature, url, [*params, ("Extra", "1")], **headers))


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))))
def test_a_form_is_read_as_it_was_written(pairs: list[tuple[str, str]]) -> None:
    assert list(form(urlencode(pairs))) == pairs


def test_the_caller_of_a_get_request_is_read_from_the_url_alone() -> None:
    recording = next(each for each in recordings("twilio") if each.path.name == "leg-by-get").delivery()
    with_body = replace(recording, body=b"From=%2B15550000000&CallSid=CA9")
    webhook("twilio").verify(with_body)
    assert webhook("twilio").parse(with_body) == webhook("twilio").parse(recording)


def test_a_number_whose_voice_url_is_the_hub_gets_the_twiml_of_the_settings() -> None:
    incoming = next(each for each in recordings("twilio") if each.path.name == "voice-incoming").delivery()
    twiml = '<?xml version="1.0"?><Response><Say language="zh-TW">您好</Say></Response>'
    reply = webhook("twilio", twiml=twiml).reply(incoming)
    assert (reply.status, reply.content_type, reply.body.decode()) == (200, "text/xml", twiml)


@pytest.mark.parametrize("twiml", ["", "<Response>", "Response", "<Dial/>", "<Response/><Response/>"])
def test_twiml_that_twilio_could_not_read_is_refused(twiml: str) -> None:
    with pytest.raises(ValidationError, match="twiml"):
        TwilioSettings.model_validate({"account_sid": "AC123", "auth_token": TOKEN, "twiml": twiml})


@pytest.mark.parametrize(
    "wrong", [{"account_sid": "SK123"}, {"auth_token": ""}, {"signing_keys": {"k": ""}}, {"auth_tokn": "x"}]
)
def test_settings_that_cannot_be_right_are_refused_without_telling_the_secret(wrong: dict[str, object]) -> None:
    settings = {"account_sid": "AC123", "auth_token": "s3cret-token", **wrong}
    with pytest.raises(ValidationError) as refused:
        TwilioSettings.model_validate(settings)
    assert "s3cret-token" not in str(refused.value)


def test_a_json_body_in_another_spelling_of_its_hash() -> None:
    digest = hashlib.sha256(JSON_BODY).hexdigest().upper()
    url = f"{URL}&bodySHA256={digest}"
    signature = RequestValidator(TOKEN).compute_signature(url, {})
    headers = {"content-type": "Application/JSON; charset=utf-8", "x-twilio-signature": signature}
    door().verify(hub.Delivery("POST", url, headers, JSON_BODY, NOW))
