"""HMAC against the vectors of those who sign."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from hub.formats.signing import equal, hmac_base64, hmac_hex
from tests.hub.formats import DATA

VECTORS: dict[str, Any] = json.loads((DATA / "specs" / "signature-vectors.json").read_text(encoding="utf-8"))


def test_twilio_signs_url_and_sorted_parameters() -> None:
    vector = VECTORS["twilio"]
    message = vector["url"] + "".join(name + value for name, value in sorted(vector["params"].items()))
    assert hmac_base64(vector["auth_token"], message.encode(), "sha1") == vector["signature"]


def test_slack_signs_version_time_and_body() -> None:
    vector = VECTORS["slack_v0"]
    message = f"v0:{vector['timestamp']}:{vector['body']}".encode()
    assert "v0=" + hmac_hex(vector["signing_secret"], message) == vector["signature"]


def test_meta_signs_the_raw_body() -> None:
    vector = VECTORS["meta_x_hub_signature_256"]
    assert "sha256=" + hmac_hex(vector["app_secret"], vector["raw_body"].encode()) == vector["signature"]


def test_telegram_signs_with_a_derived_key() -> None:
    web_app = VECTORS["telegram_webapp_initdata"]
    key = bytes.fromhex(hmac_hex("WebAppData", web_app["bot_token"].encode()))
    assert hmac_hex(key, web_app["data_check_string"].encode()) == web_app["hash"]
    login = VECTORS["telegram_login_widget"]
    key = hashlib.sha256(login["bot_token"].encode()).digest()
    assert hmac_hex(key, login["data_check_string"].encode()) == login["hash"]


def test_espocrm_signs_method_and_path() -> None:
    vector = VECTORS["espocrm_api_hmac"]
    signature = hmac_hex(vector["secret_key"], vector["string"].encode())
    assert base64.b64encode(f"{vector['api_key']}:{signature}".encode()).decode() == vector["header_value"]


@pytest.mark.parametrize("theirs", ["", "abcdeF", "abcde", "abcdef0", "äöü", "\ud800"])
def test_any_other_text_is_not_equal(theirs: str) -> None:
    assert equal("abcdef", "abcdef")
    assert equal("abcdef", b"abcdef")
    assert not equal("abcdef", theirs)
