"""What `hub check` says of a number at Twilio, and a hub whose proxy speaks TLS for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.cli.command import hub
from tests.fakes.twilio import ACCOUNT, InboundCall, Twilio
from tests.fakes.twilio_api import KEY_SECRET, KEY_SID, TwilioApi
from tests.faults.hub_process import hub_process

TOKEN = "the token of a test"
SECRETS = {"TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_KEY_SECRET": KEY_SECRET}
NUMBER = f"""
[sources.front-desk]
provider = "twilio"
ours = ["tel:+14155550199"]
account_sid = "{ACCOUNT}"
auth_token = "env:TWILIO_AUTH_TOKEN"
"""


async def check(folder: Path, config: str, **secrets: str) -> tuple[int, list[str]]:
    (folder / "config.toml").write_text(config)
    done = await asyncio.to_thread(hub, folder, "check", **{**SECRETS, **secrets})
    assert done.stderr == ""
    said = (" ".join(line.split()) for line in done.stdout.splitlines())
    return done.returncode, [line for line in said if " front-desk " in line]


async def test_what_is_verified_and_what_to_enter_at_twilio_is_printed(tmp_path: Path, api: TwilioApi) -> None:
    public = '[hub]\npublic_url = "https://hub.example.org"\n'
    url = "https://hub.example.org/webhooks/front-desk"
    entered = [
        f"ok front-desk verifies deliveries to {url}",
        "note front-desk at Twilio, A call comes in: your own TwiML, not the hub",
        f"note front-desk at Twilio, Call status changes, and each statusCallback: {url}#rc=3&rp=all",
        f"note front-desk at Twilio, A message comes in: {url}#rc=3&rp=all",
    ]
    assert await check(tmp_path, f"{public}{NUMBER}") == (0, entered), "without a key there is nobody to ask"
    keyed = (
        f'{public}{NUMBER}api_key_sid = "{KEY_SID}"\napi_key_secret = "env:TWILIO_KEY_SECRET"\napi_url = "{api.url}"\n'
    )
    assert await check(tmp_path, keyed) == (0, ["ok front-desk answers, up to date", *entered])
    status, lines = await check(tmp_path, keyed, TWILIO_KEY_SECRET="another")
    assert status == 1
    assert lines[-1] == (
        "wrong front-desk 127.0.0.1 answers 401: Authenticate (20003); check sources.front-desk.api_key_sid and"
        " api_key_secret"
    )


async def test_signature_checks_hold_behind_a_tls_proxy_because_the_public_url_is_what_is_verified(
    tmp_path: Path,
) -> None:
    """The proxy takes https and hands the request on over http, to another host and port."""
    answers = []
    async with (
        hub_process(tmp_path, f'public_url = "https://hub.example.org"\n{NUMBER}', environ=SECRETS) as running,
        running.client() as proxy,
    ):
        call = InboundCall("CA" + "1" * 32)
        # The last is signed for what the proxy calls, which Twilio never does.
        for number, signed in enumerate(("https://hub.example.org", "https://hub.example.org:443", running.url)):
            fields = call.leg("CA" + "2" * 32, "+14155550123", "ringing", number)
            _, headers, body = Twilio(f"{signed}/webhooks/front-desk", TOKEN).request(fields)
            passed_on = {**headers, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "hub.example.org"}
            async with proxy.post("/webhooks/front-desk", headers=passed_on, data=body) as answer:
                answers.append(answer.status)
    assert answers == [204, 204, 401]
